//! The world as it is: the engine over its socket, profilerd over its own, the kernel's word on a process.

use std::{fs, time::Duration};

use serde_json::Value;

use super::{
    port::{Port, PortError, RefusedCall},
    written::written,
};
use crate::{
    api::client::Client,
    docker::{
        client::ClientError, endpoint::Endpoint, lifecycle::Lifecycle, lifecycle::LifecycleError,
        verbatim::Verbatim,
    },
    profile::{
        observation::{Refusal, RefusedWith},
        table,
    },
};

/// ENOSYS: what a profile answers where a libc falls back.
const FALLS_BACK: u16 = 38;
/// Lines of what a container wrote that are evidence.
const LAST_LINES: u32 = 5;

/// One engine, and the daemon that records its containers.
#[derive(Clone, Debug)]
pub struct Real {
    lifecycle: Lifecycle,
    verbatim: Verbatim,
    profilerd: Client,
}

impl Real {
    /// Prepares to talk to both.
    ///
    /// # Errors
    /// There is no engine's socket.
    pub fn new(endpoint: &Endpoint, profilerd: Client) -> Result<Self, PortError> {
        let lifecycle =
            Lifecycle::new(endpoint).map_err(|error| told(LifecycleError::Engine(error)))?;
        Ok(Self {
            lifecycle,
            verbatim: Verbatim::new(endpoint),
            profilerd,
        })
    }

    /// What the engine tells of all containers.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn all(&self) -> Result<Vec<Value>, PortError> {
        let mut all = Vec::new();
        for id in self.verbatim.ids().await.map_err(told)? {
            match self.verbatim.inspect(&id).await {
                Ok(container) => all.push(container),
                // It went in between.
                Err(LifecycleError::Missing { .. }) => {}
                Err(error) => return Err(told(error)),
            }
        }
        Ok(all)
    }

    /// What the engine tells of the container that a person means: by name, id or prefix of its id.
    ///
    /// # Errors
    /// The engine does not answer, or several are meant.
    pub async fn meant(&self, container: &str) -> Result<Option<Value>, PortError> {
        match self.verbatim.inspect(container).await {
            Ok(found) => Ok(Some(found)),
            Err(LifecycleError::Missing { .. }) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    /// The name to make the container from the same image by: its own if it still means that image,
    /// else the image's id.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn image(&self, container: &Value) -> Result<String, PortError> {
        let id = container["Image"].as_str().unwrap_or_default();
        let name = container["Config"]["Image"].as_str().unwrap_or_default();
        let meant = self.verbatim.image_id(name).await.map_err(told)?;
        let still = meant.as_deref() == Some(id);
        Ok(if still { name } else { id }.to_owned())
    }

    /// What a container wrote into its own file system, outside of its volumes.
    ///
    /// # Errors
    /// The engine does not tell.
    pub async fn written(&self, id: &str, container: &Value) -> Result<Vec<String>, PortError> {
        let changed = self.lifecycle.changed_paths(id).await.map_err(told)?;
        Ok(written(&changed, container))
    }

    /// The lifecycle of single containers.
    #[must_use]
    pub const fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }
}

fn told(error: LifecycleError) -> PortError {
    let said = error.to_string();
    match error {
        LifecycleError::Late { .. } => PortError {
            said,
            unsettled: true,
            unreachable: false,
        },
        LifecycleError::Engine(inner) => PortError {
            said,
            unsettled: matches!(
                inner,
                ClientError::Timeout { .. } | ClientError::Other { .. }
            ),
            unreachable: true,
        },
        LifecycleError::Missing { .. } | LifecycleError::Refused { .. } => PortError::refused(said),
    }
}

impl Port for Real {
    async fn inspect(&self, container: &str) -> Result<Option<Value>, PortError> {
        let found = self.meant(container).await?;
        // The engine also takes what it is asked for as the beginning of an id: "db" may be one.
        Ok(found.filter(|found| {
            found["Id"] == container
                || found["Name"]
                    .as_str()
                    .map(|name| name.trim_start_matches('/'))
                    == Some(container)
        }))
    }

    async fn create(&self, name: &str, body: &Value) -> Result<String, PortError> {
        self.verbatim.create(name, body).await.map_err(told)
    }

    async fn connect(&self, network: &str, id: &str, endpoint: &Value) -> Result<(), PortError> {
        let connected = self.verbatim.connect(network, id, endpoint).await;
        connected.map_err(told)
    }

    async fn start(&self, id: &str) -> Result<(), PortError> {
        self.lifecycle.start(id).await.map_err(told)
    }

    async fn stop(&self, id: &str) -> Result<(), PortError> {
        self.lifecycle.stop(id, None).await.map_err(told)
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), PortError> {
        self.lifecycle.rename(id, name).await.map_err(told)
    }

    async fn remove(&self, id: &str) -> Result<(), PortError> {
        self.lifecycle.remove(id, false).await.map_err(told)
    }

    async fn last_words(&self, id: &str) -> String {
        // They only adorn a reason that is known already.
        self.lifecycle
            .last_words(id, LAST_LINES)
            .await
            .unwrap_or_default()
    }

    async fn refused(&self, id: &str) -> Option<Vec<RefusedCall>> {
        let detail = self.profilerd.show(id).await.ok()?;
        let refusals = detail.refusals.iter();
        Some(refusals.filter(|one| counts(one)).map(refused).collect())
    }

    async fn filtered(&self, id: &str, pid: u64) -> Option<bool> {
        // A process of that number is the container's only if the engine runs on this machine.
        let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        if !cgroups.contains(id) {
            return None;
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let mode = status
            .lines()
            .find_map(|line| line.strip_prefix("Seccomp:"))?;
        Some(mode.trim() == "2")
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn counts(refusal: &Refusal) -> bool {
    !refusal.by_runtime && refusal.with != RefusedWith::Errno(FALLS_BACK)
}

fn refused(refusal: &Refusal) -> RefusedCall {
    let abi = refusal.call.abi.name();
    let name = table::display_name(refusal.call);
    let with = match refusal.with {
        RefusedWith::Errno(number) => format!("errno {number}"),
        RefusedWith::Sigsys => "SIGSYS".to_owned(),
    };
    // A shell that is many programs executes itself, and then only the name tells.
    let exe = refusal.exe.as_deref().unwrap_or("an unknown executable");
    RefusedCall {
        call: if abi == "x86_64" {
            name
        } else {
            format!("{name} ({abi})")
        },
        told: format!(
            "{with}, {} times, by {exe} (comm {})",
            refusal.count, refusal.comm
        ),
    }
}
