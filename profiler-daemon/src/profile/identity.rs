//! Who a container is, as its engine tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    asked::Asked,
    workload::{Entrypoint, Named},
};

/// What made the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd without Docker (Kubernetes' CRI, nerdctl).
    Containerd,
    /// CRI-O.
    Crio,
}

/// The OCI runtime that starts a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Runtime {
    /// `runc`, `crun`, `youki`, or the engine's name for it.
    pub name: String,
    /// As `--version` prints it, for example `1.1.5`; none when it could not be asked.
    pub version: Option<String>,
    /// The libseccomp that it says it runs with, as in `2.5.4`; none where it says nothing of it.
    #[serde(default)]
    pub libseccomp: Option<String>,
}

/// The image a container was made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Image {
    /// As it was asked for: `nginx:1.27`.
    pub reference: String,
    /// The engine's id of it: `sha256:…`.
    pub id: String,
}

impl Image {
    /// What tells it from all others: its id, or its reference where no id is known.
    #[must_use]
    pub fn key(&self) -> &str {
        if self.id.is_empty() {
            &self.reference
        } else {
            &self.id
        }
    }
}

/// Where a record was made that was not made here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The name of the host that recorded it, as that host's document told.
    pub host: String,
    /// When it was brought here last, milliseconds since the epoch.
    pub imported_ms: u64,
    /// The name of the file that it was brought in, if whoever brought it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A container, as its engine tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The engine's full id, 64 hex digits.
    pub id: String,
    /// The engine.
    pub engine: Engine,
    /// Its name without the leading slash, once the engine told.
    pub name: Option<String>,
    /// Its image, once the engine told.
    pub image: Option<Image>,
    /// The entrypoint that it was made with, if that is not the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Entrypoint>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The runtime that starts it.
    pub runtime: Option<Runtime>,
    /// `no-new-privileges` is set.
    pub no_new_privileges: Option<bool>,
    /// The process that the runtime started, in the host's numbering, while it runs.
    pub pid: Option<u32>,
    /// It runs now, as far as the engine told.
    pub running: bool,
    /// When the engine made it, milliseconds since the epoch.
    pub created_ms: Option<u64>,
    /// The engine asked for no seccomp filter (privileged, or `seccomp=unconfined`).
    pub unconfined: Option<bool>,
    /// Where its record was made, if that was elsewhere and the record was imported; none for a
    /// container of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
    /// It has a health check, if the engine told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<bool>,
    /// What decides its filter, on its way from the engine to who keeps it; not told with the rest,
    /// for a profile's text may be long.
    #[serde(skip)]
    pub asked: Option<Box<Asked>>,
}

impl Identity {
    /// Takes over what this does not tell and an older word on the same container does: news of one
    /// that is gone already tells less than was known before.
    pub fn fill_from(&mut self, older: Self) {
        self.name = self.name.take().or(older.name);
        self.image = self.image.take().or(older.image);
        // An entrypoint never changes; an image that is gone by now may not have been asked.
        self.entrypoint = self.entrypoint.take().or(older.entrypoint);
        self.runtime = self.runtime.take().or(older.runtime);
        self.no_new_privileges = self.no_new_privileges.or(older.no_new_privileges);
        self.unconfined = self.unconfined.or(older.unconfined);
        self.created_ms = self.created_ms.or(older.created_ms);
        self.health_check = self.health_check.or(older.health_check);
        if self.labels.is_empty() {
            self.labels = older.labels;
        }
    }

    /// What is known from a cgroup path alone.
    #[must_use]
    pub fn unnamed(id: String, engine: Engine) -> Self {
        Self {
            id,
            engine,
            name: None,
            image: None,
            entrypoint: None,
            labels: BTreeMap::new(),
            runtime: None,
            no_new_privileges: None,
            pid: None,
            running: true,
            created_ms: None,
            unconfined: None,
            origin: None,
            health_check: None,
            asked: None,
        }
    }

    /// What of its image it runs, as a person names it: the reference, with the entrypoint if that is
    /// not the image's own.
    #[must_use]
    pub fn run_as(&self) -> Option<String> {
        let named = Named {
            image: self.image.as_ref()?.reference.clone(),
            other: self.entrypoint.clone(),
        };
        Some(named.to_string())
    }

    /// Its name, or the first 12 digits of its id.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.name
            .as_deref()
            .unwrap_or_else(|| self.id.get(..12).unwrap_or(&self.id))
    }
}
