//! What the collector needs from outside, beside the kernel's records: where cgroups are, and
//! where to keep what must outlive them. The daemon connects these to the adapters.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    audit::evidence::FirstProcess,
    profile::{
        asked::Asked,
        baseline::learned::LearnedBaseline,
        call::CallSet,
        identity::{Engine, Identity},
        observation::Observation,
    },
};

/// Where a cgroup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a container.
    Container(Home),
    /// Elsewhere on the host.
    Host,
    /// It is gone, and nobody can tell.
    Gone,
}

/// The container that a cgroup belongs to, as its path tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Who made it.
    pub engine: Engine,
    /// The container's full id.
    pub id: String,
    /// The container's topmost cgroup, below the mount.
    pub root: PathBuf,
}

/// Where cgroups are.
pub trait Places: Send {
    /// One cgroup.
    fn locate(&self, cgroup: u64) -> Place;
    /// All cgroups that are in containers now.
    fn containers(&self) -> Vec<(u64, Home)>;
    /// Calls that the processes in a cgroup and below it are in now.
    fn in_flight(&self, root: &Path) -> CallSet;
    /// The executable of a running process, as its own mount namespace names it.
    fn executable(&self, pid: u32) -> Option<String>;
    /// The cgroup that a running process is in.
    fn cgroup_of(&self, pid: u32) -> Option<u64>;
    /// Resident memory of this process, bytes.
    fn own_memory(&self) -> u64;
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> u64;
}

/// A container's first process that is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The container's full id.
    pub id: String,
    /// Its topmost cgroup.
    pub root: PathBuf,
    /// The process, as the engine named it.
    pub pid: Option<u32>,
    /// Its filters are to be read by ptrace, which stops it for a moment.
    pub ptrace: bool,
}

/// What running processes tell of their filters. May take a while: not for the collector's task.
pub trait Processes: Send + Sync {
    /// A container's first process; none if it is gone.
    fn first(&self, wanted: &Wanted) -> Option<FirstProcess>;
    /// The first two numbers of the kernel's version.
    fn kernel(&self) -> (u32, u32);
}

/// What is kept of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptContainer {
    /// Who it is.
    pub identity: Identity,
    /// What its engine was asked for, once it told.
    #[serde(default)]
    pub asked: Option<Asked>,
    /// The union of all its cgroups that are gone, with what only news brings of the others.
    pub observation: Observation,
    /// Where its topmost cgroup was.
    pub cgroup: Option<PathBuf>,
    /// Its cgroups that had a record in the kernel: while no daemon runs one may be removed, and
    /// then nothing else tells whose it was.
    #[serde(default)]
    pub cgroups: BTreeSet<u64>,
    /// Calls lost on the host while it lived.
    pub lost_calls: u64,
    /// When it was last changed, milliseconds since the epoch.
    pub changed_ms: u64,
}

/// Something could not be kept or read back.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct KeepError(pub String);

/// Where to keep what must outlive a cgroup.
pub trait Keep: Send {
    /// Everything that was kept of containers. What cannot be read is told and left alone.
    fn containers(&mut self) -> Vec<KeptContainer>;
    /// Keeps a container, in place of what was kept of it.
    ///
    /// # Errors
    /// It could not be written; what was kept before is unchanged.
    fn keep(&mut self, container: &KeptContainer) -> Result<(), KeepError>;
    /// Forgets a container.
    ///
    /// # Errors
    /// It could not be removed.
    fn forget(&mut self, id: &str) -> Result<(), KeepError>;
    /// Keeps the record of a cgroup that nobody could name.
    ///
    /// # Errors
    /// It could not be written.
    fn keep_nameless(&mut self, cgroup: u64, observation: &Observation) -> Result<(), KeepError>;
    /// What was learned of this host's runtimes.
    fn learned(&mut self) -> LearnedBaseline;
    /// Keeps what was learned.
    ///
    /// # Errors
    /// It could not be written.
    fn keep_learned(&mut self, learned: &LearnedBaseline) -> Result<(), KeepError>;
    /// Keeps a filter's instructions under its hash.
    ///
    /// # Errors
    /// It could not be written.
    fn keep_filter(&mut self, hash: &str, instructions: &[u64]) -> Result<(), KeepError>;
    /// A filter's instructions by its hash, if they were kept.
    fn filter(&mut self, hash: &str) -> Option<Vec<u64>>;
}
