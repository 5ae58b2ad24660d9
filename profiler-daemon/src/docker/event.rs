//! One event of the engine's stream, in our words. Pure.

use std::collections::HashMap;

use bollard::models::EventMessage;

use crate::profile::identity::{Engine, Identity, Image};

/// The events that are asked for. Docker matches a name by its beginning, since it writes a
/// session's command line behind `exec_start`; Podman says `died` and `remove`.
pub const WANTED: [&str; 9] = [
    "create",
    "start",
    "rename",
    "die",
    "died",
    "destroy",
    "remove",
    "exec_start",
    "health_status",
];

/// What engines add to a container's labels in an event's attributes.
const NOT_LABELS: [&str; 9] = [
    "name",
    "image",
    "exitCode",
    "execID",
    "execDuration",
    "oldName",
    "signal",
    "containerExitCode",
    "podId",
];

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was made, or renamed: ask again who it is.
    Changed,
    /// Its program started.
    Started,
    /// Its program ended.
    Died {
        /// Exit status.
        exit_code: Option<i32>,
    },
    /// It was removed.
    Destroyed,
    /// Its health check passed.
    Healthy,
    /// A process enters from outside.
    SessionBegan {
        /// The engine's id of it.
        exec_id: String,
        /// Its command line.
        command: String,
    },
}

/// One event of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerEvent {
    /// The container's full id.
    pub id: String,
    /// When, nanoseconds since the epoch by the engine's clock.
    pub at_ns: u64,
    /// What.
    pub happening: Happening,
    /// Name, image, labels and what belongs to the event, as the engine mixes them.
    attributes: HashMap<String, String>,
}

impl ContainerEvent {
    /// Reads an event; none when it is of no interest.
    #[must_use]
    pub fn read(message: EventMessage) -> Option<Self> {
        let action = message.action?;
        let actor = message.actor?;
        let id = actor.id.filter(|id| !id.is_empty())?;
        let attributes = actor.attributes.unwrap_or_default();
        let (word, rest) = action.split_once(": ").unwrap_or((&action, ""));
        let happening = match word {
            "create" | "rename" => Happening::Changed,
            "start" => Happening::Started,
            "die" | "died" => Happening::Died {
                exit_code: ["exitCode", "containerExitCode"]
                    .iter()
                    .find_map(|key| attributes.get(*key)?.parse().ok()),
            },
            "destroy" | "remove" => Happening::Destroyed,
            "exec_start" => Happening::SessionBegan {
                exec_id: attributes.get("execID").cloned().unwrap_or_default(),
                command: rest.to_owned(),
            },
            "health_status" if rest == "healthy" => Happening::Healthy,
            _ => return None,
        };
        let at_ns = message
            .time_nano
            .or_else(|| message.time?.checked_mul(1_000_000_000))
            .and_then(|ns| u64::try_from(ns).ok())
            .unwrap_or_default();
        Some(Self {
            id,
            at_ns,
            happening,
            attributes,
        })
    }

    /// When, milliseconds since the epoch.
    #[must_use]
    pub const fn at_ms(&self) -> u64 {
        self.at_ns / 1_000_000
    }

    /// The container's identity must be asked for before this event can be told.
    #[must_use]
    pub const fn asks_for_identity(&self) -> bool {
        matches!(self.happening, Happening::Changed | Happening::Started)
    }

    /// The image's reference, if the event has it.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.attributes.get("image").map(String::as_str)
    }

    /// All that the event alone tells of its container, for one that is gone already.
    /// The image's id is not in it and is left empty.
    #[must_use]
    pub fn identity(&self, engine: Engine) -> Identity {
        let labels = self
            .attributes
            .iter()
            .filter(|(key, _)| !NOT_LABELS.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Identity {
            name: self.attributes.get("name").cloned(),
            image: self.image().map(|reference| Image {
                reference: reference.to_owned(),
                id: String::new(),
            }),
            labels,
            running: self.happening == Happening::Started,
            ..Identity::unnamed(self.id.clone(), engine)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<ContainerEvent> {
        ContainerEvent::read(serde_json::from_str(json).expect("an event"))
    }

    /// As Docker 20.10 sends it.
    fn docker(action: &str, more: &str) -> String {
        format!(
            r#"{{"status":"{action}","id":"5e19","from":"bb:1","Type":"container","Action":"{action}",
            "Actor":{{"ID":"5e19","Attributes":{{"a":"b",{more}"image":"bb:1","name":"web"}}}},
            "scope":"local","time":1795292997,"timeNano":1795292997271788964}}"#
        )
    }

    #[test]
    fn a_session_keeps_its_command_and_id() {
        let event = read(&docker("exec_start: echo a: b", r#""execID":"146c","#)).expect("wanted");
        assert_eq!(
            event.happening,
            Happening::SessionBegan {
                exec_id: "146c".to_owned(),
                command: "echo a: b".to_owned(),
            }
        );
        assert_eq!(event.at_ms(), 1_795_292_997_271);
    }

    #[test]
    fn the_event_alone_names_the_container() {
        let identity = read(&docker("start", ""))
            .expect("wanted")
            .identity(Engine::Docker);
        assert_eq!(identity.name.as_deref(), Some("web"));
        assert_eq!(
            identity.image.map(|image| image.reference).as_deref(),
            Some("bb:1")
        );
        assert_eq!(
            identity.labels.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "b".to_owned())]
        );
        assert!(identity.running);
    }

    #[test]
    fn ends_and_others_are_told_apart() {
        let died = read(&docker("die", r#""exitCode":"137","#)).expect("wanted");
        assert_eq!(
            died.happening,
            Happening::Died {
                exit_code: Some(137)
            }
        );
        assert!(!died.asks_for_identity());
        assert!(
            !died
                .identity(Engine::Docker)
                .labels
                .contains_key("exitCode")
        );
        let gone = read(&docker("destroy", "")).expect("wanted");
        assert_eq!(gone.happening, Happening::Destroyed);
        let renamed = read(&docker("rename", r#""oldName":"/old","#)).expect("wanted");
        assert!(renamed.asks_for_identity());
        for action in [
            "exec_create: x",
            "exec_die",
            "kill",
            "health_status: unhealthy",
            "oom",
        ] {
            assert_eq!(read(&docker(action, "")), None, "{action}");
        }
        assert_eq!(read("{}"), None);
        assert_eq!(
            read(r#"{"Action":"start","Actor":{"Attributes":{}}}"#),
            None
        );
    }

    #[test]
    fn seconds_do_where_there_are_no_nanoseconds() {
        let event = read(r#"{"Action":"died","Actor":{"ID":"x"},"time":12}"#).expect("wanted");
        assert_eq!(event.at_ms(), 12_000);
        assert_eq!(event.happening, Happening::Died { exit_code: None });
    }
}
