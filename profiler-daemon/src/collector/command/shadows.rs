//! What the collector can be asked about attached candidates.

use std::sync::Weak;

use tokio::sync::{broadcast, oneshot};

use super::Answer;
use crate::{
    api::protocol::{
        Event,
        shadows::{Origin, ShadowState},
    },
    audit::shadow::Shadow,
};

/// A candidate that is to be attached.
#[derive(Debug)]
pub struct NewShadow {
    /// Its name; one is made up where there is none.
    pub name: Option<String>,
    /// A container's name, id or id prefix, or `image:REF`.
    pub target: String,
    /// What the candidate is called.
    pub profile: String,
    /// What it would refuse.
    pub shadow: Box<Shadow>,
    /// Who asks.
    pub origin: Origin,
    /// It is detached once nobody holds the other end; without one it stays.
    pub lease: Option<Weak<()>>,
}

/// A candidate that was attached.
#[derive(Debug)]
pub struct Attached {
    /// As it was then.
    pub state: ShadowState,
    /// All news from then on, not the shadow's alone.
    pub events: broadcast::Receiver<Event>,
}

/// A request; the answer goes back through `reply`.
#[derive(Debug)]
pub enum ShadowCommand {
    /// Attach one, in place of one of the same name.
    Attach {
        /// Which.
        new: NewShadow,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<Attached>>,
    },
    /// All of them, by name.
    List {
        /// Where the answer goes.
        reply: oneshot::Sender<Vec<ShadowState>>,
    },
    /// One of them.
    Show {
        /// Its name.
        name: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<ShadowState>>,
    },
    /// Detach one; the answer is its last state.
    Detach {
        /// Its name.
        name: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Answer<ShadowState>>,
    },
}
