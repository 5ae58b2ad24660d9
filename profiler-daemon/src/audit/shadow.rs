//! A candidate that stays attached: what it would answer to each call, decided once for all calls.
//!
//! Pure. Of a call that the candidate judges by its arguments no more is foretold than that it may be
//! refused, unless their values were recorded. Must not know where calls are seen, nor who is told.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::fate::{Fate, fate_of_all};
use crate::{
    profile::{
        abi::Abi,
        arguments::Values,
        call::{Call, CallSet},
    },
    seccomp::{
        action::Action,
        arch::Arch,
        diagram::{Diagrams, Node, TooLarge},
        filter::{evaluate::passes_every_filter, program::Program, symbolic::stacked},
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
pub struct Shadow {
    refused: BTreeMap<Call, Forecast>,
    /// What decides calls by their arguments.
    diagrams: Diagrams,
    candidate: Node,
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The diagrams would fill pages, and say the same.
        out.debug_struct("Shadow")
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

impl Shadow {
    /// The shadow of a filter's meaning.
    #[must_use]
    pub fn of(diagrams: Diagrams, candidate: Node) -> Self {
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
                    .or_insert_with(|| forecast(&diagrams, node));
                if let Some(forecast) = forecast {
                    refused.insert(Call::new(abi, number), forecast);
                }
            }
        }
        Self {
            refused,
            diagrams,
            candidate,
        }
    }

    /// The shadow of programs that are in force together, the newest first.
    ///
    /// # Errors
    /// They are too intricate to be decided exactly.
    pub fn of_programs(programs: &[Program]) -> Result<Self, TooLarge> {
        let mut diagrams = Diagrams::new();
        let whole = stacked(&mut diagrams, programs)?;
        Ok(Self::of(diagrams, whole))
    }

    /// What a call would get; none if it would be let through.
    #[must_use]
    pub fn forecast(&self, call: Call) -> Option<Forecast> {
        self.refused.get(&call).copied()
    }

    /// What a call would get that was made with these values, if they are known.
    #[must_use]
    pub fn forecast_of(&self, call: Call, values: Option<&Values>) -> Option<Forecast> {
        let forecast = self.forecast(call)?;
        let Some(values) = values.filter(|_| !forecast.certain) else {
            return Some(forecast);
        };
        match fate_of_all(&self.diagrams, self.candidate, call, values) {
            (Fate::Through, _) => None,
            (Fate::Open, _) => Some(forecast),
            (Fate::Refused(answer), _) => Some(Forecast {
                answer,
                certain: true,
            }),
        }
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
