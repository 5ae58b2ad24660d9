//! A daemon's beginning, end, and change of settings: what it tells its manager, what it leaves,
//! and that nothing is lost or made up on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod exchanged;
mod testbed;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testbed::{
    Container, Daemon, DaemonOptions, Testbed, compile_c, eventually, run, unprivileged,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn without_engine(words: &[&str]) -> Daemon {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Daemon::start_as(DaemonOptions {
        docker: "none".into(),
        words,
    })
}

/// The links that are pinned, by program.
fn links(pins: &Path) -> BTreeSet<String> {
    let runs = fs::read_dir(pins.join(format!("v{}", profiler_common::ABI_VERSION)))
        .into_iter()
        .flatten()
        .flatten();
    runs.filter(|entry| entry.file_name().to_string_lossy().starts_with("run-"))
        .flat_map(|run| fs::read_dir(run.path()).unwrap().flatten())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with("_link"))
        .collect()
}

#[test]
fn a_signal_ends_it_at_once_and_the_recording_goes_on() {
    if unprivileged() {
        return;
    }
    let mut daemon = without_engine(&[]);
    let ends: [fn(&mut Daemon) -> Option<i32>; 2] = [Daemon::term, Daemon::interrupt];
    for end in ends {
        let begin = Instant::now();
        assert_eq!(end(&mut daemon), Some(0), "{}", daemon.log());
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(2), "it took {took:?}");
        assert!(!daemon.socket().exists(), "the socket was left behind");
        let links = links(daemon.pin_dir());
        for name in ["sys_enter_link", "sys_exit_link"] {
            assert!(links.contains(name), "{name} is not pinned: {links:?}");
        }
        daemon.restart();
    }
    daemon.term();
    let mut unload = Command::new(env!("CARGO_BIN_EXE_profilerd"));
    let ended = run(
        unload
            .arg("--unload")
            .arg("--pin-dir")
            .arg(daemon.pin_dir()),
        PATIENCE,
    );
    assert!(ended.success(), "{ended}");
    assert!(!daemon.pin_dir().exists(), "pins were left behind");
}

#[test]
fn without_pins_nothing_stays() {
    if unprivileged() {
        return;
    }
    let mut daemon = without_engine(&["--no-pin"]);
    assert!(!daemon.pin_dir().exists());
    assert_eq!(daemon.term(), Some(0));
    assert!(!daemon.pin_dir().exists() && !daemon.socket().exists());
}

#[test]
fn its_manager_is_told_when_it_is_ready_and_when_it_stops() {
    if unprivileged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let socket = folder.path().join("s");
    let mut child = Command::new(env!("CARGO_BIN_EXE_profilerd"))
        .arg("--socket")
        .arg(&socket)
        .arg("--state-dir")
        .arg(folder.path().join("state"))
        .args(["--docker", "none", "--no-pin"])
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = |word: &str| {
        let mut bytes = [0; 256];
        let length = manager
            .recv(&mut bytes)
            .unwrap_or_else(|error| panic!("no {word}: {error}"));
        assert_eq!(
            std::str::from_utf8(&bytes[..length]).unwrap().trim_end(),
            word
        );
    };
    told("READY=1");
    // Ready means that it can be asked.
    let mut ctl = Command::new(env!("CARGO_BIN_EXE_profilectl"));
    let ended = run(ctl.arg("--socket").arg(&socket).arg("list"), PATIENCE);
    assert!(ended.success(), "{ended}");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    told("STOPPING=1");
    assert!(child.wait().unwrap().success());
}

/// Calls and errors by name.
type Tallies = BTreeMap<String, (u64, u64)>;

fn tallies(calls: &Value) -> Tallies {
    let calls = calls.as_array().expect("a list of calls").iter();
    calls
        .filter(|call| !call["tally"].is_null())
        .map(|call| {
            let number = |key: &str| call["tally"][key].as_u64().expect("a number");
            (
                call["name"].as_str().expect("a name").to_owned(),
                (number("calls"), number("errors")),
            )
        })
        .collect()
}

/// What `strace -c` counts of a command: lines of `% seconds usecs calls [errors] name`.
fn straced(program: &str) -> Tallies {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("counts");
    let mut strace = Command::new("strace");
    let ended = run(
        strace.args(["-f", "-c", "-o"]).arg(&file).arg(program),
        PATIENCE,
    );
    assert!(ended.success(), "{ended}");
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|words| words.len() >= 5 && words[0].parse::<f64>().is_ok())
        .filter(|words| *words.last().unwrap() != "total")
        .map(|words| {
            let errors = if words.len() > 5 {
                words[4].parse().unwrap()
            } else {
                0
            };
            (
                words[words.len() - 1].to_owned(),
                (words[3].parse().unwrap(), errors),
            )
        })
        .collect()
}

const COUNTED: &str = r#"
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 1000; i++) syscall(SYS_getppid);
    for (int i = 0; i < 10; i++) syscall(SYS_open, "/no/such/file", O_RDONLY);
    return 0;
}
"#;

/// It yields to the rest of the machine, which has tests to run.
fn run_probe(testbed: &Testbed, program: &Path) -> Container {
    let mount = format!("{}:/probe:ro", program.display());
    Container::run(
        testbed,
        &[
            "--volume",
            &mount,
            "--cpu-shares",
            "64",
            "pb-busybox",
            "/probe",
        ],
    )
}

#[test]
fn counting_counts_what_strace_counts_and_off_counts_nothing() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let program = compile_c(COUNTED, &["-static"]);
    // The execve that starts it is the runtime's.
    let mut wanted = straced(&program.display().to_string());
    wanted.remove("execve");
    assert_eq!(
        wanted["getppid"],
        (1000, 0),
        "the probe is not what it should be"
    );
    assert_eq!(wanted["open"], (10, 10));

    let mut daemon = Daemon::start_with(&testbed, &["--count"]);
    let counted = run_probe(&testbed, &program);
    assert_eq!(counted.wait(), 0);
    let detail = eventually("the end of the probe", PATIENCE, || {
        let detail = daemon.ctl_json(&["show", &counted.name]);
        (detail["stop_seen"] == true).then_some(detail)
    });
    let found = tallies(&detail["calls"]);
    assert_eq!(found, wanted);
    assert_eq!(
        tallies(&daemon.ctl_json(&["explain", &counted.name])),
        wanted
    );
    let page = daemon.ctl_ok(&["show", &counted.name]);
    assert!(page.contains("\nCounted\n"), "{page}");
    let table = page.split("\nCounted\n").nth(1).unwrap();
    let has = |words: [&str; 3]| table.lines().any(|line| line.split_whitespace().eq(words));
    assert!(
        has(["getppid", "1000", "0"]) && has(["open", "10", "10"]),
        "{page}"
    );
    let lines = daemon.ctl_ok(&["explain", &counted.name, "open"]);
    assert!(lines.contains("10 calls, 10 errors"), "{lines}");

    daemon.restart_with(&[]);
    let silent = run_probe(&testbed, &program);
    assert_eq!(silent.wait(), 0);
    let detail = eventually("the end of the probe", PATIENCE, || {
        let detail = daemon.ctl_json(&["show", &silent.name]);
        (detail["stop_seen"] == true).then_some(detail)
    });
    assert_eq!(tallies(&detail["calls"]), Tallies::new());
    assert!(
        !daemon
            .ctl_ok(&["show", &silent.name])
            .contains("\nCounted\n")
    );
}

/// Four threads call without a pause while the first makes a new call every 400 ms.
const LOAD: &str = r#"
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile int over;
static void *load(void *none) {
    while (!over) { syscall(SYS_getppid); syscall(SYS_getuid); syscall(SYS_sched_yield); }
    return none;
}
static const int rare[] = { RARE };
int main(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, load, 0);
    struct timespec pause = { 0, 400000000 };
    for (unsigned i = 0; i < sizeof rare / sizeof *rare; i++) {
        nanosleep(&pause, 0);
        syscall(rare[i], -1, 0, 0, 0, 0, 0);
    }
    over = 1;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    return 0;
}
"#;

/// Harmless with these arguments, and permitted by Docker's default filter.
const RARE: &[&str] = &[
    "getgid",
    "geteuid",
    "getegid",
    "getpgrp",
    "getpgid",
    "getsid",
    "getgroups",
    "getresuid",
    "getresgid",
    "times",
    "getrusage",
    "getitimer",
    "sched_getscheduler",
    "sched_getparam",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "getpriority",
    "umask",
    "dup",
    "fsync",
    "fdatasync",
    "flock",
    "ftruncate",
    "fchmod",
    "fchown",
    "lseek",
    "listen",
    "shutdown",
    "getsockname",
    "getpeername",
    "inotify_init1",
    "inotify_rm_watch",
    "epoll_ctl",
    "timer_delete",
    "timer_gettime",
    "timerfd_gettime",
    "fallocate",
    "syncfs",
    "tee",
    "splice",
    "vmsplice",
    "readahead",
    "fadvise64",
    "fgetxattr",
    "flistxattr",
    "alarm",
    "mincore",
    "msync",
    "munlock",
    "sysinfo",
    "sync_file_range",
    "fstatfs",
    "getdents64",
    "fchdir",
    "eventfd2",
    "pipe2",
    "sched_getaffinity",
    "get_robust_list",
    "clock_getres",
    "setitimer",
];

#[test]
fn a_change_of_settings_under_load_loses_nothing_and_invents_no_refusal() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let numbers: Vec<String> = RARE.iter().map(|name| format!("SYS_{name}")).collect();
    let source = LOAD.replace("RARE", &numbers.join(", "));
    let program = compile_c(&source, &["-static", "-pthread"]);
    let mut daemon = Daemon::start_with(&testbed, &[]);
    let probe = run_probe(&testbed, &program);
    let mut changes = 0;
    while probe.inspect("{{.State.Running}}") == "true" {
        changes += 1;
        let words: &[&str] = if changes % 2 == 1 { &["--count"] } else { &[] };
        daemon.restart_with(words);
    }
    assert!(changes >= 2, "only {changes} changes while the probe ran");
    assert_eq!(probe.wait(), 0);
    let begin = Instant::now();
    let detail = loop {
        let detail = daemon.ctl_json(&["show", &probe.name]);
        if detail["summary"]["identity"]["running"] == false {
            break detail;
        }
        assert!(begin.elapsed() < PATIENCE, "still running: {detail}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let calls = detail["calls"].as_array().unwrap();
    let observed: BTreeSet<&str> = calls
        .iter()
        .filter(|call| call["observed"] == true)
        .filter_map(|call| call["name"].as_str())
        .collect();
    let missing: Vec<_> = RARE
        .iter()
        .filter(|name| !observed.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "missing after {changes} changes: {missing:?}"
    );
    assert_eq!(
        (&detail["start_seen"], &detail["stop_seen"]),
        (&true.into(), &true.into()),
        "{detail}"
    );
    // Docker's filter turns each pthread_create's clone3 away, and nothing else.
    let refusals = detail["refusals"].as_array().unwrap().iter();
    let refused: Vec<_> = refusals
        .map(|refusal| (&refusal["call"]["nr"], &refusal["with"], &refusal["count"]))
        .map(|(nr, with, count)| format!("{nr} {with} {count}"))
        .collect();
    assert_eq!(
        refused,
        [r#"435 {"errno":38} 4"#],
        "{changes} changes, refusals nobody made"
    );
    println!(
        "{changes} changes of settings, {} rare calls, 0 missing, 0 refusals invented",
        RARE.len()
    );
}

#[test]
fn a_container_that_ends_while_no_daemon_runs_keeps_its_record() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let mut daemon = Daemon::start_with(&testbed, &[]);
    let probe = Container::run(
        &testbed,
        &["pb-busybox", "sh", "-c", "sleep 4; mkdir /late"],
    );
    eventually("its name", PATIENCE, || {
        daemon.ctl(&["show", &probe.name]).success().then_some(())
    });
    assert_eq!(daemon.term(), Some(0));
    assert_eq!(probe.wait(), 0);
    daemon.restart();
    let detail = daemon.ctl_json(&["show", &probe.name]);
    assert_eq!(detail["summary"]["identity"]["running"], false, "{detail}");
    assert_eq!(
        (&detail["start_seen"], &detail["stop_seen"]),
        (&true.into(), &true.into())
    );
    let made = detail["calls"]
        .as_array()
        .unwrap()
        .iter()
        .any(|call| call["name"] == "mkdir" && call["observed"] == true);
    assert!(
        made,
        "the call it made while no daemon ran is missing: {detail}"
    );
}
