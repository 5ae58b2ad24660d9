//! What travels over the socket, version 1. Pure types; docs/api.md documents them.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/containers` | `[Summary]` |
//! | `GET /v1/containers/{C}` | [`Detail`] |
//! | `GET /v1/containers/{C}/calls/{SYSCALL}` | `[Explanation]` |
//! | `GET /v1/containers/{C}/profile?include_refused=bool&args=bool&origin=WORDS&phase=WORDS` | [`Export`] |
//! | `GET /v1/containers/{C}/filters` | `[InstalledFilter]`, the oldest first |
//! | `GET /v1/containers/{C}/active?ptrace=bool` | [`Active`](crate::audit::active::Active) |
//! | `GET` and `POST /v1/containers/{C}/audit?ptrace=bool` | [`Report`](crate::audit::report::Report) |
//! | `GET /v1/images/{REF}/profile?include_refused=bool&args=bool&origin=WORDS&phase=WORDS` | [`Export`], of all its containers (REF percent-encoded) |
//! | `GET /v1/images/{REF}/calls`, `GET /v1/images/{REF}/calls/{SYSCALL}` | `[Explanation]`, with coverage |
//! | `GET /v1/images/{REF}/workloads` | `[ImageWorkload]`, [`workloads::ImageWorkload`] |
//! | `GET /v1/containers/{C}/observations`, `GET /v1/images/{REF}/observations` | [`observations::Observations`] |
//! | `POST /v1/observations` | [`observations::Observations`] → [`observations::Imported`] |
//! | `GET …/containers/{C}/versions`, `GET …/images/{REF}/versions` | [`versions::History`] |
//! | `GET …/versions/{N}?include_refused=bool&args=bool` | [`versions::VersionExport`] |
//! | `PUT …/versions/{N}/promotion` | [`Version`](crate::profile::version::Version) |
//! | `GET /v1/watch` | [`Event`]s, one JSON object a line, until the client goes |
//! | `GET /v1/shadows`, `GET /v1/shadows/{NAME}` | `[ShadowState]`, [`shadows::ShadowState`] |
//! | `PUT /v1/shadows/{NAME}`, `DELETE` | [`shadows::Attach`] → [`shadows::ShadowState`] |
//! | `POST /v1/shadows` | [`shadows::Attach`] → its [`Event`]s, until the client goes |
//!
//! `{C}` is a name, an id or an id's prefix; `{REF}` an image's reference or id, or that and an entrypoint:
//! `web:1.4#/bin/sh`, percent-encoded as `web%3A1.4%23%2Fbin%2Fsh`. An error is an [`ErrorBody`] with status 400, 404, 409 or 500.

pub mod observations;
pub mod shadows;
pub mod versions;
pub mod workloads;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use crate::profile::reason::Reason;
use crate::profile::{
    arguments::Values,
    call::CallSet,
    completeness::Completeness,
    compose::Composed,
    identity::Identity,
    merge::{CallCoverage, Coverage},
    observation::{Refusal, RefusedWith, Sighting, Tally},
    origin::Origin,
    table,
    version::Change,
};

/// An error, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A stable word: `not_found`, `ambiguous`, `conflict`, `bad_request`, `internal`.
    pub code: String,
    /// One sentence: what happened, and what to do.
    pub message: String,
}

/// How the daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Everything works.
    Healthy,
    /// It records, but something is missing; the reasons say what.
    Degraded,
    /// It does not record.
    Failed,
}

/// `GET /v1/status`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The verdict.
    pub health: Health,
    /// One sentence each, worst first; empty when healthy.
    pub reasons: Vec<String>,
    /// How the kernel programs are attached: `btf`, `classic`, `replay`.
    pub hooks: String,
    /// When the recording began (pinned maps outlive a daemon), milliseconds since the epoch.
    pub recording_since_ms: u64,
    /// When this daemon started, milliseconds since the epoch.
    pub started_ms: u64,
    /// Counting of calls and errors is on.
    pub counting: bool,
    /// Values of arguments are recorded.
    #[serde(default)]
    pub arguments: bool,
    /// Cgroups that hold a slot now.
    pub cgroups: u64,
    /// Slots in all.
    pub cgroups_limit: u64,
    /// Containers known.
    pub containers: u64,
    /// Of those, running.
    pub running: u64,
    /// `connected`, `unreachable`, `off`, and where.
    pub docker: String,
    /// What could not be recorded, by cause; all causes, zeros too.
    pub losses: Vec<Loss>,
    /// Resident memory of the daemon, bytes.
    pub memory_bytes: u64,
    /// Where containers, images and their versions are kept; none when it cannot be read.
    #[serde(default)]
    pub store: Option<versions::StoreStatus>,
    /// What is kept of containers that ended.
    #[serde(default)]
    pub records: Option<versions::RecordsStatus>,
}

/// One cause of loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// A stable word: `ring_full`, `no_slot`, …
    pub cause: String,
    /// How often, since the recording began.
    pub count: u64,
    /// The call itself is missing from its set, not just the news of it.
    pub loses_calls: bool,
    /// What it means, for a person.
    pub meaning: String,
}

/// `GET /v1/containers`: one container in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Who it is.
    pub identity: Identity,
    /// Calls observed.
    pub observed: u64,
    /// Different calls refused.
    pub refused: u64,
    /// The verdict.
    pub completeness: Completeness,
    /// When a call was last seen for the first time, milliseconds since the epoch.
    pub last_new_ms: Option<u64>,
}

/// One call of a container, in a list or explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// `x86_64`, `x32`, `i386`.
    pub abi: String,
    /// Number in the ABI's table.
    pub nr: u32,
    /// Name, or `#nr` for a number that no table names.
    pub name: String,
    /// Made by the container's own programs.
    pub observed: bool,
    /// What an exported profile does with it: `allow`, `errno 38`, `refuse`.
    pub verdict: String,
    /// Why the profile has it, if it has.
    pub reasons: Vec<Reason>,
    /// First sighting, if the news of it arrived.
    pub first: Option<Sighting>,
    /// Refusals of it.
    pub refusals: Vec<Refusal>,
    /// Calls and errors, where counting is on.
    pub tally: Option<Tally>,
    /// Values of its arguments, where they were recorded without a gap.
    #[serde(default)]
    pub arguments: Option<Values>,
    /// Of an image: how many of its containers made it. Not there for a single container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CallCoverage>,
    /// Where it comes from; empty if it was not observed.
    #[serde(default)]
    pub origins: Vec<Origin>,
}

/// `GET /v1/containers/{C}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// As in the list.
    pub summary: Summary,
    /// The making of the container was seen.
    pub start_seen: bool,
    /// Its end was seen.
    pub stop_seen: bool,
    /// Entries from outside: the start, exec sessions and health checks.
    pub sessions: u32,
    /// Every call that was observed, refused or made by the runtime under the filter, by ABI and name.
    pub calls: Vec<Explanation>,
    /// Refusals, the container's own programs' first.
    pub refusals: Vec<Refusal>,
    /// Hashes of the filters installed, the oldest first.
    pub filters: Vec<String>,
    /// The cgroup's path under the cgroup v2 mount, if it is known.
    pub cgroup: Option<String>,
}

/// `GET …/filters`: a seccomp filter as it was given to the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledFilter {
    /// Its hash, as in [`Detail::filters`].
    pub hash: String,
    /// Its instructions, each as `[code, jt, jf, k]`; `null` if the copy was not kept.
    pub instructions: Option<Vec<(u16, u8, u8, u32)>>,
}

/// `GET …/profile`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// A profile in Docker's dialect.
    pub profile: serde_json::Value,
    /// The verdict over all containers that went into it.
    pub completeness: Completeness,
    /// How many different names are allowed.
    pub allowed: u64,
    /// Of those, observed.
    pub observed: u64,
    /// Of those, there for the runtime or the kernel only.
    pub baseline: u64,
    /// Calls that were refused and are not in it.
    pub refused_left_out: u64,
    /// Of the allowed names, those with some values of their arguments only.
    #[serde(default)]
    pub narrowed: u64,
    /// Names of observed calls that are not in it, because of `origin` or `phase`.
    #[serde(default)]
    pub left_out_by_origin: Vec<String>,
    /// Observed calls that are in it though it is not known where they come from, where `origin` or
    /// `phase` was asked for.
    #[serde(default)]
    pub unknown_origin: u64,
    /// Names of the containers that went into it.
    pub containers: Vec<String>,
    /// Of those, containers whose records were made on other hosts.
    #[serde(default)]
    pub imported: u64,
    /// Of an image: how much of it all containers made. Not there for a single container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

impl Export {
    /// A composed profile, with what it looks like written down.
    #[must_use]
    pub fn of(
        composed: &Composed,
        profile: serde_json::Value,
        completeness: Completeness,
        containers: Vec<String>,
    ) -> Self {
        let counts = composed.counts;
        Self {
            profile,
            completeness,
            allowed: counts.allowed,
            observed: counts.observed,
            baseline: counts.baseline,
            refused_left_out: counts.refused_left_out,
            narrowed: counts.narrowed,
            left_out_by_origin: names(&composed.elsewhere),
            unknown_origin: composed.unknown_origin.len() as u64,
            containers,
            imported: 0,
            coverage: None,
        }
    }
}

/// What calls are called, sorted.
fn names(calls: &CallSet) -> Vec<String> {
    let names: BTreeSet<String> = calls.iter().copied().map(table::display_name).collect();
    names.into_iter().collect()
}

/// `GET /v1/watch`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A container appeared, or became known by name.
    Container {
        /// When, milliseconds since the epoch.
        at_ms: u64,
        /// Its full id.
        id: String,
        /// Its name, or the id's first 12 digits.
        name: String,
        /// `started`, `named`, `stopped`.
        change: String,
    },
    /// A call was seen for the first time in a container, or refused; one that goes on being refused
    /// is told at most once a second.
    Call {
        /// The container's full id.
        id: String,
        /// The container's name, or the id's first 12 digits.
        name: String,
        /// `x86_64`, `x32`, `i386`.
        abi: String,
        /// The call's name.
        call: String,
        /// Set when it was refused.
        refused: Option<RefusedWith>,
        /// How often it was refused so by then; 0 where it was not.
        #[serde(default)]
        count: u64,
        /// Who, when.
        first: Sighting,
    },
    /// A call was seen that an attached candidate would refuse.
    WouldRefuse {
        /// When it was told, milliseconds since the epoch.
        at_ms: u64,
        /// The container's full id.
        id: String,
        /// The container's name, or the id's first 12 digits.
        name: String,
        /// The shadow's name.
        shadow: String,
        /// What the candidate is called.
        profile: String,
        /// `x86_64`, `x32`, `i386`.
        abi: String,
        /// The call's name.
        call: String,
        /// What its caller would get: `errno 1`, `kill process`.
        answer: String,
        /// Every such call, or every one with the values in `with`. If not, only some of them.
        certain: bool,
        /// The values of its arguments that were seen and decide; none where they do not, or are
        /// not recorded.
        #[serde(default)]
        with: Option<Values>,
        /// Made before the candidate was attached.
        earlier: bool,
        /// Who made it, when; none if the news of it was lost.
        seen: Option<Sighting>,
    },
    /// A candidate was attached or detached.
    Shadow {
        /// When, milliseconds since the epoch.
        at_ms: u64,
        /// Its name.
        shadow: String,
        /// The container's full id, or `image:REF`.
        target: String,
        /// What the candidate is called.
        profile: String,
        /// `attached`, `detached`.
        change: String,
        /// Calls that it would refuse of what its containers made so far.
        calls: u64,
    },
    /// A container made a call, or was refused one, that the promoted version does not let through;
    /// or it made one with values of arguments that the promoted version does not have.
    Drift {
        /// When it was told, milliseconds since the epoch.
        at_ms: u64,
        /// The container's full id.
        id: String,
        /// The container's name, or the id's first 12 digits.
        name: String,
        /// What was promoted: the container's full id, or `image:` and the workload's key.
        target: String,
        /// The promoted version.
        promoted: u64,
        /// `x86_64`, `x32`, `i386`.
        abi: String,
        /// The call's name.
        call: String,
        /// Set when it was refused.
        refused: Option<RefusedWith>,
        /// The version has the call, and not with these values of its arguments; none where it does
        /// not have the call.
        #[serde(default)]
        with: Option<Values>,
        /// Made before the version was promoted.
        earlier: bool,
        /// Who, when; none if the news of it was lost.
        first: Option<Sighting>,
    },
    /// After drift, a version was made of what is needed now. It is for a person to promote.
    Proposed {
        /// When, milliseconds since the epoch.
        at_ms: u64,
        /// What it is of: the container's full id, or `image:` and the workload's key.
        target: String,
        /// The container's name, or the image's reference, with an entrypoint that is not its own.
        name: String,
        /// The promoted version.
        promoted: u64,
        /// The proposed one.
        version: u64,
        /// What differs from the version before it.
        changes: Vec<Change>,
    },
    /// A filter let a call through and had the kernel log it.
    Logged {
        /// When it was told, milliseconds since the epoch.
        at_ms: u64,
        /// The container's full id.
        id: String,
        /// The container's name, or the id's first 12 digits.
        name: String,
        /// `x86_64`, `x32`, `i386`.
        abi: String,
        /// The call's name.
        call: String,
        /// How many such records came since the last event of this call, this one's included.
        count: u64,
        /// Who made the last one; its session is not known.
        last: Sighting,
    },
    /// Something could not be recorded.
    Loss {
        /// When, milliseconds since the epoch.
        at_ms: u64,
        /// As in [`Loss::cause`].
        cause: String,
        /// How many more than before.
        more: u64,
    },
}
