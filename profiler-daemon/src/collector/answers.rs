//! Answers to questions about containers.

use super::{Collector, command::Command, container::Container, reference};
use crate::{
    api::protocol::{Detail, ErrorBody, Explanation, Export, Summary},
    profile::{
        call::{Call, CallSet},
        completeness::Completeness,
        compose::{Composed, Inputs, Options, compose},
        observation::Observation,
        table,
        verdict::{Facts, judge},
    },
    seccomp::{dialects::docker, exported},
};

/// How long a running container must show nothing new to count as known.
const QUIET_MS: u64 = 60_000;

impl Collector {
    /// Answers one question. Whoever asked may be gone; that is no error.
    pub(super) fn answer(&mut self, command: Command) {
        match command {
            Command::Status { reply } => {
                let _ = reply.send(self.status());
            }
            Command::List { reply } => {
                let _ = reply.send(self.list());
            }
            Command::Show { container, reply } => {
                let _ = reply.send(self.show(&container));
            }
            Command::Explain {
                container,
                call,
                reply,
            } => {
                let _ = reply.send(self.explain(&container, &call));
            }
            Command::Export {
                container,
                options,
                reply,
            } => {
                let _ = reply.send(self.export(&container, options));
            }
            Command::Filters { container, reply } => {
                let _ = reply.send(self.filters(&container));
            }
            Command::Evidence {
                container,
                ptrace,
                reply,
            } => self.evidence(&container, ptrace, reply),
            Command::ExportImage {
                image,
                options,
                reply,
            } => {
                let _ = reply.send(self.export_image(&image, options));
            }
            Command::ExplainImage { image, call, reply } => {
                let _ = reply.send(self.explain_image(&image, call.as_deref()));
            }
            Command::Workloads { image, reply } => {
                let _ = reply.send(self.workloads_of(&image));
            }
            Command::Observations(command) => self.answer_observations(command),
            Command::Shadow(command) => self.answer_shadow(command),
            Command::Version(command) => self.answer_version(command),
            Command::Watch { reply } => {
                let _ = reply.send(self.events.subscribe());
            }
        }
    }

    pub(super) fn observed(&mut self, id: &str) -> Option<Observation> {
        let container = self.containers.get(id)?;
        container.observation(self.source.as_mut(), &self.executables)
    }

    pub(super) fn judged(&self, id: &str, observation: Option<&Observation>) -> Completeness {
        let container = self.containers.get(id);
        let facts = Facts {
            lost_calls: container.map_or(0, |known| known.lost_calls(self.lost_calls())),
            now_ms: self.places.now_ms(),
            running: container.is_some_and(|known| known.identity.running),
            recorded: observation.is_some(),
            quiet_threshold_ms: QUIET_MS,
        };
        judge(observation.unwrap_or(&Observation::default()), facts)
    }

    pub(super) fn composed(
        &self,
        observation: &Observation,
        id: Option<&str>,
        options: Options,
    ) -> Composed {
        // What a running container's runtime was seen to call counts at once.
        let mut learned = self.learned.clone();
        if let Some(container) = id.and_then(|id| self.containers.get(id)) {
            learned.learn(&container.identity, observation);
        }
        compose(&Inputs {
            observation,
            learned: &learned,
            options,
        })
    }

    fn list(&mut self) -> Vec<Summary> {
        self.read_losses();
        let ids: Vec<String> = self.containers.keys().cloned().collect();
        let mut list: Vec<Summary> = ids
            .iter()
            .filter_map(|id| {
                // Most have ended: what is kept of them is looked at, not copied.
                if let Some(settled) = self.containers.get(id).and_then(Container::settled) {
                    return self.summary(id, Some(settled));
                }
                let observation = self.observed(id);
                let summary = self.summary(id, observation.as_ref())?;
                // The engine lists every container that ever ended; of those that did so
                // before the recording there is nothing to tell.
                (observation.is_some() || summary.identity.running).then_some(summary)
            })
            .collect();
        list.sort_by(|a, b| {
            (a.identity.display_name(), &a.identity.id)
                .cmp(&(b.identity.display_name(), &b.identity.id))
        });
        list
    }

    fn summary(&self, id: &str, observation: Option<&Observation>) -> Option<Summary> {
        Some(Summary {
            identity: self.containers.get(id)?.identity.clone(),
            observed: observation.map_or(0, |seen| seen.observed.len() as u64),
            refused: observation.map_or(0, |seen| seen.refused.len() as u64),
            completeness: self.judged(id, observation),
            last_new_ms: observation.and_then(|seen| seen.last_new_ms),
        })
    }

    fn show(&mut self, wanted: &str) -> Result<Detail, ErrorBody> {
        self.read_losses();
        let id = reference::resolve(&self.containers, wanted)?;
        let observation = self.observed(&id);
        let summary = self
            .summary(&id, observation.as_ref())
            .ok_or_else(|| internal("the container was forgotten meanwhile"))?;
        let observation = observation.unwrap_or_default();
        let composed = self.composed(&observation, Some(&id), Options::default());
        let calls = explanations(&observation, &composed);
        Ok(Detail {
            summary,
            start_seen: observation.start_seen,
            stop_seen: observation.stop_seen,
            sessions: observation.sessions,
            calls,
            refusals: observation.refusals,
            filters: observation.filters,
            cgroup: self
                .containers
                .get(&id)
                .and_then(|container| container.root.as_ref())
                .map(|path| path.display().to_string()),
        })
    }

    fn explain(&mut self, wanted: &str, call: &str) -> Result<Vec<Explanation>, ErrorBody> {
        let id = reference::resolve(&self.containers, wanted)?;
        let calls = calls_named(call)?;
        let observation = self.observed(&id).unwrap_or_default();
        let composed = self.composed(&observation, Some(&id), Options::default());
        // The other ABIs matter only where the container uses them.
        Ok(calls
            .into_iter()
            .filter(|call| composed.abis.contains(&call.abi))
            .map(|call| explanation(call, &observation, &composed))
            .collect())
    }

    fn export(&mut self, wanted: &str, options: Options) -> Result<Export, ErrorBody> {
        self.read_losses();
        let id = reference::resolve(&self.containers, wanted)?;
        let observation = self.observed(&id);
        let completeness = self.judged(&id, observation.as_ref());
        let name = self.name(&id);
        let observation = observation.ok_or_else(|| ErrorBody {
            code: "not_found".into(),
            message: format!(
                "nothing was recorded of {name}, so there is no profile of it: start it while profilerd runs"
            ),
        })?;
        let composed = self.composed(&observation, Some(&id), options);
        Ok(exported(&composed, completeness, vec![name]))
    }

    pub(super) fn name(&self, id: &str) -> String {
        self.containers.get(id).map_or_else(
            || id.to_owned(),
            |container| container.identity.display_name().to_owned(),
        )
    }
}

pub(super) fn exported(
    composed: &Composed,
    completeness: Completeness,
    containers: Vec<String>,
) -> Export {
    let profile = docker::to_value(&exported::document(composed));
    Export::of(composed, profile, completeness, containers)
}

pub(super) fn explanation(
    call: Call,
    observation: &Observation,
    composed: &Composed,
) -> Explanation {
    Explanation {
        abi: call.abi.name().into(),
        nr: call.nr,
        name: table::display_name(call),
        observed: observation.observed.contains(&call),
        verdict: composed.verdict(call).to_string(),
        reasons: composed.reasons(call).to_vec(),
        first: observation.sightings.get(&call).cloned(),
        refusals: observation
            .refusals
            .iter()
            .filter(|refusal| refusal.call == call)
            .cloned()
            .collect(),
        tally: observation.tallies.get(&call).copied(),
        arguments: observation.arguments.of(call).cloned(),
        coverage: None,
        origins: if observation.observed.contains(&call) {
            observation.origins.of(call)
        } else {
            Vec::new()
        },
    }
}

/// Every call of an observation that there is something to tell of, by ABI and name.
pub(super) fn explanations(observation: &Observation, composed: &Composed) -> Vec<Explanation> {
    let shown: CallSet = observation
        .observed
        .iter()
        .chain(&observation.refused)
        .chain(&observation.guarded)
        .copied()
        .collect();
    let mut calls: Vec<Explanation> = shown
        .into_iter()
        .map(|call| explanation(call, observation, composed))
        .collect();
    calls.sort_by(|a, b| (&a.abi, &a.name).cmp(&(&b.abi, &b.name)));
    calls
}

/// The calls of all ABIs that a person means by a name or a number.
pub(super) fn calls_named(call: &str) -> Result<Vec<Call>, ErrorBody> {
    let calls = table::find(call);
    if calls.is_empty() {
        return Err(ErrorBody {
            code: "bad_request".into(),
            message: format!("{call:?} is no system call of this machine"),
        });
    }
    Ok(calls)
}

pub(super) fn internal(message: &str) -> ErrorBody {
    ErrorBody {
        code: "internal".into(),
        message: message.into(),
    }
}
