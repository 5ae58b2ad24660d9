//! One container again in a new cgroup, and one container after another under the same id.
//!
//! An id is all that a cgroup's path tells. Who has it is the engine's to say, by when it made the
//! container: a record that was imported, or an earlier container of that id, is another's. What it showed
//! is never mixed with what the one does that has the id now, and never dropped: it goes on under an id of
//! its own, with its versions.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Collector, Owner, container::Container, phases::Phases, ports::Home};
use crate::{
    api::protocol::Event,
    profile::{call::CallSet, identity::Identity},
};

/// Engines tell of one container when it was made to the second in a list, else to the millisecond.
const SAME_MS: u64 = 1_000;
/// What the kernel's times lose when they become times since the epoch, at most.
const READINGS_MS: u64 = 10;

impl Collector {
    /// A container has a cgroup more. If nothing of it ran it is started, perhaps not for the first time.
    pub(super) fn moves_in(&mut self, cgroup: u64, home: &Home) {
        let at_ms = self.places.now_ms();
        let lost = self.lost_calls();
        let container = self.container(home);
        // Of an earlier run a record may wait that could not be kept.
        let begins = container.cgroups.is_empty() || container.lost.is_some();
        if begins {
            container.begins(lost);
        }
        container.moved_in(cgroup, home);
        if begins {
            let name = container.identity.display_name().to_owned();
            let _ = self.events.send(Event::Container {
                at_ms,
                id: home.id.clone(),
                name,
                change: "started".into(),
            });
        }
    }

    /// A container of this host turns up by its cgroup: what was imported under its id is another's.
    pub(super) fn displace_imported(&mut self, id: &str) {
        if self.is_imported(id) {
            self.set_aside(id);
        }
    }

    /// The engine tells who a container is: whatever had that id before it was made is another's.
    pub(super) fn succeed(&mut self, identity: &Identity) {
        self.displace_imported(&identity.id);
        let Some(known) = self.containers.get(&identity.id) else {
            return;
        };
        if !is_made_anew(&known.identity, identity) {
            return;
        }
        // Those of the earlier one are gone, though perhaps nobody has looked yet.
        for cgroup in known.cgroups.clone() {
            if self.is_removed(cgroup) {
                self.on_gone(cgroup);
            }
        }
        self.set_aside(&identity.id);
    }

    /// Gives what ended under an id an id of its own. What runs under that id keeps it.
    fn set_aside(&mut self, id: &str) {
        // Otherwise nothing was kept of this one: what the store has under its id is another's.
        let apart = self.is_apart(id);
        let ordered_ms = self.ordered_now();
        let Some(mut earlier) = self.containers.remove(id) else {
            return;
        };
        let ended = earlier.ended.as_ref();
        let mut shown = ended
            .map(|ended| ended.observed.clone())
            .unwrap_or_default();
        let mut runs = BTreeSet::new();
        let mut began_ms = None;
        for cgroup in &earlier.cgroups {
            match self.source.snapshot(*cgroup) {
                // It could not be kept yet, and stays the earlier one's.
                Ok(Some(record)) if record.gone => shown.extend(&record.observation.observed),
                record => {
                    runs.insert(*cgroup);
                    let record = record.ok().flatten();
                    let first_ms = record.and_then(|record| record.observation.first_ms);
                    began_ms = began_ms.into_iter().chain(first_ms).min();
                }
            }
        }
        let began_ms = began_ms.unwrap_or(ordered_ms);
        if let Some(later) = earlier.succeeded(ordered_ms, runs, began_ms, &shown) {
            self.containers.insert(id.to_owned(), later);
        }
        for shadow in self.shadows.attached.values_mut() {
            shadow.containers.remove(id);
        }
        if !earlier.has_shown_anything() {
            return;
        }
        if apart {
            earlier.kept_as = Some(id.to_owned());
        }
        let other = self.goes_on_apart(id, earlier);
        self.drift.forget(id);
        self.touch(&other, false);
        self.touch(id, false);
    }

    /// An earlier container goes on under an id of its own, also in the store if that has it under the id
    /// that is another's now; that id.
    pub(super) fn goes_on_apart(&mut self, id: &str, mut earlier: Container) -> String {
        let other = self.free_id(id);
        tracing::warn!(
            id,
            kept_as = other,
            name = earlier.identity.display_name(),
            "another container has this id now: what was recorded under it before is kept under an id of its own"
        );
        earlier.identity.id.clone_from(&other);
        for cgroup in &earlier.cgroups {
            self.owners.insert(*cgroup, Owner::Container(other.clone()));
        }
        self.containers.insert(other.clone(), earlier);
        self.keep_aside(&other);
        other
    }

    /// True if the store has of this id what is its container's, and no other. What could not be set aside
    /// when an id was given anew is set aside now. Until it is, nothing may be kept under either id: it
    /// would go over another's record, or into another's history.
    pub(super) fn is_apart(&mut self, id: &str) -> bool {
        self.set_aside_where(|other, was| was == id || other == id)
    }

    /// Sets aside in the store what could not be set aside yet; false if some of it still cannot.
    pub(super) fn all_apart(&mut self) -> bool {
        self.set_aside_where(|_, _| true)
    }

    /// The same, of those of which the id and that in the store are as wanted.
    fn set_aside_where(&mut self, wanted: impl Fn(&str, &str) -> bool) -> bool {
        let waiting = self.containers.iter().filter(|(id, container)| {
            let was = container.kept_as.as_deref();
            was.is_some_and(|was| wanted(id, was))
        });
        let waiting: Vec<String> = waiting.map(|(id, _)| id.clone()).collect();
        waiting.iter().all(|id| self.keep_aside(id))
    }

    /// Keeps a container, and its versions, under the id that it has now, where the store has them under
    /// another; false if they could not be kept.
    fn keep_aside(&mut self, id: &str) -> bool {
        let lost = self.lost_calls();
        let Some(earlier) = self.containers.get(id) else {
            return true;
        };
        let Some(was) = earlier.kept_as.clone() else {
            return true;
        };
        let file = earlier.to_keep(lost, self.boot.as_deref());
        // Nothing of it is to be held against the later one, though it cannot be kept.
        self.versions.set_aside(&was, id);
        self.drift.set_aside(&was, id);
        let result = self.keep.set_aside(&was, &file);
        if !self.kept(result) {
            return false;
        }
        if let Some(earlier) = self.containers.get_mut(id) {
            earlier.kept_as = None;
            earlier.unkept = false;
        }
        true
    }

    /// An id that nothing has: like an engine's, for it goes wherever those go.
    fn free_id(&self, id: &str) -> String {
        // The time, for what is kept and not read yet may have one of an earlier time.
        let now_ms = self.places.now_ms();
        let mut place = 0_u64;
        loop {
            place += 1;
            let digest = Sha256::digest(format!("{id} {now_ms} {place}"));
            let other: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            if !self.containers.contains_key(&other) {
                return other;
            }
        }
    }
}

/// Two containers of one id, by when the engine made them.
pub(super) fn is_made_anew(before: &Identity, now: &Identity) -> bool {
    match (before.created_ms, now.created_ms) {
        (Some(before), Some(now)) => before.abs_diff(now) >= SAME_MS,
        _ => false,
    }
}

impl Container {
    /// Nothing of it ran, and something does now.
    fn begins(&mut self, lost_now: u64) {
        self.identity.running = true;
        self.phases = Phases::default();
        // What is lost from here on comes on top of what was lost when it ran before.
        if let Some(lost) = self.lost.take() {
            self.lost_earlier = lost;
            self.lost_before = lost_now;
        }
    }

    /// It runs since before this daemon. What was lost until it came may have been this container's; as
    /// far as an earlier one knew, that is in what it kept.
    pub(super) fn goes_on(&mut self, lost_now: u64) {
        self.lost_earlier = self.lost.take().unwrap_or(self.lost_earlier);
        self.lost_before = self.lost_earlier.min(lost_now);
    }

    /// Something of it would be missed.
    pub(super) fn has_shown_anything(&self) -> bool {
        self.ended.is_some() || !self.sightings.is_empty() || !self.cgroups.is_empty()
    }

    /// Parts it into what ended, which stays and had shown these calls, and what `runs` now under its id,
    /// whose first call was made at `began_ms`; none if nothing runs.
    fn succeeded(
        &mut self,
        met_ms: u64,
        runs: BTreeSet<u64>,
        began_ms: u64,
        shown: &CallSet,
    ) -> Option<Self> {
        self.identity.running = false;
        self.identity.pid = None;
        self.unkept = true;
        if runs.is_empty() {
            return None;
        }
        let unnamed = Identity::unnamed(self.identity.id.clone(), self.identity.engine);
        let mut later = Self::new(unnamed, self.lost_before, met_ms);
        later.root.clone_from(&self.root);
        self.cgroups.retain(|cgroup| !runs.contains(cgroup));
        later.cgroups = runs;
        later.phases = std::mem::take(&mut self.phases);
        // Which of them a process of the earlier one was in cannot be told: better one too many than one
        // too few.
        later.in_flight = std::mem::take(&mut self.in_flight);
        let ended = self.ended.as_ref();
        self.in_flight = ended
            .map(|ended| ended.in_flight.clone())
            .unwrap_or_default();
        // Two readings of one time may differ by a little.
        let began_ms = began_ms.saturating_sub(READINGS_MS);
        later.sightings = self
            .sightings
            .take_out(|call, at_ms| !shown.contains(&call) || at_ms >= began_ms);
        self.lost = Some(self.lost_earlier);
        Some(later)
    }
}

#[cfg(test)]
#[path = "reuse_tests.rs"]
mod tests;
