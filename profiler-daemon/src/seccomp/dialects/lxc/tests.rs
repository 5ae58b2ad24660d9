//! LXC's grammar line by line, as `lxc-execute` 5.0.2 took or refused it, and round trips.

use proptest::prelude::*;

use super::*;
use crate::seccomp::{
    action::Action,
    condition::{Condition, Operator},
    dialects::{any_policy, printed::Leaning},
    policy::Rule,
};

fn codes(text: &str) -> (bool, Vec<&'static str>) {
    let reading = read(text.as_bytes(), Arch::X86_64);
    (
        reading.value.is_some(),
        reading
            .findings
            .iter()
            .map(|finding| finding.code)
            .collect(),
    )
}

fn rule(line: &str) -> Option<Rule> {
    let text = format!("2\ndenylist allow\n{line}\n");
    read(text.as_bytes(), Arch::X86_64).value?.rules.pop()
}

#[test]
fn lines_that_lxc_refuses_are_errors() {
    for (line, code) in [
        ("chmod log", "unknown-action"),
        ("chmod errno 1 [1,0777,SCMP_CMP_EQ] ", "bad-condition"),
        ("chmod [1,0777,SCMP_CMP_EQ]", "unknown-action"),
        ("chmod allow", "action-is-default"),
        (" chmod errno 1", "unknown-action"),
        ("chmod\terrno 1", "unknown-action"),
        ("[sparc]", "unknown-architecture"),
        ("[x86_64] ", "unknown-architecture"),
        ("chmod errno", "bad-errno"),
        ("chmod errno 4095", "bad-errno"),
        ("chmod errno -1", "bad-errno"),
        ("chmod errno 1 [1,511,==][1,5,>]", "duplicate-index"),
        ("chmod errno 1 # see [1]", "bad-condition"),
        ("chmod errno 1 [1,-1,==]", "bad-condition"),
        ("chmod errno 1 [6,1,==]", "bad-condition"),
        ("chmod errno 1 [0,1,SCMP_CMP_XX]", "bad-condition"),
        ("chmod errno 1 [0,0x1FFFFFFFFFFFFFFFF,==]", "bad-condition"),
        ("chmod errno 1 [0,1,==]\nchmod errno 2 [0,1,==]", "conflict"),
    ] {
        let (read, codes) = codes(&format!("2\ndenylist allow\n{line}\n"));
        assert!(!read, "{line}");
        assert!(codes.contains(&code), "{line}: {codes:?}");
    }
    for (text, code) in [
        ("", "no-version"),
        ("3\nallowlist\n", "bad-version"),
        ("2\n", "no-policy-line"),
        ("2\ndebug\n", "debug"),
        ("2\nlist\n", "bad-policy-line"),
        ("2\nallowlist log\n", "unknown-action"),
        ("1\ndenylist\n", "bad-policy-line"),
        ("1\nallowlist\n0\n\n1\n", "not-a-number"),
        ("1\nallowlist\n# zero\n0\n", "not-a-number"),
        ("2\nallowlist\nre\0ad\n", "nul-byte"),
        ("2\nallowlist\nre\u{fffd}ad\n", ""),
    ] {
        let (read, codes) = codes(text);
        assert_eq!(read, code.is_empty(), "{text:?}");
        assert!(
            code.is_empty() || codes.contains(&code),
            "{text:?}: {codes:?}"
        );
    }
}

#[test]
fn lines_that_lxc_takes_mean_what_it_makes_of_them() {
    let errno = |number| Some(Action::Errno(number));
    for (line, action) in [
        ("chmod kill_process", Some(Action::KillThread)),
        ("chmod", Some(Action::KillThread)),
        ("chmod # why", Some(Action::KillThread)),
        ("chmod errno 4094", errno(4094)),
        ("chmod errno 0x5", errno(0)),
        ("chmod errno 5x", errno(5)),
        ("chmod   errno   1", errno(1)),
        ("chmod errno 1 trailing", errno(1)),
        ("chmod notify", Some(Action::Notify)),
        ("chmod trap", Some(Action::Trap(0))),
        ("#chmod errno 1", None),
        ("", None),
        ("[arm]\nchmod errno 1", None),
        ("[arm]\n[ALL]\nchmod errno 1", errno(1)),
    ] {
        assert_eq!(rule(line).map(|rule| rule.action), action, "{line}");
    }
    let masked = Condition {
        index: 1,
        operator: Operator::MaskedEqual,
        value: 0o17,
        value_two: 0o7,
    };
    for line in [
        "chmod errno 1 [1,007,&=,017]",
        "chmod errno 1[0x1,0x7,SCMP_CMP_MASKED_EQ,15]",
        "chmod errno 1 [1,0xf7,&=,0xf]",
    ] {
        assert_eq!(rule(line).unwrap().conditions, [masked], "{line}");
    }
    assert_eq!(rule("reject_force_umount # x").unwrap().names, ["umount2"]);
}

#[test]
fn sections_of_this_machine_do_not_narrow() {
    let (_, codes) = codes("2\ndenylist\n[x86]\nchmod errno 1\n");
    assert_eq!(codes, ["section-does-not-narrow"]);
    let policy = read(b"2\ndenylist\n[x86]\nchmod errno 1\n", Arch::X86_64)
        .value
        .unwrap();
    assert_eq!(policy.arches, [Arch::X86_64, Arch::X86, Arch::X32]);
    assert_eq!(policy.rules.len(), 1);
}

#[test]
fn version_1_has_numbers_and_whatever_stands_behind_them() {
    let reading = read(
        b"1\n\nwhitelist\n0 read\n 1\n59\n0\n9999\n-3\n",
        Arch::X86_64,
    );
    let codes: Vec<_> = reading
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(
        codes,
        [
            "whitelist",
            "ignored-text",
            "no-such-number",
            "no-such-number"
        ]
    );
    let policy = reading.value.unwrap();
    assert_eq!(policy.default, Action::KillThread);
    assert_eq!(policy.rules[0].names, ["read", "write", "execve"]);
    let arm = read(b"1\nallowlist\n56\n", Arch::Aarch64).value.unwrap();
    assert_eq!(arm.rules[0].names, ["openat"]);
}

#[test]
fn an_architecture_too_many_is_refused_unless_leaning_to_the_looser_side() {
    let policy = Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64],
        rules: Vec::new(),
    };
    assert_eq!(v2::print(&policy, Leaning::Stricter).value, None);
    assert_eq!(
        v2::print(&policy, Leaning::Looser).value.as_deref(),
        Some("2\nallowlist errno 1\n[all]\n")
    );
}

const PIECES: &[&str] = &[
    "1\n",
    "2\n",
    "allowlist",
    "denylist",
    " errno 1",
    " kill",
    " trap",
    " notify",
    " allow",
    "read",
    "socket",
    "[all]",
    "[x86]",
    "[arm]",
    "reject_force_umount",
    " [0,1,==]",
    " [1,2,&=,3]",
    "#",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn anything_is_read_to_a_value_or_an_error(text in any_policy::text(PIECES)) {
        prop_assert!(any_policy::is_sound(&read(&text, Arch::X86_64)));
        let mut whole = b"2\nallowlist errno 1\n".to_vec();
        whole.extend(text);
        let reading = read(&whole, Arch::X86_64);
        prop_assert!(any_policy::is_sound(&reading));
        if let Some(policy) = reading.value {
            let printed = v2::print(&policy, Leaning::Stricter).value.unwrap();
            any_policy::reads_back(
                &printed,
                |text| read(text, Arch::X86_64),
                |policy| v2::print(policy, Leaning::Stricter),
            );
        }
    }

    #[test]
    fn what_is_printed_reads_back_and_errs_on_the_side_that_was_asked_for(
        policy in any_policy::policy(), arguments in any_policy::arguments(),
    ) {
        let read = |text: &[u8]| read(text, Arch::X86_64);
        let mut here = policy.clone();
        here.arches.retain(|arch| *arch != Arch::Arm);
        for leaning in [Leaning::Stricter, Leaning::Looser] {
            if let Some(text) = v1::print(&policy, leaning).value {
                let back = any_policy::reads_back(&text, read, |policy| v1::print(policy, leaning));
                if leaning == Leaning::Stricter {
                    prop_assert!(any_policy::is_no_looser(&back, &policy, arguments), "{text}");
                }
            }
            if let Some(text) = v2::print(&policy, leaning).value {
                let back = any_policy::reads_back(&text, read, |policy| v2::print(policy, leaning));
                match leaning {
                    Leaning::Stricter => {
                        prop_assert!(any_policy::is_no_looser(&back, &policy, arguments), "{text}");
                    }
                    Leaning::Looser => {
                        prop_assert!(any_policy::is_no_looser(&here, &back, arguments), "{text}");
                    }
                }
            }
        }
    }
}
