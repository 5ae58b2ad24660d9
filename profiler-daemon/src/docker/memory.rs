//! What outlives a connection: who the containers are, which events were received, and the
//! news that nobody has taken yet. Asks nobody; turns events and answers into news.

use std::{
    collections::{HashMap, VecDeque},
    mem,
};

use super::{
    event::{ContainerEvent, Happening},
    order::Order,
    received::Received,
};
use crate::profile::{
    engine_news::{EngineNews, SessionKind},
    identity::{Engine, Identity},
};

/// A container, and what of it is needed to read its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Who it is.
    pub(super) identity: Identity,
    /// Its health check as the command line of a session.
    pub(super) health_command: Option<String>,
}

/// The engine's answer to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// The event needed none.
    NotAsked,
    /// The container is there.
    Found(Box<Known>),
    /// It is gone, or can't be read; its image may still tell its id.
    Missing {
        /// The id of the image that the event names.
        image_id: Option<String>,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Events to be told.
    pub(super) order: Order,
    /// Events that were taken in.
    pub(super) received: Received,
    outbox: VecDeque<EngineNews>,
    known: HashMap<String, Known>,
    /// Not in the last list: dropped when not in the next one either.
    unlisted: HashMap<String, Known>,
    disconnected: Option<String>,
    synced: bool,
}

impl Memory {
    /// The engine answers.
    pub(super) fn connected(&mut self, version: String, endpoint: String) {
        tracing::info!(%endpoint, %version, "container engine connected");
        self.disconnected = None;
        self.order.restart();
        self.outbox
            .push_back(EngineNews::Connected { version, endpoint });
    }

    /// It does not; told and logged when that is new.
    pub(super) fn disconnected(&mut self, reason: String) {
        match &self.disconnected {
            Some(before) if *before == reason => return,
            Some(_) => tracing::debug!(%reason, "container engine still not connected"),
            None => tracing::warn!(%reason, "container engine not connected; will keep trying"),
        }
        self.disconnected = Some(reason.clone());
        self.outbox.push_back(EngineNews::Disconnected { reason });
    }

    /// Takes in an event, unless it was taken in before.
    pub(super) fn receive(&mut self, event: ContainerEvent) {
        if self.received.is_new(&event) {
            self.order.push(event);
        }
    }

    /// Takes in the list of all containers.
    pub(super) fn resynced(&mut self, all: Vec<Known>) {
        self.synced = true;
        let all: Vec<Known> = all.into_iter().map(|known| self.enriched(known)).collect();
        let news = all.iter().map(|known| known.identity.clone()).collect();
        self.outbox.push_back(EngineNews::Resync(news));
        let listed = all
            .into_iter()
            .map(|known| (known.identity.id.clone(), known));
        let mut before = mem::replace(&mut self.known, listed.collect());
        before.retain(|id, _| !self.known.contains_key(id));
        self.unlisted = before;
    }

    /// There was a list since the last time this was asked.
    pub(super) fn take_synced(&mut self) -> bool {
        mem::take(&mut self.synced)
    }

    /// Makes news of an event.
    pub(super) fn tell(&mut self, event: &ContainerEvent, looked: Looked, engine: Engine) {
        self.order.done(&event.id);
        let id = event.id.clone();
        match &event.happening {
            Happening::Changed | Happening::Started => {
                let known = match looked {
                    Looked::Found(known) => *known,
                    Looked::Missing { image_id } => self.remembered(event, image_id, engine),
                    Looked::NotAsked => self.remembered(event, None, engine),
                };
                self.see(known);
            }
            Happening::Died { exit_code } => {
                if !self.known.contains_key(&id) {
                    let known = self.remembered(event, None, engine);
                    self.see(known);
                }
                if let Some(known) = self.known.get_mut(&id) {
                    known.identity.running = false;
                    known.identity.pid = None;
                }
                self.outbox.push_back(EngineNews::Stopped {
                    id,
                    at_ms: event.at_ms(),
                    exit_code: *exit_code,
                });
            }
            Happening::Destroyed => {
                self.known.remove(&id);
                self.unlisted.remove(&id);
                self.outbox.push_back(EngineNews::Gone { id });
            }
            Happening::Healthy => self.outbox.push_back(EngineNews::Healthy { id }),
            Happening::SessionBegan { exec_id, command } => {
                let known = self.known.get(&id).or_else(|| self.unlisted.get(&id));
                let health = known.and_then(|known| known.health_command.as_ref());
                let kind = if health == Some(command) {
                    SessionKind::Health
                } else {
                    SessionKind::Exec
                };
                self.outbox.push_back(EngineNews::Session {
                    id,
                    exec_id: exec_id.clone(),
                    at_ms: event.at_ms(),
                    kind,
                    command: command.clone(),
                });
            }
        }
    }

    /// There is news that nobody has taken.
    pub(super) fn has_news(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The oldest news.
    pub(super) fn take_news(&mut self) -> Option<EngineNews> {
        self.outbox.pop_front()
    }

    /// What a list tells, with what an earlier inspection told where this time there was none.
    fn enriched(&self, mut known: Known) -> Known {
        let inspected = known.identity.no_new_privileges.is_some();
        if let Some(before) = self.known.get(&known.identity.id).filter(|_| !inspected) {
            let now = mem::replace(&mut known, before.clone()).identity;
            known.identity.name = now.name.or(known.identity.name);
            known.identity.running = now.running;
            known.identity.pid = known.identity.pid.filter(|_| now.running);
        }
        known
    }

    fn see(&mut self, known: Known) {
        self.outbox
            .push_back(EngineNews::Seen(known.identity.clone()));
        self.known.insert(known.identity.id.clone(), known);
    }

    /// Who a container is that the engine no longer tells of: what was known of it, brought up
    /// to date by the event, or the event alone.
    fn remembered(
        &mut self,
        event: &ContainerEvent,
        image_id: Option<String>,
        engine: Engine,
    ) -> Known {
        let mut told = event.identity(engine);
        if let (Some(image), Some(id)) = (&mut told.image, image_id) {
            image.id = id;
        }
        let before = self.unlisted.remove(&event.id);
        let Some(mut known) = self.known.remove(&event.id).or(before) else {
            return Known {
                identity: told,
                health_command: None,
            };
        };
        known.identity.name = told.name.or(known.identity.name);
        known.identity.running = match event.happening {
            Happening::Changed => known.identity.running,
            _ => told.running,
        };
        known
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str, action: &str, at_ns: u64) -> ContainerEvent {
        let json = json!({"Action": action, "timeNano": at_ns,
            "Actor": {"ID": id, "Attributes": {"name": "told", "image": "bb:1", "execID": "e1"}}});
        ContainerEvent::read(serde_json::from_value(json).expect("read")).expect("wanted")
    }

    fn known(id: &str) -> Known {
        let identity = Identity {
            name: Some("web".to_owned()),
            no_new_privileges: Some(true),
            ..Identity::unnamed(id.to_owned(), Engine::Docker)
        };
        Known {
            identity,
            health_command: Some("/bin/sh -c echo hi".to_owned()),
        }
    }

    fn news(memory: &mut Memory) -> Vec<EngineNews> {
        std::iter::from_fn(|| memory.take_news()).collect()
    }

    fn missing() -> Looked {
        Looked::Missing { image_id: None }
    }

    #[test]
    fn what_is_known_is_not_overwritten_by_less() {
        let mut memory = Memory::default();
        let created = event("a", "create", 1);
        memory.tell(
            &created,
            Looked::Found(Box::new(known("a"))),
            Engine::Docker,
        );
        memory.tell(&event("a", "start", 2), missing(), Engine::Docker);
        memory.tell(&event("a", "die", 3), Looked::NotAsked, Engine::Docker);
        let all = news(&mut memory);
        let [
            EngineNews::Seen(first),
            EngineNews::Seen(second),
            EngineNews::Stopped { .. },
        ] = all.as_slice()
        else {
            panic!("{all:?}");
        };
        assert_eq!(first.no_new_privileges, Some(true));
        assert_eq!(second.no_new_privileges, Some(true));
        assert_eq!(second.name.as_deref(), Some("told"));
        assert!(second.running);
    }

    #[test]
    fn a_container_that_was_never_seen_is_named_by_its_event() {
        let mut memory = Memory::default();
        memory.tell(
            &event("a", "die", 3_000_000),
            Looked::NotAsked,
            Engine::Docker,
        );
        memory.tell(&event("a", "destroy", 4), Looked::NotAsked, Engine::Docker);
        let all = news(&mut memory);
        let [
            EngineNews::Seen(seen),
            EngineNews::Stopped { at_ms: 3, .. },
            EngineNews::Gone { .. },
        ] = all.as_slice()
        else {
            panic!("{all:?}");
        };
        assert_eq!(seen.name.as_deref(), Some("told"));
        assert!(!seen.running);
        assert!(memory.known.is_empty());

        let image_id = Some("sha256:1".to_owned());
        let looked = Looked::Missing { image_id };
        memory.tell(&event("b", "start", 1), looked, Engine::Podman);
        let Some(EngineNews::Seen(seen)) = memory.take_news() else {
            panic!("not seen");
        };
        assert_eq!(
            seen.image.map(|image| image.id).as_deref(),
            Some("sha256:1")
        );
        assert_eq!(seen.engine, Engine::Podman);
    }

    #[test]
    fn sessions_of_the_health_check_are_told_apart() {
        let mut memory = Memory::default();
        memory.resynced(vec![known("a")]);
        assert!(memory.take_synced() && !memory.take_synced());
        // A later list without it: its last events are still read as its own.
        memory.resynced(vec![]);
        for action in ["exec_start: /bin/sh -c echo hi", "exec_start: /bin/sh"] {
            memory.tell(&event("a", action, 1), Looked::NotAsked, Engine::Docker);
        }
        let kinds: Vec<_> = news(&mut memory)
            .into_iter()
            .filter_map(|news| match news {
                EngineNews::Session { kind, exec_id, .. } => Some((kind, exec_id)),
                _ => None,
            })
            .collect();
        let e1 = || "e1".to_owned();
        assert_eq!(
            kinds,
            [(SessionKind::Health, e1()), (SessionKind::Exec, e1())]
        );
        memory.resynced(vec![]);
        assert!(memory.unlisted.is_empty());
    }

    #[test]
    fn a_list_without_inspection_takes_nothing_away() {
        let mut memory = Memory::default();
        memory.resynced(vec![known("a")]);
        let identity = Identity {
            running: false,
            ..Identity::unnamed("a".to_owned(), Engine::Docker)
        };
        let health_command = None;
        memory.resynced(vec![Known {
            identity,
            health_command,
        }]);
        let Some(EngineNews::Resync(all)) = news(&mut memory).pop() else {
            panic!("no list");
        };
        assert_eq!(all[0].no_new_privileges, Some(true));
        assert_eq!(all[0].name.as_deref(), Some("web"));
        assert!(!all[0].running);
    }

    #[test]
    fn a_lasting_failure_is_told_once() {
        let mut memory = Memory::default();
        for reason in ["no socket", "no socket", "refused", "refused"] {
            memory.disconnected(reason.to_owned());
        }
        memory.connected("1".to_owned(), "unix:///x".to_owned());
        memory.disconnected("refused".to_owned());
        assert_eq!(news(&mut memory).len(), 4);
    }
}
