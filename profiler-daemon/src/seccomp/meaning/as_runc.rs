//! The meaning `as-runc`: what a runtime and its libseccomp make of a profile.
//!
//! A rule whose action is the default's is dropped, and so is a name that the library does not know.
//! An argument that occurs twice in a rule makes a rule of each condition. On i386 a rule on a call
//! that `socketcall` or `ipc` can make is also one on these, whose first argument is then the call's
//! number in the place of what the rule says of it. 32-bit architectures, and x32, compare low words
//! only. The rules of one call are joined as [`libseccomp_tree`] tells. runc answers ENOSYS to
//! numbers greater than all that the profile names.

use std::collections::BTreeMap;

use super::{
    MeaningError,
    layout::{self, Answers, Bound},
    libseccomp_tree::{self, Failure, Release, Tree, Width},
};
use crate::seccomp::{
    action::Action,
    arch::{Arch, X32_BIT},
    condition::{Condition, Operator},
    diagram::{Diagrams, Node},
    facts::libseccomp::{Resolved, Version, resolve},
    policy::Policy,
};

/// The runtime's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// runc from 1.1.15 on, and before where a profile lists architectures: answers ENOSYS beyond
    /// the newest call that a profile names.
    Runc,
    /// crun: loads what libseccomp made.
    Crun,
}

/// What loads the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// The runtime.
    pub runtime: Runtime,
    /// Its libseccomp: names that this does not know are dropped.
    pub libseccomp: Version,
}

impl Default for Host {
    /// runc as Debian 12 has it.
    fn default() -> Self {
        Self {
            runtime: Runtime::Runc,
            libseccomp: Version::DEBIAN_12,
        }
    }
}

/// Why a runtime would not load a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Two rules of a call have the same conditions and different actions.
    #[error(
        "libseccomp refuses two rules on {0} that have the same condition and different actions \
         (file exists)"
    )]
    Conflict(String),
    /// libseccomp does not come to an end.
    #[error("libseccomp never comes to an end with the rules on {0}: the runtime would hang")]
    Endless(String),
}

/// What the library files rules under, on one architecture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Filed {
    /// A number.
    Number(u32),
    /// The name of a call that the architecture has not: its rules are joined, and may be refused,
    /// as if it had, and come to nothing.
    Name(String),
}

/// The rules on each call of one architecture, with its name.
type Rules = BTreeMap<Filed, (String, Vec<libseccomp_tree::Rule>)>;

/// The diagram of what a runtime loads.
///
/// # Errors
/// See [`Refused`]; or it is too intricate to be decided exactly.
pub fn diagram(diagrams: &mut Diagrams, policy: &Policy, host: Host) -> Result<Node, MeaningError> {
    let release = if host.libseccomp < Version::new(2, 6, 1) {
        Release::Before261
    } else {
        Release::From261
    };
    let rules = added(policy, host);
    let mut answers: BTreeMap<Arch, Answers> = BTreeMap::new();
    for arch in &policy.arches {
        let width = if arch.has_32_bit_arguments() || *arch == Arch::X32 {
            Width::Bits32
        } else {
            Width::Bits64
        };
        let of_arch = answers.entry(*arch).or_default();
        for (filed, (name, rules)) in of(*arch, &rules, host.libseccomp) {
            let tree =
                Tree::of(policy.default, &rules, width, release).map_err(
                    |failure| match failure {
                        Failure::Exists => Refused::Conflict(name),
                        Failure::Endless => Refused::Endless(name),
                    },
                )?;
            if let Filed::Number(nr) = filed {
                of_arch.insert(nr, tree.diagram(diagrams)?);
            }
        }
    }
    let bounds = match host.runtime {
        Runtime::Runc => bounds(policy, host.libseccomp),
        Runtime::Crun => BTreeMap::new(),
    };
    Ok(layout::whole(diagrams, policy, &answers, &bounds)?)
}

/// The rules that reach the library, by name, in order.
fn added(policy: &Policy, host: Host) -> Vec<(&str, libseccomp_tree::Rule)> {
    let mut list = Vec::new();
    for rule in &policy.rules {
        if rule.action == policy.default {
            continue;
        }
        let alternatives: Vec<Vec<Condition>> = if repeats(&rule.conditions) {
            rule.conditions.iter().map(|one| vec![*one]).collect()
        } else {
            vec![rule.conditions.clone()]
        };
        for name in &rule.names {
            // A runtime asks for a name as the machine's own architecture knows it.
            if resolve(host.libseccomp, policy.native, name) != Resolved::Unknown {
                let rules = alternatives.iter().cloned();
                list.extend(rules.map(|conditions| (name.as_str(), (rule.action, conditions))));
            }
        }
    }
    list
}

/// True if an argument occurs twice in a rule's conditions: libseccomp takes them for one each.
#[must_use]
pub fn repeats(conditions: &[Condition]) -> bool {
    conditions.iter().enumerate().any(|(place, one)| {
        conditions
            .iter()
            .skip(place + 1)
            .any(|other| other.index == one.index)
    })
}

/// The rules of each call of an architecture.
fn of(arch: Arch, rules: &[(&str, libseccomp_tree::Rule)], version: Version) -> Rules {
    let mut numbered: Rules = BTreeMap::new();
    let mut add = |filed: Filed, name: &str, rule: libseccomp_tree::Rule| {
        let entry = numbered.entry(filed).or_default();
        name.clone_into(&mut entry.0);
        entry.1.push(rule);
    };
    for (name, rule) in rules {
        match resolve(version, arch, name) {
            Resolved::Number(nr) => add(Filed::Number(nr), name, rule.clone()),
            Resolved::Multiplexed { through, call } => {
                let mut conditions = rule.1.clone();
                conditions.retain(|condition| condition.index != 0);
                conditions.push(Condition {
                    index: 0,
                    operator: Operator::Equal,
                    value: u64::from(call),
                    value_two: 0,
                });
                if let Some(nr) = arch.number(through) {
                    add(Filed::Number(nr), name, (rule.0, conditions));
                }
                if let Some(nr) = arch.number(name) {
                    add(Filed::Number(nr), name, rule.clone());
                }
            }
            Resolved::Elsewhere => add(Filed::Name((*name).to_owned()), name, rule.clone()),
            Resolved::Unknown => {}
        }
    }
    numbered
}

/// The greatest number that the profile names, whatever it says of it, by audit number.
fn bounds(policy: &Policy, version: Version) -> BTreeMap<u32, Bound> {
    let mut bounds: BTreeMap<u32, Bound> = BTreeMap::new();
    if matches!(
        policy.default,
        Action::Allow | Action::Log | Action::Trace(_)
    ) {
        return bounds;
    }
    for arch in &policy.arches {
        let greatest = policy
            .rules
            .iter()
            .flat_map(|rule| &rule.names)
            .filter_map(|name| number(version, *arch, name))
            .max();
        let Some(greatest) = greatest else { continue };
        let bound = bounds.entry(arch.audit()).or_default();
        if *arch == Arch::X32 {
            bound.x32 = Some(greatest | X32_BIT);
        } else {
            bound.greatest = Some(greatest);
        }
    }
    bounds
}

fn number(version: Version, arch: Arch, name: &str) -> Option<u32> {
    match resolve(version, arch, name) {
        Resolved::Number(nr) => Some(nr),
        Resolved::Multiplexed { .. } => arch.number(name),
        Resolved::Elsewhere | Resolved::Unknown => None,
    }
}

#[cfg(test)]
#[path = "as_runc_tests.rs"]
mod tests;
