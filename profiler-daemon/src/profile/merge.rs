//! The records of several containers, united: what all of them made together, and how many of them
//! made what.
//!
//! A container counts once, by its id, however often its record comes and by whichever way: from
//! this host's kernel, from a file, or from a file that was made while it still ran. So merging knows
//! no order and no repetition. Must not know where records come from, nor what a profile makes of
//! them: that is `compose`.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::{Deserialize, Serialize};

use super::{
    arguments::Values,
    call::{Call, CallSet},
    observation::{Observation, Refusal, Sighting, Tally},
};

/// Records by the full id of the container that each is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged(BTreeMap<String, Observation>);

/// What containers do not agree in. None of it makes a profile wrong: it is what a person who reads
/// "made by 2 of 3" may want to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// One made it, and another's filter refused it to that one's programs.
    RefusedElsewhere,
    /// For one it only ever answered ENOSYS, and for another it did its work.
    ProbedElsewhere,
    /// The values of its arguments are known of one that made it and not of another, so that they
    /// count as unknown.
    ArgumentsUnknown,
    /// Each one's values are known, and together they are more than are kept, so that any may have
    /// been used.
    ArgumentsBeyondBound,
}

/// By how many containers a call was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCoverage {
    /// Containers of which there is a record.
    pub of: u64,
    /// Of those, containers whose programs made it: it was answered with more than ENOSYS, or has
    /// not been answered yet.
    pub made_by: u64,
    /// Containers whose programs made it, and got nothing but ENOSYS from the kernel.
    pub probed_by: u64,
    /// Containers whose programs were refused it.
    pub refused_by: u64,
    /// The earliest evidence of it, milliseconds since the epoch; none where all news of it was lost.
    pub first_ms: Option<u64>,
    /// The newest evidence of it: the latest of each container's first sighting and of the refusals.
    /// A call that a container goes on making is not told again, so it may have been made since.
    pub last_ms: Option<u64>,
    /// What the containers do not agree in, sorted.
    pub conflicts: Vec<Conflict>,
    /// Ids of the containers counted in `made_by` and `probed_by`, sorted; empty if all were.
    pub made_in: Vec<String>,
}

/// How much of what several containers made all of them made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Containers of which there is a record.
    pub containers: u64,
    /// Different calls that any of their programs made.
    pub calls: u64,
    /// Of those, made by all of them.
    pub by_all: u64,
    /// Of those, made by one of them only; 0 if there is but one.
    pub by_one: u64,
    /// Calls, refused ones among them, in which they do not agree.
    pub conflicts: u64,
}

impl Merged {
    /// Adds the record of a container. What was known of the same container before is not counted
    /// twice: of two states of one record, all that either holds is kept.
    pub fn add(&mut self, id: String, record: Observation) {
        match self.0.entry(id) {
            Entry::Vacant(place) => {
                place.insert(settled(record));
            }
            Entry::Occupied(mut place) => {
                let known = std::mem::take(place.get_mut());
                place.insert(rejoined(known, record));
            }
        }
    }

    /// Adds all records that others hold.
    pub fn merge(&mut self, other: Self) {
        for (id, record) in other.0 {
            self.add(id, record);
        }
    }

    /// How many containers there are records of.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The containers, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record of one container.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<&Observation> {
        self.0.get(id)
    }

    /// All records as one, in which counts add up; the empty one if there are none.
    #[must_use]
    pub fn union(&self) -> Observation {
        Observation::united(self.0.values().cloned())
    }

    /// Every call that was made by a program of any of the containers, or refused to one.
    #[must_use]
    pub fn calls(&self) -> CallSet {
        self.0
            .values()
            .flat_map(|record| record.observed.iter().chain(&record.refused))
            .copied()
            .collect()
    }

    /// By how many containers a call was made.
    #[must_use]
    pub fn coverage_of(&self, call: Call) -> CallCoverage {
        let mut found = CallCoverage {
            of: self.count(),
            ..CallCoverage::default()
        };
        let mut roles = Vec::new();
        for (id, record) in &self.0 {
            let role = Role::of(record, call);
            found.made_by += u64::from(role.made);
            found.probed_by += u64::from(role.probed);
            found.refused_by += u64::from(role.refused);
            if role.made || role.probed {
                found.made_in.push(id.clone());
            }
            for at_ms in evidence(record, call) {
                found.first_ms = Some(found.first_ms.map_or(at_ms, |first| first.min(at_ms)));
                found.last_ms = found.last_ms.max(Some(at_ms));
            }
            roles.push(role);
        }
        if found.made_in.len() as u64 == found.of {
            found.made_in.clear();
        }
        found.conflicts = self.conflicts(call, &roles);
        found
    }

    /// How much all containers have in common.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut found = Coverage {
            containers: self.count(),
            ..Coverage::default()
        };
        for call in self.calls() {
            let one = self.coverage_of(call);
            let makers = one.made_by + one.probed_by;
            found.calls += u64::from(makers > 0);
            found.by_all += u64::from(makers == one.of);
            found.by_one += u64::from(makers == 1 && one.of > 1);
            found.conflicts += u64::from(!one.conflicts.is_empty());
        }
        found
    }

    fn conflicts(&self, call: Call, roles: &[Role]) -> Vec<Conflict> {
        // One container that did both had a filter that looks at arguments; that is no conflict.
        let between = |one: fn(&Role) -> bool, other: fn(&Role) -> bool| {
            roles.iter().enumerate().any(|(place, role)| {
                one(role)
                    && roles
                        .iter()
                        .enumerate()
                        .any(|(elsewhere, role)| elsewhere != place && other(role))
            })
        };
        let mut found = Vec::new();
        if between(|role| role.made, |role| role.refused) {
            found.push(Conflict::RefusedElsewhere);
        }
        if between(|role| role.made, |role| role.probed) {
            found.push(Conflict::ProbedElsewhere);
        }
        let makers = || {
            self.0
                .values()
                .filter(|record| record.observed.contains(&call))
        };
        let known: Vec<&Values> = makers()
            .filter_map(|record| record.arguments.of(call))
            .collect();
        let differs = |two: &[&Values]| matches!(two, [one, other] if one.places != other.places);
        if !known.is_empty() && (known.len() < makers().count() || known.windows(2).any(differs)) {
            found.push(Conflict::ArgumentsUnknown);
        } else if known.iter().all(|values| values.seen.is_some()) {
            let joined = known
                .into_iter()
                .cloned()
                .reduce(|all, one| all.joined(&one));
            if joined.is_some_and(|values| values.seen.is_none()) {
                found.push(Conflict::ArgumentsBeyondBound);
            }
        }
        found
    }
}

/// What a call was to the programs of one container.
#[derive(Clone, Copy, Debug)]
struct Role {
    made: bool,
    probed: bool,
    refused: bool,
}

impl Role {
    fn of(record: &Observation, call: Call) -> Self {
        let observed = record.observed.contains(&call);
        let in_flight = record.in_flight.contains(&call);
        let probed = observed
            && !in_flight
            && record.unsupported.contains(&call)
            && !record.answered.contains(&call);
        Self {
            made: (observed || in_flight) && !probed,
            probed,
            refused: record.refused.contains(&call)
                || refusals_of(record, call).any(|refusal| !refusal.by_runtime),
        }
    }
}

fn refusals_of(record: &Observation, call: Call) -> impl Iterator<Item = &Refusal> {
    record
        .refusals
        .iter()
        .filter(move |refusal| refusal.call == call)
}

/// When a record has evidence of a call.
fn evidence(record: &Observation, call: Call) -> impl Iterator<Item = u64> {
    let sighted = record.sightings.get(&call).map(|sighting| sighting.at_ms);
    let refused = refusals_of(record, call)
        .filter(|refusal| !refusal.by_runtime)
        .flat_map(|refusal| [refusal.first_ms, refusal.last_ms]);
    sighted.into_iter().chain(refused)
}

/// A record as it is after being joined with itself: in an order that does not depend on whence it came.
fn settled(record: Observation) -> Observation {
    rejoined(record.clone(), record)
}

/// Two states of one container's record. Sets only ever grow and counters only ever rise, so all
/// that either holds is true of the container, and nothing of it adds up.
fn rejoined(mine: Observation, theirs: Observation) -> Observation {
    let arguments = mine
        .arguments
        .united(&mine.observed, theirs.arguments, &theirs.observed);
    let origins = mine
        .origins
        .united(&mine.observed, theirs.origins, &theirs.observed);
    // A later state has installed more; of two that are alike in that, either says as much.
    let filters = if (mine.filters.len(), &mine.filters) < (theirs.filters.len(), &theirs.filters) {
        theirs.filters
    } else {
        mine.filters
    };
    Observation {
        observed: &mine.observed | &theirs.observed,
        answered: &mine.answered | &theirs.answered,
        unsupported: &mine.unsupported | &theirs.unsupported,
        runtime: &mine.runtime | &theirs.runtime,
        guarded: &mine.guarded | &theirs.guarded,
        refused: &mine.refused | &theirs.refused,
        runtime_refused: &mine.runtime_refused | &theirs.runtime_refused,
        in_flight: &mine.in_flight | &theirs.in_flight,
        refusals: refusals(mine.refusals, theirs.refusals),
        sightings: by_call(mine.sightings, theirs.sightings, Sighting::earlier),
        tallies: by_call(mine.tallies, theirs.tallies, |one, other| Tally {
            calls: one.calls.max(other.calls),
            errors: one.errors.max(other.errors),
        }),
        filters,
        runtime_filters: &mine.runtime_filters | &theirs.runtime_filters,
        arguments,
        origins,
        out_of_range: mine.out_of_range.max(theirs.out_of_range),
        start_seen: mine.start_seen | theirs.start_seen,
        program_started: mine.program_started | theirs.program_started,
        stop_seen: mine.stop_seen | theirs.stop_seen,
        sessions: mine.sessions.max(theirs.sessions),
        first_ms: [mine.first_ms, theirs.first_ms].into_iter().flatten().min(),
        last_new_ms: mine.last_new_ms.max(theirs.last_new_ms),
    }
}

fn by_call<V>(
    mine: BTreeMap<Call, V>,
    theirs: BTreeMap<Call, V>,
    join: impl Fn(V, V) -> V,
) -> BTreeMap<Call, V> {
    let mut joined = mine;
    for (call, value) in theirs {
        let value = match joined.remove(&call) {
            Some(known) => join(known, value),
            None => value,
        };
        joined.insert(call, value);
    }
    joined
}

/// One refusal for each caller, call and errno, sorted, with the greater of two counts.
fn refusals(mine: Vec<Refusal>, theirs: Vec<Refusal>) -> Vec<Refusal> {
    let mut joined: BTreeMap<_, Refusal> = BTreeMap::new();
    for refusal in mine.into_iter().chain(theirs) {
        match joined.entry((refusal.by_runtime, refusal.call, refusal.with)) {
            Entry::Vacant(place) => {
                place.insert(refusal);
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                let count = known.count.max(refusal.count);
                let last_ms = known.last_ms.max(refusal.last_ms);
                if refusal.rank() < known.rank() {
                    *known = refusal;
                }
                known.count = count;
                known.last_ms = last_ms;
            }
        }
    }
    joined.into_values().collect()
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
