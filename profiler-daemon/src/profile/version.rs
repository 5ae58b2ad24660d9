//! Versions: what a container or an image needed at a time, and what changed from one to the next.
//!
//! Times are milliseconds since the Unix epoch.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    basis::Basis, call::Call, completeness::Completeness, identity::Origin, observation::Sighting,
    table,
};

/// What versions are of. To a client these are names, to the daemon they are keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One container, by its full id.
    Container(String),
    /// All containers of one workload, by its key: see [`super::workload::Workload`].
    Image(String),
}

/// Who made a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The daemon, of what it recorded.
    Recorder,
    /// A person.
    Person,
    /// The daemon, of records that were made elsewhere and imported: what was recorded here adds
    /// nothing to the version before.
    Import,
}

/// Why the daemon made a version when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing new came for a while.
    Quiet,
    /// New calls kept coming, and it was time.
    Due,
    /// A container ended.
    Ended,
    /// The daemon was told to stop.
    Stopped,
    /// The daemon began, and found more in the kernel's maps than the newest version has.
    Started,
    /// Records were imported.
    Imported,
}

/// How a call differs from the version before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// It is made now.
    Added,
    /// It is not made any more, as far as is known: after a reboot, what was kept may be less.
    Removed,
    /// A filter turned it away for the first time.
    Refused,
    /// It was tried, and the kernel has it not.
    Probed,
    /// The runtime made it under the filter.
    Runtime,
    /// Its arguments had other values.
    Values,
}

/// A call that changed, and who brought that about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// How.
    pub change: Changed,
    /// `x86_64`, `x32`, `i386`.
    pub abi: String,
    /// Number in the ABI's table.
    pub nr: u32,
    /// Name, or `#nr` for a number that no table names.
    pub name: String,
    /// When it was first seen, if the news of it arrived.
    pub at_ms: Option<u64>,
    /// The executable, or the caller's own name for itself where no path is known.
    pub exe: Option<String>,
    /// The full id of the container that made it.
    pub container: Option<String>,
}

/// A version, without the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counted from 1; none is ever used twice.
    pub number: u64,
    /// The version that it came after; none for the first.
    pub parent: Option<u64>,
    /// Who made it.
    pub author: Author,
    /// Why.
    pub reason: Reason,
    /// SHA-256 of what its profile rests on, 64 hex digits: equal ones make equal profiles.
    pub digest: String,
    /// When.
    pub created_ms: u64,
    /// When it was promoted, if it was.
    pub promoted_ms: Option<u64>,
    /// The name of the user who promoted it, or `uid N`; as far as it is known.
    #[serde(default)]
    pub promoted_by: Option<String>,
    /// From where imported records brought in something that the version before has not, the last
    /// brought first; some of them, where they are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Origin>,
    /// Calls that it holds as made.
    pub calls: u64,
    /// What differs from its parent, by kind, ABI and name.
    pub changes: Vec<Change>,
}

/// A version that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// What it is of.
    pub subject: Subject,
    /// The reference of an image, by which a person finds it.
    pub reference: Option<String>,
    /// Who made it.
    pub author: Author,
    /// Why.
    pub reason: Reason,
    /// SHA-256 of `basis`, as 64 hex digits.
    pub digest: String,
    /// The [`Basis`], as JSON.
    pub basis: String,
    /// When.
    pub created_ms: u64,
    /// Calls that it holds as made.
    pub calls: u64,
    /// What differs from the version before.
    pub changes: Vec<Change>,
    /// The verdict then.
    pub completeness: Completeness,
    /// From where imported records brought in something new.
    pub origins: Vec<Origin>,
}

/// The newest version of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: String,
}

/// What differs between two bases, calls by kind and place in the table.
#[must_use]
pub fn changed(before: &Basis, after: &Basis) -> Vec<(Changed, Call)> {
    let values = |basis: &Basis, call: &Call| basis.arguments.of(*call).cloned();
    let stayed = after.made.intersection(&before.made);
    let sets: [(Changed, BTreeSet<Call>); 6] = [
        (Changed::Added, &after.made - &before.made),
        (Changed::Removed, &before.made - &after.made),
        (Changed::Refused, &after.refused - &before.refused),
        (Changed::Probed, &after.probes - &before.probes),
        (Changed::Runtime, &after.guarded - &before.guarded),
        (
            Changed::Values,
            stayed
                .filter(|call| values(before, call) != values(after, call))
                .copied()
                .collect(),
        ),
    ];
    sets.into_iter()
        .flat_map(|(change, calls)| calls.into_iter().map(move |call| (change, call)))
        .collect()
}

impl Change {
    /// A call that changed, with the sighting that brought it in and the container that made it.
    #[must_use]
    pub fn of(change: Changed, call: Call, seen: Option<(&str, &Sighting)>) -> Self {
        Self {
            change,
            abi: call.abi.name().into(),
            nr: call.nr,
            name: table::display_name(call),
            at_ms: seen.map(|(_, sighting)| sighting.at_ms),
            exe: seen.map(|(_, sighting)| {
                sighting
                    .exe
                    .clone()
                    .unwrap_or_else(|| sighting.comm.clone())
            }),
            container: seen.map(|(container, _)| container.to_owned()),
        }
    }
}
