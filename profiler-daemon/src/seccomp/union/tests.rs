//! The union of profiles: by rules, by meaning, and what it costs.

use proptest::prelude::*;

use super::{Compromise, NoUnion, Part, Union, lost_under, union};
use crate::seccomp::{
    action::Action,
    arch::Arch,
    condition::Condition,
    diagram::Diagrams,
    dialects::{
        any_policy,
        docker::{self, Indent},
    },
    difference::{Direction, differences},
    meaning::{Host, exact},
    policy::{Policy, Rule},
};

/// `clone3 errno 38`, `socket allow a0==2 && a1==1`.
fn policy(rules: &[(&str, Action, &str)]) -> Policy {
    Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64],
        rules: rules
            .iter()
            .map(|(name, action, conditions)| Rule {
                names: vec![(*name).to_owned()],
                action: *action,
                conditions: conditions
                    .split(" && ")
                    .filter(|part| !part.is_empty())
                    .map(|part| Condition::parse(part).unwrap())
                    .collect(),
            })
            .collect(),
    }
}

fn of(policies: &[&Policy]) -> Result<Union, NoUnion> {
    let parts = ["a.json", "b.json", "c.json"]
        .into_iter()
        .zip(policies)
        .map(|(title, policy)| Part {
            title: title.to_owned(),
            policy: (*policy).clone(),
        });
    union(parts.collect())
}

/// The rules of a name, as text.
fn rules(union: &Union, name: &str) -> Vec<String> {
    union
        .policy
        .rules
        .iter()
        .filter(|rule| rule.names.iter().any(|known| known == name))
        .map(|rule| {
            let conditions: Vec<_> = rule.conditions.iter().map(ToString::to_string).collect();
            format!("{} {}", rule.action, conditions.join(" && "))
                .trim_end()
                .to_owned()
        })
        .collect()
}

const ALLOW: Action = Action::Allow;
const ENOSYS: Action = Action::Errno(38);

#[test]
fn rules_are_put_together_and_the_wider_wins() {
    let a = policy(&[
        ("read", ALLOW, ""),
        ("socket", ALLOW, "a0==1"),
        ("socket", ALLOW, "a0==2 && a1==1"),
        ("prctl", ALLOW, "a0==4"),
    ]);
    let b = policy(&[
        ("socket", ALLOW, "a0==2"),
        ("prctl", ALLOW, ""),
        ("write", ALLOW, ""),
    ]);
    let both = of(&[&a, &b]).unwrap();
    assert_eq!(rules(&both, "read"), ["allow"]);
    assert_eq!(
        rules(&both, "socket"),
        ["allow a0 == 0x1", "allow a0 == 0x2"]
    );
    assert_eq!(rules(&both, "prctl"), ["allow"]);
    assert_eq!(both.compromises, []);
    let text = docker::print(&both.profile, Indent::Spaces);
    for comment in [
        "let through by a.json\"",
        "let through by b.json\"",
        "let through by all 2 profiles\"",
    ] {
        assert!(text.contains(comment), "{comment}: {text}");
    }
}

#[test]
fn the_mildest_answer_wins_where_all_refuse() {
    let mut a = policy(&[("clone3", ENOSYS, ""), ("mount", Action::KillProcess, "")]);
    let mut b = policy(&[("mount", Action::Errno(13), ""), ("read", ALLOW, "")]);
    let both = of(&[&a, &b]).unwrap();
    assert_eq!(rules(&both, "clone3"), ["errno 38"]);
    assert_eq!(rules(&both, "mount"), ["errno 13"]);
    assert_eq!(
        both.compromises,
        [Compromise::Answer {
            name: "mount".to_owned(),
            gets: Action::Errno(13),
            instead_of: Action::KillProcess,
            from: vec!["a.json".to_owned()],
        }]
    );
    // A default is no answer to what all name.
    let stern = policy(&[("mount", Action::KillProcess, "")]);
    let both = of(&[&stern, &stern]).unwrap();
    assert_eq!(rules(&both, "mount"), ["kill process"]);
    assert_eq!(both.compromises, []);
    // Who is killed by one is let through by the other: nothing of the refusal is left.
    a.rules = policy(&[("read", ENOSYS, "")]).rules;
    let both = of(&[&a, &b]).unwrap();
    assert_eq!(rules(&both, "read"), ["allow"]);
    b.default = Action::KillProcess;
    let both = of(&[&a, &b]).unwrap();
    assert_eq!(both.policy.default, Action::Errno(1));
    assert!(both.compromises.contains(&Compromise::Default {
        gets: Action::Errno(1),
        instead_of: Action::KillProcess,
        from: vec!["b.json".to_owned()],
    }));
}

#[test]
fn a_refusal_for_some_arguments_is_taken_away_or_told() {
    let a = policy(&[("socket", ALLOW, "a0==1"), ("socket", ENOSYS, "a1==3")]);
    let both = of(&[&a, &policy(&[])]).unwrap();
    assert_eq!(rules(&both, "socket"), ["allow a0 == 0x1 && a1 != 0x3"]);
    assert!(
        !both
            .compromises
            .iter()
            .any(|one| matches!(one, Compromise::Wider { .. }))
    );
    let a = policy(&[("socket", ALLOW, "a0==1"), ("socket", ENOSYS, "a1&6==2")]);
    let both = of(&[&a, &policy(&[])]).unwrap();
    assert_eq!(rules(&both, "socket"), ["allow a0 == 0x1"]);
    assert!(both.compromises.contains(&Compromise::Wider {
        name: "socket",
        arch: Arch::X86_64
    }));
}

#[test]
fn conditions_that_leave_nothing_out_are_none() {
    let a = policy(&[("socket", ALLOW, "a0!=40")]);
    let b = policy(&[("socket", ALLOW, "a0!=41")]);
    let both = of(&[&a, &b]).unwrap();
    assert_eq!(rules(&both, "socket"), ["allow"]);
    assert_eq!(both.compromises, []);
}

#[test]
fn a_name_that_only_one_architecture_was_to_have_is_told() {
    let mut both_arches = policy(&[("read", ALLOW, "")]);
    both_arches.arches.push(Arch::X86);
    let both = of(&[&both_arches, &policy(&[("write", ALLOW, "")])]).unwrap();
    assert_eq!(both.policy.arches, [Arch::X86_64, Arch::X86]);
    assert_eq!(
        both.compromises,
        [Compromise::Wider {
            name: "write",
            arch: Arch::X86
        }]
    );
}

#[test]
fn what_allows_by_default_is_refused() {
    let mut open = policy(&[]);
    open.default = Action::Log;
    assert_eq!(
        of(&[&policy(&[]), &open]),
        Err(NoUnion::AllowsByDefault("b.json".to_owned()))
    );
    let mut other = policy(&[]);
    other.native = Arch::Aarch64;
    assert!(matches!(
        of(&[&policy(&[]), &other]),
        Err(NoUnion::OtherMachine(..))
    ));
}

#[test]
fn what_a_runtime_makes_of_rules_put_together_is_told() {
    let a = policy(&[("socket", ALLOW, "a0==1")]);
    let b = policy(&[("socket", ALLOW, "a0==2"), ("read", ALLOW, "")]);
    let parts = |policies: [&Policy; 2]| -> Vec<Part> {
        let title = |policy: &&Policy| Part {
            title: String::new(),
            policy: (*policy).clone(),
        };
        policies.iter().map(title).collect()
    };
    let both = of(&[&a, &b]).unwrap();
    let lost = |policy: &Policy| lost_under(&parts([&a, &b]), policy, Host::default()).unwrap();
    assert_eq!(lost(&both.policy), []);
    // Without the first's rule it is lost, whoever makes what of it.
    assert_eq!(lost(&b), [("socket", Arch::X86_64)]);
}

/// Its default refuses; all else is any.
fn closed() -> impl Strategy<Value = Policy> {
    any_policy::policy().prop_map(|mut policy| {
        if policy.default.lets_through() {
            policy.default = Action::Errno(1);
        }
        policy
    })
}

proptest! {
    #[test]
    fn whatever_any_lets_through_the_union_does(a in closed(), b in closed(), c in closed()) {
        let united = of(&[&a, &b, &c]).unwrap();
        let mut diagrams = Diagrams::new();
        let whole = exact::diagram(&mut diagrams, &united.policy).unwrap();
        let mut together = None;
        for policy in [&a, &b, &c] {
            let part = exact::diagram(&mut diagrams, policy).unwrap();
            for one in differences(&diagrams, part, whole).unwrap() {
                prop_assert!(
                    !matches!(one.direction, Direction::Tightened | Direction::Both),
                    "{one:?}"
                );
            }
            together = Some(match together {
                Some(others) => diagrams.loosest(others, part).unwrap(),
                None => part,
            });
        }
        // What it lets through besides is told, call by call, and nothing else is.
        let told = |name: &str, arch| {
            united.compromises.iter().any(|one| {
                matches!(one, Compromise::Wider { name: known, arch: on } if *known == name && *on == arch)
            })
        };
        for arch in &united.policy.arches {
            for (nr, name) in arch.syscalls() {
                let by_meaning = diagrams.select_call(together.unwrap(), *arch, nr);
                let by_rules = diagrams.select_call(whole, *arch, nr);
                let wider = differences(&diagrams, by_meaning, by_rules)
                    .unwrap()
                    .iter()
                    .any(|one| matches!(one.direction, Direction::Loosened | Direction::Both));
                prop_assert_eq!(wider, told(name, *arch), "{} {:?}", name, arch);
            }
        }
        // The document says what the policy says.
        let mut again = united.policy.clone();
        again.rules = united.profile.syscalls.iter().map(|rule| Rule {
            names: rule.all_names().map(|name| name.value.clone()).collect(),
            action: rule.action.value.with(rule.errno_ret.as_ref().map(|errno| errno.value)),
            conditions: rule.args.iter().filter_map(docker::Argument::condition).collect(),
        }).collect();
        let plain = |action: Action| matches!(action, Action::Trap(data) if data > 0);
        if !united.policy.rules.iter().any(|rule| plain(rule.action)) {
            prop_assert_eq!(exact::diagram(&mut diagrams, &again).unwrap(), whole);
        }
    }

    #[test]
    fn the_order_and_the_number_of_times_do_not_matter(a in closed(), b in closed(), c in closed()) {
        let part = |title: &str, policy: &Policy| Part {
            title: title.to_owned(),
            policy: policy.clone(),
        };
        let forward = union(vec![part("a", &a), part("b", &b), part("c", &c)]).unwrap();
        let backward = union(vec![part("c", &c), part("b", &b), part("a", &a)]).unwrap();
        prop_assert_eq!(
            docker::print(&forward.profile, Indent::Spaces),
            docker::print(&backward.profile, Indent::Spaces)
        );
        prop_assert_eq!(forward, backward);
    }
}
