//! A command in a cgroup of its own, recorded from its execution to its end, without a daemon.
//!
//! Uses programs of its own, which look at that cgroup only and go with the recording.

mod own_cgroup;
mod signals;

use std::{
    ffi::OsString,
    io,
    process::{ExitStatus, Stdio},
};

use rustix::process::Signal;
use thiserror::Error;

use self::{own_cgroup::OwnCgroup, signals::Signals};
use crate::{
    collector::{executables::Executables, observed::part},
    kernel::{Kernel, KernelError, Settings},
    profile::arguments::Recorded as RecordedArguments,
    profile::observation::{Observation, Sighting},
    recording::{
        news::News,
        source::{Snapshot, Source, SourceError},
    },
};

/// The recording could not be made.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The kernel side could not be set up.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// No cgroup could be made.
    #[error("cannot {action}: {reason}")]
    Cgroup {
        /// What was tried.
        action: String,
        /// What came of it.
        reason: String,
    },
    /// The command was not found.
    #[error("no such command: {0}")]
    NoCommand(String),
    /// The command is there, but cannot be run.
    #[error("cannot run {command}: {source}")]
    CannotRun {
        /// The command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A signal asked for the end before there was a command to pass it on to.
    #[error("interrupted before the command was started")]
    Interrupted(i32),
    /// Its record is not there.
    #[error("nothing was recorded: {0}")]
    Nothing(String),
}

/// What came of it.
#[derive(Debug)]
pub struct Recorded {
    /// How the command ended.
    pub status: ExitStatus,
    /// What it called.
    pub observation: Observation,
    /// Calls that could not be recorded.
    pub lost_calls: u64,
    /// Processes that the command left behind; they run on, no longer recorded.
    pub left_behind: Vec<u32>,
}

/// Runs a command and records it. `stdout` says where its output goes, `arguments` of which
/// arguments the values are recorded too.
///
/// # Errors
/// The kernel side or the cgroup cannot be had, or the command cannot be run.
pub async fn record(
    command: &[OsString],
    stdout: Stdio,
    arguments: Vec<RecordedArguments>,
) -> Result<Recorded, RecordError> {
    let (program, words) = command
        .split_first()
        .ok_or_else(|| RecordError::NoCommand("none was given".into()))?;
    let mut signals = Signals::catch().map_err(|error| RecordError::Cgroup {
        action: "catch signals".into(),
        reason: error.to_string(),
    })?;
    let cgroup = OwnCgroup::make()?;
    let settings = Settings {
        pin_dir: None,
        max_cgroups: 64,
        arguments,
        only_cgroup: Some(cgroup.id()),
        ..Settings::default()
    };
    let (mut source, ring) = Kernel::open(&settings)?;
    let stop = tokio_util::sync::CancellationToken::new();
    let (tx, mut rx) = tokio::sync::mpsc::channel(16);
    let pump = tokio::spawn(crate::kernel::pump(ring, tx, stop.clone()));
    let news = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(batch) = rx.recv().await {
            all.extend(batch);
        }
        all
    });

    if let Some(signal) = signals.pending().await {
        return Err(RecordError::Interrupted(signal.as_raw()));
    }
    let mut child = cgroup.command(program, words, stdout)?;
    let status = wait(&mut child, &mut signals)
        .await
        .map_err(|source| RecordError::CannotRun {
            command: program.to_string_lossy().into_owned(),
            source,
        })?;

    let left_behind = cgroup.release_processes()?;
    let snapshots = snapshots(&mut source)?;
    let lost_calls = source
        .losses()
        .map_err(|error| RecordError::Nothing(error.to_string()))?
        .iter()
        .filter(|loss| loss.loses_calls)
        .map(|loss| loss.count)
        .sum();
    stop.cancel();
    let _ = pump.await;
    let news = news.await.unwrap_or_default();
    let mut executables = Executables::default();
    for item in &news {
        if let News::Exec { exec_id, path, .. } = item {
            executables.insert(*exec_id, path);
        }
    }
    let mut observation = Observation::united(
        snapshots
            .into_iter()
            .map(|snapshot| part(snapshot, Some(own_cgroup::LEVEL), &executables)),
    );
    // The cgroup was made, and the programs attached, before anybody was in it.
    observation.start_seen = true;
    add_sightings(&mut observation, news, &executables);
    observation.stop_seen = left_behind.is_empty();
    Ok(Recorded {
        status,
        observation,
        lost_calls,
        left_behind,
    })
}

/// The records of the command's cgroup and of those it made below.
fn snapshots(source: &mut Kernel) -> Result<Vec<Snapshot>, RecordError> {
    let told = |error: SourceError| RecordError::Nothing(error.to_string());
    let mut snapshots = Vec::new();
    for cgroup in source.cgroups().map_err(told)? {
        snapshots.extend(source.snapshot(cgroup).map_err(told)?);
    }
    if snapshots.is_empty() {
        return Err(RecordError::Nothing(
            "the kernel has no record of the command's cgroup".into(),
        ));
    }
    Ok(snapshots)
}

/// Waits for the command. What a terminal sends goes to it directly; what is sent to us is
/// passed on, so that the command decides.
async fn wait(child: &mut tokio::process::Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    loop {
        let passed_on = tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => signal,
        };
        if matches!(passed_on, Signal::INT | Signal::QUIT) {
            continue;
        }
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, passed_on);
        }
    }
}

fn add_sightings(observation: &mut Observation, news: Vec<News>, executables: &Executables) {
    for item in news {
        if let News::Call {
            at_ms,
            call,
            refused: None,
            pid,
            session,
            exec_id,
            comm,
            ..
        } = item
        {
            observation
                .sightings
                .entry(call)
                .or_insert_with(|| Sighting {
                    at_ms,
                    exe: executables.get(exec_id).map(str::to_owned),
                    comm,
                    pid,
                    session,
                });
        }
    }
}
