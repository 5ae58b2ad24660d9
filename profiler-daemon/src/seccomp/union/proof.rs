//! The union as it was made, compared with the union by meaning: exact for every call and argument.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::{Compromise, Part};
use crate::seccomp::{
    action::Action,
    arch::Arch,
    diagram::{Diagrams, Node, TooLarge},
    meaning::{Host, MeaningError, as_runc, exact},
    policy::Policy,
};

/// What the parts mean, each and together.
pub(super) struct Proof {
    diagrams: Diagrams,
    parts: Vec<Node>,
    together: Option<Node>,
}

/// Calls that a runtime lets through under one of the parts and, for what libseccomp makes of rules put
/// together, refuses under the union. A part that the runtime does not load loses nothing.
///
/// # Errors
/// The runtime does not load the union, or it is too intricate.
pub fn lost_under(
    parts: &[Part],
    policy: &Policy,
    host: Host,
) -> Result<Vec<(&'static str, Arch)>, MeaningError> {
    let mut diagrams = Diagrams::new();
    let united = as_runc::diagram(&mut diagrams, policy, host)?;
    let mut lost = BTreeSet::new();
    for part in parts {
        let alone = match as_runc::diagram(&mut diagrams, &part.policy, host) {
            Ok(node) => node,
            Err(MeaningError::Refused(_)) => continue,
            Err(error) => return Err(error),
        };
        for arch in &part.policy.arches {
            for (nr, name) in arch.syscalls() {
                let one = diagrams.select_call(alone, *arch, nr);
                let other = diagrams.select_call(united, *arch, nr);
                if one != other && lets_more(&diagrams, one, other) {
                    lost.insert((name, *arch));
                }
            }
        }
    }
    Ok(lost.into_iter().collect())
}

/// There is a call that the first lets through and the second does not.
fn lets_more(diagrams: &Diagrams, one: Node, other: Node) -> bool {
    let mut answers = FxHashSet::default();
    diagrams.answers_together(one, other, &mut FxHashSet::default(), &mut answers);
    answers
        .iter()
        .any(|(one, other)| one.lets_through() && !other.lets_through())
}

impl Proof {
    pub(super) fn of(parts: &[Part]) -> Result<Self, TooLarge> {
        let mut diagrams = Diagrams::new();
        let mut nodes = Vec::new();
        let mut together: Option<Node> = None;
        for part in parts {
            let node = exact::diagram(&mut diagrams, &part.policy)?;
            together = Some(match together {
                Some(others) => diagrams.loosest(others, node)?,
                None => node,
            });
            nodes.push(node);
        }
        Ok(Self {
            diagrams,
            parts: nodes,
            together,
        })
    }

    /// The first part that lets through something that the policy refuses.
    pub(super) fn first_that_loses(&mut self, policy: &Policy) -> Result<Option<usize>, TooLarge> {
        let united = exact::diagram(&mut self.diagrams, policy)?;
        let loses = |part: &Node| lets_more(&self.diagrams, *part, united);
        Ok(self.parts.iter().position(loses))
    }

    /// Names of calls that a part lets through, with some arguments, and the policy does not.
    pub(super) fn lost(&mut self, policy: &Policy) -> Result<BTreeSet<&'static str>, TooLarge> {
        let calls = self.calls(policy, |proof, together, united| {
            lets_more(&proof.diagrams, together, united)
        })?;
        Ok(calls.into_iter().map(|(name, _)| name).collect())
    }

    /// Calls that the policy lets through with arguments with which no part does.
    pub(super) fn wider(&mut self, policy: &Policy) -> Result<Vec<Compromise>, TooLarge> {
        let calls = self.calls(policy, |proof, together, united| {
            lets_more(&proof.diagrams, united, together)
        })?;
        Ok(calls
            .into_iter()
            .map(|(name, arch)| Compromise::Wider { name, arch })
            .collect())
    }

    /// Names of calls that the policy lets through whatever their arguments, on every architecture that
    /// has them and in the same way.
    pub(super) fn unconditional(
        &mut self,
        policy: &Policy,
    ) -> Result<BTreeSet<&'static str>, TooLarge> {
        let united = exact::diagram(&mut self.diagrams, policy)?;
        let (mut whole, mut partly) = (BTreeSet::new(), BTreeSet::new());
        for arch in &policy.arches {
            for (nr, name) in arch.syscalls() {
                let node = self.diagrams.select_call(united, *arch, nr);
                if self.diagrams.answer_of(node) == Some(Action::Allow) {
                    whole.insert(name);
                } else {
                    partly.insert(name);
                }
            }
        }
        Ok(&whole - &partly)
    }

    /// The calls of which something holds of how the parts together judge them, and the policy.
    fn calls(
        &mut self,
        policy: &Policy,
        holds: impl Fn(&Self, Node, Node) -> bool,
    ) -> Result<Vec<(&'static str, Arch)>, TooLarge> {
        let united = exact::diagram(&mut self.diagrams, policy)?;
        let Some(together) = self.together else {
            return Ok(Vec::new());
        };
        let mut calls = Vec::new();
        for arch in &policy.arches {
            for (nr, name) in arch.syscalls() {
                let one = self.diagrams.select_call(together, *arch, nr);
                let other = self.diagrams.select_call(united, *arch, nr);
                if one != other && holds(self, one, other) {
                    calls.push((name, *arch));
                }
            }
        }
        Ok(calls)
    }
}
