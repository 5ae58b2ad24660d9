//! Making good what lost news left undone, and what happened while no daemon ran.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    Collector, Owner,
    container::Container,
    phases::Phases,
    ports::{KeepError, Place, Reach},
    succession::is_made_anew,
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
        let lost = self.lost_calls();
        for known in self.keep.container_ids()? {
            let Some(kept) = self.keep.container(&known)? else {
                continue;
            };
            let id = kept.identity.id.clone();
            self.clock.follow(kept.changed_ms.max(kept.met_ms));
            // In another run of the kernel an id meant another cgroup. Where that is not known, times
            // have to tell, which a clock that was set makes wrong.
            let same_recording = match &kept.boot {
                Some(boot) => self.boot.as_ref() == Some(boot),
                None => kept.changed_ms >= since_ms,
            };
            let cgroups = kept.cgroups.clone();
            let mut container = Container::kept(kept, &mut self.executables);
            for cgroup in cgroups.into_iter().filter(|_| same_recording) {
                if matches!(self.source.snapshot(cgroup), Ok(Some(_))) {
                    self.shadows.take_up(cgroup);
                    container.cgroups.insert(cgroup);
                    self.owners.insert(cgroup, Owner::Container(id.clone()));
                }
            }
            if let Some(met) = self.containers.get_mut(&id) {
                let imported = container.identity.origin.is_some();
                if imported || is_made_anew(&container.identity, &met.identity) {
                    self.take_up_aside(&id, container);
                } else {
                    met.join(container, lost);
                }
                continue;
            }
            if container.cgroups.is_empty() {
                container.identity.running = false;
            } else {
                container.goes_on(lost);
            }
            self.containers.insert(id, container);
        }
        Ok(())
    }

    /// What was kept under an id by which another container was met meanwhile goes on under one of its
    /// own.
    fn take_up_aside(&mut self, id: &str, mut earlier: Container) {
        // Whoever was set aside under this id meanwhile has nothing in what was found.
        for other in self.containers.values_mut() {
            other.kept_as.take_if(|was| was == id);
        }
        earlier.identity.running = false;
        earlier.kept_as = Some(id.to_owned());
        if let Some(met) = self.containers.get_mut(id) {
            met.unkept = true;
        }
        self.goes_on_apart(id, earlier);
    }

    /// Tries again to keep anything, where that was impossible.
    fn reach_again(&mut self) {
        let reach = self.keep.retry();
        if reach == Reach::Same {
            return;
        }
        tracing::info!("the state directory can be written: what is new is kept now");
        self.keep_failure = None;
        self.looked_over = None;
        if reach == Reach::Found {
            self.learned = self.keep.learned();
            let result = self.take_up_kept();
            self.kept(result);
            self.take_up_versions();
            self.take_up_promoted();
        }
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
            let lost = self.lost_calls();
            self.moves_in(cgroup, &home);
            let Some(container) = self.containers.get_mut(&home.id) else {
                continue;
            };
            container.identity.running = true;
            container.in_flight.extend(in_flight);
            container.goes_on(lost);
            container.phases = Phases::taken_up();
            self.starting.insert(home.id.clone());
        }
    }

    /// Keeps what changed, and looks over every record when news was lost, or now and then.
    pub(super) fn reconcile(&mut self) {
        self.reach_again();
        self.read_losses();
        self.look_at_clock();
        let now = self.places.boot_ms();
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
        match self.keep.tidy(self.clock.trusted_ms()) {
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
        self.keep_filters(&cgroups);
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

    pub(super) fn is_removed(&mut self, cgroup: u64) -> bool {
        matches!(self.source.snapshot(cgroup), Ok(Some(snapshot)) if snapshot.gone)
    }

    pub(super) fn keep_changes(&mut self) {
        // Before anything else: it may be kept under an id that another has now.
        if !self.all_apart() {
            return;
        }
        let lost = self.lost_calls();
        let changed: Vec<_> = self
            .containers
            .values()
            .filter(|container| container.unkept)
            .map(|container| container.to_keep(lost, self.boot.as_deref()))
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
}

#[cfg(test)]
#[path = "found_tests.rs"]
mod tests;
