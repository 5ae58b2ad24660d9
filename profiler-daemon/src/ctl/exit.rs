//! How `profilectl` ends: its exit statuses, and failures on their way to one.

use std::process::ExitCode;

use crate::{api::client::ClientError, seccomp::diagram::TooLarge};

/// The exit statuses; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: done, and nothing found.
    Done,
    /// 1: done, and something found.
    Found,
    /// 2: bad usage or bad input.
    BadInput,
    /// 3: the daemon cannot be reached, or cannot answer.
    Unreachable,
    /// 4: no such container, image, profile or version.
    NotFound,
    /// 5: asked for complete or lossless, and it is not.
    Incomplete,
    /// 125: the executor of a command failed.
    Executor,
    /// 126: the command cannot be run.
    CannotRun,
    /// 127: the command was not found.
    NoCommand,
    /// The command's own: its status, or 128 and the number of the signal that ended it.
    Command(u8),
}

impl ExitStatus {
    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::BadInput => 2,
            Self::Unreachable => 3,
            Self::NotFound => 4,
            Self::Incomplete => 5,
            Self::Executor => 125,
            Self::CannotRun => 126,
            Self::NoCommand => 127,
            Self::Command(code) => code,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

/// Why a verb ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub status: ExitStatus,
    /// What to say on standard error; nothing when the reader has gone.
    pub message: Option<String>,
}

impl Failure {
    /// A failure with one sentence about it.
    #[must_use]
    pub fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            message: Some(message.into()),
        }
    }

    /// The reader of standard output has read enough: the end, not an error.
    #[must_use]
    pub const fn reader_gone() -> Self {
        Self {
            status: ExitStatus::Done,
            message: None,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let status = match error {
            ClientError::Unreachable { .. } | ClientError::Protocol(_) => ExitStatus::Unreachable,
            ClientError::NotFound(_) => ExitStatus::NotFound,
            ClientError::Bad(_) | ClientError::Ambiguous(_) => ExitStatus::BadInput,
        };
        Self::new(status, error.to_string())
    }
}

impl From<TooLarge> for Failure {
    fn from(error: TooLarge) -> Self {
        Self::new(ExitStatus::BadInput, error.to_string())
    }
}
