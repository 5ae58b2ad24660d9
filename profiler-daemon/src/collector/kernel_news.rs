//! What news from the kernel changes.

use super::{Collector, Owner, container::Container, observed::part, ports::Place};
use crate::{
    api::protocol::Event,
    profile::{
        arguments::Values,
        observation::{Observation, Sighting},
        table,
    },
    recording::news::News,
};

impl Collector {
    /// Takes in a batch.
    pub(super) fn on_kernel_news(&mut self, batch: Vec<News>) {
        for news in batch {
            match news {
                News::Call { .. } => self.on_call(news),
                News::Exec {
                    exec_id,
                    path,
                    pid,
                    cgroup,
                    begins,
                    session,
                    ..
                } => {
                    self.executables.insert(exec_id, &path);
                    if begins && session > 1 {
                        self.on_session_began(cgroup);
                    }
                    self.recent.insert(pid, cgroup);
                }
                News::Logged { .. } => self.on_logged(news),
                News::LogOverrun => self.log.overruns += 1,
                News::Born { cgroup, .. } => {
                    self.owner(cgroup);
                }
                News::Gone { cgroup, .. } => self.on_gone(cgroup),
                News::Arguments { .. } => self.on_arguments(news),
                News::Filter { cgroup, hash, .. } => self.on_filter(cgroup, hash),
            }
        }
    }

    /// Whose a cgroup is; asked for once, and again while nobody could tell.
    pub(super) fn owner(&mut self, cgroup: u64) -> Owner {
        if let Some(owner) = self.owners.get(&cgroup)
            && *owner != Owner::Unknown
        {
            return owner.clone();
        }
        let owner = match self.places.locate(cgroup) {
            Place::Container(home) => {
                self.moves_in(cgroup, &home);
                self.begin_phases(&home.id, cgroup);
                self.cover(&home.id);
                // At once: should the daemon die now, the next one knows whose the record is.
                self.keep_changes();
                Owner::Container(home.id)
            }
            Place::Host => Owner::Host,
            Place::Gone => self.owner_by_ancestors(cgroup),
        };
        self.owners.insert(cgroup, owner.clone());
        owner
    }

    /// A cgroup that is gone belongs to the container of any cgroup above it.
    fn owner_by_ancestors(&mut self, cgroup: u64) -> Owner {
        let Ok(Some(snapshot)) = self.source.snapshot(cgroup) else {
            return Owner::Unknown;
        };
        for ancestor in snapshot.ancestors.iter().rev().skip(1) {
            if let Some(Owner::Container(id)) = self.owners.get(ancestor).cloned() {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.unkept |= container.cgroups.insert(cgroup);
                }
                return Owner::Container(id);
            }
        }
        Owner::Unknown
    }

    fn on_call(&mut self, news: News) {
        let News::Call {
            at_ms,
            cgroup,
            call,
            refused,
            count,
            pid,
            session,
            exec_id,
            comm,
        } = news
        else {
            return;
        };
        self.recent.insert(pid, cgroup);
        let Owner::Container(id) = self.owner(cgroup) else {
            return;
        };
        let exe = self.executable(exec_id, pid);
        let Some(container) = self.containers.get_mut(&id) else {
            return;
        };
        let sighting = Sighting {
            at_ms,
            exe,
            comm,
            pid,
            session,
        };
        let known = container.sightings.at_ms(call);
        let repeated = refused.is_none() && self.shadows.is_repeated(cgroup, call, at_ms, known);
        if !repeated {
            if refused.is_none() {
                let names = &mut self.executables.names;
                container.sightings.note(call, &sighting, names);
            }
            container.unkept = true;
            container.changed_ms = self.clock.ordered(at_ms);
            let _ = self.events.send(Event::Call {
                id: id.clone(),
                name: container.identity.display_name().to_owned(),
                abi: call.abi.name().into(),
                call: table::display_name(call),
                refused,
                count,
                first: sighting.clone(),
            });
            self.touch(&id, refused.is_some());
            self.drifted(&id, call, refused, &sighting);
        }
        if refused.is_none() {
            self.foresee(&id, call, &sighting, None);
        }
    }

    /// The executable that a process runs.
    fn executable(&self, exec_id: u64, pid: u32) -> Option<String> {
        match self.executables.get(exec_id) {
            Some(path) => Some(path.to_owned()),
            None => self.places.executable(pid),
        }
    }

    /// A call had new values of its arguments. The sets of them are read from the kernel's maps when
    /// somebody asks or a version is made; only who foresees what a candidate would refuse, or tells
    /// drift, needs the news.
    fn on_arguments(&mut self, news: News) {
        let News::Arguments {
            at_ms,
            cgroup,
            call,
            values,
            last,
            pid,
            session,
            exec_id,
            comm,
        } = news
        else {
            return;
        };
        let Owner::Container(id) = self.owner(cgroup) else {
            return;
        };
        self.touch(&id, false);
        if !self.shadows.any() && !self.drift.any() {
            return;
        }
        let sighting = Sighting {
            at_ms,
            exe: self.executable(exec_id, pid),
            comm,
            pid,
            session,
        };
        let places = self.source.recorded_places(call);
        let combination: Vec<u64> = values.into_iter().take(places.len()).collect();
        let mut with = Values {
            places,
            seen: Some([combination].into()),
        };
        self.drifted_in_values(&id, call, &with, &sighting);
        self.foresee(&id, call, &sighting, Some(&with));
        if last {
            // Of further values no news comes: it may be any.
            with.seen = None;
            self.foresee(&id, call, &sighting, Some(&with));
        }
    }

    /// A cgroup was removed: its record is complete, and is kept before its place is freed.
    pub(super) fn on_gone(&mut self, cgroup: u64) {
        let snapshot = match self.source.snapshot(cgroup) {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => {
                // Its container may have been blocked from before the recording to its end.
                if let Some(Owner::Container(id)) = self.owners.remove(&cgroup) {
                    let nothing_more = Observation {
                        stop_seen: true,
                        ..Observation::default()
                    };
                    self.bury(&id, cgroup, nothing_more);
                }
                return;
            }
            Err(error) => {
                tracing::error!(cgroup, %error, "a record cannot be read");
                return;
            }
        };
        let kept = match self.owner(cgroup) {
            Owner::Host => true,
            Owner::Container(id) => {
                let level = self.containers.get(&id).and_then(Container::level);
                let part = part(snapshot, level, &self.executables);
                self.bury(&id, cgroup, part)
            }
            Owner::Unknown => {
                let observation = part(snapshot, None, &self.executables);
                if observation.first_ms.is_none() {
                    true
                } else {
                    let result = self.keep.keep_nameless(cgroup, &observation);
                    let kept = self.kept(result);
                    self.nameless += u64::from(kept);
                    kept
                }
            }
        };
        // What could not be kept stays in the kernel, and is tried again.
        if !kept {
            return;
        }
        self.owners.remove(&cgroup);
        self.shadows.forget_cgroup(cgroup);
        if let Err(error) = self.source.release(cgroup) {
            tracing::error!(cgroup, %error, "a record cannot be freed");
        }
    }

    /// Moves a removed cgroup's record into its container's; true once it is on disk.
    fn bury(&mut self, id: &str, cgroup: u64, part: Observation) -> bool {
        let now = self.places.now_ms();
        let lost = self.lost_calls();
        let apart = self.is_apart(id);
        let Some(container) = self.containers.get_mut(id) else {
            return true;
        };
        let before = container.ended.clone();
        if part.first_ms.is_some() || !container.in_flight.is_empty() {
            container.bury(part.clone());
        }
        container.cgroups.remove(&cgroup);
        let ended = container.cgroups.is_empty();
        // Others may be gone as well, and wait.
        let source = &mut self.source;
        let mut others = container.cgroups.iter();
        let stopped = others.all(|other| {
            let record = source.snapshot(*other);
            matches!(record, Ok(Some(record)) if record.gone)
        });
        if stopped {
            container.identity.running = false;
            container.identity.pid = None;
            container.lost = Some(container.lost_calls(lost));
            container.changed_ms = self.clock.ordered(now);
        }
        let file = container.to_keep(lost, self.boot.as_deref());
        let kept = apart && {
            let result = self.keep.keep(&file);
            self.kept(result)
        };
        let Some(container) = self.containers.get_mut(id) else {
            return kept;
        };
        if !kept {
            container.ended = before;
            container.cgroups.insert(cgroup);
            return false;
        }
        container.unkept = false;
        if ended {
            let _ = self.events.send(Event::Container {
                at_ms: now,
                id: id.to_owned(),
                name: container.identity.display_name().to_owned(),
                change: "stopped".into(),
            });
        }
        let identity = container.identity.clone();
        if self.learned.learn(&identity, &part) {
            let result = self.keep.keep_learned(&self.learned);
            self.kept(result);
        }
        if ended {
            self.version_ended(id);
        }
        true
    }
}
