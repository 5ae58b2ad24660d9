//! A candidate that stays attached: what it would answer to each call, decided once for all calls.
//!
//! Pure. A call is seen by its ABI and number only, so of a call that the candidate judges by its
//! arguments no more is foretold than that it may be refused. Must not know where calls are seen,
//! nor who is told.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::{
    profile::{
        abi::Abi,
        call::{Call, CallSet},
    },
    seccomp::{
        action::Action,
        arch::Arch,
        diagram::{Diagrams, Node, TooLarge},
        filter::{evaluate::passes_every_filter, program::Program, symbolic},
    },
};

/// Numbers of each ABI that are decided: more than any table has, and than is recorded of a cgroup.
const NUMBERS: u32 = 1024;

/// What a candidate would answer to a call that it would not always let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The answer; the strictest where arguments decide between several.
    pub answer: Action,
    /// Every such call gets it. If not, some do, by their arguments.
    pub certain: bool,
}

/// What a candidate would refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadow {
    refused: BTreeMap<Call, Forecast>,
}

impl Shadow {
    /// The shadow of a filter's meaning.
    #[must_use]
    pub fn of(diagrams: &Diagrams, candidate: Node) -> Self {
        let mut refused = BTreeMap::new();
        // Most numbers lead to one of a few nodes.
        let mut known: BTreeMap<Node, Option<Forecast>> = BTreeMap::new();
        for abi in Abi::ALL {
            let arch = Arch::from(abi);
            for number in 0..NUMBERS {
                let seen = arch.seen_by_filters(number);
                if passes_every_filter(arch, seen) {
                    continue;
                }
                let node = diagrams.select_call(candidate, arch, seen);
                let forecast = *known
                    .entry(node)
                    .or_insert_with(|| forecast(diagrams, node));
                if let Some(forecast) = forecast {
                    refused.insert(Call::new(abi, number), forecast);
                }
            }
        }
        Self { refused }
    }

    /// The shadow of programs that are in force together.
    ///
    /// # Errors
    /// They are too intricate to be decided exactly.
    pub fn of_programs(programs: &[Program]) -> Result<Self, TooLarge> {
        let mut diagrams = Diagrams::new();
        let mut whole = diagrams.answer(Action::Allow);
        for program in programs {
            let one = symbolic::diagram(&mut diagrams, program)?;
            whole = diagrams.stack(one, whole)?;
        }
        Ok(Self::of(&diagrams, whole))
    }

    /// What a call would get; none if it would be let through.
    ///
    /// Whoever knows the arguments of a call asks here first: only a forecast that is not certain
    /// leaves them anything to decide.
    #[must_use]
    pub fn forecast(&self, call: Call) -> Option<Forecast> {
        self.refused.get(&call).copied()
    }

    /// Of some calls those that would always be refused.
    #[must_use]
    pub fn certain(&self, calls: &CallSet) -> CallSet {
        let certain = |call: &&Call| self.forecast(**call).is_some_and(|found| found.certain);
        calls.iter().filter(certain).copied().collect()
    }
}

fn forecast(diagrams: &Diagrams, node: Node) -> Option<Forecast> {
    let mut answers = FxHashSet::default();
    diagrams.answers_together(node, node, &mut FxHashSet::default(), &mut answers);
    let strictest = answers
        .iter()
        .map(|(answer, _)| *answer)
        .filter(|answer| !answer.lets_through())
        .min()?;
    Some(Forecast {
        answer: strictest,
        certain: answers.iter().all(|(answer, _)| !answer.lets_through()),
    })
}

#[cfg(test)]
#[path = "shadow_tests.rs"]
mod tests;
