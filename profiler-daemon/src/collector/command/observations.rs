//! What the collector can be asked about records that leave this host or come to it.

use tokio::sync::oneshot;

use super::Answer;
use crate::api::protocol::observations::{Imported, Observations, RecordedContainer};

/// A request; the answer goes back through `reply`.
#[derive(Debug)]
pub enum ObservationsCommand {
    /// The record of one container.
    OfContainer {
        /// Name, id or id prefix.
        container: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Vec<RecordedContainer>>>,
    },
    /// The records of all containers of an image that were made with one entrypoint.
    OfImage {
        /// Reference or id, and the entrypoint if not the image's own is meant.
        image: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Vec<RecordedContainer>>>,
    },
    /// Records of another host's.
    Import {
        /// What came, read and found sound.
        observations: Observations,
        /// The name of the file that they came in, if whoever brought them told.
        file: Option<String>,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Imported>>,
    },
}
