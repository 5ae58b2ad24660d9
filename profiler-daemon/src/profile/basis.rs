//! What a profile rests on: the part of an observation that decides what is allowed, and no more.
//!
//! Two observations with the same basis make the same profile, whenever and by whom the calls were
//! made. That is what a version is of: it changes when this does, and not with a clock or a count.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    arguments::Arguments,
    call::{Call, CallSet, ranges},
    observation::{Observation, Refusal, RefusedWith},
};

/// A call that was turned away: with what, and whether the runtime had made it.
type Turned = (Call, RefusedWith, bool);

/// What decides a profile. Its serialized form is the same for the same basis: a digest may be
/// taken of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Made by the container's programs, and answered by more than ENOSYS or still in flight.
    #[serde(with = "ranges")]
    pub made: CallSet,
    /// Made, and only ever answered by ENOSYS.
    #[serde(with = "ranges")]
    pub probes: CallSet,
    /// Made by the runtime under the filter.
    #[serde(with = "ranges")]
    pub guarded: CallSet,
    /// Turned away from the container's programs.
    #[serde(with = "ranges")]
    pub refused: CallSet,
    /// Turned away from the runtime under its own filter.
    #[serde(with = "ranges")]
    pub runtime_refused: CallSet,
    /// How each was turned away.
    pub refusals: BTreeSet<Turned>,
    /// Values of the arguments of calls that were made, where they were recorded.
    pub arguments: Arguments,
}

impl Basis {
    /// What decides in an observation.
    #[must_use]
    pub fn of(observation: &Observation) -> Self {
        // A call in flight has not answered yet, so it can't be taken for a probe.
        let probes = &observation.probes() - &observation.in_flight;
        let made = &(&observation.observed | &observation.in_flight) - &probes;
        let mut arguments = Arguments::default();
        for call in &made {
            if let Some(values) = observation.arguments.of(*call) {
                arguments.insert(*call, values.clone());
            }
        }
        Self {
            made,
            probes,
            guarded: observation.guarded.clone(),
            refused: observation.refused.clone(),
            runtime_refused: observation.runtime_refused.clone(),
            refusals: observation
                .refusals
                .iter()
                .map(|refusal| (refusal.call, refusal.with, refusal.by_runtime))
                .collect(),
            arguments,
        }
    }

    /// An observation that makes the same profile. It has no times, counts or callers.
    #[must_use]
    pub fn observation(&self) -> Observation {
        Observation {
            observed: &self.made | &self.probes,
            answered: self.made.clone(),
            unsupported: self.probes.clone(),
            guarded: self.guarded.clone(),
            refused: self.refused.clone(),
            runtime_refused: self.runtime_refused.clone(),
            refusals: self.refusals.iter().map(refusal).collect(),
            arguments: self.arguments.clone(),
            ..Observation::default()
        }
    }

    /// What two of them allow together.
    #[must_use]
    pub fn united(self, other: Self) -> Self {
        let mut both = self.observation();
        both.absorb(other.observation());
        Self::of(&both)
    }

    /// Nothing was ever made, refused, or started by a runtime.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn refusal(turned: &Turned) -> Refusal {
    let (call, with, by_runtime) = *turned;
    Refusal {
        call,
        with,
        by_runtime,
        count: 0,
        first_ms: 0,
        last_ms: 0,
        exe: None,
        comm: String::new(),
        pid: 0,
    }
}

#[cfg(test)]
#[path = "basis_tests.rs"]
mod tests;
