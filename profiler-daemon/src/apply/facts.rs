//! What of a container decides how it can be moved, read from what the engine tells. Pure.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Reasons not to move it at all.
    pub refusals: Vec<String>,
    /// What only one container at a time can have; none if it and its successor can run together.
    pub exclusive: Vec<String>,
    /// How long its health check may take to say that it is well; none if it has none.
    pub health: Option<Duration>,
    /// It was well, as far as its health check is concerned.
    pub healthy: bool,
    /// How long the engine waits for it to end before it kills it.
    pub stop_timeout: Duration,
    /// Compose made it.
    pub compose: Option<Compose>,
}

/// Where a container of a Compose project comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compose {
    /// The project.
    pub project: String,
    /// The service in it.
    pub service: String,
    /// The project's folder.
    pub folder: String,
    /// Its files, in order.
    pub files: Vec<String>,
}

/// What the engine takes for a container's patience when it is told none.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// What Docker takes for the interval and the time limit of a health check when it is told none.
const CHECK: Duration = Duration::from_secs(30);
/// And how many failures in a row it takes for unhealthy.
const RETRIES: u64 = 3;
/// How long the engine may take over a health check besides.
const GRACE: Duration = Duration::from_secs(5);

impl Facts {
    /// Reads them from what the engine tells of the container and of all others.
    #[must_use]
    pub fn read(container: &Value, others: &[Value]) -> Self {
        let id = text(&container["Id"]).to_owned();
        let name = text(&container["Name"]).trim_start_matches('/').to_owned();
        let state = &container["State"];
        let compose = compose(container);
        let mut refusals = refusals(container);
        refusals.extend(
            others
                .iter()
                .filter_map(|other| dependent(other, &id, &name)),
        );
        Self {
            exclusive: exclusive(container),
            health: health_bound(&container["Config"]["Healthcheck"]),
            healthy: state["Health"]["Status"] == "healthy",
            stop_timeout: container["Config"]["StopTimeout"]
                .as_u64()
                .map_or(STOP_TIMEOUT, Duration::from_secs),
            id,
            name,
            refusals,
            compose,
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn label<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    container["Config"]["Labels"][name]
        .as_str()
        .filter(|value| !value.is_empty())
}

fn refusals(container: &Value) -> Vec<String> {
    let host = &container["HostConfig"];
    let state = &container["State"];
    let mut found = Vec::new();
    if state["Paused"] == true {
        found.push("it is paused; `docker unpause` it first".to_owned());
    } else if state["Restarting"] == true {
        found.push(
            "it keeps ending and being started again, so nobody could tell whether it works under \
             the profile"
                .to_owned(),
        );
    } else if state["Running"] != true {
        found.push(
            "it is not running, so nothing could be compared; start it, or make it anew with \
             `docker run --security-opt seccomp=FILE`"
                .to_owned(),
        );
    }
    if host["AutoRemove"] == true {
        found.push(
            "it was started with --rm: the engine removes it as soon as it is stopped, and there \
             would be nothing to go back to"
                .to_owned(),
        );
    }
    if host["Privileged"] == true {
        found.push(
            "it is privileged, which can do without any call that a profile refuses; run it \
             without --privileged first"
                .to_owned(),
        );
    }
    for (name, owner) in [
        ("com.docker.swarm.service.name", "a Swarm service"),
        ("io.kubernetes.container.name", "Kubernetes"),
    ] {
        if let Some(value) = label(container, name) {
            found.push(format!(
                "it belongs to {owner} ({value}), which would replace it at once; give the profile \
                 to {owner} instead"
            ));
        }
    }
    found
}

/// Why another container would lose something if this one were replaced.
fn dependent(other: &Value, id: &str, name: &str) -> Option<String> {
    if other["Id"] == id {
        return None;
    }
    let who = text(&other["Name"]).trim_start_matches('/');
    let host = &other["HostConfig"];
    let means = |mode: &Value| {
        mode.as_str()
            .and_then(|mode| mode.strip_prefix("container:"))
            .is_some_and(|target| target == name || (!target.is_empty() && id.starts_with(target)))
    };
    for (mode, what) in [
        ("NetworkMode", "network"),
        ("IpcMode", "IPC namespace"),
        ("PidMode", "PID namespace"),
    ] {
        if means(&host[mode]) {
            return Some(format!(
                "{who} lives in its {what} and would lose it; remove {who} first, and make it anew \
                 afterwards"
            ));
        }
    }
    let links = host["Links"].as_array().into_iter().flatten();
    let linked = links.filter_map(Value::as_str).any(|link| {
        link.split(':')
            .next()
            .map(|target| target.trim_start_matches('/'))
            == Some(name)
    });
    linked.then(|| {
        format!(
            "{who} is linked to it on the default bridge, where a link holds to the one container; \
             put both into a network of their own, where names are looked up"
        )
    })
}

/// What two containers cannot have at the same time.
fn exclusive(container: &Value) -> Vec<String> {
    let host = &container["HostConfig"];
    let mut found = Vec::new();
    let bound = host["PortBindings"].as_object().into_iter().flatten();
    let ports: Vec<&str> = bound.map(|(port, _)| port.as_str()).collect();
    if !ports.is_empty() {
        found.push(format!("publishes {}", ports.join(", ")));
    }
    let mode = text(&host["NetworkMode"]);
    if mode == "host" {
        found.push("uses the host's network".to_owned());
    } else if mode.starts_with("container:") {
        found.push("uses another container's network".to_owned());
    }
    let mounts = container["Mounts"].as_array().into_iter().flatten();
    let writable: BTreeSet<&str> = mounts
        .filter(|mount| mount["RW"] == true && mount["Type"] != "tmpfs")
        .map(|mount| text(&mount["Destination"]))
        .collect();
    if !writable.is_empty() {
        let places: Vec<&str> = writable.into_iter().collect();
        found.push(format!("writes to {}", places.join(", ")));
    }
    let networks = container["NetworkSettings"]["Networks"].as_object();
    let fixed = networks.into_iter().flatten().any(|(_, network)| {
        let wishes = network["IPAMConfig"].as_object();
        wishes
            .into_iter()
            .flatten()
            .any(|(_, wish)| !wish.is_null())
    });
    if fixed {
        found.push("has a fixed address".to_owned());
    }
    if !text(&container["Config"]["MacAddress"]).is_empty() {
        found.push("has a fixed MAC address".to_owned());
    }
    let devices = |key: &str| host[key].as_array().is_some_and(|list| !list.is_empty());
    if devices("Devices") || devices("DeviceRequests") {
        found.push("uses devices".to_owned());
    }
    found
}

/// When a health check must have come to an answer: after its start period and as many failures as
/// make it unhealthy.
fn health_bound(check: &Value) -> Option<Duration> {
    let kind = check["Test"].as_array()?.first()?.as_str()?;
    if kind == "NONE" {
        return None;
    }
    let time = |key: &str, usual: Duration| match check[key].as_u64() {
        None | Some(0) => usual,
        Some(nanoseconds) => Duration::from_nanos(nanoseconds),
    };
    let once = time("Interval", CHECK).saturating_add(time("Timeout", CHECK));
    let retries = check["Retries"].as_u64().filter(|&count| count > 0);
    let retries = u32::try_from(retries.unwrap_or(RETRIES)).unwrap_or(u32::MAX);
    Some(
        time("StartPeriod", Duration::ZERO)
            .saturating_add(once.saturating_mul(retries))
            .saturating_add(GRACE),
    )
}

fn compose(container: &Value) -> Option<Compose> {
    let part = |name: &str| label(container, &format!("com.docker.compose.{name}"));
    Some(Compose {
        project: part("project")?.to_owned(),
        service: part("service")?.to_owned(),
        folder: part("project.working_dir").unwrap_or_default().to_owned(),
        files: part("project.config_files")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|file| !file.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
