//! Why the kernel side could not be set up, and what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use super::btf::BtfError;
use crate::claim::ClaimError;

/// The recording could not begin.
#[derive(Debug, Error)]
pub enum KernelError {
    /// Not root, and not the capabilities either.
    #[error(
        "loading kernel programs was refused ({0}): run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_RESOURCE"
    )]
    NotPermitted(String),
    /// The kernel has no BTF, or it lacks a field that is needed.
    #[error("{path}: {source}; use --hooks classic, or a kernel built with CONFIG_DEBUG_INFO_BTF")]
    Btf {
        /// The file that was read.
        path: PathBuf,
        /// What is wrong with it.
        source: BtfError,
    },
    /// There is no BTF to read.
    #[error(
        "{path} cannot be read ({reason}): use --hooks classic, or a kernel built with CONFIG_DEBUG_INFO_BTF"
    )]
    NoBtf {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Neither kind of hook can be used.
    #[error(
        "no way to hook system calls: {btf}; and classic tracepoints need tracefs, which is not mounted: \
         run `mount -t tracefs tracefs /sys/kernel/tracing`"
    )]
    NoHooks {
        /// Why not BTF.
        btf: String,
    },
    /// The pins are of a build with another layout.
    #[error(
        "{path} was pinned by another build ({what}): start that build again, or run `profilerd --unload`, \
         which ends its recording and drops what it holds"
    )]
    ForeignPin {
        /// The pinned map.
        path: PathBuf,
        /// How it differs.
        what: String,
    },
    /// Another daemon has the pins.
    #[error(transparent)]
    Claim(ClaimError),
    /// The place for the pins cannot be made.
    #[error(
        "cannot use {path} for pinned maps: {reason}; mount a bpf file system there, or use --no-pin"
    )]
    PinDirectory {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The kernel refused a program or a map.
    #[error("cannot {action}: {reason}")]
    Refused {
        /// What was tried.
        action: String,
        /// What the kernel said.
        reason: String,
    },
}

impl KernelError {
    /// Wraps what aya says, telling a lack of permission from everything else.
    pub(super) fn refused(action: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let reason = chain(error);
        let action = action.into();
        let verdict = reason.contains("Verifier output: 0:");
        let denied =
            reason.contains("Operation not permitted") || reason.contains("Permission denied");
        if denied && !verdict {
            return Self::NotPermitted(format!("{action}: {reason}"));
        }
        Self::Refused { action, reason }
    }
}

/// An error with its causes, one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
