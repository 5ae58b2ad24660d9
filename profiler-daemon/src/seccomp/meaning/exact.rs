//! The meaning `exact`: what the document says.
//!
//! A rule holds for a call if all of its conditions hold. Of the rules that hold for a call, one
//! without conditions decides, the first of them if there are several; otherwise the one with the
//! strictest action, and of equally strict ones the first; otherwise the default. An argument that
//! the kernel takes as 32 bits is its low word: the kernel ignores the rest, so a rule must too.

use std::collections::{BTreeMap, HashMap};

use super::{
    comparison::{Width, holds},
    layout::{self, Answers},
};
use crate::seccomp::{
    arch::Arch,
    diagram::{Diagrams, Node, TooLarge},
    facts::width::is_32_bit,
    policy::{Policy, Rule},
};

/// The diagram of what a policy says.
///
/// # Errors
/// It is too intricate to be decided exactly.
pub fn diagram(diagrams: &mut Diagrams, policy: &Policy) -> Result<Node, TooLarge> {
    let rules = by_name(policy);
    let mut answers: BTreeMap<Arch, Answers> = BTreeMap::new();
    for arch in &policy.arches {
        let of_arch = answers.entry(*arch).or_default();
        for (name, rules) in &rules {
            if let Some(nr) = arch.number(name) {
                of_arch.insert(nr, answer(diagrams, policy, *arch, name, rules)?);
            }
        }
    }
    layout::whole(diagrams, policy, &answers, &BTreeMap::new())
}

/// The rules of each name, in order.
fn by_name(policy: &Policy) -> HashMap<&str, Vec<&Rule>> {
    let mut rules: HashMap<&str, Vec<&Rule>> = HashMap::new();
    for rule in &policy.rules {
        for name in &rule.names {
            rules.entry(name).or_default().push(rule);
        }
    }
    rules
}

fn answer(
    diagrams: &mut Diagrams,
    policy: &Policy,
    arch: Arch,
    name: &str,
    rules: &[&Rule],
) -> Result<Node, TooLarge> {
    if let Some(rule) = rules.iter().find(|rule| rule.conditions.is_empty()) {
        return Ok(diagrams.answer(rule.action));
    }
    let mut conditional: Vec<&Rule> = rules.to_vec();
    // Stable: of equally strict ones the first stays first.
    conditional.sort_by_key(|rule| rule.action.rank());
    let mut node = diagrams.answer(policy.default);
    for rule in conditional.into_iter().rev() {
        let mut all = Node::TRUE;
        for condition in &rule.conditions {
            let width = if is_32_bit(arch, name, condition.index) {
                Width::Low
            } else {
                Width::Whole
            };
            let one = holds(diagrams, *condition, width)?;
            all = diagrams.and(all, one)?;
        }
        let action = diagrams.answer(rule.action);
        node = diagrams.choose(all, action, node)?;
    }
    Ok(node)
}
