//! From a container to what makes the same container again, with another profile. Pure: an engine's
//! answer in, a request's body out.
//!
//! Everything that the engine tells is handed back, known here or not; only what belongs to the one
//! container and not to its configuration is changed. Whether the engine made the same of it is
//! checked afterwards, by [`super::sameness`].

use serde_json::{Map, Value, json};

/// What an engine tells of a membership in a network that is the outcome of it, not a wish.
const OUTCOMES: &[&str] = &[
    "NetworkID",
    "EndpointID",
    "Gateway",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "MacAddress",
    "DNSNames",
];

/// What makes a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Blueprint {
    /// The body of the request that makes it.
    pub body: Value,
    /// The networks to connect it to before it is started, with the wishes for each: Docker up to
    /// API 1.43 takes one network with the body.
    pub networks: Vec<(String, Value)>,
    /// What is carried over and yet not quite as it was, a sentence each.
    pub remarks: Vec<String>,
}

impl Blueprint {
    /// What makes the container again, from `image`, under the profile with this text.
    #[must_use]
    pub fn of(container: &Value, image: &str, profile: &str) -> Self {
        let mut remarks = Vec::new();
        let mut body = object(&container["Config"]);
        body.insert("Image".to_owned(), json!(image));
        if !own_hostname(container) {
            body.remove("Hostname");
        }
        let mut host = object(&container["HostConfig"]);
        host.insert(
            "SecurityOpt".to_owned(),
            json!(with_profile(field(&host, "SecurityOpt"), profile)),
        );
        let links = links(field(&host, "Links"));
        if !links.is_empty() {
            host.insert("Links".to_owned(), json!(links));
        }
        keep_volumes(container, &mut host, &mut remarks);
        tell_of_ports(&host, &mut remarks);
        let mode = field(&host, "NetworkMode")
            .as_str()
            .unwrap_or_default()
            .to_owned();
        body.insert("HostConfig".to_owned(), Value::Object(host));
        let (first, networks) = memberships(container, &mode);
        if let Some((name, endpoint)) = first {
            body.insert(
                "NetworkingConfig".to_owned(),
                json!({"EndpointsConfig": {name: endpoint}}),
            );
        }
        Self {
            body: Value::Object(body),
            networks,
            remarks,
        }
    }

    /// The same for a trial beside the container: nothing leads traffic to it, and it is not started
    /// again when it ends.
    #[must_use]
    pub fn trial(&self) -> Self {
        let mut trial = self.clone();
        trial.remarks.clear();
        if let Some(body) = trial.body.as_object_mut() {
            // A name for itself would be resolved by others, and proxies find their backends by labels.
            body.remove("Hostname");
            body.insert("Labels".to_owned(), json!({}));
            if let Some(host) = body.get_mut("HostConfig").and_then(Value::as_object_mut) {
                host.insert("PortBindings".to_owned(), json!({}));
                host.insert("PublishAllPorts".to_owned(), json!(false));
                host.insert("RestartPolicy".to_owned(), json!({"Name": "no"}));
            }
            if let Some(endpoints) = body
                .get_mut("NetworkingConfig")
                .and_then(|config| config["EndpointsConfig"].as_object_mut())
            {
                for endpoint in endpoints.values_mut() {
                    drop_aliases(endpoint);
                }
            }
        }
        for (_, endpoint) in &mut trial.networks {
            drop_aliases(endpoint);
        }
        trial
    }
}

fn drop_aliases(endpoint: &mut Value) {
    if let Some(endpoint) = endpoint.as_object_mut() {
        endpoint.remove("Aliases");
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// A field, or null where there is none.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

/// The first 12 digits of its id, which the engine gives it as host name and as alias.
pub(super) fn short_id(container: &Value) -> &str {
    let id = container["Id"].as_str().unwrap_or_default();
    id.get(..12).unwrap_or(id)
}

/// Whether its host name was chosen for it. Otherwise it is its id's, or its host's or another
/// container's, and the engine refuses to be told those.
pub(super) fn own_hostname(container: &Value) -> bool {
    let host = &container["HostConfig"];
    let shared = |mode: &Value| {
        let mode = mode.as_str().unwrap_or_default();
        mode == "host" || mode.starts_with("container:")
    };
    container["Config"]["Hostname"].as_str() != Some(short_id(container))
        && !shared(&host["NetworkMode"])
        && !shared(&host["UTSMode"])
}

/// Whether a security option says which seccomp profile; old clients wrote it with a colon.
pub(super) fn is_seccomp(option: &str) -> bool {
    option.starts_with("seccomp=") || option.starts_with("seccomp:")
}

fn with_profile(options: &Value, profile: &str) -> Vec<String> {
    let kept = options.as_array().into_iter().flatten();
    kept.filter_map(Value::as_str)
        .filter(|option| !is_seccomp(option))
        .map(str::to_owned)
        .chain([format!("seccomp={profile}")])
        .collect()
}

/// `/db:/web/alias`, as the engine tells links of the default bridge, is asked for as `db:alias`.
pub(super) fn links(told: &Value) -> Vec<String> {
    let told = told.as_array().into_iter().flatten();
    told.filter_map(Value::as_str)
        .map(|link| match link.split_once(':') {
            Some((target, alias)) => format!("{}:{}", last_part(target), last_part(alias)),
            None => last_part(link).to_owned(),
        })
        .collect()
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Where a bind puts what it names: the second part, or the only one, of `SOURCE:TARGET:MODE`.
pub(super) fn bind_target(bind: &str) -> &str {
    let mut parts = bind.split(':');
    let first = parts.next().unwrap_or(bind);
    parts.next().unwrap_or(first)
}

/// Volumes that have no name in the configuration get a new one at every creation. So that the data
/// stays with the container they are asked for by the name that the engine gave them.
fn keep_volumes(container: &Value, host: &mut Map<String, Value>, remarks: &mut Vec<String>) {
    let mut binds: Vec<String> = field(host, "Binds")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|bind| bind.as_str().map(str::to_owned))
        .collect();
    let mounted = container["Mounts"].as_array().into_iter().flatten();
    for mount in mounted.filter(|mount| mount["Type"] == "volume") {
        let (Some(name), Some(target)) = (mount["Name"].as_str(), mount["Destination"].as_str())
        else {
            continue;
        };
        if let Some(asked) = host
            .get_mut("Mounts")
            .and_then(Value::as_array_mut)
            .and_then(|asked| asked.iter_mut().find(|asked| asked["Target"] == target))
        {
            if asked["Source"].as_str().is_none_or(str::is_empty) {
                asked["Source"] = json!(name);
                remarks.push(anonymous(target));
            }
            continue;
        }
        let same = |bind: &String| bind_target(bind) == target;
        if binds.iter().any(|bind| same(bind) && bind.contains(':')) {
            continue;
        }
        binds.retain(|bind| !same(bind));
        // Without nocopy the engine would fill a volume that is empty by now from the image.
        let mode = if mount["RW"] == false { ",ro" } else { "" };
        binds.push(format!("{name}:{target}:nocopy{mode}"));
        remarks.push(anonymous(target));
    }
    if !binds.is_empty() {
        host.insert("Binds".to_owned(), json!(binds));
    }
}

fn anonymous(target: &str) -> String {
    format!(
        "the volume without a name at {target} is kept, by the name that the engine gave it; from \
         then on `docker rm --volumes` leaves it, as it does every volume with a name"
    )
}

fn tell_of_ports(host: &Map<String, Value>, remarks: &mut Vec<String>) {
    for (port, bindings) in field(host, "PortBindings")
        .as_object()
        .into_iter()
        .flatten()
    {
        let chosen = bindings
            .as_array()
            .into_iter()
            .flatten()
            .any(|binding| matches!(binding["HostPort"].as_str(), None | Some("" | "0")));
        if chosen {
            remarks.push(format!(
                "the host's port for {port} is the engine's choice, as it was, and may be another one"
            ));
        }
    }
    if host.get("PublishAllPorts") == Some(&Value::Bool(true)) {
        remarks.push(
            "all ports are published by the engine's choice, as they were, and may be other ones"
                .to_owned(),
        );
    }
}

type Membership = (String, Value);

/// The network that the container is made in, and those it is connected to afterwards.
fn memberships(container: &Value, mode: &str) -> (Option<Membership>, Vec<Membership>) {
    if mode == "host" || mode == "none" || mode.starts_with("container:") {
        return (None, Vec::new());
    }
    let mut first = None;
    let mut others = Vec::new();
    let networks = &container["NetworkSettings"]["Networks"];
    for (name, told) in networks.as_object().into_iter().flatten() {
        let usual = matches!(mode, "" | "default" | "bridge") && name == "bridge";
        let membership = (name.clone(), wishes(container, told));
        let is_first = usual || name == mode || told["NetworkID"].as_str() == Some(mode);
        if is_first && first.is_none() {
            first = Some(membership);
        } else {
            others.push(membership);
        }
    }
    (first, others)
}

/// What was asked for of a network.
fn wishes(container: &Value, told: &Value) -> Value {
    let mut wishes = object(told);
    wishes.retain(|key, value| !OUTCOMES.contains(&key.as_str()) && !value.is_null());
    if let Some(aliases) = wishes.get_mut("Aliases").and_then(Value::as_array_mut) {
        let hostname = &container["Config"]["Hostname"];
        let given = |alias: &Value| alias.as_str() == Some(short_id(container));
        // The engine adds the host name itself.
        aliases.retain(|alias| !given(alias) && alias != hostname);
    }
    Value::Object(wishes)
}

#[cfg(test)]
#[path = "blueprint_tests.rs"]
pub(super) mod tests;
