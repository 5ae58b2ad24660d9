//! One cgroup's record as a part of its container's observation. Pure.

use super::executables::Executables;
use crate::{profile::observation::Observation, recording::source::Snapshot};

/// One cgroup's part of a container's observation.
///
/// A cgroup below the container's own is a container's own doing: its making is not the
/// container's start, and who came in from within the container is no runtime, whatever
/// the kernel took it for.
#[must_use]
pub fn part(
    snapshot: Snapshot,
    container_level: Option<u32>,
    executables: &Executables,
) -> Observation {
    let mut part = snapshot.observation;
    part.refusals = snapshot
        .refusals
        .into_iter()
        .map(|counted| {
            let mut refusal = counted.refusal;
            refusal.exe = executables.get(counted.exec_id).map(str::to_owned);
            refusal
        })
        .collect();
    let depth = snapshot.ancestors.len().saturating_sub(1) as u32;
    let nested = container_level.is_some_and(|level| depth > level);
    if nested {
        let from_within =
            container_level.is_some_and(|level| snapshot.entry_levels >> level.min(63) != 0);
        if from_within {
            // With which values nobody recorded: they were taken for the runtime's.
            part.arguments.forget(&part.runtime);
            part.observed.extend(&part.runtime);
            part.answered.extend(&part.runtime);
            part.refused.extend(&part.runtime_refused);
            for refusal in &mut part.refusals {
                refusal.by_runtime = false;
            }
            part.origins.unknown.extend(&part.runtime);
            part.runtime.clear();
            part.guarded.clear();
            part.runtime_refused.clear();
        }
        part.start_seen = false;
        part.stop_seen = true;
        part.sessions = 0;
    }
    part
}
