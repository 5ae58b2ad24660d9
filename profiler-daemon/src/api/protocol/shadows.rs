//! Shadows as they travel: a candidate that stays attached, and what it would have refused. Pure types.

use serde::{Deserialize, Serialize};

use crate::profile::observation::Sighting;

/// `PUT /v1/shadows/{NAME}`, `POST /v1/shadows`: a candidate and what to attach it to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// A container's name, id or id prefix, or `image:REF`.
    pub target: String,
    /// What to call the candidate, in events and in the log.
    pub profile: String,
    /// The candidate's filters, the newest first, each a list of `[code, jt, jf, k]`; together they
    /// are in force. None refuses nothing.
    pub programs: Vec<Vec<(u16, u8, u8, u32)>>,
}

/// Who attached a shadow, and so when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The configuration file: it stays while the file says so.
    Config,
    /// `PUT`: it stays until it is detached, or the daemon ends.
    Client,
    /// `POST`: it stays as long as the client's connection.
    Watch,
}

/// One shadow, and what it would have refused so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowState {
    /// Its name.
    pub name: String,
    /// The container's full id, or `image:REF`.
    pub target: String,
    /// What the candidate is called.
    pub profile: String,
    /// Who attached it.
    pub origin: Origin,
    /// When, milliseconds since the epoch.
    pub attached_ms: u64,
    /// The containers that it is compared with, by name; of those that ended, those that it would
    /// have refused something.
    pub containers: Vec<ShadowedContainer>,
}

/// What a candidate would have refused one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowedContainer {
    /// The full id.
    pub id: String,
    /// The name, or the id's first 12 digits.
    pub name: String,
    /// It runs now.
    pub running: bool,
    /// By ABI and number.
    pub calls: Vec<ShadowedCall>,
}

/// A call that a candidate would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowedCall {
    /// `x86_64`, `x32`, `i386`.
    pub abi: String,
    /// Number in the ABI's table.
    pub nr: u32,
    /// Its name, or `#nr`.
    pub name: String,
    /// What its caller would get: `errno 1`, `kill process`.
    pub answer: String,
    /// Whatever its arguments. If not, some calls would be refused, and it is told once only.
    pub certain: bool,
    /// Made before the candidate was attached.
    pub earlier: bool,
    /// The container's first such call, if the news of it arrived.
    pub first: Option<Sighting>,
    /// When the last one was told of, milliseconds since the epoch; a frequent call is told of every
    /// other second.
    pub last_ms: Option<u64>,
    /// How often it was told of since the candidate was attached.
    pub reports: u64,
}
