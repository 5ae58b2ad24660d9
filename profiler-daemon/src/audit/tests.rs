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
fn values_that_were_seen_decide_what_a_candidate_breaks() {
    let mut diagrams = Diagrams::new();
    // socket is allowed with family 2 alone.
    let candidate = filter(&mut diagrams, &["read"]);
    let socket = table::call(Abi::X86_64, "socket").unwrap();
    let made = calls(&["read", "socket"]);
    let mut foreseen = |seen: Option<&[[u64; 2]]>| {
        let mut arguments = Arguments::default();
        let seen = seen.map(|all| all.iter().map(|one| one.to_vec()).collect());
        let places = vec![0, 1];
        arguments.insert(socket, Values { places, seen });
        let found = foresee(&mut diagrams, candidate, &made, &made, &arguments).unwrap();
        let breaks: Vec<_> = found.breaks.into_iter().map(|one| one.with).collect();
        (breaks, found.may_break.len())
    };
    assert_eq!(foreseen(Some(&[[2, 1], [2, 2]])), (vec![], 0));
    // More than are kept: any.
    assert_eq!(foreseen(None), (vec![], 1));
    let (breaks, open) = foreseen(Some(&[[2, 1], [40, 1]]));
    let vsock = Values {
        places: vec![0, 1],
        seen: Some([vec![40, 1]].into()),
    };
    assert_eq!((breaks, open), (vec![Some(vsock)], 0));
}
