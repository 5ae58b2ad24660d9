//! What the collector can be asked.

pub mod observations;
pub mod shadows;
pub mod versions;

use tokio::sync::{broadcast, mpsc, oneshot};

use self::{observations::ObservationsCommand, shadows::ShadowCommand, versions::VersionCommand};
use crate::{
    api::protocol::{
        Detail, ErrorBody, Event, Explanation, Export, InstalledFilter, Status, Summary,
        workloads::ImageWorkload,
    },
    audit::evidence::Evidence,
    profile::compose::Options,
};

/// An answer, or why there is none.
pub type Answer<T> = Result<T, ErrorBody>;

/// A request; the answer goes back through `reply`.
#[derive(Debug)]
pub enum Command {
    /// How the daemon is.
    Status {
        /// Where the answer goes.
        reply: oneshot::Sender<Status>,
    },
    /// All containers, by name.
    List {
        /// Where the answer goes.
        reply: oneshot::Sender<Vec<Summary>>,
    },
    /// One container.
    Show {
        /// Name, id or id prefix.
        container: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Detail>>,
    },
    /// One call of one container, in every ABI that has the name.
    Explain {
        /// Name, id or id prefix.
        container: String,
        /// The call's name, or its number.
        call: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Vec<Explanation>>>,
    },
    /// The profile of one container.
    Export {
        /// Name, id or id prefix.
        container: String,
        /// What the profile is to hold.
        options: Options,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Export>>,
    },
    /// The filters that were installed in one container.
    Filters {
        /// Name, id or id prefix.
        container: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Vec<InstalledFilter>>>,
    },
    /// Everything about one container, for an audit.
    Evidence {
        /// Name, id or id prefix.
        container: String,
        /// Read its filters by ptrace, which stops its first process for a moment.
        ptrace: bool,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Evidence>>,
    },
    /// The profile of all containers of an image that were made with one entrypoint.
    ExportImage {
        /// Reference or id, and the entrypoint if not the image's own is meant.
        image: String,
        /// What the profile is to hold.
        options: Options,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Export>>,
    },
    /// Calls of all containers of an image, with how many made each.
    ExplainImage {
        /// As in [`Self::ExportImage`].
        image: String,
        /// The call's name or number; none for all that were made or refused.
        call: Option<String>,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Vec<Explanation>>>,
    },
    /// What containers of an image were run as.
    Workloads {
        /// Reference or id, with or without an entrypoint.
        image: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Vec<ImageWorkload>>>,
    },
    /// Records that leave this host or come to it.
    Observations(ObservationsCommand),
    /// Attached candidates.
    Shadow(ShadowCommand),
    /// Versions.
    Version(VersionCommand),
    /// News from now on.
    Watch {
        /// Where the answer goes.
        reply: oneshot::Sender<broadcast::Receiver<Event>>,
    },
}

/// Where commands are sent; the collector is the only receiver.
pub type CommandSender = mpsc::Sender<Command>;
