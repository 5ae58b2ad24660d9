//! With profilerd: a container is moved to its own profile, and what is refused under one is evidence.

use std::{fs, time::Duration};

use serde_json::Value;

use crate::{
    ground::{Ground, WORDS, answer, unfolded},
    testbed::{Daemon, Ended, Testbed, eventually, unprivileged},
};

fn apply(ground: &Ground, daemon: &Daemon, words: &[&str]) -> Ended {
    let url = ground.testbed.url();
    let mut all = vec!["apply", "--docker-host", &url];
    all.extend(words);
    daemon.ctl(&all)
}

#[test]
fn a_container_is_moved_to_its_own_profile() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    if unprivileged() {
        return;
    }
    let daemon = Daemon::start(&testbed);
    let ground = Ground::new(&testbed);
    let web = ground.plain("web", ground.port);
    assert_eq!(answer(ground.port).as_deref(), Some(WORDS));
    // The health check's wget waits only for an answer that is late: what it calls then is to be in
    // the record too.
    let late = "(sleep 1; printf 'HTTP/1.0 200 OK\\r\\n\\r\\nlate') | nc -l -p 81 >/dev/null & sleep 0.3; \
        wget -q -O - http://127.0.0.1:81/";
    assert_eq!(
        ground.exec(&web, &["sh", "-c", late]).as_deref(),
        Some("late")
    );
    // It has just made calls for the first time, so others may follow.
    let ended = apply(&ground, &daemon, &[&web, "--watch", "2"]);
    assert_eq!(ended.status, Some(5), "{ended}");
    assert!(
        unfolded(&ended.stderr).contains("--incomplete applies it all the same"),
        "{ended}"
    );

    let ended = apply(&ground, &daemon, &[&web, "--watch", "3", "--incomplete"]);
    assert!(ended.success(), "{ended}\n{}", daemon.log());
    assert!(
        unfolded(&ended.stderr).contains("its profile allows "),
        "{ended}"
    );
    assert!(ground.works(&web, ground.port));
    let told = ground.inspect(&web);
    let pid = told["State"]["Pid"].as_u64().expect("a pid");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    assert!(status.contains("\nSeccomp:\t2\n"), "{status}");
    // It holds what the container did and no more.
    assert_eq!(ground.exec(&web, &["chmod", "777", "/tmp"]), None);
    // profilerd agrees on which filter is in force.
    let audit = daemon.ctl(&["audit", &web, "--format", "json"]);
    let audit: Value = serde_json::from_str(&audit.stdout).expect("JSON");
    assert_eq!(audit["source"], "copied", "{audit}");
}

#[test]
fn a_call_that_the_profile_refuses_brings_the_old_container_back_and_is_named() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    if unprivileged() {
        return;
    }
    let daemon = Daemon::start(&testbed);
    let ground = Ground::new(&testbed);
    let web = ground.named("web");
    // What it does is refused and it does not mind, so nothing else would tell.
    let words = [
        "run",
        "--detach",
        "--name",
        &web,
        "--network",
        &ground.named("net"),
        "--stop-timeout",
        "1",
        "pb-busybox",
        "sh",
        "-c",
        "trap 'exit 0' TERM; while :; do chmod 777 /tmp 2>/dev/null; sleep 0.2 & wait $!; done",
    ];
    testbed.docker_ok(&words);
    let id = ground.inspect(&web)["Id"].clone();
    eventually("it to be recorded", Duration::from_secs(20), || {
        daemon
            .ctl(&["explain", &web, "chmod"])
            .success()
            .then_some(())
    });
    let profile = ground.without("chmod,fchmodat", "strict.json");
    let ended = apply(
        &ground,
        &daemon,
        &[&web, "--profile", &profile, "--watch", "5"],
    );
    assert_eq!(ended.status, Some(1), "{ended}");
    let said = unfolded(&ended.stdout);
    for words in [
        "refuses it calls that the old one was not refused",
        "refused: chmod (errno 1, ",
        "(comm chmod)",
        "was not touched, and works",
    ] {
        assert!(said.contains(words), "{words}: {ended}");
    }
    assert_eq!(ground.inspect(&web)["Id"], id);
    assert_eq!(ground.names(&web), [web]);
}
