//! A policy with what a container runtime calls under it before the program runs, and with answers
//! by which libcs and runtimes fall back.
//!
//! For policies made of what a program was seen to call outside a container: without these no
//! runtime starts anything under them. The counterpart of `lxc::needs` for runc and crun; the
//! tables are `profile`'s. Must not touch names that a policy has rules for.

use std::collections::BTreeSet;

use super::{
    action::Action,
    policy::{Policy, Rule},
};
use crate::profile::{abi::Abi, baseline, compose::ENOSYS, libc_probes::libc_probes, table};

/// The policy with what runtimes need, and the names that are let through for them. A policy that
/// lets through what it does not name is left as it is.
#[must_use]
pub fn added(mut policy: Policy) -> (Policy, Vec<&'static str>) {
    if policy.default.lets_through() {
        return (policy, Vec::new());
    }
    let known: BTreeSet<String> = policy
        .rules
        .iter()
        .flat_map(|rule| rule.names.iter().cloned())
        .collect();
    let needed: Vec<&'static str> = baseline::united()
        .into_keys()
        .filter(|name| !known.contains(*name))
        .collect();
    let probed: BTreeSet<&'static str> = libc_probes(Abi::X86_64)
        .filter_map(table::name)
        .filter(|name| !known.contains(*name) && !needed.contains(name))
        .collect();
    for (names, action) in [
        (needed.clone(), Action::Allow),
        (probed.into_iter().collect(), Action::Errno(ENOSYS)),
    ] {
        if !names.is_empty() {
            policy.rules.push(Rule {
                names: names.into_iter().map(str::to_owned).collect(),
                action,
                conditions: Vec::new(),
            });
        }
    }
    (policy, needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::arch::Arch;

    fn policy(default: Action) -> Policy {
        let rule = |name: &str, action| Rule {
            names: vec![name.to_owned()],
            action,
            conditions: Vec::new(),
        };
        Policy {
            default,
            native: Arch::X86_64,
            arches: vec![Arch::X86_64],
            rules: vec![
                rule("chmod", Action::Allow),
                rule("read", Action::Errno(5)),
                rule("clone3", Action::Allow),
            ],
        }
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_there_is_left() {
        let before = policy(Action::Errno(1));
        let (after, needed) = added(before.clone());
        assert_eq!(after.rules[..3], before.rules[..]);
        assert!(needed.contains(&"execve") && needed.contains(&"setgroups"));
        assert!(!needed.contains(&"read"));
        let answers = |name: &str| {
            let rules = after.rules.iter();
            let named = rules.filter(|rule| rule.names.iter().any(|known| known == name));
            named.map(|rule| rule.action).collect::<Vec<_>>()
        };
        assert_eq!(answers("execve"), [Action::Allow]);
        assert_eq!(answers("read"), [Action::Errno(5)]);
        assert_eq!(answers("clone3"), [Action::Allow]);
        assert_eq!(answers("openat2"), [Action::Errno(ENOSYS)]);
        assert!(answers("mount").is_empty());
    }

    #[test]
    fn a_policy_that_refuses_only_what_it_names_needs_nothing() {
        let before = policy(Action::Allow);
        assert_eq!(added(before.clone()), (before, Vec::new()));
    }
}
