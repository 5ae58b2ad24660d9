//! What a move needs of the world: the engine, time, and what was refused. A trait, so that a move can
//! be tried with an engine that dies at any point.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{said}")]
pub struct PortError {
    /// The engine's words, or why there are none.
    pub said: String,
    /// Whether it may be done yet, though nobody said so: the answer did not come in time.
    pub unsettled: bool,
    /// The engine could not be talked to.
    pub unreachable: bool,
}

impl PortError {
    /// The engine refused, or failed at it.
    #[must_use]
    pub fn refused(said: impl Into<String>) -> Self {
        Self {
            said: said.into(),
            unsettled: false,
            unreachable: false,
        }
    }
}

/// A call that a container's filter turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    /// Its name, with the ABI where that is not the machine's first.
    pub call: String,
    /// What its caller got, how often, and which executable that was.
    pub told: String,
}

type Answer<T> = Result<T, PortError>;

/// The world of a move. Containers are named by their ids but where a name is asked for.
pub trait Port {
    /// What the engine tells of a container, by name or id; none if there is none of exactly that.
    fn inspect(&self, container: &str) -> impl Future<Output = Answer<Option<Value>>>;
    /// Makes a container; its id.
    fn create(&self, name: &str, body: &Value) -> impl Future<Output = Answer<String>>;
    /// Makes it a member of one more network.
    fn connect(
        &self,
        network: &str,
        id: &str,
        endpoint: &Value,
    ) -> impl Future<Output = Answer<()>>;
    /// Starts it; one that runs already is left as it is.
    fn start(&self, id: &str) -> impl Future<Output = Answer<()>>;
    /// Stops it as it is configured to be stopped.
    fn stop(&self, id: &str) -> impl Future<Output = Answer<()>>;
    /// Gives it another name.
    fn rename(&self, id: &str, name: &str) -> impl Future<Output = Answer<()>>;
    /// Removes it and none of its volumes. That it is gone already is no error.
    fn remove(&self, id: &str) -> impl Future<Output = Answer<()>>;
    /// The last lines that it wrote; nothing where they are not kept.
    fn last_words(&self, id: &str) -> impl Future<Output = String>;
    /// The calls that its filter turned away, without those that were answered ENOSYS, on which a
    /// libc falls back. None if there is nobody to ask.
    fn refused(&self, id: &str) -> impl Future<Output = Option<Vec<RefusedCall>>>;
    /// Whether the kernel runs a filter for this process of the container; none if that cannot be told.
    fn filtered(&self, id: &str, pid: u64) -> impl Future<Output = Option<bool>>;
    /// Lets time go by.
    fn pause(&self, time: Duration) -> impl Future<Output = ()>;
}
