//! bollard's models in our words. Pure: asks nobody, and takes every field for absent or odd.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerConfig, ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum,
    HostConfig,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{defaults::EngineDefaults, entrypoint::Made};
use crate::profile::{
    asked::{Asked, AskedProfile},
    identity::{Identity, Image},
};

/// An inspected container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Who it is, but for its runtime, which is known only by the engine's name for it, and its
    /// entrypoint, which is to be compared with the image's.
    pub identity: Identity,
    /// What it was made to run.
    pub made: Made,
    /// The engine's name for its runtime.
    pub runtime: String,
    /// Its health check, as the command line of a session.
    pub health_command: Option<String>,
}

impl Inspected {
    /// Reads what the engine tells of a container; none when it tells not even its id.
    #[must_use]
    pub fn read(answer: ContainerInspectResponse, defaults: &EngineDefaults) -> Option<Self> {
        let id = answer.id.filter(|id| !id.is_empty())?;
        let config = answer.config.unwrap_or_default();
        let host = answer.host_config.unwrap_or_default();
        let state = answer.state.unwrap_or_default();
        let running = state.running.unwrap_or_default();
        let image_id = answer.image.unwrap_or_default();
        let image = config
            .image
            .clone()
            .filter(|reference| !reference.is_empty())
            .or_else(|| Some(image_id.clone()).filter(|id| !id.is_empty()))
            .map(|reference| Image {
                reference,
                id: image_id,
            });
        let identity = Identity {
            id,
            engine: defaults.engine,
            name: answer.name.as_deref().and_then(bare_name),
            image,
            entrypoint: None,
            labels: sorted(config.labels.clone()),
            runtime: None,
            no_new_privileges: Some(no_new_privileges(&host, defaults)),
            pid: state
                .pid
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|&pid| running && pid != 0),
            running,
            created_ms: answer.created.as_deref().and_then(ms_since_epoch),
            unconfined: unconfined(&host, defaults),
            origin: None,
            health_check: Some(health_command(&config).is_some()),
            asked: Some(Box::new(asked(&host, defaults))),
        };
        let runtime = host
            .runtime
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| defaults.runtime.clone());
        Some(Self {
            identity,
            made: Made::read(&config),
            runtime,
            health_command: health_command(&config),
        })
    }
}

/// What a list tells of a container that could not be inspected.
#[must_use]
pub fn listed(summary: ContainerSummary, defaults: &EngineDefaults) -> Option<Identity> {
    let id = summary.id.filter(|id| !id.is_empty())?;
    let running = matches!(
        summary.state,
        Some(
            ContainerSummaryStateEnum::RUNNING
                | ContainerSummaryStateEnum::PAUSED
                | ContainerSummaryStateEnum::RESTARTING
        )
    );
    // Further names are those that links give it: `/other/alias`.
    let name = summary
        .names
        .unwrap_or_default()
        .iter()
        .find_map(|name| bare_name(name).filter(|name| !name.contains('/')));
    let image_id = summary.image_id.unwrap_or_default();
    Some(Identity {
        name,
        image: summary.image.map(|reference| Image {
            reference,
            id: image_id,
        }),
        labels: sorted(summary.labels),
        running,
        created_ms: summary
            .created
            .and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(1000)),
        ..Identity::unnamed(id, defaults.engine)
    })
}

fn bare_name(name: &str) -> Option<String> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    (!bare.is_empty()).then(|| bare.to_owned())
}

fn sorted(labels: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    labels.unwrap_or_default().into_iter().collect()
}

/// `key=value` or, as old clients wrote it, `key:value`, of the container's security options.
fn security_options(host: &HostConfig) -> impl Iterator<Item = (&str, &str)> {
    host.security_opt
        .iter()
        .flatten()
        .map(|option| option.split_once(['=', ':']).unwrap_or((option, "")))
}

fn no_new_privileges(host: &HostConfig, defaults: &EngineDefaults) -> bool {
    security_options(host)
        .filter(|(key, _)| *key == "no-new-privileges")
        // Without a value it is on; the engine reads the others as Go does.
        .map(|(_, value)| matches!(value, "" | "1" | "t" | "T" | "true" | "True" | "TRUE"))
        .last()
        .unwrap_or(defaults.no_new_privileges)
}

/// Whether the engine asks for no filter. It can't be told for a privileged container with a
/// profile of its own: older engines ignore the profile, newer ones set it.
fn unconfined(host: &HostConfig, defaults: &EngineDefaults) -> Option<bool> {
    match (seccomp_option(host), host.privileged.unwrap_or_default()) {
        (Some("unconfined"), _) | (None, true) => Some(true),
        (Some(_), true) => None,
        (Some(_), false) => Some(false),
        (None, false) => Some(defaults.unconfined),
    }
}

fn seccomp_option(host: &HostConfig) -> Option<&str> {
    security_options(host)
        .filter(|(key, _)| *key == "seccomp")
        .map(|(_, profile)| profile)
        .last()
}

fn asked(host: &HostConfig, defaults: &EngineDefaults) -> Asked {
    Asked {
        profile: AskedProfile::of(seccomp_option(host)),
        engine_default: defaults.seccomp.clone(),
        privileged: host.privileged.unwrap_or_default(),
        cap_add: host.cap_add.clone().unwrap_or_default(),
        cap_drop: host.cap_drop.clone().unwrap_or_default(),
    }
}

/// The health check as the engine writes it in a session's event: its words joined by spaces.
fn health_command(config: &ContainerConfig) -> Option<String> {
    let test = config.healthcheck.as_ref()?.test.as_deref()?;
    let (kind, words) = test.split_first()?;
    match kind.as_str() {
        "CMD" => Some(words.join(" ")),
        "CMD-SHELL" => {
            let shell = config
                .shell
                .as_deref()
                .filter(|shell| !shell.is_empty())
                .map_or_else(|| "/bin/sh -c".to_owned(), |shell| shell.join(" "));
            Some(format!("{shell} {}", words.join(" ")))
        }
        _ => None,
    }
}

/// An RFC 3339 time; none for what can't be read and for times before the epoch: an engine
/// writes year 1 for "never".
fn ms_since_epoch(text: &str) -> Option<u64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::profile::identity::Engine;

    fn defaults() -> EngineDefaults {
        EngineDefaults {
            engine: Engine::Docker,
            runtime: "crun".to_owned(),
            no_new_privileges: false,
            unconfined: false,
            seccomp: Some("default".to_owned()),
        }
    }

    fn inspected(answer: serde_json::Value) -> Inspected {
        let answer = serde_json::from_value(answer).expect("bollard reads it");
        Inspected::read(answer, &defaults()).expect("it has an id")
    }

    fn with_host(host: serde_json::Value) -> Inspected {
        inspected(json!({"Id": "f8", "HostConfig": host}))
    }

    /// The telling parts of what Docker 20.10 answers for a running container.
    #[test]
    fn a_running_container_is_read() {
        let read = inspected(json!({
            "Id": "f81c", "Created": "2026-11-21T20:33:09.187784457Z", "Name": "/web",
            "State": {"Status": "running", "Running": true, "Pid": 4711, "ExitCode": 0,
                      "FinishedAt": "0001-01-01T00:00:00Z"},
            "Image": "sha256:3d01",
            "HostConfig": {"Runtime": "runc", "SecurityOpt": ["no-new-privileges"], "ConsoleSize": [0, 0],
                           "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
            "Config": {"Image": "bb:1", "Env": null, "Labels": {"a": "b", "": "\u{1b}[31m"},
                       "Healthcheck": {"Test": ["CMD-SHELL", "echo hi"]}},
        }));
        assert_eq!(read.runtime, "runc");
        assert_eq!(read.health_command.as_deref(), Some("/bin/sh -c echo hi"));
        let identity = read.identity;
        assert_eq!(identity.name.as_deref(), Some("web"));
        let image = identity.image.expect("told");
        assert_eq!(
            (image.reference.as_str(), image.id.as_str()),
            ("bb:1", "sha256:3d01")
        );
        assert_eq!(identity.labels[""], "\u{1b}[31m");
        assert_eq!(identity.no_new_privileges, Some(true));
        assert_eq!(identity.unconfined, Some(false));
        assert_eq!((identity.running, identity.pid), (true, Some(4711)));
        assert_eq!(identity.created_ms, Some(1_795_293_189_187));
    }

    #[test]
    fn absent_fields_are_absent_and_defaults_apply() {
        let read = inspected(json!({"Id": "f8"}));
        assert_eq!(read.runtime, "crun");
        assert_eq!(read.health_command, None);
        assert_eq!(read.identity.image, None);
        assert_eq!((read.identity.running, read.identity.pid), (false, None));
        assert_eq!(read.identity.no_new_privileges, Some(false));
        assert_eq!(with_host(json!({"Runtime": ""})).runtime, "crun");
        let nothing = serde_json::from_value(json!({})).expect("read");
        assert_eq!(Inspected::read(nothing, &defaults()), None);
    }

    #[test]
    fn no_new_privileges_in_all_spellings() {
        for (options, on) in [
            (json!(["no-new-privileges"]), true),
            (json!(["no-new-privileges:true"]), true),
            (json!(["no-new-privileges=true"]), true),
            (json!(["no-new-privileges=false"]), false),
            (json!(["no-new-privileges:0"]), false),
            (json!(["label=disable"]), false),
            (json!(null), false),
        ] {
            let read = with_host(json!({"SecurityOpt": options}));
            assert_eq!(read.identity.no_new_privileges, Some(on), "{options}");
        }
    }

    #[test]
    fn unconfined_follows_option_and_privilege() {
        for (host, verdict) in [
            (json!({}), Some(false)),
            (json!({"SecurityOpt": ["seccomp=unconfined"]}), Some(true)),
            (json!({"SecurityOpt": ["seccomp:unconfined"]}), Some(true)),
            (
                json!({"SecurityOpt": ["seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"]}),
                Some(false),
            ),
            (json!({"Privileged": true}), Some(true)),
            (
                json!({"Privileged": true, "SecurityOpt": ["seccomp={}"]}),
                None,
            ),
            (
                json!({"Privileged": true, "SecurityOpt": ["seccomp=unconfined"]}),
                Some(true),
            ),
        ] {
            assert_eq!(
                with_host(host.clone()).identity.unconfined,
                verdict,
                "{host}"
            );
        }
    }

    #[test]
    fn what_was_asked_for_is_kept_in_the_engines_words() {
        let read = with_host(json!({"SecurityOpt": ["seccomp={}"], "Privileged": true,
            "CapAdd": ["SYS_ADMIN"], "CapDrop": null}));
        let asked = read.identity.asked.expect("inspected");
        assert_eq!(asked.profile, AskedProfile::of(Some("{}")));
        assert_eq!(asked.engine_default.as_deref(), Some("default"));
        assert!(asked.privileged && asked.cap_drop.is_empty());
        assert_eq!(asked.cap_add, ["SYS_ADMIN"]);
    }

    #[test]
    fn health_checks_become_command_lines() {
        for (config, command) in [
            (
                json!({"Healthcheck": {"Test": ["CMD", "curl", "-f", "x"]}}),
                Some("curl -f x"),
            ),
            (
                json!({"Healthcheck": {"Test": ["CMD-SHELL", "a b"]}, "Shell": ["/bin/ash", "-ec"]}),
                Some("/bin/ash -ec a b"),
            ),
            (json!({"Healthcheck": {"Test": ["NONE"]}}), None),
            (json!({"Healthcheck": {"Test": []}}), None),
            (json!({"Healthcheck": {}}), None),
        ] {
            let read = inspected(json!({"Id": "f8", "Config": config}));
            assert_eq!(read.health_command.as_deref(), command, "{config}");
        }
    }

    #[test]
    fn a_list_tells_enough_to_go_on() {
        let summary = json!({"Id": "f8", "Names": ["/other/alias", "/web"], "Image": "bb:1",
            "ImageID": "sha256:3d", "Created": 1_795_293_189, "State": "running", "Labels": {"k": "v"}});
        let summary = serde_json::from_value(summary).expect("read");
        let identity = listed(summary, &defaults()).expect("it has an id");
        assert_eq!(identity.name.as_deref(), Some("web"));
        assert_eq!(identity.created_ms, Some(1_795_293_189_000));
        assert!(identity.running);
        assert_eq!(identity.unconfined, None);
    }

    #[test]
    fn times_are_read_or_none() {
        assert_eq!(ms_since_epoch("1970-01-01T01:00:00.5+01:00"), Some(500));
        assert_eq!(ms_since_epoch("0001-01-01T00:00:00Z"), None);
        assert_eq!(ms_since_epoch("yesterday"), None);
    }
}
