//! One container: who it is, which cgroups it has, and what is known of it beside the maps.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use super::{
    executables::Executables,
    first_seen::FirstSightings,
    logged::Logged,
    observed::part,
    phases::Phases,
    ports::{Home, KeptContainer},
};
use crate::{
    profile::{
        asked::Asked,
        call::{Call, CallSet},
        identity::Identity,
        observation::Observation,
    },
    recording::source::Source,
};

/// How deep a cgroup lies; the tree's root is at 0.
fn depth(path: &Path) -> u32 {
    let normal = |part: &Component<'_>| matches!(part, Component::Normal(_));
    path.components().filter(normal).count() as u32
}

/// A container. What the kernel's maps hold of it is read when it is asked for.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) identity: Identity,
    /// What its engine was asked for, once it told.
    pub(super) asked: Option<Asked>,
    /// Its topmost cgroup below the mount, once a path told.
    pub(super) root: Option<PathBuf>,
    /// Its cgroups that have a record in the kernel.
    pub(super) cgroups: BTreeSet<u64>,
    /// What cgroups recorded that are gone, and what was kept by an earlier daemon.
    pub(super) ended: Option<Observation>,
    /// First sightings, of all its cgroups.
    pub(super) sightings: FirstSightings,
    /// Calls that its filter lets through and has the kernel log, since this daemon began.
    pub(super) logged: BTreeMap<Call, Logged>,
    /// Calls in flight when the recording began.
    pub(super) in_flight: CallSet,
    /// What is known of the phases it goes through, and of who comes in.
    pub(super) phases: Phases,
    /// Calls lost on the host before it began to run.
    pub(super) lost_before: u64,
    /// Calls lost on the host when it ran before.
    pub(super) lost_earlier: u64,
    /// Calls lost on the host while it lived, once it ended.
    pub(super) lost: Option<u64>,
    /// Something changed that is not kept yet.
    pub(super) unkept: bool,
    /// The id under which the store still has it, and its versions, where it was given another that could
    /// not be kept.
    pub(super) kept_as: Option<String>,
    /// When it was first met, later than of any that was met before; 0 where that is not known.
    pub(super) met_ms: u64,
    /// When something last changed, milliseconds since the epoch, in the order of changes.
    pub(super) changed_ms: u64,
    /// Bytes of its record, if that was read back or imported.
    pub(super) bytes: u64,
}

impl Container {
    /// A container that was just met.
    pub(super) fn new(identity: Identity, lost_before: u64, met_ms: u64) -> Self {
        Self {
            asked: None,
            identity,
            root: None,
            cgroups: BTreeSet::new(),
            ended: None,
            sightings: FirstSightings::default(),
            logged: BTreeMap::new(),
            in_flight: CallSet::new(),
            phases: Phases::default(),
            lost_before,
            lost_earlier: 0,
            lost: None,
            unkept: true,
            kept_as: None,
            met_ms,
            changed_ms: met_ms,
            bytes: 0,
        }
    }

    /// A container that an earlier daemon kept.
    pub(super) fn kept(kept: KeptContainer, executables: &mut Executables) -> Self {
        let mut observation = kept.observation;
        let sightings = std::mem::take(&mut observation.sightings);
        let sightings = FirstSightings::of(&sightings, &mut executables.names);
        let in_flight = observation.in_flight.clone();
        let recorded = observation.first_ms.is_some();
        Self {
            root: kept.cgroup,
            cgroups: BTreeSet::new(),
            ended: recorded.then(|| observation.without_gaps()),
            sightings,
            logged: BTreeMap::new(),
            in_flight,
            phases: Phases::default(),
            lost_before: 0,
            lost_earlier: 0,
            lost: Some(kept.lost_calls),
            unkept: false,
            kept_as: None,
            met_ms: kept.met_ms,
            changed_ms: kept.changed_ms,
            bytes: kept.bytes,
            asked: kept.asked,
            identity: kept.identity,
        }
    }

    /// What an earlier daemon kept of it can be read only now: it goes on from there.
    pub(super) fn join(&mut self, kept: Self, lost_now: u64) {
        self.identity.fill_from(kept.identity);
        let lost_earlier = kept.lost.unwrap_or_default();
        if self.cgroups.is_empty() && kept.cgroups.is_empty() {
            self.lost = Some(self.lost.unwrap_or_default().max(lost_earlier));
        } else {
            // What was lost before this daemon came may have been this container's.
            self.lost_earlier = lost_earlier;
            self.lost_before = lost_earlier.min(lost_now);
        }
        if kept.met_ms > 0 {
            self.met_ms = self.met_ms.min(kept.met_ms);
        }
        self.asked = self.asked.take().or(kept.asked);
        self.root = self.root.take().or(kept.root);
        self.cgroups.extend(kept.cgroups);
        self.sightings.join(kept.sightings);
        self.in_flight.extend(&kept.in_flight);
        if let Some(ended) = kept.ended {
            self.bury(ended);
        }
        self.unkept = true;
        self.changed_ms = self.changed_ms.max(kept.changed_ms);
    }

    /// It has a cgroup more.
    pub(super) fn moved_in(&mut self, cgroup: u64, home: &Home) {
        self.unkept |= self.cgroups.insert(cgroup);
        self.root = Some(home.root.clone());
    }

    /// How deep its topmost cgroup lies, once a path told.
    pub(super) fn level(&self) -> Option<u32> {
        self.root.as_deref().map(depth)
    }

    /// The record of a removed cgroup becomes part of what ended.
    pub(super) fn bury(&mut self, part: Observation) {
        match &mut self.ended {
            Some(ended) => {
                // Once its end was seen, a later run adds to what is known of ending.
                let stop_seen = ended.stop_seen || part.stop_seen;
                ended.absorb(part);
                ended.stop_seen = stop_seen;
            }
            None => self.ended = Some(part),
        }
    }

    /// Something was recorded of it.
    pub(super) fn has_record(&self) -> bool {
        self.ended.is_some() || !self.cgroups.is_empty() || !self.in_flight.is_empty()
    }

    /// What is known of one that has ended, but for who made the calls; none if more is to be read.
    pub(super) fn settled(&self) -> Option<&Observation> {
        let settled = self.cgroups.is_empty() && self.in_flight.is_empty();
        self.ended.as_ref().filter(|_| settled)
    }

    /// Everything known of it: the kernel's records of its cgroups, what ended, and the evidence.
    /// None when nothing was ever recorded of it.
    pub(super) fn observation(
        &self,
        source: &mut dyn Source,
        executables: &Executables,
    ) -> Option<Observation> {
        let mut whole = self.ended.clone();
        for cgroup in &self.cgroups {
            let snapshot = match source.snapshot(*cgroup) {
                Ok(Some(snapshot)) => snapshot,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(cgroup, %error, "a record cannot be read");
                    continue;
                }
            };
            let part = part(snapshot, self.level(), executables);
            match &mut whole {
                Some(whole) => whole.absorb(part),
                None => whole = Some(part),
            }
        }
        // A container may have been blocked ever since the recording began: the kernel has no
        // record of it yet, and the calls that it is blocked in are all that is known.
        let mut whole = match whole {
            Some(whole) => whole,
            None if self.in_flight.is_empty() => return None,
            None => Observation::default(),
        };
        whole.arguments.forget(&self.in_flight);
        whole.observed.extend(&self.in_flight);
        whole.in_flight.extend(&self.in_flight);
        whole.origins.unknown.extend(&self.in_flight);
        if self.identity.health_check == Some(false) {
            whole.origins.without_health_check();
        }
        whole.sightings = self.sightings.sightings();
        whole
            .refusals
            .sort_by_key(|refusal| (refusal.by_runtime, refusal.call, refusal.with));
        Some(whole)
    }

    /// What is to be kept of it: only what the kernel does not hold. `boot` is this run of the kernel.
    pub(super) fn to_keep(&self, lost_now: u64, boot: Option<&str>) -> KeptContainer {
        let mut observation = self.ended.clone().unwrap_or_default();
        observation.sightings = self.sightings.sightings();
        observation.in_flight = self.in_flight.clone();
        KeptContainer {
            identity: self.identity.clone(),
            asked: self.asked.clone(),
            observation,
            cgroup: self.root.clone(),
            cgroups: self.cgroups.clone(),
            boot: boot.map(str::to_owned),
            met_ms: self.met_ms,
            lost_calls: self.lost_calls(lost_now),
            changed_ms: self.changed_ms,
            bytes: self.bytes,
        }
    }

    /// Calls lost on the host while it lived.
    pub(super) fn lost_calls(&self, lost_now: u64) -> u64 {
        self.lost
            .unwrap_or_else(|| self.lost_earlier + lost_now.saturating_sub(self.lost_before))
    }
}
