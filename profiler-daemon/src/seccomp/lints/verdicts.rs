//! What a profile answers a call with, in the best case of its arguments.
//!
//! For a container that asks Docker for nothing special, on x86_64 and a current kernel. As
//! libseccomp has it: the first rule without conditions on arguments counts.

use std::collections::BTreeMap;

use crate::seccomp::{
    action::Action,
    arch::Arch,
    dialects::docker::{
        Profile,
        resolve::{Circumstances, Resolved, resolve},
    },
    policy::Policy,
};

/// A kernel under which every rule with a `minKernel` that is known today holds.
const KERNEL: (u32, u32) = (6, 18);

/// What becomes of calls, in the best case.
pub(super) struct Verdicts {
    default: Action,
    /// Of calls with rules: true is of a rule without conditions, which is final.
    by_name: BTreeMap<String, (bool, Action)>,
}

impl Verdicts {
    /// None if the profile does not resolve to a filter, which other lints tell.
    pub(super) fn of(profile: &Profile) -> Option<Self> {
        match resolve(profile, &Circumstances::usual(Arch::X86_64, KERNEL)) {
            Ok(Resolved::Filter(filter)) => Some(Self::under(filter.policy)),
            Ok(Resolved::Off) | Err(_) => None,
        }
    }

    fn under(policy: Policy) -> Self {
        let mut by_name: BTreeMap<String, (bool, Action)> = BTreeMap::new();
        for rule in policy.rules {
            if rule.action == policy.default {
                continue;
            }
            let plain = rule.conditions.is_empty();
            for name in rule.names {
                let known = by_name.entry(name).or_insert((false, policy.default));
                if known.0 {
                    continue;
                }
                // The mildest of several conditional answers counts.
                if plain || rule.action.rank() > known.1.rank() {
                    *known = (plain, rule.action);
                }
            }
        }
        Self {
            default: policy.default,
            by_name,
        }
    }

    pub(super) fn verdict(&self, name: &str) -> Action {
        self.by_name
            .get(name)
            .map_or(self.default, |(_, action)| *action)
    }

    /// A supervisor or tracer may let a call through, so theirs are not refused.
    pub(super) fn refuses(&self, name: &str) -> bool {
        let verdict = self.verdict(name);
        !verdict.lets_through() && !matches!(verdict, Action::Notify | Action::Trace(_))
    }

    pub(super) fn kills(&self, name: &str) -> bool {
        matches!(
            self.verdict(name),
            Action::KillProcess | Action::KillThread | Action::Trap(_)
        )
    }

    pub(super) fn refused_of(&self, names: &[&'static str]) -> Vec<&'static str> {
        names
            .iter()
            .copied()
            .filter(|name| self.refuses(name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{
        condition::{Condition, Operator},
        policy::Rule,
    };

    #[test]
    fn the_first_rule_without_conditions_counts_and_else_the_mildest() {
        let rule = |name: &str, action, conditional: bool| Rule {
            names: vec![name.to_owned()],
            action,
            conditions: vec![
                Condition {
                    index: 0,
                    operator: Operator::Equal,
                    value: 0,
                    value_two: 0
                };
                usize::from(conditional)
            ],
        };
        let errno = Action::Errno(38);
        let policy = Policy {
            default: Action::KillThread,
            native: Arch::X86_64,
            arches: vec![Arch::X86_64],
            rules: vec![
                rule("read", Action::Allow, true),
                rule("read", errno, true),
                rule("write", Action::Allow, true),
                rule("write", errno, false),
                rule("write", Action::Allow, false),
                rule("close", Action::KillThread, false),
                rule("close", Action::Notify, false),
            ],
        };
        let verdicts = Verdicts::under(policy);
        assert_eq!(verdicts.verdict("read"), Action::Allow);
        assert_eq!(verdicts.verdict("write"), errno);
        assert_eq!(verdicts.verdict("close"), Action::Notify);
        assert!(verdicts.kills("open") && !verdicts.kills("write"));
        assert!(verdicts.refuses("write") && !verdicts.refuses("close"));
    }
}
