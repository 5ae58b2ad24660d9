//! A new container under a profile: made, started, tried, stopped and removed, and what was seen of
//! it. `profilectl verify` and `profilectl run --docker` are made of this.
//!
//! ```text
//! stage (engine, observer) + fresh container → round: start → filter in force → check → stop → remove
//! ```
//!
//! Leaves no container behind, whatever happens short of SIGKILL; its name then tells whose it was.
//! Must not know how a report looks, nor what makes a profile good.

pub mod attended;
pub mod check;
pub mod observer;
mod own_daemon;
pub mod proof;
pub mod round;

use std::sync::atomic::{AtomicU32, Ordering};

use thiserror::Error;

use self::observer::Observer;
use crate::docker::{
    fresh::Fresh,
    lifecycle::{EngineFacts, ImageFacts, Lifecycle, LifecycleError},
};

/// Where containers are tried.
#[derive(Debug)]
pub struct Stage {
    /// The engine.
    pub lifecycle: Lifecycle,
    /// What is known of it.
    pub facts: EngineFacts,
    /// Who records what they call.
    pub observer: Observer,
}

/// A trial could not be made, for a reason that is not the profile's.
#[derive(Debug, Error)]
pub enum TrialError {
    /// The engine has no such image.
    #[error("{said}; pull it first, with docker pull")]
    NoImage {
        /// What the engine says.
        said: String,
    },
    /// The container cannot be made as it is asked for.
    #[error("the engine does not make such a container: {0}")]
    NotMade(String),
    /// The engine cannot be reached, or fails.
    #[error(transparent)]
    Engine(LifecycleError),
    /// Something on our own side failed.
    #[error("signals cannot be listened to: {0}")]
    Here(String),
    /// Somebody asked for the end.
    #[error("interrupted; the container that was being tried is removed")]
    Interrupted,
}

impl From<LifecycleError> for TrialError {
    fn from(error: LifecycleError) -> Self {
        Self::Engine(error)
    }
}

/// What is known of an image, before anything is made of it.
///
/// # Errors
/// The engine has none of that name, or does not answer.
pub async fn image(lifecycle: &Lifecycle, reference: &str) -> Result<ImageFacts, TrialError> {
    lifecycle
        .image(reference)
        .await
        .map_err(|error| match error {
            LifecycleError::Missing { said } => TrialError::NoImage { said },
            error => error.into(),
        })
}

impl Stage {
    /// Makes a container that is not started yet; its id.
    async fn make(&self, fresh: &Fresh) -> Result<String, TrialError> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("profilectl-trial-{}-{number}", std::process::id());
        match self.lifecycle.create(Some(&name), fresh.into()).await {
            Ok(id) => Ok(id),
            Err(LifecycleError::Missing { said }) => Err(TrialError::NoImage { said }),
            Err(LifecycleError::Refused { said, .. }) => Err(TrialError::NotMade(said)),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a container that was made here, with the volumes that nobody named.
    async fn clear(&self, id: &str) {
        if let Err(error) = self.lifecycle.remove(id, true).await {
            tracing::warn!(id, %error, "a container that was tried is left behind");
        }
    }
}
