//! Profiles that do not work, containers that cannot be moved, and input that says nothing.

use serde_json::Value;

use crate::{
    ground::{Ground, WORDS, answer, essence, unfolded},
    testbed::Testbed,
};

/// The health check connects; the server does not.
const BREAKS_THE_CHECK: &str = "connect";

#[test]
fn a_profile_that_breaks_the_health_check_brings_the_old_container_back() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.with_everything();
    let before = ground.inspect(&web);
    let profile = ground.without(BREAKS_THE_CHECK, "broken.json");
    let ended = ground.apply(&[
        &web,
        "--profile",
        &profile,
        "--watch",
        "2",
        "--format",
        "json",
    ]);
    assert_eq!(ended.status, Some(1), "{ended}");
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(told["outcome"], "not_moved", "{told}");
    assert_eq!(told["fault"]["reason"], "its health check fails", "{told}");
    let evidence = told["fault"]["evidence"].to_string();
    assert!(evidence.contains("Operation not permitted"), "{evidence}");
    assert_eq!(told["trouble"], Value::Null, "{told}");

    let after = ground.inspect(&web);
    assert_eq!(after["Id"], before["Id"]);
    assert_eq!(essence(&before), essence(&after));
    assert_eq!(answer(ground.port).as_deref(), Some(WORDS));
    assert_eq!(after["State"]["Health"]["Status"], "healthy");
    assert_eq!(ground.names(&web), std::slice::from_ref(&web));

    // In words, too.
    let ended = ground.apply(&[&web, "--profile", &profile, "--watch", "2"]);
    assert_eq!(ended.status, Some(1), "{ended}");
    for words in [
        "its health check fails",
        "Operation not permitted",
        "is the old one again, and works",
    ] {
        assert!(unfolded(&ended.stdout).contains(words), "{words}: {ended}");
    }
}

#[test]
fn a_trial_that_fails_leaves_the_old_container_untouched() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.carefree();
    let before = ground.inspect(&web);
    let profile = ground.without(BREAKS_THE_CHECK, "broken.json");
    let ended = ground.apply(&[&web, "--profile", &profile, "--watch", "2"]);
    assert_eq!(ended.status, Some(1), "{ended}");
    assert!(
        unfolded(&ended.stdout).contains("its health check fails"),
        "{ended}"
    );
    assert!(
        unfolded(&ended.stdout).contains("was not touched, and works"),
        "{ended}"
    );
    let after = ground.inspect(&web);
    assert_eq!(
        (&after["Id"], &after["State"]["StartedAt"]),
        (&before["Id"], &before["State"]["StartedAt"])
    );
    assert_eq!(ground.names(&web), [web]);
}

#[test]
fn a_container_that_ends_at_once_brings_the_old_one_back() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.plain("web", ground.port);
    let before = ground.inspect(&web);
    // The shell waits for its children, and cannot.
    let profile = ground.without("clone,clone3,fork,vfork", "no-children.json");
    let ended = ground.apply(&[&web, "--profile", &profile, "--watch", "2"]);
    assert_eq!(ended.status, Some(1), "{ended}");
    assert!(unfolded(&ended.stdout).contains("it ended with"), "{ended}");
    assert!(unfolded(&ended.stdout).contains("it wrote: "), "{ended}");
    assert_eq!(ground.inspect(&web)["Id"], before["Id"]);
    assert!(ground.works(&web, ground.port));
}

#[test]
fn what_cannot_be_moved_is_refused_with_the_reason_and_not_touched() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let (name, net) = (ground.named("one"), ground.named("net"));
    for (options, said) in [
        (&["--rm"] as &[&str], "started with --rm"),
        (
            &["--label", "com.docker.swarm.service.name=s"],
            "belongs to a Swarm service",
        ),
    ] {
        let mut words = vec!["run", "--detach", "--name", &name, "--network", &net];
        words.extend(options);
        words.extend(["pb-busybox", "sleep", "300"]);
        testbed.docker_ok(&words);
        let id = ground.inspect(&name)["Id"].clone();
        let ended = ground.apply(&[&name, "--profile", "docker-default"]);
        assert_eq!(ended.status, Some(1), "{options:?}: {ended}");
        let text = ended
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(text.contains(said), "{options:?}: {ended}");
        assert_eq!(ground.inspect(&name)["Id"], id);
        testbed.docker_ok(&["rm", "--force", &name]);
    }
    let words = [
        "create",
        "--name",
        &name,
        "--network",
        &net,
        "pb-busybox",
        "true",
    ];
    testbed.docker_ok(&words);
    let ended = ground.apply(&[&name, "--profile", "docker-default"]);
    assert!(
        ended.status == Some(1) && unfolded(&ended.stdout).contains("it is not running"),
        "{ended}"
    );
    testbed.docker_ok(&["rm", &name]);
    // Not every machine lets one start.
    let words = [
        "create",
        "--name",
        &name,
        "--privileged",
        "pb-busybox",
        "true",
    ];
    testbed.docker_ok(&words);
    let ended = ground.apply(&[&name, "--profile", "docker-default"]);
    assert!(
        unfolded(&ended.stdout).contains("it is privileged"),
        "{ended}"
    );

    // Another container lives in its network.
    let (host, guest) = (ground.carefree(), ground.named("guest"));
    let within = format!("container:{host}");
    let words = [
        "run",
        "--detach",
        "--name",
        &guest,
        "--network",
        &within,
        "pb-busybox",
        "sleep",
        "300",
    ];
    testbed.docker_ok(&words);
    let ended = ground.apply(&[&host, "--profile", "docker-default"]);
    assert!(ended.status == Some(1), "{ended}");
    assert!(
        unfolded(&ended.stdout).contains("lives in its network"),
        "{ended}"
    );
}

#[test]
fn bad_input_has_its_statuses() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.carefree();
    let file = ground.file("bad.json");
    std::fs::write(&file, "{\"defaultAction\": 7}").expect("a file");
    let file = file.display().to_string();
    for (words, status, said) in [
        (
            vec!["no-such-container", "--profile", "docker-default"],
            4,
            "no container called",
        ),
        (
            vec!["../../version", "--profile", "docker-default"],
            4,
            "no container called",
        ),
        (vec![&web, "--profile", "/nowhere.json"], 2, "/nowhere.json"),
        (vec![&web, "--profile", &file], 2, "defaultAction"),
        (vec![&web, "--profile", "unconfined"], 2, "unconfined"),
        (vec![&web], 3, "cannot reach profilerd"),
        (vec![&web, "--docker-host", "none"], 2, "take an engine"),
        (
            vec![&web, "--docker-host", "unix:///nowhere.sock"],
            3,
            "/nowhere.sock",
        ),
        (
            vec![&web, "--docker-host", "tcp://1.2.3.4:1"],
            2,
            "not a unix socket",
        ),
        (vec![&web, "--watch", "0"], 2, "--watch"),
        (vec![&web, "--recover", "--keep"], 2, "--keep"),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_profilectl"));
        command.args(["--socket", "/nowhere/profilerd.sock", "apply"]);
        if !words.contains(&"--docker-host") {
            command.arg("--docker-host").arg(testbed.url());
        }
        let ended = crate::testbed::run(command.args(&words), crate::ground::PATIENCE);
        assert_eq!(ended.status, Some(status), "{words:?}: {ended}");
        assert!(unfolded(&ended.stderr).contains(said), "{words:?}: {ended}");
    }
    assert_eq!(ground.names(&web), [web]);
}
