//! systemd's grammar, as `systemd-analyze verify` 252 and 262 took it, and round trips.

use proptest::prelude::*;

use super::*;
use crate::seccomp::{
    dialects::{any_policy, printed::Leaning},
    finding::Reading,
    policy::Policy,
};

fn policy(text: &str) -> Policy {
    read(text.as_bytes(), Arch::X86_64).value.unwrap()
}

fn codes(text: &str) -> Vec<&'static str> {
    let reading: Reading<Policy> = read(text.as_bytes(), Arch::X86_64);
    reading
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}

fn action(policy: &Policy, name: &str) -> Action {
    policy
        .rules
        .iter()
        .find(|rule| rule.names.iter().any(|known| known == name))
        .map_or(policy.default, |rule| rule.action)
}

#[test]
fn the_first_line_decides_what_the_list_is() {
    let allows =
        policy("SystemCallFilter=read mount\nSystemCallFilter=~mount clone3:ENOSYS @swap:EACCES\n");
    assert_eq!(allows.default, Action::KillProcess);
    assert_eq!(action(&allows, "read"), Action::Allow);
    assert_eq!(action(&allows, "execve"), Action::Allow);
    assert_eq!(action(&allows, "mount"), Action::KillProcess);
    assert_eq!(action(&allows, "clone3"), Action::Errno(38));
    assert_eq!(action(&allows, "swapon"), Action::Errno(13));

    let denies = policy(
        "SystemCallFilter=~read write:kill @mount\nSystemCallFilter=mount\nSystemCallErrorNumber=EPERM\n",
    );
    assert_eq!(denies.default, Action::Allow);
    assert_eq!(action(&denies, "read"), Action::Errno(1));
    assert_eq!(action(&denies, "write"), Action::KillProcess);
    assert_eq!(action(&denies, "umount2"), Action::Errno(1));
    assert_eq!(action(&denies, "mount"), Action::Allow);
}

#[test]
fn an_empty_line_resets() {
    let text = "SystemCallFilter=read\nSystemCallFilter=\nSystemCallFilter=~write\n";
    assert_eq!(policy(text).default, Action::Allow);
    let text = "SystemCallErrorNumber=EPERM\nSystemCallErrorNumber=\nSystemCallFilter=read\n";
    assert_eq!(policy(text).default, Action::KillProcess);
    let text = "SystemCallArchitectures=native\n";
    assert_eq!(policy(text).arches, [Arch::X86_64]);
    let text = "SystemCallArchitectures=x86\nSystemCallArchitectures=\n";
    assert_eq!(policy(text).arches.len(), 3);
    assert_eq!(codes("[Service]\nExecStart=/bin/true\n"), ["no-filter"]);
}

#[test]
fn a_unit_is_read_as_systemd_reads_it() {
    let text = "# SystemCallFilter=mount\n[Unit]\nSystemCallFilter=ptrace\n[Service]\n\
                ExecStart=/bin/sh -c 'SystemCallFilter=x' \\\nSystemCallFilter=reboot\n\
                  SystemCallFilter = read \\\n; a comment\n write \\\n\nSystemCallLog=write\n";
    let policy = policy(text);
    assert_eq!(action(&policy, "read"), Action::Allow);
    assert_eq!(action(&policy, "write"), Action::Log);
    for name in ["mount", "ptrace", "reboot"] {
        assert_eq!(action(&policy, name), Action::KillProcess, "{name}");
    }
    assert_eq!(codes(text), ["wrong-section", "log"]);
}

#[test]
fn words_that_systemd_passes_over_are_told() {
    for (line, code) in [
        ("SystemCallFilter=write:0", "errno-on-allowed"),
        ("SystemCallFilter=~umount2:4096", "bad-errno"),
        ("SystemCallFilter=~mount:EFOO", "bad-errno"),
        ("SystemCallFilter=~mount:-1", "bad-errno"),
        ("SystemCallFilter=~chown:", "bad-errno"),
        ("SystemCallFilter=@nogroup", "unknown-group"),
        ("SystemCallFilter=\"open close\"", "unknown-call"),
        ("SystemCallFilter=read ~write", "unknown-call"),
        ("SystemCallFilter=chmod,chown", "unknown-call"),
        ("SystemCallErrorNumber=0", "bad-errno"),
        ("SystemCallErrorNumber=5000", "bad-errno"),
        ("SystemCallErrorNumber=EPERM ENOSYS", "bad-errno"),
        ("SystemCallErrorNumber=~EPERM", "bad-errno"),
        ("SystemCallArchitectures=x86_64", "unknown-architecture"),
        ("SystemCallArchitectures=~x86", "unknown-architecture"),
        ("SystemCallArchitectures=riscv64", "other-architecture"),
        ("SystemCallLog=read:EPERM", "bad-errno"),
        ("syscallfilter=read", "unknown-setting"),
        ("SystemCallFilter read", "no-assignment"),
    ] {
        assert_eq!(codes(line).first(), Some(&code), "{line}");
    }
    let place = read(b"[Service]\nSystemCallFilter=read  opne\n", Arch::X86_64).findings[0].place;
    assert_eq!(place.unwrap().to_string(), "2:24");
    let hex = policy("SystemCallFilter=~chmod:0x5 chown:EWOULDBLOCK fchown:0\n");
    assert_eq!(action(&hex, "chmod"), Action::Errno(5));
    assert_eq!(action(&hex, "chown"), Action::Errno(11));
    assert_eq!(action(&hex, "fchown"), Action::Errno(0));
}

#[test]
fn a_text_can_not_open_groups_without_end() {
    let text = "SystemCallFilter=@known\nSystemCallFilter=\n".repeat(1001);
    let reading = read(text.as_bytes(), Arch::X86_64);
    assert_eq!(reading.value, None);
    assert_eq!(reading.findings[0].code, "too-many-groups");
}

#[test]
fn calls_that_systemd_lets_through_by_itself_are_taken_out_again() {
    let narrow = Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64],
        rules: Vec::new(),
    };
    let printed = print(&narrow, Leaning::Stricter);
    let back = policy(&printed.value.unwrap());
    assert_eq!(action(&back, "execve"), Action::Errno(1));
    assert!(back.rules.is_empty());
    assert_eq!(printed.findings[0].code, "no-start");
}

const PIECES: &[&str] = &[
    "SystemCallFilter=",
    "SystemCallErrorNumber=",
    "SystemCallArchitectures=",
    "SystemCallLog=",
    "~",
    "read",
    "write",
    ":EPERM",
    ":38",
    ":kill",
    "kill",
    "@swap",
    "@known",
    "native",
    "x86",
    "[Service]\n",
    "[Unit]\n",
    "#",
    "EPERM",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn anything_is_read_to_a_value_or_an_error(text in any_policy::text(PIECES)) {
        let reading = read(&text, Arch::X86_64);
        prop_assert!(any_policy::is_sound(&reading));
        if let Some(policy) = reading.value {
            let printed = print(&policy, Leaning::Stricter).value.unwrap();
            let back = read(printed.as_bytes(), Arch::X86_64).value.unwrap();
            prop_assert_eq!(print(&back, Leaning::Stricter).value.unwrap(), printed);
        }
    }

    #[test]
    fn what_is_printed_reads_back_and_errs_on_the_side_that_was_asked_for(
        policy in any_policy::policy(), arguments in any_policy::arguments(),
    ) {
        for leaning in [Leaning::Stricter, Leaning::Looser] {
            let text = print(&policy, leaning).value.unwrap();
            let back = read(text.as_bytes(), Arch::X86_64).value.unwrap();
            prop_assert_eq!(&print(&back, leaning).value.unwrap(), &text);
            if leaning == Leaning::Stricter {
                prop_assert!(any_policy::is_no_looser(&back, &policy, arguments), "{}", text);
            } else {
                prop_assert!(any_policy::is_no_looser(&policy, &back, arguments), "{}", text);
            }
        }
    }
}
