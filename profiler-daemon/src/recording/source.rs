//! Where records come from: the kernel, or a replay of it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::profile::{
    arguments::Recorded,
    call::{Call, CallSet},
    engine_news::SessionKind,
    observation::{Observation, Refusal},
    origin::Phase,
};

/// Everything recorded of one cgroup, read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The cgroup v2 id.
    pub cgroup: u64,
    /// Its ancestors' ids, the root's first, its own last; empty while no task ran in it.
    #[serde(default)]
    pub ancestors: Vec<u64>,
    /// Bit `n`: a task taken for the runtime came from a cgroup that shares this one's
    /// ancestors up to level `n`. At or below a container's own level, it came from inside.
    #[serde(default)]
    pub entry_levels: u64,
    /// It has been removed.
    #[serde(default)]
    pub gone: bool,
    /// Filters that the runtime installed.
    #[serde(default)]
    pub installs: u32,
    /// To which phase the calls count that the container's own start makes now.
    #[serde(default)]
    pub phase: Phase,
    /// Refusals, which do not name their executables yet.
    #[serde(default)]
    pub refusals: Vec<CountedRefusal>,
    /// The sets. Without sightings, which only news brings, and without refusals.
    pub observation: Observation,
}

/// A refusal as the kernel counts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedRefusal {
    /// The refusal, its executable unknown.
    pub refusal: Refusal,
    /// The execution that made the first one, 0 for one older than the recording.
    pub exec_id: u64,
}

/// One cause of loss and how often it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossCount {
    /// A stable word.
    pub cause: &'static str,
    /// How often since the recording began.
    pub count: u64,
    /// The call itself is missing, not just the news of it.
    pub loses_calls: bool,
    /// What it means, for a person.
    pub meaning: &'static str,
}

/// What a source is like; it does not change while it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// `btf`, `classic`, `replay`.
    pub hooks: &'static str,
    /// Counting is on.
    pub counting: bool,
    /// Values of arguments are recorded.
    pub arguments: bool,
    /// Cgroups it can hold at once.
    pub limit: u64,
    /// When the recording began.
    pub since_ms: u64,
    /// What it cannot do here, a sentence each.
    pub shortcomings: Vec<String>,
}

/// A record could not be read or freed.
#[derive(Debug, Error)]
#[error("cannot {action} the kernel's record: {reason}")]
pub struct SourceError {
    /// What was tried.
    pub action: &'static str,
    /// What the kernel said.
    pub reason: String,
}

/// Where records come from. Reading changes nothing: sets are only ever OR-ed.
pub trait Source: Send {
    /// What it is like.
    fn facts(&self) -> &SourceFacts;
    /// All cgroups that have a record.
    ///
    /// # Errors
    /// The map cannot be read.
    fn cgroups(&mut self) -> Result<Vec<u64>, SourceError>;
    /// One cgroup's record, none when it has none.
    ///
    /// # Errors
    /// The map cannot be read.
    fn snapshot(&mut self, cgroup: u64) -> Result<Option<Snapshot>, SourceError>;
    /// Frees the record of a removed cgroup. Whoever calls this has kept what is in it.
    ///
    /// # Errors
    /// The map cannot be written.
    fn release(&mut self, cgroup: u64) -> Result<(), SourceError>;
    /// News of these calls comes once more when they are next made there.
    ///
    /// # Errors
    /// The map cannot be written.
    fn tell_again(&mut self, cgroup: u64, calls: &CallSet) -> Result<(), SourceError>;
    /// Calls that the container's own start makes there count to this phase from now on.
    ///
    /// # Errors
    /// The map cannot be written.
    fn set_phase(&mut self, cgroup: u64, phase: Phase) -> Result<(), SourceError>;
    /// Who comes in there next is of this kind; none where that cannot be told.
    ///
    /// # Errors
    /// The map cannot be written.
    fn expect(&mut self, cgroup: u64, kind: Option<SessionKind>) -> Result<(), SourceError>;
    /// These arguments of a call are recorded from now on, if arguments are recorded at all and no
    /// others of that call are.
    ///
    /// # Errors
    /// The map cannot be written.
    fn record_arguments(&mut self, recorded: &Recorded) -> Result<(), SourceError>;
    /// Indices of the arguments of a call that are recorded; empty if none are.
    fn recorded_places(&self, call: Call) -> Vec<u8>;
    /// What was lost, every cause, zeros too.
    ///
    /// # Errors
    /// The map cannot be read.
    fn losses(&mut self) -> Result<Vec<LossCount>, SourceError>;
    /// A copy of an installed filter's instructions, by hash, if it is held.
    ///
    /// # Errors
    /// The map cannot be read.
    fn filter(&mut self, hash: u64) -> Result<Option<Vec<u64>>, SourceError>;
    /// Makes room in the table of filters: whoever calls this has kept a copy, or needs none.
    ///
    /// # Errors
    /// The map cannot be written.
    fn forget_filter(&mut self, hash: u64) -> Result<(), SourceError>;
}
