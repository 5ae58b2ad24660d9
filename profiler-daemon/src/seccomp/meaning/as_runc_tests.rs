//! What a runtime makes of small policies. The real library and the real runtimes are asked in
//! `tests/libseccomp.rs` and where filters are loaded.

use super::{Host, Refused, Runtime, diagram};
use crate::seccomp::{
    action::Action,
    arch::{Arch, X32_BIT},
    condition::{Condition, Operator},
    diagram::{Diagrams, Node},
    facts::libseccomp::Version,
    filter::evaluate::CallData,
    meaning::{MeaningError, exact},
    policy::{Policy, Rule},
};

fn rule(name: &str, action: Action, conditions: &[(u8, Operator, u64)]) -> Rule {
    Rule {
        names: vec![name.to_owned()],
        action,
        conditions: conditions
            .iter()
            .map(|&(index, operator, value)| Condition {
                index,
                operator,
                value,
                value_two: 0,
            })
            .collect(),
    }
}

fn policy(arches: &[Arch], rules: Vec<Rule>) -> Policy {
    Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: arches.to_vec(),
        rules,
    }
}

/// What is answered to a call of a name, with a first argument.
fn answered(policy: &Policy, host: Host, arch: Arch, nr: u32, first: u64) -> Action {
    let mut diagrams = Diagrams::new();
    let root: Node = diagram(&mut diagrams, policy, host).unwrap();
    let call = CallData::new(arch, nr, [first, 0, 0, 0, 0, 0]);
    diagrams.answer_to(root, &call)
}

const CRUN: Host = Host {
    runtime: Runtime::Crun,
    libseccomp: Version::DEBIAN_12,
};

#[test]
fn runc_answers_enosys_beyond_the_newest_call_that_is_named() {
    let rules = vec![
        rule("read", Action::Allow, &[]),
        rule("openat2", Action::Errno(1), &[]),
    ];
    let both = policy(&[Arch::X86_64, Arch::X32], rules.clone());
    let alone = policy(&[Arch::X86_64], rules);
    let runc = Host::default();
    // openat2 is 437, and what is said of it is what is said anyway; it counts all the same.
    for (policy, nr, answer) in [
        (&both, 437, Action::Errno(1)),
        (&both, 438, Action::Errno(38)),
        (&both, 437 | X32_BIT, Action::Errno(1)),
        (&both, 438 | X32_BIT, Action::Errno(38)),
        (&both, u32::MAX, Action::Errno(38)),
        (&alone, 438, Action::Errno(38)),
        // Not listed, x32 is left to the filter (measured: `tests/loaded_filter.rs`).
        (&alone, X32_BIT, Action::KillThread),
        (&alone, u32::MAX, Action::Errno(1)),
    ] {
        assert_eq!(
            answered(policy, runc, Arch::X86_64, nr, 0),
            answer,
            "{nr:#x}"
        );
    }
    assert_eq!(
        answered(&both, CRUN, Arch::X86_64, 438, 0),
        Action::Errno(1)
    );
    assert_eq!(
        answered(&alone, CRUN, Arch::X86_64, X32_BIT, 0),
        Action::KillThread
    );
    let mut lenient = alone;
    lenient.default = Action::Log;
    assert_eq!(answered(&lenient, runc, Arch::X86_64, 438, 0), Action::Log);
}

#[test]
fn an_index_that_occurs_twice_means_any_of_the_conditions() {
    let rules = vec![rule(
        "personality",
        Action::Allow,
        &[(0, Operator::GreaterOrEqual, 1), (0, Operator::Less, 1)],
    )];
    let policy = policy(&[Arch::X86_64], rules);
    let nr = Arch::X86_64.number("personality").unwrap();
    assert_eq!(answered(&policy, CRUN, Arch::X86_64, nr, 7), Action::Allow);
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy).unwrap();
    let call = CallData::new(Arch::X86_64, nr, [7, 0, 0, 0, 0, 0]);
    assert_eq!(diagrams.answer_to(root, &call), Action::Errno(1));
}

#[test]
fn conditions_of_socket_do_not_hold_through_socketcall() {
    let rules = vec![rule(
        "socket",
        Action::Allow,
        &[(0, Operator::NotEqual, 40)],
    )];
    let policy = policy(&[Arch::X86_64, Arch::X86], rules);
    let socketcall = Arch::X86.number("socketcall").unwrap();
    let own = Arch::X86.number("socket").unwrap();
    let of = |nr, first| answered(&policy, CRUN, Arch::X86, nr, first);
    assert_eq!(of(socketcall, 1), Action::Allow);
    assert_eq!(of(socketcall, 2), Action::Errno(1));
    assert_eq!(of(own, 40), Action::Errno(1));
    assert_eq!(of(own, 41), Action::Allow);
    // 64 bits are compared, though the kernel reads 32.
    let native = Arch::X86_64.number("socket").unwrap();
    let slips = answered(&policy, CRUN, Arch::X86_64, native, 1 << 32 | 40);
    assert_eq!(slips, Action::Allow);
}

#[test]
fn names_that_the_library_does_not_know_are_dropped() {
    let policy = policy(&[Arch::X86_64], vec![rule("mseal", Action::Allow, &[])]);
    let nr = Arch::X86_64.number("mseal").unwrap();
    let of = |libseccomp| {
        let host = Host {
            runtime: Runtime::Crun,
            libseccomp,
        };
        answered(&policy, host, Arch::X86_64, nr, 0)
    };
    assert_eq!(of(Version::DEBIAN_12), Action::Errno(1));
    assert_eq!(of(Version::new(2, 6, 1)), Action::Allow);
}

#[test]
fn a_condition_with_two_actions_is_refused() {
    let equal = [(0, Operator::Equal, 3)];
    let rules = vec![
        rule("kill", Action::Allow, &equal),
        rule("kill", Action::Errno(5), &equal),
    ];
    assert_eq!(
        diagram(
            &mut Diagrams::new(),
            &policy(&[Arch::X86_64], rules),
            Host::default()
        ),
        Err(MeaningError::Refused(Refused::Conflict("kill".to_owned())))
    );
}

#[test]
fn numbers_of_x32_are_left_to_the_filter_where_it_is_not_listed() {
    let mut diagrams = Diagrams::new();
    let policy = policy(&[Arch::X86_64], vec![rule("read", Action::Allow, &[])]);
    let exact = exact::diagram(&mut diagrams, &policy).unwrap();
    let root = diagram(&mut diagrams, &policy, Host::default()).unwrap();
    let answer = |root, nr| diagrams.answer_of(diagrams.select_call(root, Arch::X86_64, nr));
    for nr in [0, X32_BIT, u32::MAX] {
        assert_eq!(answer(root, nr), answer(exact, nr), "{nr:#x}");
    }
    assert_eq!(answer(root, 1), Some(Action::Errno(38)));
}

#[test]
fn rules_on_a_call_of_another_architecture_conflict_all_the_same() {
    let both = [(0, Operator::GreaterOrEqual, 0), (3, Operator::Less, 2)];
    let greater = [(0, Operator::GreaterOrEqual, 1)];
    let rules = vec![
        rule("mmap2", Action::Allow, &both),
        rule("mmap2", Action::Trap(0), &greater),
    ];
    assert_eq!(
        diagram(
            &mut Diagrams::new(),
            &policy(&[Arch::X86_64], rules),
            Host::default()
        ),
        Err(Refused::Conflict("mmap2".to_owned()).into())
    );
}
