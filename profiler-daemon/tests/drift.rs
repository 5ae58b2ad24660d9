//! Drift on real containers: what a promoted version does not let through reaches a webhook within moments, and is
//! proposed, never applied.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test ends where its ground gives way"
)]

mod hasty;
mod script;
mod testbed;
mod webhook;

use std::{thread, time::Duration};

use hasty::hasty;
use script::script_program;
use serde_json::{Value, json};
use testbed::{Container, Daemon, Testbed, eventually};
use webhook::Receiver;

const UNCONFINED: &str = "--security-opt=seccomp=unconfined";
const PATIENCE: Duration = Duration::from_secs(60);
const GETPID: &str = "39";
const PTRACE: &str = "101";

/// An image with the script program as `/app`; gone with its guard.
struct Release {
    testbed: Testbed,
    reference: String,
}

impl Release {
    fn make(testbed: &Testbed, tag: &str) -> Self {
        let reference = format!("pb-drift-{}:{tag}", std::process::id());
        let made = testbed.docker_ok(&["create", "pb-busybox", "true"]);
        let program = script_program().display().to_string();
        testbed.docker_ok(&["cp", &program, &format!("{made}:/app")]);
        let change = format!("LABEL release={tag}");
        testbed.docker_ok(&["commit", "--change", &change, &made, &reference]);
        testbed.docker_ok(&["rm", &made]);
        Self {
            testbed: testbed.clone(),
            reference,
        }
    }

    fn run(&self, words: &[&str]) -> Container {
        let all = [&[UNCONFINED, &self.reference, "/app"], words].concat();
        Container::run(&self.testbed, &all)
    }

    fn operand(&self) -> String {
        format!("image:{}", self.reference)
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        self.testbed.docker(&["rmi", "--force", &self.reference]);
    }
}

fn started(
    testbed: &Testbed,
    receiver: &Receiver,
    folder: &tempfile::TempDir,
    words: &[&str],
) -> Daemon {
    let config = hasty(folder.path());
    let own = ["--config", config.as_str(), "--webhook", &receiver.url];
    Daemon::start_with(testbed, &[&own, words].concat())
}

/// The number of the newest version, once there is one that holds everything that is known.
fn newest(daemon: &Daemon, of: &str) -> u64 {
    eventually(&format!("a version of {of}"), PATIENCE, || {
        let ended = daemon.ctl(&["history", of, "--format", "json"]);
        let history: Value = serde_json::from_str(&ended.stdout).ok()?;
        let newest = history["versions"].get(0)?;
        (newest["digest"] == history["current"]).then(|| newest["number"].as_u64())?
    })
}

#[test]
fn a_new_release_that_traces_is_diffed_and_drift_reaches_the_webhook() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::listen();
    let daemon = started(&testbed, &receiver, &folder, &[]);
    let (old, new) = (
        Release::make(&testbed, "1.4"),
        Release::make(&testbed, "1.5"),
    );
    let first = old.run(&["s300", GETPID, "s100"]);
    assert_eq!(first.wait(), 0);
    let second = new.run(&["s300", GETPID, PTRACE, "s100"]);
    assert_eq!(second.wait(), 0);
    let number = newest(&daemon, &old.operand());
    newest(&daemon, &new.operand());

    // The releases differ in that one call, and it is known who made it.
    let diff = daemon.ctl(&["diff", &old.operand(), &new.operand(), "--format", "json"]);
    assert_eq!(diff.status, Some(1), "{diff}");
    let entries: Value = serde_json::from_str(&diff.stdout).unwrap();
    let names: Vec<&Value> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["ptrace"], "{entries:#}");
    assert_eq!(entries[0]["change"], "loosened");
    assert_eq!(entries[0]["evidence"]["exe"], "/app");
    assert_eq!(entries[0]["evidence"]["container"], second.id[..12]);
    let told = daemon.ctl(&["diff", &old.operand(), &new.operand()]);
    assert!(told.stdout.contains("ptrace: /app in "), "{told}");
    let unified = daemon.ctl(&[
        "diff",
        &old.operand(),
        &new.operand(),
        "--format",
        "unified",
    ]);
    assert_eq!(unified.status, Some(1), "{unified}");
    assert!(unified.stdout.contains("ptrace"), "{unified}");
    assert!(unified.stdout.starts_with("--- image:"), "{unified}");
    let explained = daemon.ctl_json(&["explain", &second.name, "ptrace"]);
    assert_eq!(explained[0]["first"]["exe"], "/app", "{explained:#}");

    // Nothing is drift from what was not promoted.
    daemon.ctl_ok(&["promote", &format!("{}@{number}", old.operand())]);
    assert_eq!(receiver.of("drift", &second.id), Vec::<String>::new());

    let drifting = old.run(&["s1500", GETPID, PTRACE, "s500"]);
    let (came, drift) = receiver.first("drift", |event| event["id"] == drifting.id.as_str());
    assert_eq!(drift["call"], "ptrace", "{drift:#}");
    assert_eq!(drift["promoted"], number);
    assert_eq!(
        (&drift["refused"], &drift["earlier"]),
        (&Value::Null, &false.into())
    );
    assert_eq!(drift["first"]["exe"], "/app");
    let made = drift["first"]["at_ms"].as_u64().unwrap();
    println!(
        "drift was posted {} ms after the call",
        came.saturating_sub(made)
    );

    // Proposed with the call, and not applied.
    let (_, proposed) = receiver.first("proposed", |event| event["target"] == drift["target"]);
    let next = proposed["version"].as_u64().unwrap();
    assert!(next > number, "{proposed:#}");
    let changes = proposed["changes"].as_array().unwrap();
    let added: Vec<&Value> = changes
        .iter()
        .filter(|one| one["change"] == "added")
        .map(|one| &one["name"])
        .collect();
    assert_eq!(added, ["ptrace"], "{proposed:#}");
    let history = daemon.ctl_json(&["history", &old.operand()]);
    assert_eq!(history["promoted"], number);
    let diff = daemon.ctl(&[
        "diff",
        &format!("{}@{number}", old.operand()),
        &format!("{}@{next}", old.operand()),
    ]);
    assert_eq!(diff.status, Some(1), "{diff}");
    assert!(diff.stdout.contains("ptrace"), "{diff}");
    assert_eq!(drifting.wait(), 0);
    // Told once a container, and of nothing else.
    assert_eq!(receiver.of("drift", &drifting.id), ["ptrace"]);
}

#[test]
fn what_was_promoted_outlives_the_daemon_and_so_does_drift() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::listen();
    let mut daemon = started(&testbed, &receiver, &folder, &[]);
    let release = Release::make(&testbed, "2.0");
    let first = release.run(&["s300", GETPID, "s100"]);
    assert_eq!(first.wait(), 0);
    let number = newest(&daemon, &release.operand());
    let promoted = format!("{}@{number}", release.operand());
    daemon.ctl_ok(&["promote", &promoted]);
    let drifting = release.run(&["s2500", GETPID, PTRACE, "s60000"]);
    // Nobody listens when the call is made.
    daemon.kill9();
    thread::sleep(Duration::from_secs(4));
    assert_eq!(receiver.of("drift", &drifting.id), Vec::<String>::new());
    daemon.restart();
    let (_, drift) = receiver.first("drift", |event| event["id"] == drifting.id.as_str());
    assert_eq!(
        (&drift["call"], &drift["promoted"]),
        (&"ptrace".into(), &number.into())
    );
    let history = daemon.ctl_json(&["history", &release.operand()]);
    assert_eq!(history["promoted"], number);

    // What is promoted with it is drift no more.
    let next = newest(&daemon, &release.operand());
    daemon.ctl_ok(&["promote", &format!("{}@{next}", release.operand())]);
    let quiet = release.run(&["s300", GETPID, PTRACE, "s100"]);
    assert_eq!(quiet.wait(), 0);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(receiver.of("drift", &quiet.id), Vec::<String>::new());
    // And going back to the one before makes it drift again, of a container that runs.
    daemon.ctl_ok(&["promote", &promoted]);
    let (_, again) = receiver.first("drift", |event| {
        event["id"] == drifting.id.as_str() && event["earlier"] == true
    });
    assert_eq!(again["call"], "ptrace");
}

/// socket of AF_INET and SOCK_STREAM, and of AF_ALG and SOCK_SEQPACKET.
const INTERNET: &str = "k2,1";
const CRYPTO: &str = "k38,5";

#[test]
fn an_allowed_call_with_values_that_the_promoted_version_does_not_have_is_drift() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::listen();
    let mut daemon = started(&testbed, &receiver, &folder, &["--args"]);
    let release = Release::make(&testbed, "3.0");
    let first = release.run(&["s300", INTERNET, "s100"]);
    assert_eq!(first.wait(), 0);
    let number = newest(&daemon, &release.operand());
    daemon.ctl_ok(&["promote", &format!("{}@{number}", release.operand())]);

    let drifting = release.run(&["s1000", INTERNET, CRYPTO, CRYPTO, "s60000"]);
    let of_drifting = |event: &Value| event["id"] == drifting.id.as_str();
    let (_, drift) = receiver.first("drift", of_drifting);
    assert_eq!(
        (&drift["call"], &drift["promoted"]),
        (&"socket".into(), &number.into()),
        "{drift:#}"
    );
    assert_eq!(drift["with"], json!({"places": [0, 1], "seen": [[38, 5]]}));
    assert_eq!(
        (&drift["refused"], &drift["earlier"]),
        (&Value::Null, &false.into())
    );
    assert_eq!(drift["first"]["exe"], "/app");

    // A version that has them is proposed, and not applied.
    let (_, proposed) = receiver.first("proposed", |event| event["target"] == drift["target"]);
    let changes = proposed["changes"].as_array().unwrap();
    let changed = |one: &Value| one["change"] == "values" && one["name"] == "socket";
    assert!(changes.iter().any(changed), "{proposed:#}");
    let history = daemon.ctl_json(&["history", &release.operand()]);
    assert_eq!(history["promoted"], number);

    // The next daemon reads the same values, and has something else to tell.
    daemon.kill9();
    daemon.restart();
    let last = release.run(&["s300", INTERNET, PTRACE, "s100"]);
    assert_eq!(last.wait(), 0);
    receiver.first("drift", |event| event["id"] == last.id.as_str());
    let known = proposed["version"].as_u64().unwrap();
    receiver.first("proposed", |event| {
        event["target"] == drift["target"] && event["version"].as_u64() > Some(known)
    });
    assert_eq!(receiver.of("drift", &drifting.id), ["socket"]);
    assert_eq!(receiver.of("drift", &last.id), ["ptrace"]);
}
