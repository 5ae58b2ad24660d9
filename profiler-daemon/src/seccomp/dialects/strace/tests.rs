//! What strace writes, in every form, to a policy.

use proptest::prelude::*;

use super::*;
use crate::seccomp::dialects::any_policy;

fn policy_of(text: &str) -> Policy {
    read(text.as_bytes()).value.unwrap()
}

#[test]
fn the_kernels_own_calls_are_let_through_too() {
    let policy = policy_of("close(3) = 0\n");
    assert_eq!(policy.default, Action::Errno(1));
    assert_eq!(policy.arches, [Arch::X86_64]);
    assert_eq!(
        policy.rules[0].names,
        [
            "close",
            "exit",
            "exit_group",
            "restart_syscall",
            "rt_sigreturn"
        ]
    );
}

#[test]
fn modes_are_kept_by_process() {
    let text = "[ Process PID=7 runs in 32 bit mode. ]\n[pid 7] syscall_0x14(0) = 7\n[pid 8] syscall_0x27(0) = 8\n";
    let policy = policy_of(text);
    assert_eq!(policy.arches, [Arch::X86_64, Arch::X86]);
    assert!(policy.rules[0].names.iter().any(|name| name == "getpid"));
    assert!(policy.rules[0].names.iter().any(|name| name == "sigreturn"));
    let alone = policy_of("[ Process PID=7 runs in x32 mode. ]\ngetpid() = 7\n");
    assert_eq!(alone.arches, [Arch::X86_64, Arch::X32]);
    let untold = read(b"7 mmap2(0) = 0\n");
    assert_eq!(untold.findings[0].code, "mode-untold");
    assert_eq!(untold.value.unwrap().arches, [Arch::X86_64, Arch::X86]);
    let table = "System call usage summary for 32 bit mode:\n% time seconds calls errors syscall\n--- ---\n0.0 0.0 1 socketcall\n--- ---\n100.0 0.0 1 total\n";
    assert_eq!(policy_of(table).arches, [Arch::X86_64, Arch::X86]);
}

#[test]
fn what_strace_does_not_know_is_told() {
    let reading = read(b"hello\nclose(3) = 0\nsyscall_0x3e7(0) = -1\nopne(1)\nworld (all)\n");
    let codes: Vec<_> = reading
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(
        codes,
        [
            "passed-over",
            "unknown-number",
            "unknown-call",
            "seen-by-strace"
        ]
    );
    assert!(reading.findings[0].what.ends_with("first: 3"));
    assert!(reading.findings[3].what.contains("before it attached"));
    let whole = read(b"1 execve(\"/bin/true\") = 0\n1 close(3) = 0\n");
    assert!(!whole.findings[0].what.contains("before it attached"));
    assert_eq!(read(b"hello\n").findings[0].code, "no-calls");
    assert_eq!(read(b"").value, None);
}

const PIECES: &[&str] = &[
    "close(",
    "openat(",
    "12 ",
    "[pid 3] ",
    "<... ",
    " resumed>",
    "10:11:12 ",
    "% time calls syscall\n",
    "------ ---\n",
    " 0.1 3 read\n",
    " 100 total\n",
    "[ Process PID=3 runs in 32 bit mode. ]\n",
    "syscall_0x",
    "--- SIGCHLD",
    "+++ exited",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn anything_is_read_to_a_value_or_an_error(text in any_policy::text(PIECES)) {
        prop_assert!(any_policy::is_sound(&read(&text)));
    }
}
