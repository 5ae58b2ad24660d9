//! What is known of the calls that a container made: sets, refusals, evidence.
//!
//! Times are milliseconds since the Unix epoch.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use serde::{Deserialize, Serialize};

use super::{
    arguments::Arguments,
    call::{Call, CallSet, pairs},
    origin::Origins,
};

/// Why a call was turned away, as its caller saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedWith {
    /// The call returned this errno; 0 means that a supervisor made it look done.
    Errno(u16),
    /// The caller died, or got SIGSYS.
    Sigsys,
}

/// One call that a filter turned away, with one errno.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The call.
    pub call: Call,
    /// What its caller got.
    pub with: RefusedWith,
    /// Made by the runtime under its own filter, not by the container's program.
    pub by_runtime: bool,
    /// How often.
    pub count: u64,
    /// First time.
    pub first_ms: u64,
    /// Last time.
    pub last_ms: u64,
    /// The executable that made the first one, as far as it is known.
    pub exe: Option<String>,
    /// The caller's name for itself; it can be forged.
    pub comm: String,
    /// The process, in the host's numbering.
    pub pid: u32,
}

/// The first time a call was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When.
    pub at_ms: u64,
    /// The executable, as the path that was given to execve.
    pub exe: Option<String>,
    /// The caller's name for itself; it can be forged.
    pub comm: String,
    /// The process, in the host's numbering.
    pub pid: u32,
    /// Which entry from outside it descends from: 1 the container's own start, more for
    /// `docker exec` and health checks, 0 unknown.
    pub session: u32,
}

/// Calls and errors of one call, where counting is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Calls that returned.
    pub calls: u64,
    /// Of those, calls that returned an errno.
    pub errors: u64,
}

/// Everything recorded of one cgroup, or of all cgroups of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Entered by the container's own programs.
    pub observed: CallSet,
    /// Observed, and returned something other than ENOSYS.
    pub answered: CallSet,
    /// Observed, and returned ENOSYS.
    pub unsupported: CallSet,
    /// Made by the runtime before it executed the container's program.
    pub runtime: CallSet,
    /// The part of `runtime` that was made under the filter.
    pub guarded: CallSet,
    /// Turned away from the container's own programs.
    pub refused: CallSet,
    /// Turned away from the runtime under its own filter.
    pub runtime_refused: CallSet,
    /// In flight when the recording began, read from /proc; part of `observed` too.
    pub in_flight: CallSet,
    /// Refusals with errno, count and caller.
    pub refusals: Vec<Refusal>,
    /// First sightings, where their news arrived.
    #[serde(with = "pairs")]
    pub sightings: BTreeMap<Call, Sighting>,
    /// Calls and errors, where counting is on.
    #[serde(with = "pairs")]
    pub tallies: BTreeMap<Call, Tally>,
    /// Hashes of the filters installed, the oldest first, as 16 hex digits.
    pub filters: Vec<String>,
    /// Those of them that the runtime installed: the container's own. The others some program in
    /// it put on itself and its children.
    #[serde(default)]
    pub runtime_filters: BTreeSet<String>,
    /// Values of arguments, where recording them is on.
    #[serde(default)]
    pub arguments: Arguments,
    /// Where the observed calls come from.
    #[serde(default, skip_serializing_if = "Origins::is_empty")]
    pub origins: Origins,
    /// Calls with a number that is in no table.
    pub out_of_range: u64,
    /// The making of the cgroup was seen: nothing before it was missed.
    pub start_seen: bool,
    /// A program was executed by the runtime.
    pub program_started: bool,
    /// The cgroup is gone: nothing can be added.
    pub stop_seen: bool,
    /// Entries from outside: 1 for the start, and one for each exec session.
    pub sessions: u32,
    /// First call.
    pub first_ms: Option<u64>,
    /// When a call was last seen for the first time.
    pub last_new_ms: Option<u64>,
}

impl Observation {
    /// Calls that only ever answered ENOSYS: a libc asking whether they are there.
    #[must_use]
    pub fn probes(&self) -> CallSet {
        let unsupported = self.unsupported.iter();
        unsupported
            .filter(|call| self.is_probe(**call))
            .copied()
            .collect()
    }

    /// The same in less memory: sets that grew call by call have gaps of nearly half their size.
    #[must_use]
    pub fn without_gaps(mut self) -> Self {
        let origins = &mut self.origins;
        for set in [
            &mut self.observed,
            &mut self.answered,
            &mut self.unsupported,
            &mut self.runtime,
            &mut self.guarded,
            &mut self.refused,
            &mut self.runtime_refused,
            &mut self.in_flight,
            &mut origins.start,
            &mut origins.run,
            &mut origins.shutdown,
            &mut origins.exec,
            &mut origins.health,
            &mut origins.unknown,
        ] {
            *set = std::mem::take(set).into_iter().collect();
        }
        self
    }

    /// A call that only ever answered ENOSYS.
    #[must_use]
    pub fn is_probe(&self, call: Call) -> bool {
        self.observed.contains(&call)
            && self.unsupported.contains(&call)
            && !self.answered.contains(&call)
    }

    /// Adds everything that another observation of the same container holds.
    ///
    /// What comes of several does not depend on their order, but for `filters`: they have no
    /// times, and those absorbed later count as installed later.
    pub fn absorb(&mut self, other: Self) {
        let Self {
            observed,
            answered,
            unsupported,
            runtime,
            guarded,
            refused,
            runtime_refused,
            in_flight,
            refusals,
            sightings,
            tallies,
            filters,
            runtime_filters,
            arguments,
            origins,
            out_of_range,
            start_seen,
            program_started,
            stop_seen,
            sessions,
            first_ms,
            last_new_ms,
        } = other;
        self.arguments =
            std::mem::take(&mut self.arguments).united(&self.observed, arguments, &observed);
        self.origins = std::mem::take(&mut self.origins).united(&self.observed, origins, &observed);
        self.observed.extend(observed);
        self.answered.extend(answered);
        self.unsupported.extend(unsupported);
        self.runtime.extend(runtime);
        self.guarded.extend(guarded);
        self.refused.extend(refused);
        self.runtime_refused.extend(runtime_refused);
        self.in_flight.extend(in_flight);
        self.refusals = merged_refusals(std::mem::take(&mut self.refusals), refusals);
        for (call, sighting) in sightings {
            match self.sightings.entry(call) {
                Entry::Vacant(place) => {
                    place.insert(sighting);
                }
                Entry::Occupied(mut mine) if sighting.rank() < mine.get().rank() => {
                    mine.insert(sighting);
                }
                Entry::Occupied(_) => {}
            }
        }
        for (call, tally) in tallies {
            let mine = self.tallies.entry(call).or_default();
            mine.calls = mine.calls.saturating_add(tally.calls);
            mine.errors = mine.errors.saturating_add(tally.errors);
        }
        for filter in filters {
            if !self.filters.contains(&filter) {
                self.filters.push(filter);
            }
        }
        self.runtime_filters.extend(runtime_filters);
        self.out_of_range = self.out_of_range.saturating_add(out_of_range);
        self.start_seen |= start_seen;
        self.program_started |= program_started;
        self.stop_seen &= stop_seen;
        self.sessions = self.sessions.saturating_add(sessions);
        self.first_ms = [self.first_ms, first_ms].into_iter().flatten().min();
        self.last_new_ms = self.last_new_ms.max(last_new_ms);
    }

    /// All observations in one; the empty one if there are none.
    ///
    /// Unlike absorbing into an empty observation this keeps `stop_seen` when all have it.
    #[must_use]
    pub fn united(observations: impl IntoIterator<Item = Self>) -> Self {
        observations
            .into_iter()
            .reduce(|mut all, one| {
                all.absorb(one);
                all
            })
            .unwrap_or_default()
    }
}

/// One refusal for each caller, call and errno, sorted: the container's own programs' first.
fn merged_refusals(mine: Vec<Refusal>, theirs: Vec<Refusal>) -> Vec<Refusal> {
    let mut merged: BTreeMap<_, Refusal> = BTreeMap::new();
    for refusal in mine.into_iter().chain(theirs) {
        match merged.entry((refusal.by_runtime, refusal.call, refusal.with)) {
            Entry::Vacant(place) => {
                place.insert(refusal);
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                let count = known.count.saturating_add(refusal.count);
                let last_ms = known.last_ms.max(refusal.last_ms);
                // The caller that is named is the first one's.
                if refusal.rank() < known.rank() {
                    *known = refusal;
                }
                known.count = count;
                known.last_ms = last_ms;
            }
        }
    }
    merged.into_values().collect()
}

impl Sighting {
    /// The one of two that counts as the first.
    pub(super) fn earlier(self, other: Self) -> Self {
        if other.rank() < self.rank() {
            other
        } else {
            self
        }
    }

    /// Decides between two of the same call: the earlier, then anything that does not depend on
    /// which came to hand first.
    pub(super) fn rank(&self) -> (u64, u32, u32, &str, Option<&str>) {
        (
            self.at_ms,
            self.pid,
            self.session,
            &self.comm,
            self.exe.as_deref(),
        )
    }
}

impl Refusal {
    /// As with sightings.
    pub(super) fn rank(&self) -> (u64, u32, &str, Option<&str>) {
        (self.first_ms, self.pid, &self.comm, self.exe.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::{CallSet, Observation, Origins};
    use crate::profile::{abi::Abi, call::Call};

    #[test]
    fn without_gaps_it_is_the_same() {
        let mut from = 0;
        let mut set = || -> CallSet {
            from += 1;
            (from..40).map(|nr| Call::new(Abi::X86_64, nr)).collect()
        };
        let whole = Observation {
            observed: set(),
            answered: set(),
            unsupported: set(),
            runtime: set(),
            guarded: set(),
            refused: set(),
            runtime_refused: set(),
            in_flight: set(),
            origins: Origins {
                start: set(),
                run: set(),
                shutdown: set(),
                exec: set(),
                health: set(),
                unknown: set(),
            },
            ..Observation::default()
        };
        assert_eq!(whole.clone().without_gaps(), whole);
    }
}
