//! The workloads of an image as they travel. Pure types.

use serde::{Deserialize, Serialize};

use crate::profile::workload::Entrypoint;

/// `GET /v1/images/{REF}/workloads`: what containers of an image were run as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageWorkload {
    /// As `{REF}`, with the entrypoint if it is not the image's own: `web:1.4`, `web:1.4#/bin/sh`.
    pub name: String,
    /// The key of its versions: the image's id, and the entrypoint behind a `#`.
    pub id: String,
    /// The entrypoint, if it is not the image's own.
    pub entrypoint: Option<Entrypoint>,
    /// Containers of which there is a record.
    pub containers: u64,
    /// Of those, containers whose records were made on other hosts.
    pub imported: u64,
    /// It is what `{REF}` means.
    pub meant: bool,
}
