//! In which phase a container is, and who comes into it: decided here from what its engine tells, written
//! into the kernel's records, and counted there. So nothing of it is lost when the daemon dies.
//!
//! That a container was told to stop is the kernel's to see: by the time its engine tells, it is over.

use super::{Collector, Owner};
use crate::{
    profile::{engine_news::SessionKind, origin::Phase},
    recording::source::SourceError,
};

/// A session that the engine began must have executed its program by then, or else it never does.
const SESSION_PATIENCE_MS: u64 = 10_000;
/// A container that still runs so long after it was told to stop goes on working.
const SHUTDOWN_PATIENCE_MS: u64 = 60_000;

/// What is known of one container's phases, and of who comes in.
#[derive(Debug, Default)]
pub(super) struct Phases {
    /// Its health check passed since its program started.
    healthy: bool,
    /// It ran when this daemon came: that its health check passed may have been missed.
    taken_up: bool,
    /// It has started up.
    settled: bool,
    /// When it was first found to be shutting down, milliseconds since boot.
    stopping_ms: Option<u64>,
    /// Sessions that the engine began, until they execute their programs: what for, and when, in
    /// milliseconds since boot. None where two of different kinds were awaited at once, and cannot be told apart.
    awaited: Vec<(Option<SessionKind>, u64)>,
}

impl Phases {
    /// Of a container that ran when this daemon came.
    pub(super) fn taken_up() -> Self {
        Self {
            taken_up: true,
            ..Self::default()
        }
    }

    fn awaits(&mut self, kind: SessionKind, now_ms: u64) {
        self.awaited
            .retain(|(_, since)| now_ms.saturating_sub(*since) < SESSION_PATIENCE_MS);
        self.awaited.push((Some(kind), now_ms));
        if self.awaited.iter().any(|(other, _)| *other != Some(kind)) {
            for (kind, _) in &mut self.awaited {
                *kind = None;
            }
        }
    }

    fn began(&mut self) {
        if !self.awaited.is_empty() {
            self.awaited.remove(0);
        }
    }

    /// Who comes in next, if that can be told.
    fn expected(&self) -> Option<SessionKind> {
        self.awaited.first().and_then(|(kind, _)| *kind)
    }
}

impl Collector {
    /// A container has a cgroup more.
    pub(super) fn begin_phases(&mut self, id: &str, cgroup: u64) {
        let Some(container) = self.containers.get(id) else {
            return;
        };
        if container.phases.settled {
            let result = self.source.set_phase(cgroup, Phase::Run);
            written(cgroup, result);
        } else {
            self.starting.insert(id.to_owned());
        }
    }

    /// Moves on what has started up.
    pub(super) fn move_phases(&mut self) {
        for id in self.starting.clone() {
            self.move_phase(&id);
        }
    }

    fn move_phase(&mut self, id: &str) {
        let now = self.places.now_ms();
        let settle_ms = self.settle_ms;
        let Some(container) = self.containers.get_mut(id) else {
            self.starting.remove(id);
            return;
        };
        let mut cgroups = Vec::new();
        let mut last_new_ms = None;
        let mut started = false;
        let mut moved_on = false;
        for cgroup in &container.cgroups {
            let Ok(Some(snapshot)) = self.source.snapshot(*cgroup) else {
                continue;
            };
            if snapshot.gone {
                // Of an earlier run, perhaps, that could not be kept.
                continue;
            }
            let seen = &snapshot.observation;
            started |= seen.program_started || !seen.start_seen;
            last_new_ms = last_new_ms.max(seen.last_new_ms);
            moved_on |= snapshot.phase != Phase::Start;
            cgroups.push((*cgroup, snapshot.phase));
        }
        if cgroups.is_empty() && !container.cgroups.is_empty() {
            return;
        }
        let phases = &mut container.phases;
        let waits_for_health =
            container.identity.health_check == Some(true) && !phases.taken_up && !moved_on;
        let quiet =
            started && last_new_ms.is_some_and(|at_ms: u64| now.saturating_sub(at_ms) >= settle_ms);
        let done = cgroups.is_empty()
            || moved_on
            || (waits_for_health && phases.healthy)
            || (!waits_for_health && quiet);
        if !done {
            return;
        }
        phases.settled = !cgroups.is_empty();
        self.starting.remove(id);
        for (cgroup, phase) in cgroups {
            if phase == Phase::Start {
                let result = self.source.set_phase(cgroup, Phase::Run);
                written(cgroup, result);
            }
        }
    }

    /// A container's health check passed.
    pub(super) fn on_healthy(&mut self, id: &str) {
        if let Some(container) = self.containers.get_mut(id) {
            container.phases.healthy = true;
            if self.starting.contains(id) {
                self.move_phase(id);
            }
        }
    }

    /// The engine began a session, whose process comes into the container soon.
    pub(super) fn on_session(&mut self, id: &str, kind: SessionKind) {
        let now = self.places.boot_ms();
        if let Some(container) = self.containers.get_mut(id) {
            container.phases.awaits(kind, now);
            self.tell_expected(id);
        }
    }

    /// Whoever came in later executed a program.
    pub(super) fn on_session_began(&mut self, cgroup: u64) {
        let Owner::Container(id) = self.owner(cgroup) else {
            return;
        };
        if let Some(container) = self.containers.get_mut(&id) {
            container.phases.began();
            self.tell_expected(&id);
        }
    }

    fn tell_expected(&mut self, id: &str) {
        let Some(container) = self.containers.get(id) else {
            return;
        };
        let kind = container.phases.expected();
        for cgroup in &container.cgroups {
            let result = self.source.expect(*cgroup, kind);
            written(*cgroup, result);
        }
    }

    /// What was told to stop and still runs a good while later goes on working.
    pub(super) fn resume(&mut self, cgroup: u64) {
        let Some(Owner::Container(id)) = self.owners.get(&cgroup) else {
            return;
        };
        let now = self.places.boot_ms();
        let Some(container) = self.containers.get_mut(id) else {
            return;
        };
        let stopping = matches!(
            self.source.snapshot(cgroup),
            Ok(Some(snapshot)) if snapshot.phase == Phase::Shutdown && !snapshot.gone
        );
        if !stopping {
            return;
        }
        let since = *container.phases.stopping_ms.get_or_insert(now);
        if now.saturating_sub(since) >= SHUTDOWN_PATIENCE_MS {
            container.phases.stopping_ms = None;
            let result = self.source.set_phase(cgroup, Phase::Run);
            written(cgroup, result);
        }
    }
}

/// A record that cannot be written goes on counting as before: more is kept for start-up, or for both
/// kinds of session, than belongs there.
fn written(cgroup: u64, result: Result<(), SourceError>) {
    if let Err(error) = result {
        tracing::warn!(cgroup, %error, "a container's phase cannot be written down");
    }
}

#[cfg(test)]
mod tests {
    use super::Phases;
    use crate::profile::engine_news::SessionKind::{Exec, Health};

    #[test]
    fn two_of_different_kinds_at_once_cannot_be_told_apart() {
        let mut phases = Phases::default();
        assert_eq!(phases.expected(), None);
        phases.awaits(Health, 0);
        assert_eq!(phases.expected(), Some(Health));
        phases.awaits(Exec, 5);
        assert_eq!(phases.expected(), None);
        phases.began();
        assert_eq!(phases.expected(), None);
        phases.began();
        phases.awaits(Exec, 9);
        phases.awaits(Exec, 9);
        phases.began();
        assert_eq!(phases.expected(), Some(Exec));
    }

    #[test]
    fn a_session_that_never_began_is_not_awaited_for_ever() {
        let mut phases = Phases::default();
        phases.awaits(Exec, 0);
        phases.awaits(Health, 10_000);
        assert_eq!(phases.expected(), Some(Health));
    }
}
