//! What the collector can be asked about versions.

use tokio::sync::oneshot;

use super::Answer;
use crate::{
    api::protocol::versions::{History, VersionExport},
    profile::{compose::Options, version::Version},
};

/// Of what the versions are, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// A container's name, id or id prefix.
    Container(String),
    /// An image's reference or id, and the entrypoint if not the image's own is meant.
    Image(String),
}

/// A request; the answer goes back through `reply`.
#[derive(Debug)]
pub enum VersionCommand {
    /// All versions.
    History {
        /// Of what.
        of: Of,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<History>>,
    },
    /// One version, with its profile.
    Export {
        /// Of what.
        of: Of,
        /// Which.
        number: u64,
        /// What the profile is to hold.
        options: Options,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<VersionExport>>,
    },
    /// Mark a version as promoted.
    Promote {
        /// Of what.
        of: Of,
        /// Which.
        number: u64,
        /// Who does, as far as it is known.
        by: Option<String>,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Version>>,
    },
}
