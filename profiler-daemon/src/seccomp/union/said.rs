//! What one policy says of one call.

use std::collections::BTreeSet;

use super::conjunction::{self, Conjunction};
use crate::seccomp::{
    action::Action,
    policy::{Policy, Rule},
};

/// Pieces that a rule may fall into. If there are more, the proof finds what is missing, and the call is
/// let through whole.
const MOST_PIECES: usize = 64;

/// What one part says of a name.
pub(super) struct Said {
    /// Under which conditions it lets the call through.
    pub(super) lets: Vec<(Action, Conjunction)>,
    /// The answer of a rule without conditions that refuses it.
    pub(super) refuses_all: Option<Action>,
    /// Answers of all its rules that refuse it.
    pub(super) refuses: BTreeSet<Action>,
}

impl Said {
    pub(super) fn of(policy: &Policy, name: &str) -> Self {
        let rules: Vec<&Rule> = policy
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
        let (letting, refusing): (Vec<&Rule>, Vec<_>) =
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
