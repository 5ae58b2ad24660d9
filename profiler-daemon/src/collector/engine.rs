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
        let identity = &mut container.identity;
        // News of a container that is gone already tells less than was known before.
        identity.name = identity.name.take().or(older.name);
        identity.image = identity.image.take().or(older.image);
        // An entrypoint never changes; an image that is gone by now may not have been asked.
        identity.entrypoint = identity.entrypoint.take().or(older.entrypoint);
        identity.runtime = identity.runtime.take().or(older.runtime);
        identity.no_new_privileges = identity.no_new_privileges.or(older.no_new_privileges);
        identity.unconfined = identity.unconfined.or(older.unconfined);
        identity.created_ms = identity.created_ms.or(older.created_ms);
        identity.health_check = identity.health_check.or(older.health_check);
        if identity.labels.is_empty() {
            identity.labels = older.labels;
        }
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
            self.touch(&id, false);
        }
        self.cover(&id);
    }
}
