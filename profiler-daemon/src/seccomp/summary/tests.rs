//! Summaries of small policies, and that their cases say all and nothing twice.

use super::{Standing, arch_of, sections, standing};
use crate::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    diagram::{Diagrams, Node, Word},
    meaning::exact,
    policy::{Policy, Rule},
};

fn rule(name: &str, action: Action, conditions: &[(u8, Operator, u64, u64)]) -> Rule {
    Rule {
        names: vec![name.to_owned()],
        action,
        conditions: conditions
            .iter()
            .map(|&(index, operator, value, value_two)| Condition {
                index,
                operator,
                value,
                value_two,
            })
            .collect(),
    }
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64],
        rules,
    }
}

/// `action: clause and clause` for each case of a call.
fn cases(rules: Vec<Rule>, name: &str) -> Vec<String> {
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy(rules)).unwrap();
    let node = diagrams.select(root, Word::ARCH, Arch::X86_64.audit());
    let node = diagrams.select(node, Word::NR, Arch::X86_64.number(name).unwrap());
    let Standing::Conditional(cases) = standing(&mut diagrams, node).unwrap() else {
        panic!("{name} is not conditional");
    };
    // The cases together are the call's diagram.
    let mut whole = diagrams.end(77);
    for case in &cases {
        let mut all = Node::TRUE;
        for clause in &case.when {
            let holds = clause.diagram(&mut diagrams).unwrap();
            all = diagrams.and(all, holds).unwrap();
        }
        let action = diagrams.answer(case.action);
        whole = diagrams.choose(all, action, whole).unwrap();
    }
    assert_eq!(whole, node);
    cases
        .iter()
        .map(|case| {
            let when: Vec<String> = case.when.iter().map(ToString::to_string).collect();
            format!("{}: {}", case.action, when.join(" and "))
        })
        .collect()
}

#[test]
fn conditions_are_read_as_they_were_meant() {
    let allow = Action::Allow;
    assert_eq!(
        cases(
            vec![
                rule("socket", allow, &[(0, Operator::Less, 40, 0)]),
                rule("socket", allow, &[(0, Operator::Greater, 40, 0)]),
            ],
            "socket"
        ),
        ["allow: low32(a0) != 40", "errno 1: low32(a0) == 40"]
    );
    assert_eq!(
        cases(
            vec![rule(
                "clone",
                allow,
                &[(0, Operator::MaskedEqual, 0x7e02_0000, 0)]
            )],
            "clone"
        ),
        [
            "allow: a0 & 0x7e020000 == 0x0",
            "errno 1: a0 & 0x7e020000 != 0x0"
        ]
    );
    assert_eq!(
        cases(
            vec![rule(
                "mmap",
                allow,
                &[
                    (1, Operator::GreaterOrEqual, 0x1_0000_0000, 0),
                    (2, Operator::Equal, 3, 0)
                ]
            )],
            "mmap"
        ),
        [
            "errno 1: a1 <= 0xffffffff",
            "errno 1: a1 >= 0x100000000 and a2 != 3",
            "allow: a1 >= 0x100000000 and a2 == 3",
        ]
    );
}

#[test]
fn every_number_of_every_architecture_has_its_place() {
    let mut diagrams = Diagrams::new();
    let rules = vec![rule("read", Action::Allow, &[])];
    let root = exact::diagram(&mut diagrams, &policy(rules)).unwrap();
    let sections = sections(&diagrams, root).unwrap();
    assert_eq!(sections.len(), 3);
    assert_eq!(sections[0].first_audit, 0);
    assert_eq!(sections[2].last_audit, u32::MAX);
    let only = (Arch::X86_64.audit(), Arch::X32.audit());
    assert_eq!((sections[1].first_audit, sections[1].last_audit), only);
    let standings: Vec<_> = sections[1]
        .ranges
        .iter()
        .map(|range| (range.first, range.last, diagrams.answer_of(range.node)))
        .collect();
    assert_eq!(
        standings,
        [
            (0, 0, Some(Action::Allow)),
            (1, 0x3fff_ffff, Some(Action::Errno(1))),
            (0x4000_0000, u32::MAX - 1, Some(Action::KillThread)),
            (u32::MAX, u32::MAX, Some(Action::Errno(1))),
        ]
    );
    let ranges = &mut sections[1].ranges.iter();
    let of_500 = ranges.find(|range| range.first <= 500 && 500 <= range.last);
    assert_eq!(of_500.map(|range| range.first), Some(1));
    assert_eq!(arch_of(Arch::X32.audit(), 0x4000_0001), Some(Arch::X32));
    assert_eq!(arch_of(Arch::X86.audit(), 0x4000_0001), Some(Arch::X86));
}
