//! What a filter does, call by call: for every architecture and every number.
//!
//! Read off a diagram, so nothing is missed and nothing is guessed: each number has one standing,
//! and calls without a name are summed up as ranges of numbers.

mod clause;

use rustc_hash::FxHashMap;

pub use clause::{Clause, number};

use crate::{
    profile::call::Call,
    seccomp::{
        action::Action,
        arch::{Arch, X32_BIT},
        diagram::{Block, Diagrams, Node, Split, TooLarge, Word},
        filter::evaluate::passes_every_filter,
    },
};

/// Bound on ranges of numbers within one architecture.
const MOST_RANGES: usize = 20_000;

/// Bound on the cases by which one call is described.
const MOST_CASES: usize = 256;

/// Ranges of one argument's value that are said one by one; more are said by bits.
const MOST_VALUE_RANGES: usize = 24;

/// What a filter does with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Always the same.
    Always(Action),
    /// By its arguments: every call is in exactly one case.
    Conditional(Vec<Case>),
}

/// Some calls with the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The answer.
    pub action: Action,
    /// What all hold.
    pub when: Vec<Clause>,
    /// The arguments of one such call.
    pub witness: [u64; 6],
}

/// Numbers of one architecture that a filter treats alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first, as a filter sees it.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// The diagram that judges their arguments.
    pub node: Node,
}

/// An audit number, and what a filter does under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The first audit number that it holds for.
    pub first_audit: u32,
    /// The last.
    pub last_audit: u32,
    /// By number, in order, without a gap.
    pub ranges: Vec<Range>,
}

/// The sections of a whole filter, by audit number, without a gap.
///
/// # Errors
/// It treats the numbers in too many ways.
pub fn sections(diagrams: &Diagrams, root: Node) -> Result<Vec<Section>, TooLarge> {
    let audits = diagrams
        .ranges_of(root, Block::word(Word::ARCH), MOST_RANGES)
        .ok_or(TooLarge)?;
    closed(&audits)
        .into_iter()
        .map(|(first_audit, last_audit, node)| {
            let ranges = diagrams
                .ranges_of(node, Block::word(Word::NR), MOST_RANGES)
                .ok_or(TooLarge)?;
            Ok(Section {
                first_audit,
                last_audit,
                ranges: closed(&ranges)
                    .into_iter()
                    .map(|(first, last, node)| Range { first, last, node })
                    .collect(),
            })
        })
        .collect()
}

/// Ranges by their first and last number.
fn closed(ranges: &[(u64, Node)]) -> Vec<(u32, u32, Node)> {
    ranges
        .iter()
        .enumerate()
        .map(|(place, (first, node))| {
            let last = ranges
                .get(place + 1)
                .map_or(u32::MAX, |(next, _)| (next - 1) as u32);
            (*first as u32, last, *node)
        })
        .collect()
}

/// The call that a number stands for under an audit number.
#[must_use]
pub fn arch_of(audit: u32, nr: u32) -> Option<Arch> {
    Arch::ALL.into_iter().find(|arch| {
        arch.audit() == audit
            && (*arch == Arch::X32) == (audit == Arch::X32.audit() && nr & X32_BIT != 0)
    })
}

/// What a filter does with the calls of a range, by their arguments.
///
/// # Errors
/// It needs more cases than a person could read.
pub fn standing(diagrams: &mut Diagrams, node: Node) -> Result<Standing, TooLarge> {
    if let Some(action) = diagrams.answer_of(node) {
        return Ok(Standing::Always(action));
    }
    let mut found = Vec::new();
    describe(diagrams, node, &mut Vec::new(), &mut found)?;
    let mut cases = Vec::with_capacity(found.len());
    for (action, when) in found {
        let mut all = Node::TRUE;
        for clause in &when {
            let holds = clause.diagram(diagrams)?;
            all = diagrams.and(all, holds)?;
        }
        let witness = diagrams.witness(Node::FALSE, all).unwrap_or_default();
        cases.push(Case {
            action,
            when,
            witness: witness.args,
        });
    }
    Ok(Standing::Conditional(cases))
}

/// What a filter does with one call, by its arguments. What the kernel lets through whatever a
/// filter says is let through.
///
/// # Errors
/// As [`standing`].
pub fn standing_of_call(
    diagrams: &mut Diagrams,
    filter: Node,
    call: Call,
) -> Result<Standing, TooLarge> {
    let arch = Arch::from(call.abi);
    let nr = arch.seen_by_filters(call.nr);
    if passes_every_filter(arch, nr) {
        return Ok(Standing::Always(Action::Allow));
    }
    let node = diagrams.select_call(filter, arch, nr);
    standing(diagrams, node)
}

fn describe(
    diagrams: &Diagrams,
    node: Node,
    when: &mut Vec<Clause>,
    found: &mut Vec<(Action, Vec<Clause>)>,
) -> Result<(), TooLarge> {
    let Some(word) = diagrams.asks_for(node) else {
        if found.len() >= MOST_CASES {
            return Err(TooLarge);
        }
        let action = diagrams.answer_of(node).unwrap_or(Action::KillThread);
        found.push((action, when.clone()));
        return Ok(());
    };
    let block = match word.argument() {
        Some((index, true)) => Block::argument(index),
        _ => Block::word(word),
    };
    for (clause, next) in ways(block, diagrams.split(node, block, MOST_VALUE_RANGES)) {
        when.push(clause);
        describe(diagrams, next, when, found)?;
        when.pop();
    }
    Ok(())
}

/// The ways on from a block, each with what it takes.
fn ways(block: Block, split: Split) -> Vec<(Clause, Node)> {
    match split {
        Split::Masked {
            mask,
            value,
            yes,
            no,
        } => [(true, yes), (false, no)]
            .map(|(equal, node)| {
                let clause = Clause::Masked {
                    block,
                    mask,
                    value,
                    equal,
                };
                (clause, node)
            })
            .into(),
        Split::Ranges(ranges) => {
            let greatest = u64::MAX >> (64 - block.bits());
            let mut places: FxHashMap<Node, usize> = FxHashMap::default();
            let mut ways: Vec<(Vec<(u64, u64)>, Node)> = Vec::new();
            for (place, (first, node)) in ranges.iter().enumerate() {
                let last = ranges.get(place + 1).map_or(greatest, |(next, _)| next - 1);
                let way = *places.entry(*node).or_insert_with(|| {
                    ways.push((Vec::new(), *node));
                    ways.len() - 1
                });
                if let Some((list, _)) = ways.get_mut(way) {
                    list.push((*first, last));
                }
            }
            ways.into_iter()
                .map(|(ranges, node)| (Clause::Within { block, ranges }, node))
                .collect()
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
