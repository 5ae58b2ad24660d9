//! Bounded growth: how much is kept of containers that ended, and which of it goes first.
//!
//! A container that runs is never among it, nor one whose record the kernel still holds.

use super::{Collector, container::Container};
use crate::api::protocol::versions::RecordsStatus;

/// How much is kept of containers that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordBounds {
    /// Records of this host's containers, and as many imported ones: the newest stay.
    pub most: usize,
    /// How old one may become since it last changed, milliseconds.
    pub age_ms: u64,
    /// Bytes of all imported records together.
    pub imported_bytes: u64,
}

/// Records that are dropped at one time, so that nobody waits long: as many as a document may bring.
const AT_ONCE: usize = 256;

/// What may go: whether anything was recorded of it, when it last changed, its size, and the
/// container's id. An engine lists many that it never ran, and they must push out no record.
type Old = (bool, u64, u64, String);

impl Collector {
    /// Drops what is beyond the bounds, the oldest first. What was imported has bounds of its own, so
    /// that no number or size of documents can push out what was recorded here.
    pub(super) fn forget_oldest(&mut self) {
        let mut surplus = self.surplus(false);
        surplus.extend(self.surplus(true));
        let count = surplus.len().min(AT_ONCE);
        for id in surplus.into_iter().take(AT_ONCE) {
            if !self.is_apart(&id) {
                return;
            }
            let result = self.keep.forget(&id);
            if !self.kept(result) {
                return;
            }
            self.containers.remove(&id);
            self.forget_versions(&id);
        }
        if count > 0 {
            tracing::info!(count, "dropped the oldest records of containers that ended");
        }
    }

    /// How much there is of what is bounded.
    pub(super) fn records_status(&self) -> RecordsStatus {
        let (mut recorded, imported) = (self.ended(false), self.ended(true));
        recorded.retain(|(shown, ..)| *shown);
        RecordsStatus {
            ended: recorded.len() as u64,
            imported: imported.len() as u64,
            imported_bytes: imported.iter().map(|(_, _, bytes, _)| bytes).sum(),
            most: self.bounds.most as u64,
            most_age_ms: self.bounds.age_ms,
            most_imported_bytes: self.bounds.imported_bytes,
        }
    }

    fn ended(&self, imported: bool) -> Vec<Old> {
        let is_over = |container: &&Container| {
            container.identity.origin.is_some() == imported
                && container.cgroups.is_empty()
                && !container.identity.running
        };
        self.containers
            .values()
            .filter(is_over)
            .map(|container| {
                let id = container.identity.id.clone();
                let shown = container.has_shown_anything();
                (shown, container.changed_ms, container.bytes, id)
            })
            .collect()
    }

    fn surplus(&self, imported: bool) -> Vec<String> {
        let mut ended = self.ended(imported);
        ended.sort_by(|a, b| b.cmp(a));
        // Nothing goes for its age by a clock that may be wrong.
        let now_ms = self.clock.trusted_ms().unwrap_or_default();
        let oldest = now_ms.saturating_sub(self.bounds.age_ms);
        let mut bytes: u64 = 0;
        let mut stay = 0;
        // From the newest on, as long as they fit.
        for (_, changed_ms, size, _) in &ended {
            if imported {
                bytes = bytes.saturating_add(*size);
            }
            if stay >= self.bounds.most
                || *changed_ms < oldest
                || bytes > self.bounds.imported_bytes
            {
                break;
            }
            stay += 1;
        }
        ended
            .split_off(stay)
            .into_iter()
            .rev()
            .map(|(.., id)| id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        collector::on_paper::{Ground, MINUTE, MOST_ENDED, TODAY},
        profile::{
            engine_news::EngineNews,
            identity::{Engine, Identity},
        },
    };

    #[test]
    fn what_was_never_recorded_pushes_out_no_record() {
        let ground = Ground::new();
        let mut collector = ground.daemon();
        let recorded: Vec<String> = (0..MOST_ENDED)
            .map(|number| format!("{number:064x}"))
            .collect();
        for (id, cgroup) in recorded.iter().zip(1_000..) {
            ground.runs(&mut collector, id, cgroup, &[0]);
            ground.ends(&mut collector, cgroup);
        }
        ground.passes(MINUTE);
        let strangers = (0..MOST_ENDED).map(|number| Identity {
            running: false,
            created_ms: Some(TODAY),
            ..Identity::unnamed(format!("f{number:063x}"), Engine::Docker)
        });
        collector.on_engine_news(EngineNews::Resync(strangers.collect()));
        collector.reconcile();
        for id in &recorded {
            assert!(collector.containers.contains_key(id), "{id} was dropped");
        }
        assert_eq!(collector.records_status().ended, MOST_ENDED as u64);
    }
}
