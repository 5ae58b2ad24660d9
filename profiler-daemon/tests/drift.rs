//! Drift on real containers: what a promoted version does not let through reaches a webhook within moments, and is
//! proposed, never applied.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test ends where its ground gives way"
)]

mod script;
mod testbed;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use script::script_program;
use serde_json::Value;
use testbed::{Container, Daemon, Testbed, eventually};

const UNCONFINED: &str = "--security-opt=seccomp=unconfined";
const PATIENCE: Duration = Duration::from_secs(60);
const GETPID: &str = "39";
const PTRACE: &str = "101";

/// A receiver of news: what came, and when.
struct Receiver {
    url: String,
    news: Arc<Mutex<Vec<(u64, Value)>>>,
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

impl Receiver {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/drift", listener.local_addr().unwrap());
        let news = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&news);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut length = 0;
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    let header = line.to_ascii_lowercase();
                    if let Some(value) = header.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                reader.get_mut().write_all(answer).expect("it listens");
                let event = serde_json::from_slice(&body).expect("JSON");
                kept.lock().unwrap().push((now_ms(), event));
            }
        });
        Self { url, news }
    }

    /// The first piece of news of that kind about that container or target, and when it came.
    fn first(&self, kind: &str, wanted: impl Fn(&Value) -> bool) -> (u64, Value) {
        eventually(&format!("news of {kind}"), PATIENCE, || {
            let news = self.news.lock().unwrap();
            news.iter()
                .find(|(_, event)| event["event"] == kind && wanted(event))
                .cloned()
        })
    }

    fn of(&self, kind: &str, id: &str) -> Vec<String> {
        let news = self.news.lock().unwrap();
        let drift = news
            .iter()
            .filter(|(_, event)| event["event"] == kind && event["id"] == id);
        drift
            .map(|(_, event)| event["call"].as_str().unwrap().to_owned())
            .collect()
    }
}

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

fn started(testbed: &Testbed, receiver: &Receiver, folder: &tempfile::TempDir) -> Daemon {
    let config = folder.path().join("toml");
    fs::write(&config, "[versions]\nquiet_s = 1\n").unwrap();
    let config = config.display().to_string();
    Daemon::start_with(testbed, &["--config", &config, "--webhook", &receiver.url])
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
    let daemon = started(&testbed, &receiver, &folder);
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
    let mut daemon = started(&testbed, &receiver, &folder);
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
