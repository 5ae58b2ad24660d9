//! Filters that containers install: copies are kept, and tell which arguments matter.

use std::collections::BTreeSet;

use super::{Collector, Owner, reference};
use crate::{
    api::protocol::{ErrorBody, InstalledFilter},
    seccomp::{
        deciding::judged,
        filter::{
            program::{Instruction, Program},
            words::Words,
        },
    },
};

/// Filters that are remembered as judged; more than a host has different ones.
const JUDGED_LIMIT: usize = 1024;

impl Collector {
    /// A filter was installed: a container's is kept, a host service's is not our business.
    pub(super) fn on_filter(&mut self, cgroup: u64, hash: u64) {
        let owner = self.owner(cgroup);
        let wanted = !matches!(owner, Owner::Host);
        if wanted {
            match self.source.filter(hash) {
                Ok(Some(words)) => {
                    let result = self.keep.keep_filter(&format!("{hash:016x}"), &words);
                    if !self.kept(result) {
                        self.filters_wait = true;
                        return;
                    }
                    self.record_what_decides(hash, words);
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "a filter cannot be read");
                    return;
                }
            }
        }
        if let Err(error) = self.source.forget_filter(hash) {
            tracing::error!(%error, "a filter's place cannot be freed");
        }
    }

    /// Keeps the filters that could not be kept when they were installed.
    pub(super) fn keep_filters(&mut self, cgroups: &BTreeSet<u64>) {
        if self.keep.shut().is_some() || !std::mem::take(&mut self.filters_wait) {
            return;
        }
        for cgroup in cgroups {
            let Ok(Some(snapshot)) = self.source.snapshot(*cgroup) else {
                continue;
            };
            for hash in snapshot.observation.filters {
                if let Ok(hash) = u64::from_str_radix(&hash, 16) {
                    self.on_filter(*cgroup, hash);
                }
            }
        }
    }

    /// Where arguments are recorded: those too by which this filter judges calls.
    fn record_what_decides(&mut self, hash: u64, words: Vec<u64>) {
        if !self.source.facts().arguments || self.judged.contains(&hash) {
            return;
        }
        if self.judged.len() >= JUDGED_LIMIT {
            self.judged.clear();
        }
        self.judged.insert(hash);
        let Ok(program) = Program::new(Instruction::list(words)) else {
            return;
        };
        let found = match judged(&program) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "which arguments a filter looks at is not known");
                return;
            }
        };
        for recorded in found {
            if let Err(error) = self.source.record_arguments(&recorded) {
                tracing::error!(%error, "a call's arguments cannot be recorded");
            }
        }
    }

    /// The filters of one container, with what was copied of them.
    pub(super) fn filters(&mut self, wanted: &str) -> Result<Vec<InstalledFilter>, ErrorBody> {
        let id = reference::resolve(&self.containers, wanted)?;
        let hashes = self.observed(&id).unwrap_or_default().filters;
        Ok(hashes
            .into_iter()
            .map(|hash| InstalledFilter {
                instructions: self
                    .filter(&hash)
                    .map(|list| list.into_iter().map(Words::from).collect()),
                hash,
            })
            .collect())
    }

    /// A filter's instructions: kept, or still in the kernel's table.
    pub(super) fn filter(&mut self, hash: &str) -> Option<Vec<Instruction>> {
        let words = self.keep.filter(hash).or_else(|| {
            let hash = u64::from_str_radix(hash, 16).ok()?;
            self.source.filter(hash).ok()?
        })?;
        Some(Instruction::list(words))
    }
}
