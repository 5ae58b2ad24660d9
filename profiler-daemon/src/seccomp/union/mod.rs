//! One policy that lets through whatever any of several does.
//!
//! It is made rule by rule, so that it can be written down and read, and then compared with the union
//! by meaning: that nothing is lost is proven for every call and every argument, and where rules
//! cannot say it exactly, what is let through besides is told by name. A call that all refuse gets the
//! mildest of their answers, for who got an errno under one of them must not be killed under all of
//! them. Must not depend on the order of what is united.

mod conjunction;
mod proof;

use std::collections::{BTreeMap, BTreeSet};

use self::conjunction::Conjunction;
use super::{
    action::Action,
    arch::Arch,
    diagram::TooLarge,
    dialects::docker::{ActionName, Argument, Profile, Rule},
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
    // What cannot be said with conditions is let through without.
    let lost = proof.lost(&draft.policy())?;
    for name in &lost {
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

/// What one part says of a name.
struct Said {
    /// Under which conditions it lets the call through.
    lets: Vec<(Action, Conjunction)>,
    /// The answer of a rule without conditions that refuses it.
    refuses_all: Option<Action>,
    /// Answers of all its rules that refuse it.
    refuses: BTreeSet<Action>,
}

impl Said {
    fn of(policy: &Policy, name: &str) -> Self {
        let rules: Vec<&policy::Rule> = policy
            .rules
            .iter()
            .filter(|rule| rule.names.iter().any(|known| known == name))
            .collect();
        // The first rule without conditions decides alone.
        if let Some(rule) = rules.iter().find(|rule| rule.conditions.is_empty()) {
            if rule.action.lets_through() {
                return Self {
                    lets: vec![(rule.action, Conjunction::new())],
                    refuses_all: None,
                    refuses: BTreeSet::new(),
                };
            }
            return Self {
                lets: Vec::new(),
                refuses_all: Some(rule.action),
                refuses: BTreeSet::from([rule.action]),
            };
        }
        let (letting, refusing): (Vec<&policy::Rule>, Vec<_>) =
            rules.iter().partition(|rule| rule.action.lets_through());
        let mut lets = Vec::new();
        for rule in letting {
            let mut left = vec![conjunction::of(&rule.conditions)];
            // A rule that refuses is stricter, and so wins where both hold. What cannot be taken
            // away exactly stays, and is told as wider.
            for other in &refusing {
                let part = conjunction::of(&other.conditions);
                left = left
                    .into_iter()
                    .flat_map(|whole| {
                        conjunction::without(&whole, &part).unwrap_or_else(|| vec![whole])
                    })
                    .collect();
                left.truncate(MOST_PIECES);
            }
            lets.extend(left.into_iter().map(|conditions| (rule.action, conditions)));
        }
        Self {
            lets,
            refuses_all: None,
            refuses: refusing.iter().map(|rule| rule.action).collect(),
        }
    }
}

/// Pieces that a rule may fall into. If there are more, the proof finds what is missing, and the call is
/// let through whole.
const MOST_PIECES: usize = 64;

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

/// The union in Docker's dialect: names that are ruled alike, and for the same parts' sake, stand
/// together.
fn document(policy: &Policy, rulings: &BTreeMap<String, Vec<Ruling>>, parts: &[Part]) -> Profile {
    let mut alike: BTreeMap<(bool, std::cmp::Reverse<Action>, &BTreeSet<usize>), Vec<&String>> =
        BTreeMap::new();
    let mut conditional = Vec::new();
    for (name, rulings) in rulings {
        for ruling in rulings {
            let action = ruling.action;
            if ruling.conditions.is_empty() {
                let key = (
                    !action.lets_through(),
                    std::cmp::Reverse(action),
                    &ruling.from,
                );
                alike.entry(key).or_default().push(name);
            } else {
                conditional.push((name, ruling));
            }
        }
    }
    let whole = alike
        .into_iter()
        .map(|((_, action, from), names)| (action.0, from, names, &[][..]));
    let narrow = conditional.into_iter().map(|(name, ruling)| {
        (
            ruling.action,
            &ruling.from,
            vec![name],
            ruling.conditions.as_slice(),
        )
    });
    let rules = whole
        .chain(narrow)
        .map(|(action, from, names, conditions)| {
            let (word, errno) = ActionName::of(action);
            Rule {
                errno_ret: errno.map(Into::into),
                args: conditions.iter().copied().map(Argument::from).collect(),
                comment: comment(action, from, parts),
                ..Rule::of(word, names.into_iter().cloned())
            }
        });
    Profile {
        syscalls: rules.collect(),
        ..Profile::from(&Policy {
            rules: Vec::new(),
            ..policy.clone()
        })
    }
}

fn comment(action: Action, from: &BTreeSet<usize>, parts: &[Part]) -> String {
    let titles: Vec<&str> = from
        .iter()
        .filter_map(|place| parts.get(*place))
        .map(|part| part.title.as_str())
        .collect();
    let whose = if titles.len() == parts.len() {
        format!("all {}", parts.len())
    } else {
        titles.join(", ")
    };
    if action.lets_through() {
        format!("let through by {whose}")
    } else {
        format!("answered so by {whose}, and let through by none")
    }
}

#[cfg(test)]
mod tests;
