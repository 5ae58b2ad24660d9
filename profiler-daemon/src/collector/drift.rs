//! Drift: what is made, or refused, that the promoted version's profile does not let through.
//!
//! News tells it within moments; what news lost is found when the next version is made, for that is
//! made of the kernel's maps. Nothing is ever applied: what comes next is proposed as a version.

use std::collections::{BTreeSet, HashMap};

use super::{Collector, ports::KeepError};
use crate::{
    api::protocol::Event,
    profile::{
        basis::Basis,
        call::Call,
        compose::Options,
        drift::Promoted,
        observation::{RefusedWith, Sighting},
        table,
        version::{Change, Subject},
    },
};

/// What was promoted, and what of it was told.
#[derive(Debug, Default)]
pub(super) struct Drift {
    promoted: HashMap<Subject, Promoted>,
    /// Calls that were told as drift, by what they are drift of and the container that made them.
    told: HashMap<(Subject, String), BTreeSet<Call>>,
}

impl Drift {
    /// The number of the promoted version.
    pub(super) fn promoted(&self, subject: &Subject) -> Option<u64> {
        self.promoted.get(subject).map(|promoted| promoted.number)
    }

    /// Whatever was told of a container is not needed any more.
    pub(super) fn forget(&mut self, id: &str) {
        self.told.retain(|(_, container), _| container != id);
        self.promoted.remove(&Subject::Container(id.to_owned()));
    }
}

/// A call of a container, and who made it.
struct Drifted<'a> {
    call: Call,
    refused: Option<RefusedWith>,
    first: Option<&'a Sighting>,
    earlier: bool,
}

impl Collector {
    /// Reads what was promoted while an earlier daemon ran. What was made while none did is told when
    /// versions are made of it; what an earlier one told is not told again.
    pub(super) fn take_up_promoted(&mut self) {
        let promoted = match self.keep.promoted() {
            Ok(promoted) => promoted,
            Err(error) => {
                tracing::error!(%error, "what was promoted cannot be read: drift is not told");
                return;
            }
        };
        for (subject, number) in promoted {
            if let Err(error) = self.hold_against(&subject, number) {
                tracing::error!(?subject, number, %error, "a promoted version cannot be read");
            }
        }
    }

    /// A version was promoted. What was made already, and is not in it, is told at once.
    pub(super) fn promoted(&mut self, subject: &Subject, number: u64) -> Result<(), KeepError> {
        self.hold_against(subject, number)?;
        for id in self.ids_of(subject) {
            self.look_for_drift(subject, &id, |_| true, true);
        }
        Ok(())
    }

    /// From now on everything of this is held against that version.
    fn hold_against(&mut self, subject: &Subject, number: u64) -> Result<(), KeepError> {
        let Some(kept) = self.keep.version(subject, number)? else {
            return Ok(());
        };
        let composed = self.composed(&kept.basis.observation(), None, Options::default());
        let promoted = Promoted::of(number, &kept.basis, &composed);
        self.drift.told.retain(|(of, _), _| of != subject);
        self.drift.promoted.insert(subject.clone(), promoted);
        Ok(())
    }

    /// A container made a call for the first time, or it was refused to it.
    pub(super) fn drifted(
        &mut self,
        id: &str,
        call: Call,
        refused: Option<RefusedWith>,
        sighting: &Sighting,
    ) {
        for subject in self.subjects_of(id) {
            let promoted = self.drift.promoted.get(&subject);
            if promoted.is_some_and(|promoted| promoted.is_drift(call)) {
                let one = Drifted {
                    call,
                    refused,
                    first: Some(sighting),
                    earlier: false,
                };
                self.tell_drift(&subject, id, &one);
            }
        }
    }

    /// A version was made: what news did not tell of is told now, and the version is proposed.
    pub(super) fn proposed(&mut self, subject: &Subject, number: u64, changes: &[Change]) {
        let Some(promoted) = self.drift.promoted.get(subject).map(|one| one.number) else {
            return;
        };
        let is_new = |call: &Call| {
            changes
                .iter()
                .any(|one| (one.abi.as_str(), one.nr) == (call.abi.name(), call.nr))
        };
        for id in self.ids_of(subject) {
            self.look_for_drift(subject, &id, is_new, false);
        }
        let (target, name) = self.told_as(subject);
        tracing::info!(
            target,
            promoted,
            number,
            "a version is proposed after the promoted one"
        );
        let _ = self.events.send(Event::Proposed {
            at_ms: self.places.now_ms(),
            target,
            name,
            promoted,
            version: number,
            changes: changes.to_vec(),
        });
    }

    /// Tells what of a container's calls is drift, as far as they are wanted and were not told yet.
    fn look_for_drift(
        &mut self,
        subject: &Subject,
        id: &str,
        wanted: impl Fn(&Call) -> bool,
        earlier: bool,
    ) {
        let Some(observation) = self.observed(id) else {
            return;
        };
        let Some(promoted) = self.drift.promoted.get(subject) else {
            return;
        };
        let mut drift = promoted.drift_of(&Basis::of(&observation));
        drift.retain(wanted);
        for call in drift {
            let refusal = observation.refusals.iter().find(|one| one.call == call);
            let one = Drifted {
                call,
                refused: refusal
                    .filter(|_| !observation.observed.contains(&call))
                    .map(|refusal| refusal.with),
                first: observation.sightings.get(&call),
                earlier,
            };
            self.tell_drift(subject, id, &one);
        }
    }

    fn tell_drift(&mut self, subject: &Subject, id: &str, drifted: &Drifted<'_>) {
        let Drifted {
            call,
            refused,
            first,
            earlier,
        } = *drifted;
        let told = self
            .drift
            .told
            .entry((subject.clone(), id.to_owned()))
            .or_default();
        let Some(promoted) = self.drift.promoted.get(subject) else {
            return;
        };
        if !told.insert(call) {
            return;
        }
        let number = promoted.number;
        let (target, _) = self.told_as(subject);
        let name = self.name(id);
        tracing::warn!(
            container = name,
            target,
            promoted = number,
            call = table::display_name(call),
            abi = call.abi.name(),
            by = first.map(|first| first.exe.as_deref().unwrap_or(&first.comm)),
            "drift: a call that the promoted version does not let through"
        );
        let _ = self.events.send(Event::Drift {
            at_ms: self.places.now_ms(),
            id: id.to_owned(),
            name,
            target,
            promoted: number,
            abi: call.abi.name().into(),
            call: table::display_name(call),
            refused,
            earlier,
            first: first.cloned(),
        });
    }

    /// Of what a container's calls may be drift: of its own promoted version, and of its workload's.
    fn subjects_of(&self, id: &str) -> Vec<Subject> {
        let image = self.workload_of(id);
        let container = Subject::Container(id.to_owned());
        image.into_iter().chain([container]).collect()
    }

    /// As an operand of `profilectl`, and a name for people.
    fn told_as(&self, subject: &Subject) -> (String, String) {
        match subject {
            Subject::Container(id) => (id.clone(), self.name(id)),
            Subject::Image(key) => {
                let ids = self.ids_of(subject);
                let mut known = ids.iter().filter_map(|id| self.containers.get(id));
                let name = known.find_map(|container| container.identity.run_as());
                (format!("image:{key}"), name.unwrap_or_else(|| key.clone()))
            }
        }
    }
}
