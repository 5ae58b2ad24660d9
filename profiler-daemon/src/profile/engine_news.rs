//! What a container engine tells while it is watched.
//!
//! Times are milliseconds since the Unix epoch, by the engine's clock.

use super::identity::Identity;

/// What a session from outside is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// Somebody asked for it: `docker exec`.
    Exec,
    /// The container's health check.
    Health,
}

/// One piece of news. News of one container arrives in the order in which it happened, and an
/// identity is never older than the news before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineNews {
    /// The engine answers. A [`Self::Resync`] follows.
    Connected {
        /// The engine's version.
        version: String,
        /// Where it is reached.
        endpoint: String,
    },
    /// The engine can't be reached, or no longer; told again only when the reason changes.
    /// Attempts go on by themselves.
    Disconnected {
        /// One sentence: what happened, and what to do.
        reason: String,
    },
    /// Every container that the engine has now, stopped ones too: one that is not listed is
    /// gone, unless news of it follows.
    Resync(Vec<Identity>),
    /// A container is new, or something about it changed.
    Seen(Identity),
    /// A container's program ended. It may be started again.
    Stopped {
        /// The container's full id.
        id: String,
        /// When.
        at_ms: u64,
        /// The program's exit status, if the engine told.
        exit_code: Option<i32>,
    },
    /// The engine removed a container.
    Gone {
        /// The container's full id.
        id: String,
    },
    /// A container's health check passed.
    Healthy {
        /// The container's full id.
        id: String,
    },
    /// A process enters a container from outside.
    Session {
        /// The container's full id.
        id: String,
        /// The engine's id of the session; empty where it gives none.
        exec_id: String,
        /// When.
        at_ms: u64,
        /// What for. A session with the health check's own command line counts as one.
        kind: SessionKind,
        /// The command line, its words joined by spaces.
        command: String,
    },
}
