//! Versions, as they travel.

use serde::{Deserialize, Serialize};

use super::Export;
use crate::profile::{discovery::Discovery, version::Version};

/// `GET …/versions`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// What the versions are of: `container` or `image`.
    pub kind: String,
    /// The container's full id; the image's id, or its reference where it has none, with a `#` and the
    /// entrypoint if that is not the image's own.
    pub id: String,
    /// The container's name, or the image's reference, with the entrypoint as in `id`.
    pub name: String,
    /// The digest of what is known now: a version is made of it after a quiet while. None when
    /// nothing is known any more but the versions.
    pub current: Option<String>,
    /// The version that was promoted last: what it does not let through is drift.
    #[serde(default)]
    pub promoted: Option<u64>,
    /// How what is known now became known; none when it is not known of any call.
    #[serde(default)]
    pub discovery: Option<Discovery>,
    /// The newest first; the oldest may have been dropped.
    pub versions: Vec<Version>,
}

/// `GET …/versions/{N}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionExport {
    /// The version.
    pub version: Version,
    /// Its profile. The runtime's and the kernel's share is added as this daemon knows it.
    pub export: Export,
}

/// What is kept of containers that ended, and how much may be, in `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsStatus {
    /// Containers of this host that ended.
    pub ended: u64,
    /// Containers whose records were imported.
    pub imported: u64,
    /// Bytes of the imported records.
    pub imported_bytes: u64,
    /// Of each kind so many are kept, the newest.
    pub most: u64,
    /// For so long after they last changed, milliseconds.
    pub most_age_ms: u64,
    /// Bytes of imported records that are kept.
    pub most_imported_bytes: u64,
}

/// How the store is, in `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// The database.
    pub path: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Versions in it.
    pub versions: u64,
    /// Why nothing can be kept in it now; none while it can.
    #[serde(default)]
    pub shut: Option<String>,
}
