//! The tutorials' walk, through containers and without them: what they try with a hand-edited JSON.

use serde_json::json;

use crate::ground::Ground;

#[test]
fn a_container_under_an_empty_list_is_refused_before_its_start_with_the_reason() {
    let Some(ground) = Ground::get() else { return };
    let empty = ground.file(
        "deny.json",
        &json!({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": []})
        .to_string(),
    );
    let before = ground
        .testbed
        .docker_ok(&["info", "--format", "{{.Containers}}"]);
    let ended = ground.ended(&[
        "run",
        "--docker",
        "pb-busybox",
        "--profile",
        &empty,
        "--",
        "true",
    ]);
    assert_eq!(ended.status, Some(126), "{ended}");
    for reason in ["was not started", "execve", "capset"] {
        assert!(ended.stderr.contains(reason), "{reason}: {ended}");
    }
    let after = ground
        .testbed
        .docker_ok(&["info", "--format", "{{.Containers}}"]);
    assert_eq!(before, after);

    let ended = ground.ended(&["run", "--profile", &empty, "--", "true"]);
    assert_eq!(ended.status, Some(126), "{ended}");
    assert!(ended.stderr.contains("execve"), "{ended}");
}

#[test]
fn unconfined_lets_a_user_namespace_be_made_and_dockers_default_does_not() {
    let Some(ground) = Ground::get() else { return };
    let unshare = [
        "--",
        "unshare",
        "--map-root-user",
        "--user",
        "echo",
        "inside",
    ];
    for way in [&["--docker", "pb-busybox"][..], &[]] {
        for (profile, inside) in [("unconfined", true), ("docker-default", false)] {
            let words = [&["run", "--profile", profile], way, &unshare].concat();
            let ended = ground.ended(&words);
            assert_eq!(ended.success(), inside, "{words:?}: {ended}");
            assert_eq!(
                ended.stdout.trim() == "inside",
                inside,
                "{words:?}: {ended}"
            );
            if !inside {
                assert!(ended.stderr.contains("Operation not permitted"), "{ended}");
                assert!(ended.stderr.contains("unshare: "), "{ended}");
                assert!(ended.stderr.contains("refused 1 call"), "{ended}");
            }
        }
    }
}

#[test]
fn without_chmod_a_mode_cannot_be_changed_and_with_the_default_it_can() {
    let Some(ground) = Ground::get() else { return };
    let default = ground.default_profile("default.json");
    let calls = ["chmod", "fchmod", "fchmodat", "fchmodat2"];
    let edited = ground.without("no-chmod.json", &default, &calls);
    let here = ground.file("here", "");
    for (way, place) in [(&["--docker", "pb-busybox"][..], "/"), (&[], here.as_str())] {
        for (profile, done) in [(&default, true), (&edited, false)] {
            let chmod = ["--", "chmod", "777", place, "-v"];
            let words = [&["run", "--profile", profile], way, &chmod].concat();
            let ended = ground.ended(&words);
            assert_eq!(ended.success(), done, "{words:?}: {ended}");
            if done {
                assert!(ended.stdout.contains("0777"), "{ended}");
            } else {
                assert!(ended.stderr.contains("Operation not permitted"), "{ended}");
                assert!(ended.stderr.contains("EPERM"), "{ended}");
            }
        }
    }
}
