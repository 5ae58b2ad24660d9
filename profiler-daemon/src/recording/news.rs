//! News from the kernel: first sightings, executions, cgroups coming and going. Never the truth.

use serde::{Deserialize, Serialize};

use crate::profile::{call::Call, observation::RefusedWith};

/// One piece of news. What is lost of it is counted by the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// A call was seen in a cgroup for the first time, or since the source was asked to tell of it
    /// again; or it was refused for the first time, or again and not within a second.
    Call {
        /// When.
        at_ms: u64,
        /// Where.
        cgroup: u64,
        /// What.
        call: Call,
        /// Set when it was refused.
        refused: Option<RefusedWith>,
        /// How often it was refused so by then; 0 where it was not.
        #[serde(default)]
        count: u64,
        /// The process.
        pid: u32,
        /// Which entry from outside, 0 unknown.
        session: u32,
        /// The execution the caller descends from, 0 unknown.
        exec_id: u64,
        /// The caller's name for itself.
        comm: String,
    },
    /// An observed call was made with values of its arguments that it had not had in this cgroup.
    Arguments {
        /// When.
        at_ms: u64,
        /// Where.
        cgroup: u64,
        /// What.
        call: Call,
        /// The values, in the order of the recorded arguments; 0 beyond their number.
        values: [u64; 3],
        /// There were too many, and of others no news comes.
        #[serde(default)]
        last: bool,
        /// The process.
        pid: u32,
        /// Which entry from outside, 0 unknown.
        session: u32,
        /// The execution the caller descends from, 0 unknown.
        exec_id: u64,
        /// The caller's name for itself.
        comm: String,
    },
    /// A program was executed.
    Exec {
        /// When.
        at_ms: u64,
        /// Where.
        cgroup: u64,
        /// This execution's name.
        exec_id: u64,
        /// The process.
        pid: u32,
        /// Which entry from outside.
        session: u32,
        /// It is the program that the runtime was asked to start.
        begins: bool,
        /// As given to execve.
        path: String,
    },
    /// A cgroup was made.
    Born {
        /// When.
        at_ms: u64,
        /// Which.
        cgroup: u64,
    },
    /// A cgroup was removed.
    Gone {
        /// When.
        at_ms: u64,
        /// Which.
        cgroup: u64,
    },
    /// A filter was installed.
    Filter {
        /// When.
        at_ms: u64,
        /// Where.
        cgroup: u64,
        /// Its hash.
        hash: u64,
        /// Its instructions.
        len: u32,
        /// The process.
        pid: u32,
        /// By the runtime: the container's own filter.
        by_runtime: bool,
    },
    /// The kernel's log has records of a call that a filter let through for the log's sake.
    Logged {
        /// When the last one was written.
        at_ms: u64,
        /// Where, if whoever tells this knows.
        cgroup: Option<u64>,
        /// What.
        call: Call,
        /// How many records.
        count: u64,
        /// The process.
        pid: u32,
        /// Its executable.
        exe: Option<String>,
        /// The caller's name for itself.
        comm: String,
    },
    /// Records of the kernel's log came faster than they could be read; how many is not known.
    LogOverrun,
}

impl News {
    /// The same, without saying which session it was: that is counted by another rule.
    #[must_use]
    pub fn without_session(mut self) -> Self {
        match &mut self {
            Self::Call { session, .. }
            | Self::Arguments { session, .. }
            | Self::Exec { session, .. } => *session = 0,
            Self::Born { .. }
            | Self::Gone { .. }
            | Self::Filter { .. }
            | Self::Logged { .. }
            | Self::LogOverrun => {}
        }
        self
    }
}
