//! What is handed back to make a container again.

use serde_json::{Value, json};

use super::*;

/// The telling parts of what Docker 20.10 answers for a running container with everything.
pub(in crate::docker) fn container() -> Value {
    json!({
        "Id": "a68ca2838a00238ff7f1034bfc78a807eeda5d5b47d2995d1914173c55fef843",
        "Name": "/web", "Image": "sha256:1", "Path": "sh", "Args": ["-c", "x"],
        "Config": {"Hostname": "a68ca2838a00", "Env": ["A=b"], "MacAddress": "02:42:ac:12:00:77",
            "Image": "img", "Volumes": {"/anon": {}}, "FieldOfTomorrow": {"a": [1]}},
        "HostConfig": {
            "Binds": ["data:/data", "/srv:/srv:ro"], "NetworkMode": "net", "Links": null,
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "80"}],
                             "81/tcp": [{"HostIp": "", "HostPort": ""}]},
            "Mounts": [{"Type": "volume", "Target": "/mounted"}],
            "SecurityOpt": ["seccomp:{}", "no-new-privileges", "label=disable", "seccomp=unconfined"],
            "AlsoOfTomorrow": true,
        },
        "Mounts": [
            {"Type": "volume", "Name": "data", "Destination": "/data", "RW": true, "Mode": "z"},
            {"Type": "volume", "Name": "93af", "Destination": "/anon", "RW": true, "Mode": ""},
            {"Type": "volume", "Name": "4808", "Destination": "/mounted", "RW": true, "Mode": "z"},
            {"Type": "bind", "Source": "/srv", "Destination": "/srv", "RW": false, "Mode": "ro"},
        ],
        "NetworkSettings": {"Networks": {
            "net": {"IPAMConfig": {"IPv4Address": "10.0.0.7"}, "Links": ["db:database"],
                "Aliases": ["www", "a68ca2838a00"], "IPAddress": "10.0.0.7", "NetworkID": "9",
                "EndpointID": "8", "MacAddress": "02:42:ac:12:00:77", "DriverOpts": null},
            "other": {"IPAMConfig": {}, "Aliases": ["www2", "a68ca2838a00"],
                "DriverOpts": {"a": "b"}, "IPAddress": "10.1.0.7"},
        }},
    })
}

#[test]
fn all_that_was_told_is_handed_back_but_for_what_is_the_one_containers() {
    let blueprint = Blueprint::of(&container(), "img", "{\"a\":1}");
    let body = &blueprint.body;
    assert_eq!(body["Hostname"], Value::Null);
    assert_eq!(body["MacAddress"], "02:42:ac:12:00:77");
    assert_eq!(body["FieldOfTomorrow"], json!({"a": [1]}));
    let host = &body["HostConfig"];
    assert_eq!(host["AlsoOfTomorrow"], true);
    assert_eq!(
        host["SecurityOpt"],
        json!(["no-new-privileges", "label=disable", "seccomp={\"a\":1}"])
    );
    assert_eq!(
        host["Binds"],
        json!(["data:/data", "/srv:/srv:ro", "93af:/anon:nocopy"])
    );
    assert_eq!(host["Mounts"][0]["Source"], "4808");
    assert_eq!(
        body["NetworkingConfig"]["EndpointsConfig"],
        json!({"net": {"IPAMConfig": {"IPv4Address": "10.0.0.7"}, "Links": ["db:database"],
            "Aliases": ["www"]}})
    );
    assert_eq!(
        blueprint.networks,
        [(
            "other".to_owned(),
            json!({"IPAMConfig": {}, "Aliases": ["www2"], "DriverOpts": {"a": "b"}})
        )]
    );
    assert_eq!(blueprint.remarks.len(), 3, "{:?}", blueprint.remarks);
}

#[test]
fn nothing_leads_to_a_trial() {
    let mut named = container();
    named["Config"]["Hostname"] = json!("front");
    let trial = Blueprint::of(&named, "img", "{}").trial();
    assert_eq!(trial.body["Hostname"], Value::Null);
    assert_eq!(trial.body["Labels"], json!({}));
    let host = &trial.body["HostConfig"];
    assert_eq!(host["PortBindings"], json!({}));
    assert_eq!(host["RestartPolicy"]["Name"], "no");
    let endpoints = &trial.body["NetworkingConfig"]["EndpointsConfig"];
    assert_eq!(endpoints["net"]["Aliases"], Value::Null);
    assert_eq!(trial.networks[0].1["Aliases"], Value::Null);
    // What it needs itself stays.
    assert_eq!(endpoints["net"]["Links"], json!(["db:database"]));
}

#[test]
fn host_names_are_handed_back_if_they_were_chosen() {
    for (mode, uts, name, kept) in [
        ("net", "", "front", true),
        ("net", "", "a68ca2838a00", false),
        ("host", "", "machine", false),
        ("container:db", "", "db", false),
        ("net", "host", "machine", false),
    ] {
        let mut container = container();
        container["Config"]["Hostname"] = json!(name);
        container["HostConfig"]["NetworkMode"] = json!(mode);
        container["HostConfig"]["UTSMode"] = json!(uts);
        let body = Blueprint::of(&container, "img", "{}").body;
        assert_eq!(body.get("Hostname").is_some(), kept, "{mode} {uts} {name}");
        let shared = matches!(mode, "host" | "container:db");
        assert_eq!(body.get("NetworkingConfig").is_none(), shared, "{mode}");
    }
}

#[test]
fn links_of_the_default_bridge_are_asked_for_as_they_were() {
    let told = json!(["/db:/web/database", "/cache:/web/cache"]);
    assert_eq!(links(&told), ["db:database", "cache:cache"]);
    assert_eq!(links(&json!(null)), Vec::<String>::new());
}

#[test]
fn the_default_bridge_is_the_first_network_by_either_name() {
    for mode in ["default", "bridge", ""] {
        let told = json!({"Id": "x", "HostConfig": {"NetworkMode": mode},
            "NetworkSettings": {"Networks": {"bridge": {"Aliases": null}, "net": {}}}});
        let blueprint = Blueprint::of(&told, "img", "{}");
        let first = &blueprint.body["NetworkingConfig"]["EndpointsConfig"];
        assert_eq!(first, &json!({"bridge": {}}), "{mode}");
        assert_eq!(blueprint.networks[0].0, "net", "{mode}");
    }
}
