//! What is known of one container, gathered for an audit. What takes its time (the bundle, ptrace)
//! is read off this task; nothing is judged here.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::oneshot;

use super::{Collector, command::Answer, ports::Wanted, reference};
use crate::{
    api::protocol::ErrorBody, audit::evidence::Evidence, seccomp::filter::program::Instruction,
};

impl Collector {
    /// Gathers the evidence, and sends it once the host was asked too.
    pub(super) fn evidence(
        &mut self,
        wanted: &str,
        ptrace: bool,
        reply: oneshot::Sender<Answer<Evidence>>,
    ) {
        let (mut evidence, wanted) = match self.recorded(wanted, ptrace) {
            Ok(found) => found,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        let processes = Arc::clone(&self.processes);
        tokio::task::spawn_blocking(move || {
            evidence.kernel = processes.kernel();
            evidence.process = wanted.and_then(|wanted| processes.first(&wanted));
            let _ = reply.send(Ok(evidence));
        });
    }

    /// What this task knows, and which process is to be asked for, if it runs.
    fn recorded(
        &mut self,
        wanted: &str,
        ptrace: bool,
    ) -> Result<(Evidence, Option<Wanted>), ErrorBody> {
        self.read_losses();
        let id = reference::resolve(&self.containers, wanted)?;
        let observed = self.observed(&id);
        let completeness = self.judged(&id, observed.as_ref());
        let observation = observed.unwrap_or_default();
        let copies: BTreeMap<String, Vec<Instruction>> = observation
            .filters
            .iter()
            .filter_map(|hash| Some((hash.clone(), self.filter(hash)?)))
            .collect();
        let container = self.containers.get(&id).ok_or_else(|| ErrorBody {
            code: "internal".into(),
            message: "the container was forgotten meanwhile".into(),
        })?;
        let wanted = container
            .root
            .clone()
            .filter(|_| container.identity.running)
            .map(|root| Wanted {
                id,
                root,
                pid: container.identity.pid,
                ptrace,
            });
        let evidence = Evidence {
            identity: container.identity.clone(),
            asked: container.asked.clone(),
            observation,
            completeness,
            copies,
            process: None,
            kernel: (0, 0),
        };
        Ok((evidence, wanted))
    }
}
