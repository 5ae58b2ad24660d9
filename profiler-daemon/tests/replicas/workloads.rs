//! What shares a profile: the containers of one image that run one program of it, and the image that a
//! tag means.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::Value;

use crate::hasty::hasty;

use super::{
    Image, another_host, by_hand, document, import, script,
    testbed::{self, Daemon, Testbed},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Names of the calls that a profile allows.
fn allowed(daemon: &Daemon, target: &str) -> BTreeSet<String> {
    let profile: Value = serde_json::from_str(&daemon.ctl_ok(&["export", target])).unwrap();
    let rules = profile["syscalls"].as_array().unwrap().iter();
    rules
        .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
        .flat_map(|rule| rule["names"].as_array().unwrap())
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn has(calls: &BTreeSet<String>, names: &[&str]) -> Vec<bool> {
    names.iter().map(|name| calls.contains(*name)).collect()
}

/// The newest version's number, once it holds all that is known.
fn newest(daemon: &Daemon, of: &str) -> u64 {
    testbed::eventually(&format!("a version of {of}"), PATIENCE, || {
        let ended = daemon.ctl(&["history", of, "--format", "json"]);
        let history: Value = serde_json::from_str(&ended.stdout).ok()?;
        let newest = history["versions"].get(0)?;
        (newest["digest"] == history["current"]).then(|| newest["number"].as_u64())?
    })
}

#[test]
fn an_image_run_with_another_entrypoint_is_a_workload_of_its_own() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = hasty(folder.path());
    let mut daemon = Daemon::start_with(&testbed, &["--config", &config]);
    let image = Image::new(&testbed, "entry");
    let (own, debug) = (image.operand(), format!("{}#/debug", image.operand()));
    let first = image.replica(&daemon, &["39"]);
    let second = image.replica_with(&daemon, &["--entrypoint", "/probe"], &["39", "107"]);
    // Another entrypoint; and none, so that the command's first word is the program.
    let shell = image.replica_with(&daemon, &["--entrypoint", "/debug"], &["39", "101"]);
    let cleared = image.replica_with(&daemon, &["--entrypoint", ""], &["/debug", "39", "102"]);

    // Each has its own profile and coverage, and the other is named.
    let calls = ["getpid", "geteuid", "ptrace", "getuid"];
    assert_eq!(
        has(&allowed(&daemon, &own), &calls),
        [true, true, false, false]
    );
    assert_eq!(
        has(&allowed(&daemon, &debug), &calls),
        [true, false, true, true]
    );
    for target in [&own, &debug] {
        let getpid = daemon.ctl_json(&["explain", target, "getpid"]);
        let of = &getpid[0]["coverage"];
        assert_eq!((&of["made_by"], &of["of"]), (&2.into(), &2.into()), "{of}");
    }
    let told = daemon.ctl(&["export", &own]).stderr.replace("\n  ", " ");
    assert!(
        told.contains(&format!(
            "2 containers ran it with another entrypoint: {debug}"
        )),
        "{told}"
    );
    // Not in words, which are broken into lines wherever the name of the image is too long for one.
    let list = daemon.ctl_json(&["list"]);
    let others = list.as_array().unwrap().iter();
    let others =
        others.filter(|one| one["identity"]["entrypoint"] == serde_json::json!(["/debug"]));
    assert_eq!(others.count(), 2, "{list}");

    // History and promotion are apart: what the shell does more is no drift of what the image needs.
    let number = newest(&daemon, &own);
    newest(&daemon, &debug);
    daemon.ctl_ok(&["promote", &format!("{own}@{number}")]);
    let more = image.replica_with(&daemon, &["--entrypoint", "/debug"], &["104"]);
    let drifting = image.replica(&daemon, &["104"]);
    let drift = |name: &str| {
        let log = daemon.log();
        let lines = log.lines().filter(|line| line.contains("drift: a call"));
        lines.filter(|line| line.contains(name)).count()
    };
    testbed::eventually("drift of the image's own", PATIENCE, || {
        (drift(&drifting.name) == 1).then_some(())
    });
    newest(&daemon, &debug);
    assert_eq!(drift(&more.name), 0, "{}", daemon.log());
    let promoted =
        |daemon: &Daemon, of: &str| daemon.ctl_json(&["history", of])["promoted"].clone();
    assert_eq!(promoted(&daemon, &own), number);
    assert_eq!(promoted(&daemon, &debug), Value::Null);

    // So it is after a restart, when the image can be asked no more, and when the containers are gone.
    let file = document(&daemon, &debug, "debug.json");
    let profile = daemon.ctl_ok(&["export", &debug]);
    testbed.docker_ok(&["rmi", "--force", &image.id]);
    let containers = [first, second, shell, cleared, more, drifting];
    daemon.restart();
    // What happens after the daemon's start is told after the list of what there is.
    let marker = script::run_script(&testbed, &[], &["39"]);
    marker.wait();
    script::ended(&daemon, &marker.name);
    for containers in [Some(containers), None] {
        assert_eq!(daemon.ctl_ok(&["export", &debug]), profile);
        assert!(!allowed(&daemon, &own).contains("ptrace"));
        assert_eq!(promoted(&daemon, &own), number);
        drop(containers);
    }
    // And where the records are brought.
    let there = another_host();
    assert_eq!(import(&there, &file), ["added"; 3]);
    assert_eq!(there.ctl_ok(&["export", &debug]), profile);
    let none = there.ctl(&["export", &own]);
    assert_eq!(none.status, Some(4), "{none}");
    assert!(none.stderr.contains(&debug), "{none}");
}

#[test]
fn a_tag_means_the_image_that_was_run_last_under_it() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let old = Image::release(&testbed, "moved", "1");
    let (operand, id) = (old.operand(), old.id.clone());
    let first = old.replica(&daemon, &["107"]);
    assert_eq!(
        has(&allowed(&daemon, &operand), &["geteuid", "getuid"]),
        [true, false]
    );
    let new = Image::release(&testbed, "moved", "2");
    assert_ne!(new.id, id);
    // A job of the new release is not yet what the image itself does.
    let job = new.replica_with(&daemon, &["--entrypoint", "/debug"], &["104"]);
    assert_eq!(
        has(&allowed(&daemon, &operand), &["geteuid", "getgid"]),
        [true, false]
    );
    let second = new.replica(&daemon, &["102"]);
    // Another image of that name elsewhere, recorded later, is not what the name means here.
    let folder = tempfile::tempdir().unwrap();
    let file = by_hand(folder.path(), "ci", "ci-7", &"cd".repeat(32), &[101]);
    let text = fs::read_to_string(&file).unwrap();
    let reference = format!("\"{}\"", old.reference);
    fs::write(&file, text.replace("\"web:1\"", &reference)).unwrap();
    assert_eq!(import(&daemon, &file), ["added"]);
    let calls = ["geteuid", "getuid", "ptrace"];
    assert_eq!(
        has(&allowed(&daemon, &operand), &calls),
        [false, true, false]
    );
    assert_eq!(
        has(&allowed(&daemon, &format!("image:{id}")), &calls),
        [true, false, false]
    );
    let history = daemon.ctl_json(&["history", &operand]);
    assert_eq!(history["id"], new.id.as_str());
    drop((first, job, second));
}
