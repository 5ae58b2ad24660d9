//! One container again in a new cgroup, and one container after another under the same id.
//!
//! An id is all that a cgroup's path tells. Who has it is the engine's to say, by when it made the
//! container: a record that was imported, or an earlier container of that id, is another's. What it showed
//! is never mixed with what the one does that has the id now, and never dropped: it goes on under an id of
//! its own, with its versions.

use sha2::{Digest, Sha256};

use super::{Collector, container::Container, ports::Home};
use crate::{
    api::protocol::Event,
    profile::{identity::Identity, version::Subject},
};

/// Engines tell of one container when it was made to the second in a list, else to the millisecond.
const SAME_MS: u64 = 1_000;
/// What the kernel's times lose when they become times since the epoch, at most.
const READINGS_MS: u64 = 10;

impl Collector {
    /// A container has a cgroup more. If it had none it runs, perhaps not for the first time.
    pub(super) fn moves_in(&mut self, cgroup: u64, home: &Home) {
        let at_ms = self.places.now_ms();
        let lost = self.lost_calls();
        let container = self.container(home);
        let begins = container.cgroups.is_empty();
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
        let ordered_ms = self.ordered_now();
        let Some(mut earlier) = self.containers.remove(id) else {
            return;
        };
        let began_ms = earlier.cgroups.iter().filter_map(|cgroup| {
            let snapshot = self.source.snapshot(*cgroup).ok().flatten()?;
            snapshot.observation.first_ms
        });
        let began_ms = began_ms.min().unwrap_or(ordered_ms);
        if let Some(later) = earlier.succeeded(ordered_ms, began_ms) {
            self.containers.insert(id.to_owned(), later);
        }
        for shadow in self.shadows.attached.values_mut() {
            shadow.containers.remove(id);
        }
        if !earlier.has_shown_anything() {
            return;
        }
        let other = self.free_id(id);
        tracing::warn!(
            id,
            kept_as = other,
            name = earlier.identity.display_name(),
            "another container has this id now: what was recorded under it before is kept under an id of its own"
        );
        earlier.identity.id.clone_from(&other);
        let file = earlier.to_keep(self.lost_calls(), self.boot.as_deref());
        self.containers.insert(other.clone(), earlier);
        let result = self.keep.set_aside(id, &file);
        if self.kept(result) {
            if let Some(earlier) = self.containers.get_mut(&other) {
                earlier.unkept = false;
            }
            self.versions.set_aside(id, &other);
            let promoted = self.drift.promoted(&Subject::Container(id.to_owned()));
            if let Some(number) = promoted
                && let Err(error) = self.hold_against(&Subject::Container(other.clone()), number)
            {
                tracing::error!(id = other, number, %error, "a promoted version cannot be read");
            }
            self.drift.forget(id);
        }
        self.touch(&other, false);
        self.touch(id, false);
    }

    /// An id that nothing has: like an engine's, for it goes wherever those go.
    pub(super) fn free_id(&self, id: &str) -> String {
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
    /// It had no cgroup, and has one now.
    fn begins(&mut self, lost_now: u64) {
        self.identity.running = true;
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
        self.ended.is_some() || !self.sightings.is_empty()
    }

    /// Parts it into what ended, which stays, and what runs now under its id, whose first call was made at
    /// `began_ms`; none if nothing runs.
    fn succeeded(&mut self, met_ms: u64, began_ms: u64) -> Option<Self> {
        self.identity.running = false;
        self.identity.pid = None;
        self.unkept = true;
        if self.cgroups.is_empty() {
            return None;
        }
        let unnamed = Identity::unnamed(self.identity.id.clone(), self.identity.engine);
        let mut later = Self::new(unnamed, self.lost_before, met_ms);
        later.root.clone_from(&self.root);
        later.cgroups = std::mem::take(&mut self.cgroups);
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
        later.sightings = self.sightings.take_out(|call, at_ms| {
            let known = ended.is_some_and(|ended| ended.observed.contains(&call));
            !known || at_ms >= began_ms
        });
        self.lost = Some(self.lost_earlier);
        Some(later)
    }
}

#[cfg(test)]
#[path = "reuse_tests.rs"]
mod tests;
