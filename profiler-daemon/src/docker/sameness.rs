//! Whether two containers are the same but for their profile: what makes one, not what became of it.
//! Pure.
//!
//! Whatever the engine tells as configuration is compared, known here or not, and what is left out is
//! named here. A field of a newer engine that cannot be handed back is a difference, and not a loss.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::blueprint::{bind_target, is_seccomp, links, own_hostname, short_id};

/// Of what is asked of a network, what decides.
const MEMBERSHIP: &[&str] = &["IPAMConfig", "Links", "DriverOpts", "GwPriority"];

/// How two containers differ, a sentence each; nothing if one can take the other's place. Ids, names,
/// times, states and the seccomp profile are not compared.
#[must_use]
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["Image", "Path", "Args", "Driver", "Platform"] {
        compare(part, &before[part], &after[part], &mut found);
    }
    compare("Config", &config(before), &config(after), &mut found);
    compare("HostConfig", &host(before), &host(after), &mut found);
    compare("Mounts", &mounts(before), &mounts(after), &mut found);
    let (one, other) = (networks(before), networks(after));
    compare("Networks", &one, &other, &mut found);
    found
}

/// The seccomp profile that a container was asked to have, as text; none for the engine's default.
#[must_use]
pub fn asked_profile(container: &Value) -> Option<&str> {
    let options = container["HostConfig"]["SecurityOpt"].as_array()?;
    let options = options.iter().filter_map(Value::as_str);
    options
        .filter(|option| is_seccomp(option))
        .map(|option| &option["seccomp=".len()..])
        .next_back()
}

fn config(container: &Value) -> Value {
    let mut config = object(&container["Config"]);
    if !own_hostname(container) {
        config.remove("Hostname");
    }
    // The image's id is compared; a name that has moved on is not handed back, and that is told.
    config.remove("Image");
    Value::Object(config)
}

fn host(container: &Value) -> Value {
    let mut host = object(&container["HostConfig"]);
    // Volumes are compared by what they come to: those without a name are asked for by name.
    let volumes: BTreeSet<&str> = container["Mounts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|mount| mount["Type"] == "volume")
        .filter_map(|mount| mount["Destination"].as_str())
        .collect();
    if let Some(binds) = host.get_mut("Binds").and_then(Value::as_array_mut) {
        binds.retain(|bind| {
            bind.as_str()
                .is_none_or(|bind| !volumes.contains(bind_target(bind)))
        });
    }
    for mount in host
        .get_mut("Mounts")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if mount["Type"] == "volume"
            && let Some(mount) = mount.as_object_mut()
        {
            mount.remove("Source");
        }
    }
    if let Some(options) = host.get_mut("SecurityOpt").and_then(Value::as_array_mut) {
        options.retain(|option| option.as_str().is_none_or(|option| !is_seccomp(option)));
    }
    let links = links(&host.get("Links").cloned().unwrap_or_default());
    host.insert("Links".to_owned(), json!(links));
    Value::Object(host)
}

/// By target; without the mode, which tells how it was asked for.
fn mounts(container: &Value) -> Value {
    let mut mounts = Map::new();
    for mount in container["Mounts"].as_array().into_iter().flatten() {
        let mut told = object(mount);
        told.remove("Mode");
        let target = told.get("Destination").and_then(Value::as_str);
        mounts.insert(
            target.unwrap_or_default().to_owned(),
            Value::Object(told.clone()),
        );
    }
    Value::Object(mounts)
}

fn networks(container: &Value) -> Value {
    let host = container["HostConfig"]["NetworkMode"]
        .as_str()
        .unwrap_or_default();
    let mut networks = BTreeMap::new();
    let told = container["NetworkSettings"]["Networks"].as_object();
    for (name, told) in told.into_iter().flatten() {
        // The engine enters these modes among the networks once the container has started.
        if host.starts_with("container:") || matches!(host, "host" | "none") {
            continue;
        }
        let mut wishes = Map::new();
        for part in MEMBERSHIP {
            wishes.insert((*part).to_owned(), told[*part].clone());
        }
        let hostname = &container["Config"]["Hostname"];
        let mut aliases: Vec<&str> = told["Aliases"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|alias| *alias != hostname)
            .filter_map(Value::as_str)
            .filter(|alias| *alias != short_id(container))
            .collect();
        aliases.sort_unstable();
        wishes.insert("Aliases".to_owned(), json!(aliases));
        networks.insert(name.clone(), Value::Object(wishes));
    }
    json!(networks)
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Nothing was said: engines tell that in several ways, and not always in the same.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn compare(place: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after || (is_nothing(before) && is_nothing(after)) {
        return;
    }
    if let (Some(one), Some(other)) = (before.as_object(), after.as_object()) {
        let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let place = format!("{place}.{key}");
            compare(&place, &before[key], &after[key], found);
        }
        return;
    }
    found.push(format!("{place}: {before} became {after}"));
}

#[cfg(test)]
#[path = "sameness_tests.rs"]
mod tests;
