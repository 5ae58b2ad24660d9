//! Drift: what is made, or refused, that the promoted version's profile does not let through; and what is
//! made with values of arguments that it does not have, where they are recorded.
//!
//! News tells it within moments; what news lost is found when the next version is made, for that is
//! made of the kernel's maps. Nothing is ever applied: what comes next is proposed as a version.

mod told;

use std::collections::{BTreeSet, HashMap};

use self::told::Told;
use super::{Collector, ports::KeepError};
use crate::{
    api::protocol::Event,
    profile::{
        arguments::Values,
        basis::Basis,
        call::Call,
        compose::Options,
        drift::Promoted,
        observation::{RefusedWith, Sighting},
        table,
        version::{Change, Changed, Subject},
    },
    seccomp::summary::number,
};

/// What was promoted, and what of it was told.
#[derive(Debug, Default)]
pub(super) struct Drift {
    promoted: HashMap<Subject, Promoted>,
    /// What was told as drift, by what it is drift of and the container that made it.
    told: HashMap<(Subject, String), Told>,
}

impl Drift {
    /// The number of the promoted version.
    pub(super) fn promoted(&self, subject: &Subject) -> Option<u64> {
        self.promoted.get(subject).map(|promoted| promoted.number)
    }

    /// Something was promoted.
    pub(super) fn any(&self) -> bool {
        !self.promoted.is_empty()
    }

    /// What was promoted of a container is held against the one that has its record now.
    pub(super) fn set_aside(&mut self, id: &str, other: &str) {
        if let Some(promoted) = self.promoted.remove(&Subject::Container(id.to_owned())) {
            let other = Subject::Container(other.to_owned());
            self.promoted.insert(other, promoted);
        }
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
    /// The values of its arguments that are drift, where the call itself is none.
    with: Option<Values>,
    first: Option<&'a Sighting>,
    earlier: bool,
}

/// Of what a container made, what is looked at.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// All of it: it was made before the version was promoted.
    Everything,
    /// What a new version has and the one before had not.
    New {
        changes: &'a [Change],
        before: &'a Basis,
    },
}

impl Wanted<'_> {
    fn has(&self, call: Call) -> bool {
        // That its values are others does not make a call new.
        let new = |kind| !matches!(kind, Changed::Values | Changed::Removed);
        self.in_a_change(new, call)
    }

    /// Of values of a call's arguments, those that are looked at. Of a version that has them all to be
    /// unknown nobody knows which were told.
    fn of_values(&self, call: Call, mut values: BTreeSet<Vec<u64>>) -> BTreeSet<Vec<u64>> {
        if let Self::New { before, .. } = self {
            let before = before.arguments.of(call);
            match before.and_then(|before| before.seen.as_ref()) {
                Some(before) if self.in_a_change(|one| one == Changed::Values, call) => {
                    values.retain(|one| !before.contains(one));
                }
                _ => values.clear(),
            }
        }
        values
    }

    fn in_a_change(&self, kind: impl Fn(Changed) -> bool, call: Call) -> bool {
        match self {
            Self::Everything => true,
            Self::New { changes, .. } => changes.iter().any(|one| {
                kind(one.change) && (one.abi.as_str(), one.nr) == (call.abi.name(), call.nr)
            }),
        }
    }
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
            self.look_for_drift(subject, &id, Wanted::Everything);
        }
        Ok(())
    }

    /// From now on everything of this is held against that version.
    pub(super) fn hold_against(&mut self, subject: &Subject, number: u64) -> Result<(), KeepError> {
        let Some(kept) = self.keep.version(subject, number)? else {
            return Ok(());
        };
        let options = Options {
            arguments: true,
            ..Options::default()
        };
        let composed = self.composed(&kept.basis.observation(), None, options);
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
                    with: None,
                    first: Some(sighting),
                    earlier: false,
                };
                self.tell_drift(&subject, id, one);
            }
        }
    }

    /// A container made a call with new values of its arguments.
    pub(super) fn drifted_in_values(
        &mut self,
        id: &str,
        call: Call,
        values: &Values,
        sighting: &Sighting,
    ) {
        for subject in self.subjects_of(id) {
            let Some(promoted) = self.drift.promoted.get(&subject) else {
                continue;
            };
            let beyond = promoted.values_beyond(call, values);
            let told = self.drift.told.get(&(subject.clone(), id.to_owned()));
            let is_new = told.is_none_or(|told| told.lacks(call, &beyond));
            if beyond.is_empty() || !is_new || !self.knows_values(id, call) {
                continue;
            }
            let one = Drifted {
                call,
                refused: None,
                with: Some(Values {
                    places: values.places.clone(),
                    seen: Some(beyond),
                }),
                first: Some(sighting),
                earlier: false,
            };
            self.tell_drift(&subject, id, one);
        }
    }

    /// All values of a call's arguments are known of a container. Of others none is told, by whichever
    /// way it came: what is told must not depend on which news were lost.
    fn knows_values(&mut self, id: &str, call: Call) -> bool {
        let observation = self.observed(id);
        let values = observation.as_ref().and_then(|one| one.arguments.of(call));
        values.is_some_and(|values| values.seen.is_some())
    }

    /// A version was made after one that rests on `before`: what news did not tell of is told now, and
    /// the version is proposed.
    pub(super) fn proposed(
        &mut self,
        subject: &Subject,
        number: u64,
        changes: &[Change],
        before: &Basis,
    ) {
        let Some(promoted) = self.drift.promoted.get(subject).map(|one| one.number) else {
            return;
        };
        for id in self.ids_of(subject) {
            self.look_for_drift(subject, &id, Wanted::New { changes, before });
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

    /// Tells what of a container's calls is drift, as far as it is wanted and was not told yet.
    fn look_for_drift(&mut self, subject: &Subject, id: &str, wanted: Wanted<'_>) {
        let Some(observation) = self.observed(id) else {
            return;
        };
        let Some(promoted) = self.drift.promoted.get(subject) else {
            return;
        };
        let now = Basis::of(&observation);
        let earlier = matches!(wanted, Wanted::Everything);
        let mut drift = promoted.drift_of(&now);
        drift.retain(|call| wanted.has(*call));
        let mut found: Vec<Drifted<'_>> = Vec::new();
        for call in drift {
            let refusal = observation.refusals.iter().find(|one| one.call == call);
            found.push(Drifted {
                call,
                refused: refusal
                    .filter(|_| !observation.observed.contains(&call))
                    .map(|refusal| refusal.with),
                with: None,
                first: observation.sightings.get(&call),
                earlier,
            });
        }
        for (call, values) in now.arguments.iter() {
            let beyond = promoted.values_beyond(*call, values);
            let beyond = wanted.of_values(*call, beyond);
            if beyond.is_empty() {
                continue;
            }
            found.push(Drifted {
                call: *call,
                refused: None,
                with: Some(Values {
                    places: values.places.clone(),
                    seen: Some(beyond),
                }),
                // Who made the call first need not be who made it so.
                first: None,
                earlier,
            });
        }
        for one in found {
            self.tell_drift(subject, id, one);
        }
    }

    fn tell_drift(&mut self, subject: &Subject, id: &str, drifted: Drifted<'_>) {
        let Drifted {
            call,
            refused,
            mut with,
            first,
            earlier,
        } = drifted;
        let told = self
            .drift
            .told
            .entry((subject.clone(), id.to_owned()))
            .or_default();
        let Some(promoted) = self.drift.promoted.get(subject) else {
            return;
        };
        let is_new = match with.as_mut().and_then(|with| with.seen.as_mut()) {
            Some(values) => {
                *values = told.note_values(call, values);
                !values.is_empty()
            }
            None => told.note(call),
        };
        if !is_new {
            return;
        }
        let number = promoted.number;
        let (target, _) = self.told_as(subject);
        let name = self.name(id);
        let by = first.map(|first| first.exe.as_deref().unwrap_or(&first.comm));
        match &with {
            None => tracing::warn!(
                container = name,
                target,
                promoted = number,
                call = table::display_name(call),
                abi = call.abi.name(),
                by,
                "drift: a call that the promoted version does not let through"
            ),
            Some(values) => tracing::warn!(
                container = name,
                target,
                promoted = number,
                call = table::display_name(call),
                abi = call.abi.name(),
                with = combinations(values),
                by,
                "drift: values of arguments that the promoted version does not have"
            ),
        }
        let _ = self.events.send(Event::Drift {
            at_ms: self.places.now_ms(),
            id: id.to_owned(),
            name,
            target,
            promoted: number,
            abi: call.abi.name().into(),
            call: table::display_name(call),
            refused,
            with,
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

/// `(38, 5), (16, 3)`
fn combinations(values: &Values) -> String {
    let all = values.seen.iter().flatten().map(|one| {
        let one: Vec<String> = one.iter().map(|value| number(*value)).collect();
        format!("({})", one.join(", "))
    });
    all.collect::<Vec<_>>().join(", ")
}
