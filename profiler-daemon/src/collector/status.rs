//! How the daemon is, with reasons.

use super::{Collector, EngineState};
use crate::api::protocol::{Health, Loss, Status, versions::StoreStatus};

impl Collector {
    /// The verdict on the daemon itself.
    pub(super) fn status(&mut self) -> Status {
        self.read_losses();
        let facts = self.source.facts().clone();
        let cgroups = match self.source.cgroups() {
            Ok(cgroups) => cgroups.len() as u64,
            Err(_) => 0,
        };
        let mut reasons = Vec::new();
        for loss in self.losses.iter().filter(|loss| loss.count > 0) {
            if loss.loses_calls {
                reasons.push(format!("{} ({}): {}", loss.cause, loss.count, loss.meaning));
            }
        }
        if cgroups >= facts.limit {
            reasons.push(format!(
                "all {} records are taken: new cgroups are not recorded; raise --max-cgroups",
                facts.limit
            ));
        }
        let shut = self.keep.shut().map(str::to_owned);
        if let Some(why) = &shut {
            reasons.push(format!(
                "{why}; records stay in the kernel's maps, and all is kept once it can be written"
            ));
        } else {
            if let Some(failure) = &self.keep_failure {
                reasons.push(format!(
                    "{failure}; records stay in the kernel until it works again"
                ));
            }
            if let Some(failure) = self.versions.failure() {
                reasons.push(format!(
                    "{failure}; no version is made until it works again, and then of all that is new"
                ));
            }
        }
        let store = match self.keep.facts() {
            Ok(facts) => Some(StoreStatus {
                path: facts.path.display().to_string(),
                bytes: facts.bytes,
                versions: facts.versions,
                shut,
            }),
            Err(error) => {
                reasons.push(error.to_string());
                None
            }
        };
        let docker = match &self.engine {
            EngineState::Off => "off".to_owned(),
            EngineState::Connected(what) => format!("connected: {what}"),
            EngineState::Unreachable(why) => {
                reasons.push(format!("containers have no names: {why}"));
                format!("unreachable: {why}")
            }
        };
        if self.nameless > 0 {
            reasons.push(format!(
                "{} cgroups came and went before anybody could tell whose they were; their records are kept",
                self.nameless
            ));
        }
        reasons.extend(facts.shortcomings.iter().cloned());
        reasons.extend(self.shortcomings.iter().cloned());
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            health: if reasons.is_empty() {
                Health::Healthy
            } else {
                Health::Degraded
            },
            reasons,
            hooks: facts.hooks.into(),
            recording_since_ms: facts.since_ms,
            started_ms: self.started_ms,
            counting: facts.counting,
            arguments: facts.arguments,
            cgroups,
            cgroups_limit: facts.limit,
            containers: self.containers.len() as u64,
            running: self
                .containers
                .values()
                .filter(|container| container.identity.running)
                .count() as u64,
            docker,
            losses: self
                .losses
                .iter()
                .map(|loss| Loss {
                    cause: loss.cause.into(),
                    count: loss.count,
                    loses_calls: loss.loses_calls,
                    meaning: loss.meaning.into(),
                })
                .collect(),
            memory_bytes: self.places.own_memory(),
            store,
            records: Some(self.records_status()),
        }
    }
}
