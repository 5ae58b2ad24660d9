//! What is a difference between two containers, and what is none.

use serde_json::{Value, json};

use super::*;
use crate::docker::blueprint::tests::container;

/// The same container made again, as the engine tells of it before it is started.
fn again() -> Value {
    let mut again = container();
    again["Id"] = json!("7c8e03dea97eb0764ae322c766b30a2d33aaa13238c4fd29085734844d3ac2af");
    again["Name"] = json!("/web.profilectl-new");
    again["Config"]["Hostname"] = json!("7c8e03dea97e");
    let host = &mut again["HostConfig"];
    host["SecurityOpt"] = json!(["no-new-privileges", "label=disable", "seccomp={\"a\":1}"]);
    host["Binds"] = json!(["data:/data", "/srv:/srv:ro", "93af:/anon:nocopy"]);
    host["Mounts"][0]["Source"] = json!("4808");
    host["Links"] = json!([]);
    again["Mounts"][1]["Mode"] = json!("nocopy");
    let networks = &mut again["NetworkSettings"]["Networks"];
    networks["net"]["IPAddress"] = json!("");
    networks["net"]["Aliases"] = json!(["www"]);
    networks["other"]["IPAMConfig"] = json!(null);
    networks["other"]["Aliases"] = json!(["7c8e03dea97e", "www2"]);
    again
}

#[test]
fn a_container_that_was_made_again_is_the_same() {
    assert_eq!(differences(&container(), &again()), Vec::<String>::new());
    assert_eq!(asked_profile(&again()), Some("{\"a\":1}"));
    assert_eq!(asked_profile(&json!({})), None);
}

#[test]
fn each_thing_that_is_lost_is_told() {
    for (pointer, value) in [
        ("/Image", json!("sha256:2")),
        ("/Args/1", json!("y")),
        ("/Config/Env", json!(["A=c"])),
        ("/Config/MacAddress", json!(null)),
        ("/Config/FieldOfTomorrow", json!(null)),
        ("/Config/Hostname", json!("front")),
        ("/HostConfig/AlsoOfTomorrow", json!(false)),
        (
            "/HostConfig/SecurityOpt",
            json!(["no-new-privileges", "seccomp={}"]),
        ),
        ("/HostConfig/PortBindings/80~1tcp", json!([])),
        ("/HostConfig/Binds", json!(["data:/data"])),
        ("/HostConfig/Links", json!(["/db:/web/db"])),
        ("/Mounts/1/Name", json!("fresh")),
        ("/Mounts/0/RW", json!(false)),
        ("/Mounts/3", json!({})),
        ("/NetworkSettings/Networks/net/Aliases", json!([])),
        ("/NetworkSettings/Networks/net/Links", json!(null)),
        ("/NetworkSettings/Networks/net/IPAMConfig", json!(null)),
        (
            "/NetworkSettings/Networks/other/DriverOpts",
            json!({"a": "c"}),
        ),
    ] {
        let mut other = again();
        *other.pointer_mut(pointer).expect("it is there") = value;
        assert_ne!(
            differences(&container(), &other),
            Vec::<String>::new(),
            "{pointer}"
        );
    }
    let mut other = again();
    let networks = &mut other["NetworkSettings"]["Networks"];
    networks.as_object_mut().expect("networks").remove("other");
    assert!(differences(&container(), &other)[0].starts_with("Networks.other: "));
}
