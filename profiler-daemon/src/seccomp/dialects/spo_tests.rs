//! The operator's YAML: its form, and what can't be said in it.

use proptest::prelude::*;

use super::*;
use crate::seccomp::{arch::Arch, dialects::any_policy};

fn policy(default: Action, name: &str) -> Policy {
    Policy {
        default,
        native: Arch::X86_64,
        arches: vec![Arch::X86_64],
        rules: vec![Rule {
            names: vec![name.to_owned()],
            action: Action::Errno(38),
            conditions: vec![Condition {
                index: 1,
                operator: Operator::MaskedEqual,
                value: 3,
                value_two: 2,
            }],
        }],
    }
}

#[test]
fn a_profile_has_the_operators_fields() {
    let printed = print(&policy(Action::Errno(1), "on"), "web.v1");
    assert!(printed.findings.is_empty());
    assert_eq!(
        printed.value.unwrap(),
        "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata:\n  name: web.v1\n\
         spec:\n  defaultAction: SCMP_ACT_ERRNO\n  architectures:\n  - SCMP_ARCH_X86_64\n  syscalls:\n\
         \x20 - action: SCMP_ACT_ERRNO\n    errnoRet: \"38\"\n    names:\n    - \"on\"\n    args:\n\
         \x20   - index: 1\n      value: 3\n      valueTwo: 2\n      op: SCMP_CMP_MASKED_EQ\n"
    );
}

#[test]
fn what_can_not_be_said_is_told() {
    let code = |default, name| {
        let printed = print(&policy(default, "read"), name);
        (
            printed.value.is_some(),
            printed.findings.first().map(|finding| finding.code),
        )
    };
    assert_eq!(
        code(Action::Errno(38), "a"),
        (true, Some("default-errno-lost"))
    );
    assert_eq!(code(Action::Trap(1), "a"), (true, Some("action-lost")));
    for name in ["", "A", "-a", "a-", "a..b", "a b", &"a".repeat(254)] {
        assert_eq!(
            code(Action::Allow, name),
            (false, Some("bad-name")),
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn no_name_breaks_out_of_its_line(policy in any_policy::policy(), name in any::<String>()) {
        let mut policy = policy;
        policy.rules.push(Rule { names: vec![name], action: Action::Allow, conditions: Vec::new() });
        let text = print(&policy, "web").value.unwrap();
        let names: usize = policy.rules.iter().map(|rule| rule.names.len()).sum();
        let items = text.lines().filter(|line| line.starts_with("    - ") && !line.starts_with("    - index: ")).count();
        prop_assert_eq!(items, names);
        prop_assert!(text.lines().all(|line| line.starts_with(' ') || line.split_once(": ").is_some() || line.ends_with(':')));
    }
}
