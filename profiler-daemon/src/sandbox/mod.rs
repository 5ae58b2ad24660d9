//! One command under a filter: started so that the filter judges its execution and nothing before
//! it, watched if that is wanted, and told apart by who failed: the sandbox, the program, or the
//! profile.
//!
//! Works as an ordinary user: no root, no daemon, no ptrace. Must not know where a profile comes from
//! or how a report looks.

mod child;
mod command;
mod confinement;
mod listener;
mod memory;
mod outcome;
mod paths;
mod signals;
mod spawn;
mod supervise;
mod user;

use std::{ffi::OsString, io};

use thiserror::Error;

pub use confinement::{Confinement, ConfinementError, Mode};
pub use outcome::{Attempt, Details, Kind, Outcome, PathArgument, Refusals};
pub use supervise::{Decision, Judge};
pub use user::User;

use self::{command::Command, signals::Signals, spawn::Start};
use crate::seccomp::action::Action;

/// The command could not be started.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The command was not found.
    #[error("no such command: {0}")]
    NoCommand(String),
    /// The command is there, but cannot be run.
    #[error("cannot run {command}: {reason}")]
    CannotRun {
        /// The command.
        command: String,
        /// Why.
        reason: String,
    },
    /// The filter refuses the one call that starts the command.
    #[error(
        "the profile refuses execve ({answer}), by which the command is started, so nothing was run; \
         allow execve, or see with --mode log what else the command needs"
    )]
    StartRefused {
        /// What the profile answers.
        answer: Action,
    },
    /// There is no such user or group.
    #[error("{0}")]
    NoUser(String),
    /// The sandbox could not be set up; the command was not started.
    #[error("cannot {action}: {reason}")]
    Setup {
        /// What was tried.
        action: &'static str,
        /// What came of it, and what to do.
        reason: String,
    },
}

impl SandboxError {
    fn setup(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Setup {
            action,
            reason: error.to_string(),
        }
    }
}

/// What is to be run, and as whom.
#[derive(Debug)]
pub struct Request<'a> {
    /// The command and its arguments.
    pub command: &'a [OsString],
    /// The filter.
    pub confinement: &'a Confinement,
    /// Become this user before the filter is loaded.
    pub user: Option<User>,
    /// Give up every capability before the filter is loaded.
    pub drop_capabilities: bool,
}

/// Runs a command to its end. What the filter hands to the supervisor, `judge` decides.
///
/// The calling process should have one thread: its signals are blocked while the command runs.
///
/// # Errors
/// The command was not started: nothing has been changed by it.
pub fn run(request: &Request<'_>, judge: &mut dyn Judge) -> Result<Outcome, SandboxError> {
    let command = Command::prepare(request.command)?;
    if let Some(answer) = request
        .confinement
        .refuses_start(command.execve_arguments())
    {
        return Err(SandboxError::StartRefused { answer });
    }
    // Before the command is there: no signal is to find us without somebody to pass it on to.
    let signals = Signals::block().map_err(SandboxError::setup("block signals"))?;
    let start = Start {
        command: &command,
        confinement: request.confinement,
        user: request.user,
        drop_capabilities: request.drop_capabilities,
        signals_before: signals.before(),
    };
    let mut running = spawn::spawn(&start)?;
    let ended = supervise::supervise(&mut running, request.confinement, &signals, judge)
        .map_err(SandboxError::setup("watch the command"))?;
    match running.failure() {
        Some(failure) => Err(failure.told(&command)),
        None => Ok(ended),
    }
}
