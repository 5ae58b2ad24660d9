//! What a filter answers to a call with the arguments that it was seen with.
//!
//! Only values that are recorded whole decide: where the filter looks at a word of which nothing is
//! known, nothing is said. Of an argument that the kernel takes as 32 bits, only these are recorded.

use crate::{
    profile::{arguments::Values, call::Call, table},
    seccomp::{
        action::Action,
        arch::Arch,
        diagram::{Diagrams, Node, Word},
        facts::width::is_32_bit,
    },
};

/// The answer to every combination of values that was seen; none if one is not decided by them, or
/// there were more than are kept.
#[must_use]
pub fn decided(
    diagrams: &Diagrams,
    filter: Node,
    call: Call,
    values: &Values,
) -> Option<Vec<Action>> {
    let arch = Arch::from(call.abi);
    let node = diagrams.select_call(filter, arch, arch.seen_by_filters(call.nr));
    let combinations = values.seen.as_ref()?.iter();
    combinations
        .map(|combination| {
            let known: Vec<(u8, u64)> = values
                .places
                .iter()
                .copied()
                .zip(combination.iter().copied())
                .collect();
            answer(diagrams, node, call, &known)
        })
        .collect()
}

fn answer(diagrams: &Diagrams, mut node: Node, call: Call, known: &[(u8, u64)]) -> Option<Action> {
    while let Some(word) = diagrams.asks_for(node) {
        node = diagrams.select(node, word, value(word, call, known)?);
    }
    diagrams.answer_of(node)
}

fn value(word: Word, call: Call, known: &[(u8, u64)]) -> Option<u32> {
    let (index, is_upper) = word.argument()?;
    let (_, whole) = known.iter().find(|(place, _)| *place == index)?;
    if !is_upper {
        return Some(*whole as u32);
    }
    let is_narrow = is_32_bit(Arch::from(call.abi), table::name(call)?, index);
    (!is_narrow).then_some((*whole >> 32) as u32)
}
