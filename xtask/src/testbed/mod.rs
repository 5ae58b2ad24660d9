//! `cargo xtask testbed`: a Docker engine of our own, with three runtimes and images made on this machine.
//!
//! Everything it starts, mounts or writes lies under `target/testbed`, so that `down` can end all of it and nothing
//! else; downloads are kept in `target/testbed-cache`.

pub(crate) mod engine;
mod hierarchy;
pub(crate) mod image;
mod rootfs;
mod runtime;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde::{Deserialize, Serialize};

use crate::{debian, workspace};

/// What the testbed and the tests that use it need from Debian.
const PACKAGES: [&str; 17] = [
    "busybox-static",
    "ca-certificates",
    "crun",
    "debootstrap",
    "docker-compose",
    "docker.io",
    "gcc",
    "iptables",
    "kmod",
    "libc6-dev",
    "libseccomp-dev",
    "lxc",
    "patchelf",
    "procps",
    "runc",
    "strace",
    "util-linux",
];

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Install what is missing, start the engine and make the images; what is there already is used again.
    Up,
    /// End the engine, its containers, mounts and cgroups.
    Down,
    /// Print the variables that tests read, for `eval $(cargo xtask testbed env)`.
    Env,
}

/// A running testbed, as `testbed.json` says it to the tests.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Testbed {
    pub(crate) docker_socket: PathBuf,
    pub(crate) docker_cli: PathBuf,
    pub(crate) engine_version: String,
    pub(crate) runtimes: BTreeMap<String, Runtime>,
    pub(crate) images: Vec<String>,
}

/// A container runtime that the engine knows by name.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Runtime {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

pub(crate) fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Up => {
            up()?;
            println!("{}", description()?.display());
            Ok(())
        }
        Verb::Down => down(),
        Verb::Env => {
            println!("export {}={}", VARIABLE, description()?.display());
            Ok(())
        }
    }
}

/// The variable that tells tests where `testbed.json` is.
pub(crate) const VARIABLE: &str = "PROFILER_TESTBED";

/// Where a running testbed describes itself.
pub(crate) fn description() -> Result<PathBuf> {
    Ok(folder()?.join("testbed.json"))
}

/// The end of what the engine has logged; for a person, when something went wrong.
pub(crate) fn last_words() -> String {
    folder().map_or_else(|_| String::new(), |folder| engine::last_words(&folder))
}

/// Whether the testbed's engine answers already.
pub(crate) fn is_up() -> Result<bool> {
    Ok(description()?.is_file() && engine::handle(&folder()?)?.version().is_ok())
}

/// Brings the whole testbed up.
pub(crate) fn up() -> Result<Testbed> {
    up_with(&image::ALL)
}

/// Brings up an engine with the demo's image alone, which needs no download.
pub(crate) fn up_for_demo() -> Result<Testbed> {
    up_with(&[image::DEMO])
}

fn up_with(wanted: &[&str]) -> Result<Testbed> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "the testbed starts a Docker engine, which only root can: run `sudo -E cargo xtask …`"
        );
    }
    let begin = Instant::now();
    debian::install(&PACKAGES)?;
    let step = |what: &str| eprintln!("testbed: {what} ({:.0} s)", begin.elapsed().as_secs_f64());
    step("packages are installed");
    let cache = workspace::target()?.join("testbed-cache");
    workspace::folder(&cache)?;
    let runtimes = runtime::all(&cache)?;
    step("runtimes are here");
    let engine = engine::start(&folder()?, &runtimes)?;
    step("the engine runs");
    let images = image::make(wanted, &engine, &cache)?;
    step("images are made");
    let testbed = Testbed {
        docker_socket: engine.socket.clone(),
        docker_cli: engine.cli.clone(),
        engine_version: engine.version()?,
        runtimes,
        images,
    };
    let mut text = serde_json::to_string_pretty(&testbed)?;
    text.push('\n');
    workspace::write(&description()?, text)?;
    Ok(testbed)
}

/// Ends everything that `up` started.
pub(crate) fn down() -> Result<()> {
    engine::stop(&folder()?)
}

fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join("testbed"))
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
