//! Comparisons of small policies with small containers.

use super::{compare, foresee};
use crate::{
    profile::{
        abi::Abi,
        arguments::{Arguments, Values},
        call::{Call, CallSet},
        table,
    },
    seccomp::{
        action::Action,
        arch::Arch,
        condition::{Condition, Operator},
        diagram::{Diagrams, Node},
        meaning::exact,
        policy::{Policy, Rule},
    },
};

fn filter(diagrams: &mut Diagrams, names: &[&str]) -> Node {
    let rule = |name: &str, conditions| Rule {
        names: vec![name.to_owned()],
        action: Action::Allow,
        conditions,
    };
    let mut rules: Vec<Rule> = names.iter().map(|name| rule(name, Vec::new())).collect();
    rules.push(rule(
        "socket",
        vec![Condition {
            index: 0,
            operator: Operator::Equal,
            value: 2,
            value_two: 0,
        }],
    ));
    let policy = Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64, Arch::X32],
        rules,
    };
    exact::diagram(diagrams, &policy).unwrap()
}

fn call(name: &str) -> Call {
    table::call(Abi::X86_64, name).unwrap()
}

fn calls(names: &[&str]) -> CallSet {
    names.iter().map(|name| call(name)).collect()
}

#[test]
fn a_filter_and_a_container_are_compared() {
    let mut diagrams = Diagrams::new();
    let filter = filter(&mut diagrams, &["read", "write", "bpf", "ptrace"]);
    let made = calls(&["read", "socket", "mkdir"]);
    let found = compare(
        &mut diagrams,
        filter,
        &made,
        &table::calls(Abi::X86_64).collect(),
    )
    .unwrap();
    assert_eq!(found.used, [call("read")]);
    let contradicted: Vec<_> = found.contradicted.iter().map(|one| one.call).collect();
    assert_eq!(contradicted, [call("mkdir")]);
    let unused: Vec<_> = found.unused.iter().map(|one| one.call).collect();
    // Not uretprobe and uprobe, which every filter lets through.
    assert_eq!(unused, [call("bpf"), call("ptrace"), call("write")]);
    assert!(found.unused[0].danger.is_some() && found.unused[2].danger.is_none());
    assert_eq!(found.conditional.len(), 1);
    assert!(found.conditional[0].used && found.conditional[0].cases.len() == 2);
}

#[test]
fn what_a_candidate_would_break_is_named() {
    let mut diagrams = Diagrams::new();
    let candidate = filter(&mut diagrams, &["read", "write"]);
    let mut made = calls(&["read", "socket", "mkdir"]);
    made.insert(table::call(Abi::X32, "write").unwrap());
    made.insert(table::call(Abi::I386, "read").unwrap());
    let found = foresee(
        &mut diagrams,
        candidate,
        &made,
        &calls(&["write"]),
        &Arguments::default(),
    )
    .unwrap();
    let breaks: Vec<_> = found
        .breaks
        .iter()
        .map(|one| (one.call, one.answer))
        .collect();
    assert_eq!(
        breaks,
        [
            (call("mkdir"), Action::Errno(1)),
            (table::call(Abi::I386, "read").unwrap(), Action::KillThread)
        ]
    );
    assert_eq!(found.may_break.len(), 1);
    assert_eq!(found.open.len(), 1);
}

#[test]
fn recorded_arguments_decide_where_they_are_all_that_is_looked_at() {
    let mut diagrams = Diagrams::new();
    // Allows socket(2, …) alone.
    let candidate = filter(&mut diagrams, &["read"]);
    let made = calls(&["socket"]);
    let mut of = |places: &[u8], seen: Option<&[&[u64]]>| {
        let mut arguments = Arguments::default();
        let seen = seen.map(|list| list.iter().map(|one| one.to_vec()).collect());
        let places = places.to_vec();
        arguments.insert(call("socket"), Values { places, seen });
        let none = calls(&[]);
        let found = foresee(&mut diagrams, candidate, &made, &none, &arguments).unwrap();
        (found.breaks.len(), found.may_break.len())
    };
    assert_eq!(of(&[0, 1], Some(&[&[2, 1], &[2, 7]])), (0, 0));
    assert_eq!(of(&[0, 1], Some(&[&[2, 1], &[40, 1]])), (1, 0));
    // What is looked at was not recorded, or not all of it is kept.
    assert_eq!(of(&[1], Some(&[&[1]])), (0, 1));
    assert_eq!(of(&[0], None), (0, 1));
}
