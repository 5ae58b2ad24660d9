//! The union written down, with where its rules come from.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{Part, Ruling};
use crate::seccomp::{
    action::Action,
    dialects::docker::{ActionName, Argument, Profile, Rule},
    policy::Policy,
};

/// What names have in common that stand in one rule; by it, what lets through goes first.
type Likeness<'a> = (bool, Reverse<Action>, &'a BTreeSet<usize>);

/// The union in Docker's dialect: names that are ruled alike, and for the same parts' sake, stand
/// together.
pub(super) fn document(
    policy: &Policy,
    rulings: &BTreeMap<String, Vec<Ruling>>,
    parts: &[Part],
) -> Profile {
    let mut alike: BTreeMap<Likeness<'_>, Vec<&String>> = BTreeMap::new();
    let mut conditional = Vec::new();
    for (name, rulings) in rulings {
        for ruling in rulings {
            let action = ruling.action;
            if ruling.conditions.is_empty() {
                let key = (!action.lets_through(), Reverse(action), &ruling.from);
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
        format!("all {} profiles", parts.len())
    } else {
        titles.join(", ")
    };
    if action.lets_through() {
        format!("let through by {whose}")
    } else {
        format!("answered so by {whose}, and let through by none")
    }
}
