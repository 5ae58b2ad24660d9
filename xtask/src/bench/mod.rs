//! `cargo xtask bench`: what the recording costs a system call, what the daemon costs the host, what a
//! filter costs a call beside libseccomp's, what `profilectl run` costs, how large the store becomes and how
//! soon it answers, and how soon an audit does.
//!
//! Figures are printed, never judged by the exit status: they are ratios of one run on one machine.

mod language;
mod run;

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{program, workspace};

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Nanoseconds per system call.
    Calls,
    /// Memory and processor time of the daemon beside 200 idle containers.
    Daemon,
    /// Instructions per system call of a compiled profile, and how long compiling takes.
    Language,
    /// What `profilectl run` adds to the start of a command, and to its calls.
    Run,
    /// How large the store becomes, and how soon list, export and diff answer from it.
    Store,
    /// How soon a container's active profile is known, and how long an audit takes; needs a testbed.
    Audit,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this part.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Rounds in which the cost of calls is measured.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds over which the daemon is watched.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let needs_root = [Part::Calls, Part::Daemon, Part::Audit]
        .map(wanted)
        .contains(&true);
    if needs_root && !rustix::process::geteuid().is_root() {
        bail!(
            "loading kernel programs and making cgroups needs root: run `sudo -E cargo xtask bench`"
        );
    }
    if wanted(Part::Calls) && program::found("strace").is_none() {
        bail!("strace, which is compared with, is not installed: run `apt-get install strace`");
    }
    let testbed = std::env::var_os("PROFILER_TESTBED");
    if options.only == Some(Part::Audit) && testbed.is_none() {
        bail!("there is no testbed: run `cargo xtask testbed up`, and set PROFILER_TESTBED");
    }
    build(wanted)?;
    println!("{}\n", machine());
    let examples = workspace::target()?.join("release/examples");
    if wanted(Part::Calls) {
        let rounds = options.rounds.to_string();
        program::run(
            Command::new("unshare")
                .args(["--mount", "sh", "-c", WITH_TRACEFS, "sh"])
                .arg(examples.join("overhead"))
                .args(["--rounds", &rounds]),
        )?;
        println!();
    }
    if wanted(Part::Daemon) {
        let daemon = workspace::target()?.join("release/profilerd");
        program::run(
            Command::new(examples.join("idle"))
                .arg(daemon)
                .arg(options.seconds.to_string()),
        )?;
        println!();
    }
    if wanted(Part::Language) {
        language::run(&examples.join("language"))?;
    }
    if wanted(Part::Run) {
        let profilectl = workspace::target()?.join("release/profilectl");
        println!();
        run::run(&examples.join("sandbox"), &profilectl)?;
    }
    if wanted(Part::Store) {
        let release = workspace::target()?.join("release");
        println!();
        program::run(
            Command::new(examples.join("store"))
                .arg(release.join("profilerd"))
                .arg(release.join("profilectl")),
        )?;
    }
    match testbed {
        Some(testbed) if wanted(Part::Audit) => {
            let release = workspace::target()?.join("release");
            println!();
            program::run(
                Command::new(examples.join("audit"))
                    .arg(release.join("profilerd"))
                    .arg(release.join("profilectl"))
                    .arg(testbed),
            )?;
        }
        _ if wanted(Part::Audit) => eprintln!("no audits are timed, for there is no testbed"),
        _ => {}
    }
    Ok(())
}

/// The variant on classic tracepoints needs tracefs, which not every host has mounted; in a mount
/// namespace of its own nothing is left behind.
const WITH_TRACEFS: &str = "[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec \"$@\"";

/// Builds what the wanted parts run, in release mode.
fn build(wanted: impl Fn(Part) -> bool) -> Result<()> {
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root()?)
        .args(["build", "--release", "--quiet", "--locked"])
        .args(["--package", "profiler-daemon"]);
    if wanted(Part::Calls) {
        command.args(["--example", "overhead"]);
    }
    if wanted(Part::Daemon) {
        command.args(["--bin", "profilerd", "--example", "idle"]);
    }
    if wanted(Part::Language) {
        command.args(["--example", "language"]);
    }
    if wanted(Part::Run) {
        command.args(["--bin", "profilectl", "--example", "sandbox"]);
    }
    if wanted(Part::Store) {
        command.args(["--bin", "profilerd", "--bin", "profilectl"]);
        command.args(["--example", "store"]);
    }
    if wanted(Part::Audit) {
        command.args(["--bins", "--example", "audit"]);
    }
    program::run(&mut command)
}

/// What the figures were taken on.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let date = program::output(Command::new("date").arg("+%F")).unwrap_or_default();
    format!(
        "kernel {}, {model}, {cores} cores, load {}, {}",
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
        date.trim()
    )
}
