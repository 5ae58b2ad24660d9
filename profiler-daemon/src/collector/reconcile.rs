//! Making good what lost news left undone, and what happened while no daemon ran.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    Collector, ENDED_LIMIT, Owner,
    container::Container,
    phases::Phases,
    ports::{KeepError, Place},
};

/// How often every record is looked over though no news was lost.
const LOOK_OVER_MS: u64 = 60_000;
/// How often what is kept is tidied.
const TIDY: Duration = Duration::from_secs(600);

impl Collector {
    /// Containers that an earlier daemon kept, and the records that the kernel still holds of them:
    /// those that ended while no daemon ran are on no path and in no engine's list any more.
    ///
    /// # Errors
    /// They could not be read. Who went on without them would write less over them.
    pub(super) fn take_up_kept(&mut self) -> Result<(), KeepError> {
        let since_ms = self.source.facts().since_ms;
        for known in self.keep.container_ids()? {
            let Some(kept) = self.keep.container(&known)? else {
                self.keep.forget(&known)?;
                continue;
            };
            let id = kept.identity.id.clone();
            // Before this recording began, perhaps before a reboot, an id meant another cgroup.
            let same_recording = kept.changed_ms >= since_ms;
            let cgroups = kept.cgroups.clone();
            let mut container = Container::kept(kept, &mut self.executables);
            for cgroup in cgroups.into_iter().filter(|_| same_recording) {
                if matches!(self.source.snapshot(cgroup), Ok(Some(_))) {
                    self.shadows.take_up(cgroup);
                    container.cgroups.insert(cgroup);
                    self.owners.insert(cgroup, Owner::Container(id.clone()));
                }
            }
            if container.cgroups.is_empty() {
                container.identity.running = false;
            }
            self.containers.insert(id, container);
        }
        Ok(())
    }

    /// Containers that run already: recorded from here on, their start not seen unless an
    /// earlier daemon's programs saw it.
    pub(super) fn take_up_running(&mut self) {
        for (cgroup, home) in self.places.containers() {
            self.owners
                .insert(cgroup, Owner::Container(home.id.clone()));
            self.shadows.take_up(cgroup);
            let recorded_from_start = matches!(
                self.source.snapshot(cgroup),
                Ok(Some(snapshot)) if snapshot.observation.start_seen
            );
            let in_flight = if recorded_from_start {
                crate::profile::call::CallSet::new()
            } else {
                self.places.in_flight(&home.root)
            };
            let container = self.container(&home);
            container.moved_in(cgroup, &home);
            container.identity.running = true;
            container.in_flight.extend(in_flight);
            // What was lost before this daemon came may have been this container's.
            container.lost_before = 0;
            container.lost = None;
            container.phases = Phases::taken_up();
            self.starting.insert(home.id.clone());
        }
    }

    /// Keeps what changed, and looks over every record when news was lost, or now and then.
    pub(super) fn reconcile(&mut self) {
        self.read_losses();
        let now = self.places.now_ms();
        let lost_news = self
            .losses
            .iter()
            .filter(|loss| !loss.loses_calls)
            .map(|loss| loss.count)
            .sum();
        let due = self
            .looked_over
            .is_none_or(|(at, lost)| lost != lost_news || now.saturating_sub(at) >= LOOK_OVER_MS);
        // What could not be kept waits in the kernel.
        if due || self.keep_failure.is_some() {
            self.looked_over = Some((now, lost_news));
            self.look_over();
            self.look_for_changes();
        }
        self.keep_changes();
        self.forget_oldest();
        self.tidy();
    }

    /// Drops versions that are too old or too many, now and then, a bounded piece at a time.
    fn tidy(&mut self) {
        if self.tidied.is_some_and(|at| at.elapsed() < TIDY) {
            return;
        }
        match self.keep.tidy(self.places.now_ms()) {
            Ok(more) => self.tidied = (!more).then(Instant::now),
            // What cannot be written is told of by what has to be; this has time.
            Err(error) => {
                tracing::debug!("{error}");
                self.tidied = Some(Instant::now());
            }
        }
    }

    /// Names the records that have no name, keeps and frees those of removed cgroups.
    fn look_over(&mut self) {
        let cgroups: BTreeSet<u64> = match self.source.cgroups() {
            Ok(cgroups) => cgroups.into_iter().collect(),
            Err(error) => {
                tracing::error!(%error, "the records cannot be listed");
                return;
            }
        };
        for cgroup in &cgroups {
            self.owner(*cgroup);
            if self.is_removed(*cgroup) {
                self.on_gone(*cgroup);
            } else {
                self.resume(*cgroup);
            }
        }
        // A container that is blocked since before the recording has no record, and may end so.
        let without_record: Vec<u64> = self
            .containers
            .values()
            .flat_map(|container| &container.cgroups)
            .filter(|cgroup| !cgroups.contains(cgroup))
            .copied()
            .collect();
        for cgroup in without_record {
            if matches!(self.places.locate(cgroup), Place::Gone) {
                self.on_gone(cgroup);
            }
        }
    }

    fn is_removed(&mut self, cgroup: u64) -> bool {
        matches!(self.source.snapshot(cgroup), Ok(Some(snapshot)) if snapshot.gone)
    }

    pub(super) fn keep_changes(&mut self) {
        let lost = self.lost_calls();
        let changed: Vec<_> = self
            .containers
            .values()
            .filter(|container| container.unkept)
            .map(|container| container.to_keep(lost))
            .collect();
        for file in changed {
            let result = self.keep.keep(&file);
            if !self.kept(result) {
                return;
            }
            if let Some(container) = self.containers.get_mut(&file.identity.id) {
                container.unkept = false;
            }
        }
    }

    /// Bounded growth: of the containers that ended, only the newest stay. What was imported has a
    /// bound of its own, so that no number of documents can push out what was recorded here.
    pub(super) fn forget_oldest(&mut self) {
        self.forget_oldest_of(false);
        self.forget_oldest_of(true);
    }

    fn forget_oldest_of(&mut self, imported: bool) {
        let mut ended: Vec<(u64, String)> = self
            .containers
            .iter()
            .filter(|(_, container)| container.identity.origin.is_some() == imported)
            .filter(|(_, container)| container.cgroups.is_empty() && !container.identity.running)
            .map(|(id, container)| (container.changed_ms, id.clone()))
            .collect();
        if ended.len() <= ENDED_LIMIT {
            return;
        }
        ended.sort();
        let surplus = ended.len() - ENDED_LIMIT;
        for (_, id) in ended.into_iter().take(surplus) {
            let result = self.keep.forget(&id);
            self.kept(result);
            self.containers.remove(&id);
            self.forget_versions(&id);
        }
    }
}
