//! What an engine does for a container that asks for nothing else. Pure.

use bollard::models::{SystemInfo, SystemVersion};

use crate::profile::identity::Engine;

/// What the engine does for a container that asks for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineDefaults {
    /// Who answers: Docker, or Podman under Docker's API.
    pub engine: Engine,
    /// The runtime's name in the engine's settings.
    pub runtime: String,
    /// `no-new-privileges` is the engine's default.
    pub no_new_privileges: bool,
    /// The engine sets no filter at all: switched off, or the kernel has none.
    pub unconfined: bool,
    /// The filter's profile in the engine's words: `default`, `builtin`, `unconfined`, a path;
    /// none when it did not tell.
    pub seccomp: Option<String>,
}

impl EngineDefaults {
    /// Reads the engine's version and, if it gave them, its settings.
    #[must_use]
    pub fn read(version: &SystemVersion, info: Option<&SystemInfo>) -> Self {
        let podman = version
            .components
            .iter()
            .flatten()
            .any(|part| part.name.contains("Podman"));
        let runtime = info
            .and_then(|info| info.default_runtime.clone())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "runc".to_owned());
        let options = info
            .and_then(|info| info.security_options.as_deref())
            .unwrap_or_default();
        let option = |wanted: &str| options.iter().find(|option| name_of(option) == wanted);
        // An engine that lists what it has and does not list seccomp has none.
        let unconfined = !options.is_empty()
            && option("seccomp").is_none_or(|option| option.contains("profile=unconfined"));
        Self {
            engine: if podman {
                Engine::Podman
            } else {
                Engine::Docker
            },
            runtime,
            no_new_privileges: option("no-new-privileges").is_some(),
            unconfined,
            seccomp: option("seccomp").and_then(|option| {
                let named = option
                    .split(',')
                    .find_map(|part| part.strip_prefix("profile="));
                named.map(str::to_owned)
            }),
        }
    }
}

/// `name=seccomp,profile=default` → `seccomp`; old engines write the bare name.
fn name_of(option: &str) -> &str {
    let first = option.split(',').next().unwrap_or(option);
    first.strip_prefix("name=").unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_engines_settings_are_read() {
        let version = |name: &str| {
            serde_json::from_value::<SystemVersion>(
                json!({"Components": [{"Name": name, "Version": "1"}]}),
            )
            .expect("read")
        };
        let info = |options: serde_json::Value| {
            serde_json::from_value::<SystemInfo>(
                json!({"DefaultRuntime": "crun", "SecurityOptions": options}),
            )
            .expect("read")
        };
        let docker = EngineDefaults::read(
            &version("Engine"),
            Some(&info(json!(["name=seccomp,profile=default"]))),
        );
        assert_eq!(
            docker,
            EngineDefaults {
                engine: Engine::Docker,
                runtime: "crun".to_owned(),
                no_new_privileges: false,
                unconfined: false,
                seccomp: Some("default".to_owned()),
            }
        );
        let strict = EngineDefaults::read(
            &version("Podman Engine"),
            Some(&info(json!([
                "name=seccomp,profile=unconfined",
                "name=no-new-privileges"
            ]))),
        );
        assert_eq!(strict.engine, Engine::Podman);
        assert!(strict.no_new_privileges && strict.unconfined);
        let without = info(json!(["name=apparmor"]));
        assert!(EngineDefaults::read(&version("Engine"), Some(&without)).unconfined);
        let silent = EngineDefaults::read(&SystemVersion::default(), None);
        assert_eq!(
            (silent.runtime.as_str(), silent.unconfined),
            ("runc", false)
        );
    }
}
