//! An exported profile as a test reads it, and what the daemon says of a container that ran under it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::testbed::{Container, Daemon};

/// What issue 2 allows a stop to take. The engine kills what has not ended by then.
const STOP: Duration = Duration::from_secs(10);

/// A profile in Docker's dialect.
pub(crate) struct Profile(Value);

impl Profile {
    pub(crate) fn read(file: &Path) -> Self {
        let text = std::fs::read(file).expect("the exported file");
        Self(serde_json::from_slice(&text).expect("the exported file is JSON"))
    }

    /// The names that it allows whatever the arguments.
    pub(crate) fn allowed(&self) -> BTreeSet<String> {
        self.rules()
            .filter(|rule| {
                rule["action"] == "SCMP_ACT_ALLOW"
                    && rule["args"].as_array().is_none_or(Vec::is_empty)
            })
            .flat_map(names)
            .collect()
    }

    /// The errno that a rule of the name's own answers.
    pub(crate) fn errno(&self, name: &str) -> Option<u64> {
        self.rules()
            .filter(|rule| rule["action"] == "SCMP_ACT_ERRNO")
            .find(|rule| names(rule).any(|other| other == name))
            .and_then(|rule| rule["errnoRet"].as_u64())
    }

    /// Writes it to the file without a name that it has a rule for.
    pub(crate) fn write_without(mut self, name: &str, file: &Path) {
        let mut removed = 0;
        for rule in self.0["syscalls"].as_array_mut().expect("rules") {
            let names = rule["names"].as_array_mut().expect("names");
            let before = names.len();
            names.retain(|other| other != name);
            removed += before - names.len();
        }
        assert_eq!(removed, 1, "{name} has one rule");
        // The engine accepts no rule for nothing.
        let rules = self.0["syscalls"].as_array_mut().expect("rules");
        rules.retain(|rule| {
            rule["names"]
                .as_array()
                .is_some_and(|names| !names.is_empty())
        });
        std::fs::write(file, self.0.to_string()).expect("a profile can be written");
    }

    fn rules(&self) -> impl Iterator<Item = &Value> {
        self.0["syscalls"].as_array().expect("rules").iter()
    }
}

fn names(rule: &Value) -> impl Iterator<Item = String> + '_ {
    let names = rule["names"].as_array().expect("a rule has names");
    names
        .iter()
        .map(|name| name.as_str().expect("a name").to_owned())
}

/// The word that puts a container under a profile, to go behind `--security-opt`.
pub(crate) fn seccomp(file: &Path) -> String {
    format!("seccomp={}", file.display())
}

/// Stops a container, which has to end by itself and in time.
pub(crate) fn stop(container: &Container, what: &str) {
    let took = container.stop();
    assert!(
        took < STOP,
        "{what}: docker stop took {took:?}; it said: {}",
        container.logs()
    );
    // 128 + SIGKILL: the engine lost patience.
    assert_ne!(
        container.inspect("{{.State.ExitCode}}"),
        "137",
        "{what} was killed"
    );
}

/// Stops a recorded container and exports its profile.
pub(crate) fn stop_and_export(daemon: &Daemon, container: &Container) -> PathBuf {
    stop(container, "the recorded container");
    daemon.export(&container.name, &format!("{}.json", container.name))
}

/// What the container's own programs were refused, but for "there is no such call", which a libc copes with.
pub(crate) fn refusals(daemon: &Daemon, container: &Container) -> Vec<String> {
    let detail = daemon.ctl_json(&["show", &container.name]);
    assert_eq!(
        detail["start_seen"], true,
        "the recording of {} is whole",
        container.name
    );
    let refusals = detail["refusals"].as_array().expect("refusals").iter();
    refusals
        .filter(|refusal| refusal["by_runtime"] == false && refusal["with"]["errno"] != 38)
        .map(Value::to_string)
        .collect()
}
