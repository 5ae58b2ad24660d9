//! What news from the container engine changes.

use super::{Collector, EngineState, container::Container};
use crate::{
    api::protocol::Event,
    profile::{
        engine_news::EngineNews,
        identity::{Engine, Identity},
        workload::Workload,
    },
};

impl Collector {
    /// Takes in one piece of news.
    pub(super) fn on_engine_news(&mut self, news: EngineNews) {
        match news {
            EngineNews::Connected { version, endpoint } => {
                tracing::info!(version, endpoint, "connected to the container engine");
                self.engine = EngineState::Connected(format!("{version} at {endpoint}"));
            }
            EngineNews::Disconnected { reason } => {
                tracing::warn!("{reason}");
                self.engine = EngineState::Unreachable(reason);
            }
            EngineNews::Resync(identities) => {
                for container in self.containers.values_mut() {
                    let listed = identities.iter().any(|one| one.id == container.identity.id);
                    let docker = container.identity.engine == Engine::Docker;
                    if docker && !listed && container.cgroups.is_empty() {
                        container.identity.running = false;
                    }
                }
                for identity in identities {
                    self.identify(identity);
                }
            }
            EngineNews::Seen(identity) => self.identify(identity),
            EngineNews::Stopped { id, .. } => {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.identity.running = false;
                    container.identity.pid = None;
                    container.unkept = true;
                }
            }
            // What was recorded of it stays; only its name may now be another's.
            EngineNews::Gone { id } => {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.identity.running = false;
                    container.unkept = true;
                }
            }
            EngineNews::Healthy { id } => self.on_healthy(&id),
            EngineNews::Session {
                id, kind, command, ..
            } => {
                tracing::debug!(id, ?kind, command, "a session began");
                self.on_session(&id, kind);
            }
        }
    }

    /// The engine tells who a container is.
    fn identify(&mut self, mut identity: Identity) {
        self.succeed(&identity);
        let asked = identity.asked.take().map(|asked| *asked);
        let now = self.places.now_ms();
        let lost = self.lost_calls();
        let Some(container) = self.containers.get_mut(&identity.id) else {
            let mut container = Container::new(identity, lost, self.clock.ordered(now));
            // It was made, and perhaps has never run: there is nothing to keep of it yet.
            container.unkept = false;
            container.asked = asked;
            let id = container.identity.id.clone();
            self.containers.insert(id.clone(), container);
            self.cover(&id);
            return;
        };
        container.asked = asked.or(container.asked.take());
        let named = container.identity.name.is_none() && identity.name.is_some();
        let ran_as = Workload::of(&container.identity).map(|it| it.key().into_owned());
        let older = std::mem::replace(&mut container.identity, identity);
        container.identity.fill_from(older);
        container.unkept = true;
        let id = container.identity.id.clone();
        let runs_as = Workload::of(&container.identity).map(|it| it.key());
        let is_anothers = runs_as.is_some() && runs_as.as_deref() != ran_as.as_deref();
        if named {
            let _ = self.events.send(Event::Container {
                at_ms: now,
                id: id.clone(),
                name: container.identity.display_name().to_owned(),
                change: "named".into(),
            });
        }
        if is_anothers {
            self.uncover(&id);
            self.touch(&id, false);
        }
        self.cover(&id);
    }
}
