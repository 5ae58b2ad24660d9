//! Policies at random, and what they do with a call: ground for the round-trip tests of the dialects.

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    finding::{Findings, Level, Reading},
    policy::{Policy, Rule},
};

/// Names that meet in one policy: few, so that rules do meet; some of one architecture only, some in
/// systemd's `@default`, one that nobody knows.
pub(super) const NAMES: [&str; 12] = [
    "read",
    "write",
    "execve",
    "socket",
    "clone3",
    "mount",
    "mmap2",
    "getpid",
    "futex",
    "_llseek",
    "prctl",
    "no_such_call",
];

pub(super) fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Allow),
        2 => (0u16..=4095).prop_map(Action::Errno),
        1 => Just(Action::Errno(1)),
        1 => Just(Action::KillThread),
        1 => Just(Action::KillProcess),
        1 => (0u16..3).prop_map(Action::Trap),
        1 => Just(Action::Notify),
        1 => (0u16..3).prop_map(Action::Trace),
        1 => Just(Action::Log),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let number = || prop_oneof![0u64..4, any::<u64>()];
    (0u8..=5, select(&Operator::ALL[..]), number(), number()).prop_map(
        |(index, operator, value, value_two)| Condition {
            index,
            operator,
            value,
            value_two: if operator == Operator::MaskedEqual {
                value_two
            } else {
                0
            },
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    (
        vec(select(&NAMES[..]).prop_map(str::to_owned), 1..4),
        action(),
        prop_oneof![2 => Just(Vec::new()), 1 => vec(condition(), 1..3)],
    )
        .prop_map(|(names, action, conditions)| Rule {
            names,
            action,
            conditions,
        })
}

pub(in crate::seccomp) fn policy() -> impl Strategy<Value = Policy> {
    let more = option::of(prop_oneof![
        Just(vec![Arch::X86]),
        Just(vec![Arch::X86, Arch::X32]),
        Just(vec![Arch::X86, Arch::X32]),
        Just(vec![Arch::Arm]),
    ]);
    (action(), more, vec(rule(), 0..8)).prop_map(|(default, more, rules)| Policy {
        default,
        native: Arch::X86_64,
        arches: [Arch::X86_64]
            .into_iter()
            .chain(more.unwrap_or_default())
            .collect(),
        rules,
    })
}

/// What a policy may do with a call: one action, or several if its rules contradict each other.
fn judged(policy: &Policy, arch: Arch, name: &str, arguments: [u64; 6]) -> Vec<Action> {
    if !policy.arches.contains(&arch) {
        return vec![Action::KillThread];
    }
    let rules: Vec<&Rule> = policy
        .rules
        .iter()
        .filter(|rule| rule.action != policy.default)
        .filter(|rule| rule.names.iter().any(|known| known == name))
        .collect();
    if let Some(rule) = rules.iter().find(|rule| rule.conditions.is_empty()) {
        return vec![rule.action];
    }
    let mut actions: Vec<Action> = rules
        .iter()
        .filter(|rule| {
            rule.conditions
                .iter()
                .all(|one| one.holds(arguments[usize::from(one.index)]))
        })
        .map(|rule| rule.action)
        .collect();
    if actions.is_empty() {
        actions.push(policy.default);
    }
    actions
}

/// The calls that tell two policies apart: every name on every architecture that has it, with these
/// arguments. True if `one` lets through nothing that `other` refuses.
pub(super) fn is_no_looser(one: &Policy, other: &Policy, arguments: [u64; 6]) -> bool {
    let lets_through = |policy, arch, name| {
        judged(policy, arch, name, arguments)
            .into_iter()
            .any(Action::lets_through)
    };
    [Arch::X86_64, Arch::X86, Arch::X32]
        .into_iter()
        .all(|arch| {
            NAMES
                .into_iter()
                .filter(|name| arch.number(name).is_some())
                .all(|name| !lets_through(one, arch, name) || lets_through(other, arch, name))
        })
}

pub(super) fn arguments() -> impl Strategy<Value = [u64; 6]> {
    proptest::array::uniform6(prop_oneof![0u64..4, any::<u64>()])
}

/// What was printed reads back, and prints the same again with nothing lost. Returns what was read.
pub(super) fn reads_back(
    text: &str,
    read: impl Fn(&[u8]) -> Reading<Policy>,
    print: impl Fn(&Policy) -> Reading<String>,
) -> Policy {
    let reading = read(text.as_bytes());
    let Some(policy) = reading.value else {
        panic!("{text}\n{:?}", reading.findings);
    };
    let again = print(&policy);
    assert_eq!(again.value.as_deref(), Some(text), "{:?}", again.findings);
    assert!(
        again
            .findings
            .iter()
            .all(|finding| finding.level > Level::Warning),
        "{text}{:?}",
        again.findings
    );
    assert_eq!(read(text.as_bytes()).value.as_ref(), Some(&policy));
    policy
}

/// Texts of pieces that mean something to a dialect, and of anything between them.
pub(super) fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        3 => select(&[" ", "\n", "\n", "\n", "=", "[", "]", "0", "1", "\\\n"][..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// What any reading must hold: a value or an error, and bounded findings.
pub(super) fn is_sound<T>(reading: &Reading<T>) -> bool {
    let failed = reading
        .findings
        .iter()
        .any(|finding| finding.level == Level::Error);
    reading.value.is_none() == failed && reading.findings.len() <= Findings::MOST + 1
}
