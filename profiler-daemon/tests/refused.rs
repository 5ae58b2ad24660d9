//! **Refused**: what a filter turns away is listed with errno, count, executable and time; nothing else is.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use shown::{Refusals, Shown, at_probe, bare_probe, names, text};
use testbed::{Container, Daemon, Testbed, compile_c};

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("milliseconds")
}

fn refusals(of: &[(&str, &str, u64)]) -> Refusals {
    of.iter()
        .map(|(name, with, count)| (((*name).to_owned(), (*with).to_owned()), *count))
        .collect()
}

/// A filter that allows everything but what the rules say. They had better speak of calls that no runtime makes
/// after it has installed the filter: runc asks for its parent, for one.
fn filter(daemon: &Daemon, name: &str, rules: &Value) -> String {
    let file = daemon.file(name);
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": rules,
    });
    std::fs::write(&file, profile.to_string()).expect("the profile can be written");
    format!("--security-opt=seccomp={}", file.display())
}

fn record(testbed: &Testbed, daemon: &Daemon, program: &Path, options: &[&str]) -> (i32, Shown) {
    let volume = at_probe(program);
    let mut words = options.to_vec();
    words.extend([volume.as_str(), "pb-busybox", "/probe"]);
    let container = Container::run(testbed, &words);
    let status = container.wait();
    assert!(
        status < 100 || options.len() > 1,
        "{status}: {}",
        container.logs()
    );
    (status, Shown::ended(daemon, &container.name))
}

#[test]
fn what_dockers_default_refuses_is_listed_and_nothing_else() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let auditd = std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .find(|process| {
            std::fs::read_to_string(process.path().join("comm"))
                .is_ok_and(|comm| comm.trim() == "auditd")
        });
    assert!(auditd.is_none(), "this is to work without auditd");
    let daemon = Daemon::start(&testbed);
    // unshare(CLONE_NEWUSER), keyctl(KEYCTL_GET_KEYRING_ID, session), mount(0, 0, 0), clone3(0, 0); then
    // fork and wait, which the default allows.
    let program = bare_probe(
        "for (int n = 0; n < 10; n++) {
             if (sys(272, 0x10000000, 0, 0) != -1) return 1;
             if (sys(250, 0, -3, 0) != -1) return 2;
             if (sys(165, 0, 0, 0) != -1) return 3;
             if (sys(435, 0, 0, 0) != -38) return 4;
             long child = sys(57, 0, 0, 0);
             if (child == 0) LEAVE(0);
             if (child < 0 || sys(61, child, 0, 0) != child) return 5;
             child = sys(56, 17, 0, 0);
             if (child == 0) LEAVE(0);
             if (child < 0 || sys(61, child, 0, 0) != child) return 6;
         }
         return 9;",
        &[],
    );
    let before = now_ms();
    for runtime in ["--runtime=runc11", "--runtime=runc13", "--runtime=crun"] {
        let (status, shown) = record(&testbed, &daemon, &program, &[runtime]);
        assert_eq!(status, 9, "{runtime}");
        assert_eq!(
            shown.refused(),
            refusals(&[
                ("clone3", "38", 10),
                ("keyctl", "1", 10),
                ("mount", "1", 10),
                ("unshare", "1", 10)
            ]),
            "{runtime}"
        );
        assert_eq!(
            shown.observed("x86_64"),
            names(&["clone", "exit_group", "fork", "wait4"]),
            "{runtime}"
        );
        assert!(shown.shortfalls().contains("calls_refused"), "{runtime}");
        for refusal in shown.refusals() {
            assert_eq!(text(&refusal["exe"]), "/probe", "{refusal}");
            let at = |field: &str| refusal[field].as_u64().expect("a time");
            assert!(
                before <= at("first_ms") && at("first_ms") <= at("last_ms"),
                "{refusal}, test began {before}"
            );
            assert!(at("last_ms") <= now_ms(), "{refusal}");
            assert!(
                refusal["pid"].as_u64().is_some_and(|pid| pid > 1),
                "{refusal}"
            );
        }
    }
}

#[test]
fn a_call_that_kills_is_listed() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = bare_probe("sys(39,0,0,0); sys(100,0,0,0); return 1;", &[]);
    for (action, runtime) in [
        ("SCMP_ACT_KILL_PROCESS", "--runtime=runc13"),
        ("SCMP_ACT_KILL_THREAD", "--runtime=runc11"),
        ("SCMP_ACT_TRAP", "--runtime=crun"),
    ] {
        let option = filter(
            &daemon,
            "kill.json",
            &json!([{"names": ["times"], "action": action}]),
        );
        let (status, shown) = record(&testbed, &daemon, &program, &[&option, runtime]);
        assert_eq!(status, 128 + 31, "{action}: SIGSYS ends it");
        assert_eq!(
            shown.refused(),
            refusals(&[("times", "sigsys", 1)]),
            "{action}"
        );
        assert_eq!(shown.observed("x86_64"), names(&["getpid"]), "{action}");
    }
}

#[test]
fn a_call_that_traps_is_counted_while_the_program_goes_on() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = compile_c(
        "#include <signal.h>
         #include <unistd.h>
         #include <sys/syscall.h>
         static volatile int traps;
         static void trapped(int signal) { (void)signal; traps++; }
         int main(void) {
             signal(SIGSYS, trapped);
             for (int n = 0; n < 5; n++) syscall(SYS_times);
             for (int n = 0; n < 3; n++) raise(SIGSYS);
             return traps == 8 ? 9 : 1;
         }",
        &["-static"],
    );
    let option = filter(
        &daemon,
        "trap.json",
        &json!([{"names": ["times"], "action": "SCMP_ACT_TRAP"}]),
    );
    let (status, shown) = record(&testbed, &daemon, &program, &[&option]);
    assert_eq!(status, 9);
    // A SIGSYS that the program sends itself is nobody's refusal.
    assert_eq!(shown.refused(), refusals(&[("times", "sigsys", 5)]));
    assert!(!shown.observed("x86_64").contains("times"));
    assert!(shown.observed("x86_64").contains("rt_sigreturn"));
}

#[test]
fn errno_0_and_refusals_by_argument() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = bare_probe(
        "if (sys(100,0,0,0) != 0 || sys(100,0,0,0) != 0) return 1;
         if (sys(135, 0xffffffff, 0, 0) < 0) return 2;
         for (int n = 0; n < 4; n++) if (sys(135, 0x1234, 0, 0) != -99) return 3;
         if (sys(135, 0xffffffff, 0, 0) < 0) return 4;
         if (sys(41, 1, 1, 0) < 0 || sys(41, 40, 1, 0) != -97) return 5;
         return 9;",
        &[],
    );
    let rules = json!([
        {"names": ["times"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0},
        {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99,
         "args": [{"index": 0, "value": 0x1234, "op": "SCMP_CMP_EQ"}]},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97,
         "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},
    ]);
    let option = filter(&daemon, "zero.json", &rules);
    let (status, shown) = record(&testbed, &daemon, &program, &[&option]);
    assert_eq!(status, 9);
    let by_argument = [
        ("personality", "99", 4),
        ("socket", "97", 1),
        ("times", "0", 2),
    ];
    assert_eq!(shown.refused(), refusals(&by_argument));
    assert_eq!(
        shown.observed("x86_64"),
        names(&["exit_group", "personality", "socket"]),
        "allowed and refused: in both lists"
    );

    // The same under Docker's own rules.
    let program = bare_probe(
        "if (sys(135, 0xffffffff, 0, 0) < 0) return 1;
         return sys(135, 0x1234, 0, 0) == -1 ? 9 : 2;",
        &[],
    );
    let (status, shown) = record(&testbed, &daemon, &program, &[]);
    assert_eq!(status, 9);
    assert_eq!(shown.refused(), refusals(&[("personality", "1", 1)]));
    assert_eq!(
        shown.observed("x86_64"),
        names(&["exit_group", "personality"])
    );
}

/// Forks, execs, threads that exec and exit, signals in the middle of calls, restarted calls, kills.
const LOAD: &str = r#"
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static volatile int ticks;
static void tick(int signal) { (void)signal; ticks++; }
static volatile int threads;
static int thread(void *unused) {
    (void)unused;
    for (int n = 0; n < 20; n++) syscall(SYS_sched_yield);
    __sync_fetch_and_add(&threads, 1);
    syscall(SYS_exit, 0);
    return 0;
}
static int executes(void *path) {
    char *words[] = {path, "leave", 0};
    execv(path, words);
    return 1;
}
static void start(int (*run)(void *), void *argument) {
    char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    /* clone, not clone3: that one is refused under Docker's default. */
    if (clone(run, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
              argument) < 0)
        exit(2);
}
int main(int count, char **words) {
    if (count > 1 && !strcmp(words[1], "leave")) return 0;
    struct sigaction action = {.sa_handler = tick};
    sigaction(SIGALRM, &action, 0);
    struct itimerval every = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &every, 0);
    for (int n = 0; n < 100; n++) {
        struct timespec nap = {0, 3000000};
        nanosleep(&nap, 0);
    }
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, 0);
    for (int n = 0; n < 150; n++) {
        pid_t child = n % 3 == 0 ? vfork() : fork();
        if (child == 0) {
            char *next[] = {words[0], "leave", 0};
            if (n % 3 < 2) execv(words[0], next);
            start(executes, words[0]);
            for (;;) pause();
        }
        int status;
        while (waitpid(child, &status, 0) != child) ;
        if (status != 0) return 3;
    }
    for (int n = 0; n < 100; n++) {
        start(thread, 0);
        pid_t child = fork();
        if (child == 0) for (;;) { struct timespec nap = {1, 0}; nanosleep(&nap, 0); }
        kill(child, SIGSTOP);
        kill(child, SIGCONT);
        kill(child, SIGKILL);
        while (waitpid(child, 0, 0) != child) ;
    }
    while (threads < 100) sched_yield();
    return ticks > 50 ? 9 : 4;
}
"#;

#[test]
fn heavy_load_is_never_taken_for_a_refusal() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = compile_c(LOAD, &["-static"]);
    for options in [
        &["--security-opt=seccomp=unconfined"][..],
        &[],
        &["--runtime=crun"],
    ] {
        let (status, shown) = record(&testbed, &daemon, &program, options);
        assert_eq!(status, 9, "{options:?}");
        assert_eq!(shown.refused(), Refusals::new(), "{options:?}");
        let observed = shown.observed("x86_64");
        for call in ["clone", "execve", "vfork", "rt_sigreturn", "kill", "wait4"] {
            assert!(
                observed.contains(call),
                "{options:?}: {call} in {observed:?}"
            );
        }
        assert_eq!(shown.shortfalls(), names(&[]), "{options:?}");
    }
}
