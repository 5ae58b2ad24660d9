//! Calls that a program in a container really makes, and what came of each: none does harm, whatever it is answered.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use profiler_daemon::seccomp::action::Action;

use super::{
    kernel_oracle::{Call, Gate},
    testbed::{compile_c, eventually},
};

/// What came of a call: at least 0 is told as 0, an errno as its negative.
pub(crate) type Came = i64;

/// Ended by SIGSYS.
pub(crate) const SIGSYS: Came = -100_000;

const X32: u32 = 0x4000_0000;

/// By `syscall`: mostly -1, which is no file and no process, and 0, which is no address.
const SYSCALL: &[(u32, [u64; 3])] = &[
    (39, [0, 0, 0]),            // getpid
    (110, [0, 0, 0]),           // getppid
    (90, [0, 0, 0]),            // chmod
    (268, [u64::MAX, 0, 0]),    // fchmodat
    (100, [0, 0, 0]),           // times
    (63, [0, 0, 0]),            // uname
    (135, [0xffff_ffff, 0, 0]), // personality: which is it?
    (135, [u64::MAX, 0, 0]),
    (135, [0, 0, 0]),
    (135, [8, 0, 0]),
    (135, [0x20, 0, 0]),
    (135, [0x4_0000, 0, 0]),
    (41, [1, 1, 0]), // socket
    (41, [2, 1, 0]),
    (41, [16, 3, 0]),
    (41, [38, 5, 0]),
    (41, [40, 1, 0]),
    (41, [0x1_0000_0028, 1, 0]),
    (41, [99, 1, 0]),
    (272, [0, 0, 0]),           // unshare
    (272, [0x1000_0000, 0, 0]), // CLONE_NEWUSER
    (56, [17, 0, 0]),           // clone
    (56, [0x1000_0011, 0, 0]),
    (435, [0, 0, 0]),        // clone3
    (425, [0, 0, 0]),        // io_uring_setup
    (165, [0, 0, 0]),        // mount
    (166, [0, 0, 0]),        // umount2
    (428, [u64::MAX, 0, 0]), // open_tree
    (308, [u64::MAX, 0, 0]), // setns
    (250, [u64::MAX, 0, 0]), // keyctl
    (248, [0, 0, 0]),        // add_key
    (101, [u64::MAX, 0, 0]), // ptrace
    (101, [7, 0, 0]),
    (101, [7, 0x1_0000_0001, 0]),
    (321, [u64::MAX, 0, 0]),        // bpf
    (298, [0, 0, 0]),               // perf_event_open
    (303, [u64::MAX, 0, 0]),        // name_to_handle_at
    (304, [u64::MAX, 0, 0]),        // open_by_handle_at
    (310, [u64::MAX, 0, 0]),        // process_vm_readv
    (312, [u64::MAX, u64::MAX, 0]), // kcmp
    (323, [0xffff, 0, 0]),          // userfaultfd
    (329, [0, 0, 0]),               // pkey_mprotect
    (447, [0xffff, 0, 0]),          // memfd_secret
    (449, [0, 0, 0]),               // futex_waitv
    (451, [u64::MAX, 0, 0]),        // cachestat
    (452, [u64::MAX, 0, 0]),        // fchmodat2
    (453, [1, 0, 0]),               // map_shadow_stack
    (454, [1, 0, 0]),               // futex_wake
    (457, [0, 0, 0]),               // statmount
    (459, [0, 0, 0]),               // lsm_get_self_attr
    (462, [1, 0, 0]),               // mseal
    (463, [u64::MAX, 0, 0]),        // setxattrat
    (471, [u64::MAX, 0, 0]),
    (600, [0, 0, 0]),
    (4096, [0, 0, 0]),
    (X32 | 39, [0, 0, 0]), // x32's getpid, socket and ioctl
    (X32 | 41, [40, 1, 0]),
    (X32 | 514, [u64::MAX, 0, 0]),
];

/// By `int 0x80`.
const INT80: &[(u32, [u64; 3])] = &[
    (20, [0, 0, 0]),            // getpid
    (15, [0, 0, 0]),            // chmod
    (43, [0, 0, 0]),            // times
    (136, [0xffff_ffff, 0, 0]), // personality
    (136, [0x20, 0, 0]),
    (102, [0, 0, 0]), // socketcall
    (102, [1, 0, 0]),
    (359, [2, 1, 0]), // socket
    (359, [40, 1, 0]),
    (310, [0, 0, 0]), // unshare
    (310, [0x1000_0000, 0, 0]),
    (435, [0, 0, 0]),           // clone3
    (21, [0, 0, 0]),            // mount
    (288, [0xffff_ffff, 0, 0]), // keyctl
    (26, [0xffff_ffff, 0, 0]),  // ptrace
    (452, [0xffff_ffff, 0, 0]), // fchmodat2
    (600, [0, 0, 0]),
];

/// What the program does before it makes the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    /// Installs a filter of its own: `times` errno 99, `keyctl` errno 97, `chmod` SIGSYS.
    OwnFilter,
    /// Goes into a user namespace of its own.
    UserNamespace,
}

impl Before {
    /// The word for it on the program's command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::OwnFilter => "own-filter",
            Self::UserNamespace => "user-namespace",
        }
    }
}

/// Every call, in the order in which the program makes them.
pub(crate) fn calls() -> Vec<Call> {
    let of = |gate: Gate, list: &[(u32, [u64; 3])]| -> Vec<Call> {
        let list = list.iter();
        list.map(|&(nr, [a, b, c])| Call {
            gate,
            nr,
            args: [a, b, c, 0, 0, 0],
        })
        .collect()
    };
    [of(Gate::Syscall, SYSCALL), of(Gate::Int80, INT80)].concat()
}

const PROGRAM: &str = concat!(
    r#"
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
"#,
    include_str!("../bare/calls.h"),
    r#"
static const struct { int int80; unsigned nr; unsigned long a, b, c; } calls[] = { CALLS };
static int own_filter(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xc000003e, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 100, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 99),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 250, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 97),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 90, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
int main(int count, char **words) {
    const char *before = count > 1 ? words[1] : "", *after = count > 2 ? words[2] : "";
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (!strcmp(before, "own-filter") && own_filter()) { perror("own filter"); return 1; }
    if (!strcmp(before, "user-namespace") && unshare(CLONE_NEWUSER)) { perror("unshare"); return 1; }
    volatile long *came = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned n = 0; strcmp(after, "wait") && n < sizeof calls / sizeof *calls; n++) {
        *came = 0;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            long (*call)(long, long, long, long) = calls[n].int80 ? int80 : sys;
            long got = call(calls[n].nr, calls[n].a, calls[n].b, calls[n].c);
            if (got < 0) *came = got;
            _exit(0);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child) { perror("fork"); return 1; }
        if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
        else printf("%ld\n", *came);
    }
    puts("done");
    fflush(stdout);
    if (strcmp(after, "leave")) for (;;) sleep(1000);
    return 0;
}
"#
);

/// The program that makes them, each in a child of its own, and tells what came of each; then it waits to be killed.
///
/// Its words: what it does before, and after it `leave` to end by itself, or `wait` to make no calls.
pub(crate) fn program() -> PathBuf {
    let mut list = String::new();
    for Call { gate, nr, args } in calls() {
        let int80 = u8::from(gate == Gate::Int80);
        let [a, b, c, ..] = args;
        write!(list, "{{{int80},{nr}u,{a}ul,{b}ul,{c}ul}},").expect("text can be added");
    }
    compile_c(&PROGRAM.replace("CALLS", &list), &["-static"])
}

/// What the program has written, once it is done.
pub(crate) fn once_done(what: &str, mut written: impl FnMut() -> String) -> Vec<Came> {
    let written = eventually(
        &format!("{what} has made its calls"),
        Duration::from_secs(60),
        || Some(written()).filter(|written| written.contains("done")),
    );
    came(&written)
}

/// What came of each call, from what the program wrote.
pub(crate) fn came(written: &str) -> Vec<Came> {
    let lines = written.lines().take_while(|line| *line != "done");
    let came: Vec<Came> = lines
        .map(|line| match line.strip_prefix("signal ") {
            Some("31") => SIGSYS,
            _ => line
                .parse()
                .unwrap_or_else(|_| panic!("no result: {line}; {written}")),
        })
        .collect();
    assert_eq!(came.len(), calls().len(), "{written}");
    came
}

/// What comes of a call that is answered so, where without a filter `bare` comes of it.
pub(crate) fn foretold(answer: Action, bare: Came) -> Came {
    match answer {
        Action::Allow | Action::Log => bare,
        Action::Errno(errno) => -i64::from(errno),
        Action::KillProcess | Action::KillThread | Action::Trap(_) => SIGSYS,
        // Nobody is there to be asked.
        Action::Notify | Action::Trace(_) => -38,
    }
}
