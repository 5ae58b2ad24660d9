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
        basis::Basis,
        call::CallSet,
        completeness::Completeness,
        identity::{Engine, Identity},
        observation::Observation,
        version::{Head, NewVersion, Subject, Version},
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
    /// Milliseconds since the epoch, as the wall clock tells them: it may be set at any time.
    fn now_ms(&self) -> u64;
    /// Milliseconds since boot, time asleep included.
    fn boot_ms(&self) -> u64;
    /// What no other run of this or another kernel has, if it can be told: ids of cgroups mean
    /// nothing beyond it.
    fn boot_id(&self) -> Option<String>;
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
    /// The run of the kernel that these cgroups are of; none where it could not be told.
    #[serde(default)]
    pub boot: Option<String>,
    /// When it was first met: later than of any that was met before, whatever the clock said. 0 where
    /// that was not kept.
    #[serde(default)]
    pub met_ms: u64,
    /// Calls lost on the host while it lived.
    pub lost_calls: u64,
    /// When it was last changed, milliseconds since the epoch, and later than whatever changed before.
    pub changed_ms: u64,
    /// Bytes that it takes, once it was read back or measured.
    #[serde(skip)]
    pub bytes: u64,
}

/// Something could not be kept or read back.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct KeepError(pub String);

/// A version with what its profile rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptVersion {
    /// The version.
    pub version: Version,
    /// What its profile rests on.
    pub basis: Basis,
    /// The verdict when it was made.
    pub completeness: Completeness,
}

/// How what is kept is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepFacts {
    /// The file.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
    /// Versions in it.
    pub versions: u64,
}

/// What came of trying again to keep anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is as it was.
    Same,
    /// It works again.
    Writable,
    /// It works for the first time: what was kept before, and could not be read, is to be asked for.
    Found,
}

/// Where to keep what must outlive a cgroup. Each method is done when it returns, and takes no
/// longer than a write to the disk: the collector waits for it.
pub trait Keep: Send {
    /// Ids of the containers of which something is kept, sorted.
    ///
    /// # Errors
    /// They could not be read.
    fn container_ids(&mut self) -> Result<Vec<String>, KeepError>;
    /// What is kept of one container: one at a time, for all of them together take more memory than the
    /// daemon may. None if that is nothing, or nothing that this version understands, which is told and
    /// left alone.
    ///
    /// # Errors
    /// It could not be read.
    fn container(&mut self, id: &str) -> Result<Option<KeptContainer>, KeepError>;
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
    /// Keeps under another id, which is the container's own now, what was kept under this one: the
    /// container in the form that is given, and its versions.
    ///
    /// # Errors
    /// It could not be written; what was kept before is unchanged.
    fn set_aside(&mut self, id: &str, container: &KeptContainer) -> Result<(), KeepError>;
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
    /// The newest version of everything that has one.
    ///
    /// # Errors
    /// They could not be read.
    fn heads(&mut self) -> Result<Vec<(Subject, Head)>, KeepError>;
    /// Keeps a version after the newest, unless that has the same digest; what is the newest then.
    ///
    /// # Errors
    /// It could not be written.
    fn keep_version(&mut self, new: &NewVersion) -> Result<Head, KeepError>;
    /// All versions, the newest first.
    ///
    /// # Errors
    /// They could not be read.
    fn versions(&mut self, subject: &Subject) -> Result<Vec<Version>, KeepError>;
    /// One version; none if there is no such.
    ///
    /// # Errors
    /// It could not be read.
    fn version(&mut self, subject: &Subject, number: u64)
    -> Result<Option<KeptVersion>, KeepError>;
    /// Marks a version as the promoted one, in place of any other, and by whom; false if there is no such.
    ///
    /// # Errors
    /// It could not be written.
    fn promote(
        &mut self,
        subject: &Subject,
        number: u64,
        by: Option<&str>,
        now_ms: u64,
    ) -> Result<bool, KeepError>;
    /// The version of each that was promoted last.
    ///
    /// # Errors
    /// They could not be read.
    fn promoted(&mut self) -> Result<Vec<(Subject, u64)>, KeepError>;
    /// The workloads of which something is kept, by key and by the image's reference, the newest
    /// first.
    ///
    /// # Errors
    /// They could not be read.
    fn images(&mut self) -> Result<Vec<(String, String)>, KeepError>;
    /// Drops what is too old or too much, a bounded piece of it; true if there is more. Without a time
    /// that can be trusted nothing is too old.
    ///
    /// # Errors
    /// It could not be written.
    fn tidy(&mut self, trusted_ms: Option<u64>) -> Result<bool, KeepError>;
    /// How it is kept.
    ///
    /// # Errors
    /// It could not be read.
    fn facts(&mut self) -> Result<KeepFacts, KeepError>;
    /// Why nothing can be kept at all, as long as that is so; whoever keeps has logged it.
    fn shut(&self) -> Option<&str>;
    /// Tries again where nothing could be kept.
    fn retry(&mut self) -> Reach;
}
