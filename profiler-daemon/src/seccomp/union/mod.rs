//! One policy that lets through whatever any of several does.
//!
//! It is made rule by rule, so that it can be written down and read, and then compared with the union
//! by meaning: that nothing is lost is proven for every call and every argument, and where rules
//! cannot say it exactly, what is let through besides is told by name. A call that all refuse gets the
//! mildest of their answers, for who got an errno under one of them must not be killed under all of
//! them. Must not depend on the order of what is united.

mod conjunction;
mod document;
mod proof;
mod said;

use std::collections::{BTreeMap, BTreeSet};

pub use self::proof::lost_under;
use self::{conjunction::Conjunction, document::document, said::Said};
use super::{
    action::Action,
    arch::Arch,
    diagram::TooLarge,
    dialects::docker::Profile,
    policy::{self, Policy},
};
use crate::profile::compose::ENOSYS;

/// One of the policies that are united.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What to call it; no two have the same.
    pub title: String,
    /// What it says.
    pub policy: Policy,
}

/// Why there is no union.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUnion {
    /// Its rules would have to be taken from one another, not put together.
    #[error(
        "{0} lets through what it does not name, so the union would be a list of what all refuse, \
         which rules that allow cannot say; leave it out, or use it alone"
    )]
    AllowsByDefault(String),
    /// They judge calls of different machines.
    #[error("{0} and {1} are for machines of different architectures")]
    OtherMachine(String, String),
    /// It cannot be proven.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The proof failed.
    #[error(
        "the union refuses something that {0} lets through; this is a defect of the profiler, and \
         nothing was made of it"
    )]
    Unproven(String),
}

/// What the union does not say exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compromise {
    /// It lets through a call, of that architecture, with arguments with which none of the parts
    /// does.
    Wider {
        /// The call.
        name: &'static str,
        /// Of which architecture.
        arch: Arch,
    },
    /// Where the call is refused, another answer that some parts give to it is lost.
    Answer {
        /// The call.
        name: String,
        /// What it gets in the union.
        gets: Action,
        /// What it gets from those parts.
        instead_of: Action,
        /// Their titles, sorted.
        from: Vec<String>,
    },
    /// Parts give different answers to what they do not name.
    Default {
        /// What the union gives.
        gets: Action,
        /// What those parts give.
        instead_of: Action,
        /// Their titles, sorted.
        from: Vec<String>,
    },
}

/// A rule of the union, for one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ruling {
    action: Action,
    conditions: Conjunction,
    /// Places of the parts that it comes from.
    from: BTreeSet<usize>,
}

/// The union, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Union {
    /// What it says.
    pub policy: Policy,
    /// The same as a document, whose comments tell which parts a rule comes from.
    pub profile: Profile,
    /// What it does not say exactly, sorted.
    pub compromises: Vec<Compromise>,
}

/// Unites policies.
///
/// # Errors
/// [`NoUnion`].
pub fn union(mut parts: Vec<Part>) -> Result<Union, NoUnion> {
    parts.sort_by(|one, other| one.title.cmp(&other.title));
    if let Some(open) = parts.iter().find(|part| part.policy.default.lets_through()) {
        return Err(NoUnion::AllowsByDefault(open.title.clone()));
    }
    let native = parts
        .first()
        .map_or(Arch::X86_64, |part| part.policy.native);
    if let Some(other) = parts.iter().find(|part| part.policy.native != native) {
        let title = parts
            .first()
            .map_or_else(String::new, |part| part.title.clone());
        return Err(NoUnion::OtherMachine(title, other.title.clone()));
    }
    let mut draft = Draft::of(&parts, native);
    let mut proof = proof::Proof::of(&parts)?;
    // What cannot be said with conditions is let through without; and conditions of several parts
    // that leave nothing out between them are none.
    let mut whole = proof.lost(&draft.policy())?;
    whole.extend(proof.unconditional(&draft.policy())?);
    for name in whole {
        draft.widen(name, &parts);
    }
    let policy = draft.policy();
    if let Some(place) = proof.first_that_loses(&policy)? {
        let title = parts
            .get(place)
            .map_or_else(String::new, |part| part.title.clone());
        return Err(NoUnion::Unproven(title));
    }
    let mut compromises = draft.compromises;
    compromises.extend(proof.wider(&policy)?);
    compromises.sort();
    Ok(Union {
        profile: document(&policy, &draft.rulings, &parts),
        policy,
        compromises,
    })
}

/// The union in the making.
struct Draft {
    default: Action,
    native: Arch,
    arches: Vec<Arch>,
    rulings: BTreeMap<String, Vec<Ruling>>,
    compromises: Vec<Compromise>,
}

impl Draft {
    fn of(parts: &[Part], native: Arch) -> Self {
        let listed: BTreeSet<Arch> = parts
            .iter()
            .flat_map(|part| part.policy.arches.iter().copied())
            .filter(|arch| *arch != native)
            .collect();
        let defaults = (0..)
            .zip(parts)
            .map(|(place, part)| (place, part.policy.default));
        let default = mildest(defaults.clone().map(|(_, action)| (action, false)))
            .unwrap_or(Action::Errno(super::action::EPERM));
        let mut draft = Self {
            default,
            native,
            arches: std::iter::once(native).chain(listed).collect(),
            rulings: BTreeMap::new(),
            compromises: Vec::new(),
        };
        for (instead_of, from) in others(defaults, default, parts) {
            draft.compromises.push(Compromise::Default {
                gets: default,
                instead_of,
                from,
            });
        }
        let names: BTreeSet<&String> = parts
            .iter()
            .flat_map(|part| &part.policy.rules)
            .flat_map(|rule| &rule.names)
            .collect();
        for name in names {
            draft.settle(name, parts);
        }
        draft
    }

    /// The rules of one name.
    fn settle(&mut self, name: &str, parts: &[Part]) {
        let said: Vec<Said> = parts
            .iter()
            .map(|part| Said::of(&part.policy, name))
            .collect();
        let mut rulings: Vec<Ruling> = Vec::new();
        for (place, said) in said.iter().enumerate() {
            for (action, conditions) in &said.lets {
                let known = rulings
                    .iter_mut()
                    .find(|ruling| ruling.action == *action && ruling.conditions == *conditions);
                match known {
                    Some(ruling) => drop(ruling.from.insert(place)),
                    None => rulings.push(Ruling {
                        action: *action,
                        conditions: conditions.clone(),
                        from: BTreeSet::from([place]),
                    }),
                }
            }
        }
        if let Some(action) = whole(&rulings) {
            let from = rulings.into_iter().flat_map(|ruling| ruling.from).collect();
            rulings = vec![Ruling {
                action,
                conditions: Conjunction::new(),
                from,
            }];
        } else {
            rulings = without_implied(rulings);
        }
        let answers = || {
            (0..)
                .zip(&said)
                .flat_map(|(place, said)| said.refuses.iter().map(move |action| (place, *action)))
        };
        let competing = said
            .iter()
            .zip(parts)
            .map(|(said, part)| match said.refuses_all {
                Some(action) => (action, true),
                None => (part.policy.default, false),
            });
        let chosen = mildest(competing).unwrap_or(self.default);
        let lets_all = rulings.iter().any(|ruling| ruling.conditions.is_empty());
        let gets = if rulings.is_empty() && chosen != self.default {
            let from = (0..).zip(&said).zip(parts).filter(|((_, said), part)| {
                said.refuses_all.unwrap_or(part.policy.default) == chosen
            });
            rulings.push(Ruling {
                action: chosen,
                conditions: Conjunction::new(),
                from: from.map(|((place, _), _)| place).collect(),
            });
            chosen
        } else {
            self.default
        };
        if !lets_all {
            for (instead_of, from) in others(answers(), gets, parts) {
                self.compromises.push(Compromise::Answer {
                    name: name.to_owned(),
                    gets,
                    instead_of,
                    from,
                });
            }
        }
        rulings.sort();
        if !rulings.is_empty() {
            self.rulings.insert(name.to_owned(), rulings);
        }
    }

    /// Lets a call through whatever its arguments.
    fn widen(&mut self, name: &str, parts: &[Part]) {
        let from = (0..)
            .zip(parts)
            .filter(|(_, part)| !Said::of(&part.policy, name).lets.is_empty())
            .map(|(place, _)| place)
            .collect();
        let ruling = Ruling {
            action: Action::Allow,
            conditions: Conjunction::new(),
            from,
        };
        self.rulings.insert(name.to_owned(), vec![ruling]);
        // It is refused to nobody, so no answer is lost.
        self.compromises
            .retain(|one| !matches!(one, Compromise::Answer { name: known, .. } if known == name));
    }

    fn policy(&self) -> Policy {
        let rules = self.rulings.iter().flat_map(|(name, rulings)| {
            rulings.iter().map(|ruling| policy::Rule {
                names: vec![name.clone()],
                action: ruling.action,
                conditions: ruling.conditions.clone(),
            })
        });
        Policy {
            default: self.default,
            native: self.native,
            arches: self.arches.clone(),
            rules: rules.collect(),
        }
    }
}

/// The loosest action that holds whatever the arguments.
fn whole(rulings: &[Ruling]) -> Option<Action> {
    rulings
        .iter()
        .filter(|ruling| ruling.conditions.is_empty())
        .map(|ruling| ruling.action)
        .max_by_key(|action| action.rank())
}

/// Without those that hold only where another does that answers alike; what they come from is kept.
fn without_implied(rulings: Vec<Ruling>) -> Vec<Ruling> {
    let implied_by = |one: &Ruling, other: &Ruling| {
        one.action == other.action
            && one.conditions != other.conditions
            && conjunction::implies(&one.conditions, &other.conditions)
    };
    let mut kept: Vec<Ruling> = rulings
        .iter()
        .filter(|one| !rulings.iter().any(|other| implied_by(one, other)))
        .cloned()
        .collect();
    for one in &mut kept {
        let implied = rulings.iter().filter(|other| implied_by(other, one));
        let from: Vec<usize> = implied.flat_map(|other| other.from.clone()).collect();
        one.from.extend(from);
    }
    kept
}

/// The mildest of some answers that refuse, each with whether a rule gives it. ENOSYS goes before
/// all others, for callers fall back on it, and a rule's errno before a default's.
fn mildest(answers: impl Iterator<Item = (Action, bool)>) -> Option<Action> {
    answers
        .max_by_key(|(action, is_rule)| {
            (
                *action == Action::Errno(ENOSYS),
                action.rank(),
                *is_rule,
                std::cmp::Reverse(*action),
            )
        })
        .map(|(action, _)| action)
}

/// Answers other than `gets`, each with the titles of the parts that give it.
fn others(
    answers: impl Iterator<Item = (usize, Action)>,
    gets: Action,
    parts: &[Part],
) -> BTreeMap<Action, Vec<String>> {
    let mut others: BTreeMap<Action, Vec<String>> = BTreeMap::new();
    for (place, action) in answers.filter(|(_, action)| *action != gets) {
        let titles = others.entry(action).or_default();
        titles.extend(parts.get(place).map(|part| part.title.clone()));
    }
    others
}

#[cfg(test)]
mod tests;
