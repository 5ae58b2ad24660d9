//! A program that makes the calls it is told to make and no other, and what a daemon recorded of it.
//!
//! It is written without libc, so a container's whole record can be compared, call by call.

#![allow(
    dead_code,
    reason = "every test file takes in the whole module and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::testbed::{Container, Daemon, Testbed, compile_c, eventually};

/// Numbers of the calls that the program makes for its own words.
pub mod nr {
    pub const READ: u64 = 0;
    pub const WRITE: u64 = 1;
    pub const OPEN: u64 = 2;
    pub const CLOSE: u64 = 3;
    pub const NANOSLEEP: u64 = 35;
    pub const EXECVE: u64 = 59;
    pub const EXIT: u64 = 60;
    pub const MKDIR: u64 = 83;
    pub const PRCTL: u64 = 157;
    pub const UNSHARE: u64 = 272;
}

/// Its words: `NUMBER` makes that call with -1 for every argument, which the calls used here turn down; `sMS` sleeps;
/// `n` renames itself to a runtime's name; `g` asks for PR_GET_PDEATHSIG; `u` unshares the mount namespace; `x` executes
/// itself on the words that follow; `kFAMILY,TYPE` asks for such a socket and goes on whatever comes; `c` finds its cgroup below /cg; `dNAME` makes a cgroup in that one, `mNAME` moves
/// into it (`m` into the first again). It exits with the place of the word that failed, 0 for none.
const SOURCE: &str = r#"
typedef unsigned long word;
static long call6(long nr, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long ret;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}
static long call3(long nr, long a, long b, long c) { return call6(nr, a, b, c, 0, 0, 0); }
static char text[4096], path[8192], base[4096];
static long number(const char *s) {
    long n = 0;
    while (*s >= '0' && *s <= '9') n = n * 10 + *s++ - '0';
    return n;
}
static char *put(char *to, const char *from) {
    while ((*to = *from++)) to++;
    return to;
}
static long find(void) {
    long fd = call3(2, (long)"/proc/self/cgroup", 0, 0), len;
    if (fd < 0) return fd;
    len = call3(0, fd, (long)text, sizeof text - 1);
    call3(3, fd, 0, 0);
    for (long i = 0; i + 3 < len; i++)
        if (text[i] == '0' && text[i + 1] == ':' && text[i + 2] == ':' && (i == 0 || text[i - 1] == '\n')) {
            char *end = put(base, "/cg");
            for (i += 3; i < len && text[i] != '\n'; i++) *end++ = text[i];
            *end = 0;
            return 0;
        }
    return -1;
}
static void below(const char *name, const char *file) {
    char *end = put(path, base);
    if (*name) { end = put(end, "/"); end = put(end, name); }
    put(end, file);
}
static long move(const char *name) {
    long fd, ret;
    below(name, "/cgroup.procs");
    fd = call3(2, (long)path, 1, 0);
    if (fd < 0) return fd;
    ret = call3(1, fd, (long)"0", 1);
    call3(3, fd, 0, 0);
    return ret;
}
__attribute__((used)) static void run(word *stack) {
    long argc = stack[0], failed = 0, out;
    char **argv = (char **)(stack + 1), **envp = argv + argc + 1;
    for (long i = 1; i < argc && !failed; i++) {
        const char *w = argv[i];
        long ret = 0;
        if (*w >= '0' && *w <= '9') call6(number(w), -1, -1, -1, -1, -1, -1);
        else if (*w == 's') {
            long ms = number(w + 1), span[2] = {ms / 1000, ms % 1000 * 1000000};
            ret = call3(35, (long)span, 0, 0);
        }
        else if (*w == 'k') {
            const char *type = w;
            while (*type && *type != ',') type++;
            call3(41, number(w + 1), number(type + 1), 0);
        }
        else if (*w == 'n') ret = call3(157, 15, (long)"runc:[2:INIT]", 0);
        else if (*w == 'g') ret = call3(157, 2, (long)&out, 0);
        else if (*w == 'u') ret = call3(272, 0x20000, 0, 0);
        else if (*w == 'x') { argv[i] = argv[0]; ret = call3(59, (long)argv[0], (long)(argv + i), (long)envp); }
        else if (*w == 'c') ret = find();
        else if (*w == 'd') { below(w + 1, ""); ret = call3(83, (long)path, 0755, 0); }
        else if (*w == 'm') ret = move(w + 1);
        else ret = -1;
        if (ret < 0) failed = i;
    }
    call3(60, failed, 0, 0);
}
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call run\n");
"#;

/// The program, compiled.
pub fn script_program() -> PathBuf {
    compile_c(
        SOURCE,
        &[
            "-static",
            "-nostdlib",
            "-fno-stack-protector",
            "-fno-builtin",
        ],
    )
}

/// A container that runs the program at /probe on these words; `options` are docker's.
pub fn run_script(testbed: &Testbed, options: &[&str], words: &[&str]) -> Container {
    let mount = format!("{}:/probe:ro", script_program().display());
    let mut all = vec!["--network", "none", "-v", &mount];
    all.extend(options);
    all.extend(["pb-busybox", "/probe"]);
    all.extend(words);
    Container::run(testbed, &all)
}

/// Calls for a container that no seccomp filter hinders: none of them blocks, ends the program or changes the host when
/// all its arguments are -1.
pub fn hundreds_of_calls() -> Vec<u64> {
    // Signal frames, pause, clones, exits, sync and reboot; and what only the kernel is to call.
    const UNFIT: [u64; 12] = [15, 34, 35, 56, 57, 58, 60, 162, 169, 219, 231, 306];
    (0..=334).filter(|number| !UNFIT.contains(number)).collect()
}

/// What `profilectl show` says of a container that has ended, once its record is closed.
pub fn ended(daemon: &Daemon, name: &str) -> Value {
    eventually(
        &format!("{name}'s record closed"),
        Duration::from_secs(20),
        || {
            let shown = shown(daemon, name)?;
            (shown["summary"]["identity"]["running"] == false && shown["stop_seen"] == true)
                .then_some(shown)
        },
    )
}

/// What `profilectl show` says of a container, nothing while the daemon does not know that name.
pub fn shown(daemon: &Daemon, name: &str) -> Option<Value> {
    let answer = daemon.ctl(&["show", name, "--format", "json"]);
    serde_json::from_str(&answer.stdout).ok()
}

/// The numbers of the calls observed; all have to be x86_64's.
pub fn observed(shown: &Value) -> BTreeSet<u64> {
    let calls = shown["calls"].as_array().expect("calls");
    let observed = calls.iter().filter(|call| call["observed"] == true);
    observed
        .map(|call| {
            assert_eq!(call["abi"], "x86_64", "a call of another ABI: {call}");
            call["nr"].as_u64().expect("a number")
        })
        .collect()
}

/// `profilectl status`, whatever its verdict.
pub fn status(daemon: &Daemon) -> Value {
    serde_json::from_str(&daemon.ctl(&["status", "--format", "json"]).stdout)
        .expect("status is JSON")
}

/// How often something was lost for that cause.
pub fn loss(status: &Value, cause: &str) -> u64 {
    let losses = status["losses"].as_array().expect("losses");
    let loss = losses.iter().find(|loss| loss["cause"] == cause);
    loss.and_then(|loss| loss["count"].as_u64())
        .unwrap_or_else(|| panic!("no loss {cause} in {status}"))
}

/// Numbers as the program's words.
pub fn words(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|number| number.to_string())
        .collect()
}

/// Borrowed, as most here take them.
pub fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
