//! Support for tests on real containers: the testbed's engine, guards for a daemon and for containers, probes.
//!
//! `cargo xtask test` brings the testbed up and names its description in `PROFILER_TESTBED`. A test begins with
//! `let Some(testbed) = Testbed::get() else { return };` and is skipped, saying so, where there is none.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test file takes in the whole module and uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod bounded;
mod container;
mod daemon;
mod probe;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

pub(crate) use bounded::{Ended, ended_within, eventually, run};
pub(crate) use container::Container;
pub(crate) use daemon::{Daemon, DaemonOptions};
pub(crate) use probe::{compile_c, strace_names};

/// How long the engine may take for one command.
const PATIENCE: Duration = Duration::from_secs(120);

/// Not root: these tests load kernel programs and make mounts. In CI that is a failure.
pub(crate) fn unprivileged() -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(
        root || std::env::var("CI").as_deref() != Ok("true"),
        "these tests need root, and CI=true allows no skipped test"
    );
    if !root {
        eprintln!("SKIPPED: needs root");
    }
    !root
}

/// A running testbed.
#[derive(Clone, Debug)]
pub(crate) struct Testbed {
    /// The engine's socket.
    pub(crate) socket: PathBuf,
    cli: PathBuf,
    /// Each runtime's version by its name: `runc11`, `runc13`, `crun`.
    pub(crate) runtimes: BTreeMap<String, String>,
    /// The images that can be run.
    pub(crate) images: Vec<String>,
}

impl Testbed {
    /// The testbed, or nothing where there is none; in CI that is a failure.
    pub(crate) fn get() -> Option<Self> {
        let Some(file) = std::env::var_os("PROFILER_TESTBED") else {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "PROFILER_TESTBED is not set, and CI=true allows no skipped test: run `cargo xtask test`"
            );
            eprintln!(
                "SKIPPED: no testbed; run `cargo xtask test`, or `cargo xtask testbed up` and set PROFILER_TESTBED"
            );
            return None;
        };
        Some(Self::read(Path::new(&file)))
    }

    fn read(file: &Path) -> Self {
        let text = std::fs::read(file).unwrap_or_else(|error| {
            panic!("{}: {error}; run `cargo xtask testbed up`", file.display())
        });
        let value: Value = serde_json::from_slice(&text).expect("testbed.json is JSON");
        let path = |key: &str| PathBuf::from(value[key].as_str().expect("a path"));
        let runtimes = value["runtimes"].as_object().expect("runtimes").iter();
        let images = value["images"].as_array().expect("images").iter();
        Self {
            socket: path("docker_socket"),
            cli: path("docker_cli"),
            runtimes: runtimes
                .map(|(name, runtime)| {
                    (
                        name.clone(),
                        runtime["version"].as_str().unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
            images: images
                .filter_map(|image| image.as_str().map(str::to_owned))
                .collect(),
        }
    }

    /// The engine's address, as `--docker` and `DOCKER_HOST` take it.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The docker CLI on the testbed's engine, for what `docker` below does not do.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.cli);
        command.arg("--host").arg(self.url());
        command
    }

    /// Runs the docker CLI to its end, within two minutes.
    pub(crate) fn docker(&self, words: &[&str]) -> Ended {
        run(self.command().args(words), PATIENCE)
    }

    /// Runs the docker CLI, which has to succeed, and returns what it wrote to stdout.
    pub(crate) fn docker_ok(&self, words: &[&str]) -> String {
        let ended = self.docker(words);
        assert!(ended.success(), "docker {}: {ended}", words.join(" "));
        ended.stdout.trim_end().to_owned()
    }
}
