//! Editing: exactly the names wanted differ, under every capability set.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::seccomp::{
    action::Action,
    arch::Arch,
    condition::Operator,
    dialects::docker::{
        docker_default, read,
        resolve::{Circumstances, Resolved, resolve},
        vocabulary::{CAPABILITIES, DOCKER_CAPABILITIES},
    },
    policy,
};

fn deny(names: &[&str]) -> Wanted {
    Wanted {
        deny: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Wanted::default()
    }
}

fn allow(name: &str, conditions: &[Condition]) -> Wanted {
    Wanted {
        allow: vec![Allowed {
            name: name.to_owned(),
            conditions: conditions.to_vec(),
        }],
        ..Wanted::default()
    }
}

fn profile(text: &str) -> Profile {
    read(text.as_bytes()).value.unwrap()
}

/// What each name's rules say, in order, under every capability set that Docker's default tells
/// apart.
fn everywhere(profile: &Profile) -> Vec<BTreeMap<String, Vec<policy::Rule>>> {
    let mut sets: Vec<BTreeSet<String>> = CAPABILITIES
        .iter()
        .map(|cap| BTreeSet::from([(*cap).to_owned()]))
        .collect();
    sets.push(BTreeSet::new());
    sets.push(CAPABILITIES.map(str::to_owned).into());
    sets.push(DOCKER_CAPABILITIES.map(str::to_owned).into());
    let resolved = sets.into_iter().map(|capabilities| {
        let circumstances = Circumstances {
            capabilities,
            arch: Arch::X86_64,
            kernel: (6, 18),
        };
        let Ok(Resolved::Filter(filter)) = resolve(profile, &circumstances) else {
            panic!("it resolves");
        };
        let mut by_name: BTreeMap<String, Vec<policy::Rule>> = BTreeMap::new();
        for rule in filter.policy.rules {
            for name in &rule.names {
                let rule = policy::Rule {
                    names: Vec::new(),
                    action: rule.action,
                    conditions: rule.conditions.clone(),
                };
                by_name.entry(name.clone()).or_default().push(rule);
            }
        }
        by_name
    });
    resolved.collect()
}

#[test]
fn denied_names_are_all_that_differs_under_every_capability_set() {
    let before = docker_default();
    // clone, bpf and ptrace are in several rules; clone3 has a refusal of its own, which stays.
    let names = [
        "chmod", "fchmod", "fchmodat", "clone", "bpf", "ptrace", "clone3",
    ];
    let (after, changes) = edit(&before, &deny(&names)).unwrap();
    let removed: Vec<_> = changes
        .iter()
        .map(|change| match change.what {
            Changed::Removed { rules } => (change.name.as_str(), rules),
            _ => panic!("{change:?}"),
        })
        .collect();
    assert_eq!(
        removed,
        [
            ("bpf", 2),
            ("chmod", 1),
            ("clone", 3),
            ("clone3", 1),
            ("fchmod", 1),
            ("fchmodat", 1),
            ("ptrace", 2)
        ]
    );
    assert!(
        after
            .syscalls
            .iter()
            .all(|rule| rule.all_names().next().is_some())
    );
    for (mut before, mut after) in everywhere(&before).into_iter().zip(everywhere(&after)) {
        for name in names {
            let left = after.remove(name).unwrap_or_default();
            assert!(
                left.iter().all(|rule| !rule.action.lets_through()),
                "{name}"
            );
            before.remove(name);
        }
        assert_eq!(before, after);
    }
}

#[test]
fn an_allowed_name_is_allowed_whatever_refused_it() {
    let (after, changes) = edit(&docker_default(), &allow("clone3", &[])).unwrap();
    assert_eq!(changes[0].what, Changed::Removed { rules: 2 });
    assert_eq!(changes[1].what, Changed::Allowed(Vec::new()));
    for rules in everywhere(&after) {
        let actions: Vec<_> = rules["clone3"].iter().map(|rule| rule.action).collect();
        assert_eq!(actions, [Action::Allow]);
    }
    let again = edit(&after, &allow("clone3", &[])).unwrap();
    assert_eq!(again, (after.clone(), Vec::new()));
    let plain = edit(&docker_default(), &allow("mount", &[])).unwrap().0;
    assert!(plain.syscalls[0].names.is_sorted_by_key(|name| &name.value));
    assert!(has(&plain.syscalls[0], "mount"));
}

#[test]
fn a_condition_gets_a_rule_of_its_own_once() {
    let vsock = Condition {
        index: 0,
        operator: Operator::Equal,
        value: 40,
        value_two: 0,
    };
    let (after, changes) = edit(&docker_default(), &allow("socket", &[vsock])).unwrap();
    assert_eq!(changes.len(), 1);
    let rules = &everywhere(&after)[0]["socket"];
    assert_eq!(rules.len(), 4);
    assert_eq!(rules[3].conditions, [vsock]);
    assert_eq!(edit(&after, &allow("socket", &[vsock])).unwrap().1, []);
    // What is allowed anyway needs none, and a plain refusal must not win over it.
    assert_eq!(edit(&after, &allow("read", &[vsock])).unwrap().1, []);
    let (after, _) = edit(&docker_default(), &allow("clone3", &[vsock])).unwrap();
    for rules in everywhere(&after) {
        assert!(
            rules["clone3"]
                .iter()
                .all(|rule| rule.action == Action::Allow)
        );
    }
}

#[test]
fn where_the_default_allows_a_refusal_is_added() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mount"], "action": "SCMP_ACT_ERRNO"},
        {"name": "chmod", "action": "SCMP_ACT_LOG"}]}"#;
    let (after, changes) = edit(&profile(text), &deny(&["chmod", "mount"])).unwrap();
    let what: Vec<_> = changes.into_iter().map(|change| change.what).collect();
    assert_eq!(what, [Changed::Removed { rules: 1 }, Changed::Refused]);
    assert_eq!(
        after.syscalls,
        [Rule::of(ActionName::Errno, ["chmod", "mount"])]
    );
    let (after, _) = edit(&after, &allow("mount", &[])).unwrap();
    assert_eq!(after.syscalls, [Rule::of(ActionName::Errno, ["chmod"])]);
}

#[test]
fn a_wrong_name_changes_nothing() {
    let unknown = edit(&docker_default(), &deny(&["chmdo"])).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no system call is called \"chmdo\"; did you mean chmod?"
    );
    let both = Wanted {
        deny: vec!["read".to_owned()],
        ..allow("read", &[])
    };
    assert_eq!(
        edit(&docker_default(), &both),
        Err(EditError::Both("read".to_owned()))
    );
}

#[test]
fn what_is_allowed_is_read_with_its_conditions() {
    let shown = |text: &str| {
        Allowed::parse(text).map(|allowed| {
            let conditions = allowed.conditions.iter().map(ToString::to_string);
            format!(
                "{}: {}",
                allowed.name,
                conditions.collect::<Vec<_>>().join(", ")
            )
        })
    };
    for (text, read) in [
        ("chmod", "chmod: "),
        ("socket:a0==40", "socket: a0 == 0x28"),
        ("clone:a0&0x7e020000==0", "clone: a0 & 0x7e020000 == 0x0"),
        (
            "ioctl:a1>=0x5401&&a2!=0 && a3<-9",
            "ioctl: a1 >= 0x5401, a2 != 0x0, a3 < 0xfffffffffffffff7",
        ),
        ("f:a0<=1", "f: a0 <= 0x1"),
        ("f:a5 > 18446744073709551615", "f: a5 > 0xffffffffffffffff"),
    ] {
        assert_eq!(shown(text).as_deref(), Ok(read));
    }
    for text in [
        "f:",
        "f:a0",
        "f:0==1",
        "f:a6==1",
        "f:a0==1:",
        "f:a0==1&&",
        "f:a0==1:a1==2",
    ] {
        assert!(
            matches!(shown(text), Err(EditError::Condition(_))),
            "{text}"
        );
    }
    let twice = EditError::OneArgumentTwice("f".to_owned());
    assert_eq!(shown("f:a0>1 && a0<9"), Err(twice));
}
