//! The tutorials' walk through containers: what they try with a hand-edited JSON. Without containers it is in
//! `tests/run.rs`.

use serde_json::json;

use crate::{ground::Ground, testbed::Ended};

/// A command in a container of the busybox image.
fn in_container(ground: &Ground, profile: &str, command: &[&str]) -> Ended {
    let words = ["run", "--docker", "pb-busybox", "--profile", profile, "--"];
    ground.ended(&[&words[..], command].concat())
}

#[test]
fn a_container_under_an_empty_list_is_refused_before_its_start_with_the_reason() {
    let Some(ground) = Ground::get() else { return };
    let empty = ground.file(
        "deny.json",
        &json!({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": []})
        .to_string(),
    );
    let ended = in_container(&ground, &empty, &["true"]);
    assert_eq!(ended.status, Some(126), "{ended}");
    for reason in ["was not started", "execve", "capset"] {
        assert!(ended.stderr.contains(reason), "{reason}: {ended}");
    }
    ground.nothing_is_left();
}

#[test]
fn unconfined_lets_a_user_namespace_be_made_and_dockers_default_does_not() {
    let Some(ground) = Ground::get() else { return };
    let unshare = ["unshare", "--map-root-user", "--user", "echo", "inside"];
    let ended = in_container(&ground, "unconfined", &unshare);
    assert!(ended.success() && ended.stdout == "inside\n", "{ended}");
    let ended = in_container(&ground, "docker-default", &unshare);
    assert!(!ended.success() && ended.stdout.is_empty(), "{ended}");
    for said in [
        "Operation not permitted",
        "unshare: EPERM",
        "refused 1 call",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {ended}");
    }
}

#[test]
fn without_chmod_a_mode_cannot_be_changed_and_with_the_default_it_can() {
    let Some(ground) = Ground::get() else { return };
    let default = ground.default_profile("default.json");
    let calls = ["chmod", "fchmod", "fchmodat", "fchmodat2"];
    let edited = ground.without("no-chmod.json", &default, &calls);
    let chmod = ["chmod", "777", "/", "-v"];
    let ended = in_container(&ground, &default, &chmod);
    assert!(ended.success() && ended.stdout.contains("0777"), "{ended}");
    let ended = in_container(&ground, &edited, &chmod);
    assert!(!ended.success(), "{ended}");
    for said in ["Operation not permitted", "chmod: EPERM"] {
        assert!(ended.stderr.contains(said), "{said}: {ended}");
    }
}
