//! Everything is the same after a move, in the engine's words and in what the container does.

use std::fs;

use serde_json::Value;

use crate::{
    ground::{Ground, WORDS, answer, essence, unfolded},
    testbed::Testbed,
};

const CHMOD: &str = "chmod,fchmod,fchmodat,fchmodat2";

fn security_options(told: &Value) -> Vec<String> {
    let options = told["HostConfig"]["SecurityOpt"].as_array();
    let options = options.into_iter().flatten();
    options
        .filter_map(|option| option.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn all_is_the_same_after_a_move_but_for_the_profile() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.with_everything();
    let (db, profile) = (ground.named("db"), ground.without(CHMOD, "strict.json"));
    ground.exec(
        &web,
        &[
            "sh",
            "-c",
            "echo more > /data/more; echo here > /mounted/file",
        ],
    );
    assert!(ground.exec(&web, &["chmod", "777", "/tmp"]).is_some());
    let before = ground.inspect(&web);

    let ended = ground.apply(&[&web, "--profile", &profile, "--watch", "2"]);
    assert!(ended.success(), "{ended}");

    let after = ground.inspect(&web);
    assert_ne!(before["Id"], after["Id"]);
    assert_eq!(essence(&before), essence(&after));
    assert_eq!(
        ground.names(&web),
        std::slice::from_ref(&web),
        "something was left"
    );
    // The data is there, the port answers, names lead here and from here.
    assert_eq!(answer(ground.port).as_deref(), Some(WORDS));
    for (file, said) in [
        ("/data/more", "more"),
        ("/mounted/file", "here"),
        ("/anonymous/file", "kept"),
    ] {
        assert_eq!(ground.exec(&web, &["cat", file]).as_deref(), Some(said));
    }
    for name in ["www", web.as_str(), "front"] {
        let url = format!("http://{name}/index.html");
        let got = ground.exec(&db, &["wget", "-q", "-O", "-", &url]);
        assert_eq!(got.as_deref(), Some(WORDS), "{name}");
    }
    assert!(ground.exec(&web, &["nslookup", "database"]).is_some());
    assert_eq!(ground.exec(&web, &["hostname"]).as_deref(), Some("front"));
    ground.healthy(&web);
    // The engine starts it again as it did.
    let policy = &after["HostConfig"]["RestartPolicy"]["Name"];
    assert_eq!(policy, "unless-stopped");

    // The profile is in force, beside what else was asked for, and it is this one.
    let options = security_options(&after);
    assert_eq!(options.len(), 2, "{options:?}");
    assert!(
        options.contains(&"no-new-privileges".to_owned()),
        "{options:?}"
    );
    let pid = after["State"]["Pid"].as_u64().expect("a pid");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    assert!(status.contains("\nSeccomp:\t2\n"), "{status}");
    assert_eq!(ground.exec(&web, &["chmod", "777", "/tmp"]), None);

    // Again: nothing to do, and nothing done.
    let ended = ground.apply(&[&web, "--profile", &profile]);
    assert!(
        ended.success() && unfolded(&ended.stdout).contains("has this profile already"),
        "{ended}"
    );
    assert_eq!(ground.inspect(&web)["Id"], after["Id"]);

    // And back, with the one before kept.
    let ended = ground.apply(&[
        &web,
        "--profile",
        "docker-default",
        "--watch",
        "1",
        "--keep",
    ]);
    assert!(ended.success(), "{ended}");
    let again = ground.inspect(&web);
    assert_eq!(essence(&before), essence(&again));
    let short = &after["Id"].as_str().expect("an id")[..12];
    let kept = format!("{web}.profilectl-kept-{short}");
    assert_eq!(ground.names(&web), [web.clone(), kept.clone()]);
    assert_eq!(ground.inspect(&kept)["State"]["Running"], false);
    assert!(ground.exec(&web, &["chmod", "777", "/tmp"]).is_some());
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.with_everything();
    let before = ground.inspect(&web);
    let ended = ground.apply(&[&web, "--profile", "docker-default", "--dry-run"]);
    assert!(ended.success(), "{ended}");
    for told in [
        "1. make ",
        "stop the old",
        "watch",
        "writes to /anonymous, /data, /mounted",
    ] {
        let text = ended
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(text.contains(told), "{told}: {ended}");
    }
    let ended = ground.apply(&[
        &web,
        "--profile",
        "docker-default",
        "--dry-run",
        "--format",
        "json",
    ]);
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(told["outcome"], "planned");
    assert_eq!(told["steps"].as_array().map(Vec::len), Some(9), "{told}");
    assert_eq!(ground.inspect(&web)["State"], before["State"]);
    assert_eq!(ground.names(&web), [web]);
}

#[test]
fn a_container_that_holds_nothing_exclusive_is_tried_beside_itself_and_never_away() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.carefree();
    let before = ground.inspect(&web);
    let profile = ground.without(CHMOD, "strict.json");
    let ended = ground.apply(&[&web, "--profile", &profile, "--watch", "2"]);
    assert!(ended.success(), "{ended}");
    assert!(unfolded(&ended.stderr).contains("1/12 start "), "{ended}");
    let after = ground.inspect(&web);
    assert_eq!(essence(&before), essence(&after));
    assert_eq!(ground.exec(&web, &["chmod", "777", "/tmp"]), None);
    // The new one had started before the old one was stopped.
    let (begun, stopped) = (
        ended.stderr.find("start ").expect("told"),
        ended.stderr.find("stop the old").expect("told"),
    );
    assert!(begun < stopped);
    assert_eq!(ground.names(&web), [web]);
}

#[test]
fn what_only_the_old_container_has_is_not_thrown_away() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let ground = Ground::new(&testbed);
    let web = ground.plain("web", ground.port);
    ground.exec(&web, &["sh", "-c", "echo precious > /root/notes"]);
    let id = ground.inspect(&web)["Id"].clone();
    let words = [web.as_str(), "--profile", "docker-default", "--watch", "1"];
    let ended = ground.apply(&words);
    assert!(ended.success(), "{ended}");
    assert!(unfolded(&ended.stderr).contains("/root/notes"), "{ended}");
    let names = ground.names(&web);
    let kept = names.iter().find(|name| name.contains("profilectl-kept"));
    let kept = kept.unwrap_or_else(|| panic!("it is gone: {names:?}"));
    assert_eq!(ground.inspect(kept)["Id"], id);
    let got = testbed.docker_ok(&["cp", &format!("{kept}:/root/notes"), "-"]);
    assert!(got.contains("precious"), "{got}");

    // Whoever says so may throw it away.
    ground.exec(&web, &["sh", "-c", "echo nothing > /root/notes"]);
    let profile = ground.without("chroot", "again.json");
    let words = [
        web.as_str(),
        "--profile",
        &profile,
        "--watch",
        "1",
        "--discard",
    ];
    let ended = ground.apply(&words);
    assert!(ended.success(), "{ended}");
    assert_eq!(ground.names(&web).len(), 2, "{:?}", ground.names(&web));
}
