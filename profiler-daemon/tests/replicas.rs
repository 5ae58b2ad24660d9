//! Several containers of one image, and of several hosts: their profile is the union, how many of them
//! made a call is told right, and neither order nor repetition changes it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where its ground gives way"
)]

mod hasty;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod script;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;
#[path = "replicas/workloads.rs"]
mod workloads;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::{Container, Daemon, DaemonOptions, Ended, Testbed, unprivileged};

/// Words for the program: calls that look at nothing and change nothing.
const REPLICAS: [&[&str]; 3] = [&["39", "102", "104"], &["39", "107"], &["39", "104"]];

/// An image of this test's own, so that nobody else's containers are among its replicas.
struct Image {
    testbed: Testbed,
    reference: String,
    id: String,
}

impl Image {
    fn new(testbed: &Testbed, tag: &str) -> Self {
        Self::release(testbed, tag, "1")
    }

    /// One image of several that have the same name, one after the other. Its entrypoint is the program,
    /// which it has a second time as `/debug`.
    fn release(testbed: &Testbed, tag: &str, label: &str) -> Self {
        let reference = format!("pb-replicas-{}:{tag}", std::process::id());
        let made = testbed.docker_ok(&["create", "pb-busybox", "true"]);
        let program = script::script_program().display().to_string();
        for place in ["probe", "debug"] {
            testbed.docker_ok(&["cp", &program, &format!("{made}:/{place}")]);
        }
        let label = format!("LABEL of={tag}-{label}");
        let entrypoint = "ENTRYPOINT [\"/probe\"]";
        let id = testbed.docker_ok(&[
            "commit", "--change", &label, "--change", entrypoint, &made, &reference,
        ]);
        testbed.docker_ok(&["rm", &made]);
        Self {
            testbed: testbed.clone(),
            reference,
            id: id.trim().to_owned(),
        }
    }

    fn operand(&self) -> String {
        format!("image:{}", self.reference)
    }

    /// A container of the image that makes these calls and ends, its record closed.
    fn replica(&self, daemon: &Daemon, words: &[&str]) -> Container {
        self.replica_with(daemon, &[], words)
    }

    /// The same with options of `docker run`.
    fn replica_with(&self, daemon: &Daemon, options: &[&str], words: &[&str]) -> Container {
        let mut all = vec!["--network", "none"];
        all.extend(options);
        all.push(&self.reference);
        all.extend(words);
        let container = Container::run(&self.testbed, &all);
        container.wait();
        script::ended(daemon, &container.name);
        container
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // The name may be a later release's by now.
        self.testbed.docker(&["rmi", "--force", &self.reference]);
        self.testbed.docker(&["rmi", "--force", &self.id]);
    }
}

/// A host that runs no container: what it knows was brought to it.
fn another_host() -> Daemon {
    Daemon::start_as(DaemonOptions {
        docker: "none".to_owned(),
        words: Vec::new(),
    })
}

/// `made_by` of each call by its name.
fn made_by(daemon: &Daemon, image: &str) -> BTreeMap<String, u64> {
    let calls = daemon.ctl_json(&["explain", image]);
    let calls = calls.as_array().expect("calls").iter();
    calls
        .map(|call| {
            let of = &call["coverage"];
            assert_eq!(of["of"], 3, "{call}");
            let makers = of["made_by"].as_u64().unwrap() + of["probed_by"].as_u64().unwrap();
            (call["name"].as_str().unwrap().to_owned(), makers)
        })
        .collect()
}

fn document(daemon: &Daemon, target: &str, name: &str) -> String {
    let file = daemon.file(name).display().to_string();
    daemon.ctl_ok(&["observations", "export", target, "-o", &file]);
    file
}

fn import(daemon: &Daemon, file: &str) -> Vec<String> {
    let told = daemon.ctl_json(&["observations", "import", file]);
    let containers = told["containers"].as_array().expect("containers").iter();
    containers
        .map(|one| one["change"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn refused(ended: &Ended, says: &str) {
    assert_eq!(ended.status, Some(2), "{ended}");
    assert!(ended.stderr.contains(says), "no {says:?} in: {ended}");
}

#[test]
fn three_replicas_are_one_profile_here_and_where_their_records_are_brought() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let here = Daemon::start(&testbed);
    let image = Image::new(&testbed, "union");
    let operand = image.operand();
    let replicas = REPLICAS.map(|words| image.replica(&here, words));

    // The union, and how many made what.
    let profile = fs::read(here.export(&operand, "here.json")).unwrap();
    let text = String::from_utf8(profile.clone()).unwrap();
    for name in ["getpid", "getuid", "getgid", "geteuid"] {
        assert!(text.contains(&format!("\"{name}\"")), "{name}: {text}");
    }
    let makers = made_by(&here, &operand);
    for (name, count) in [
        ("getpid", 3),
        ("exit", 3),
        ("getgid", 2),
        ("getuid", 1),
        ("geteuid", 1),
    ] {
        assert_eq!(makers[name], count, "{name} in {makers:?}");
    }
    let told = here.ctl(&["export", &operand]).stderr;
    assert!(
        told.replace("\n  ", " ").contains(
            "all 3 containers made 2 of 5 observed calls; 2 calls were made by one of them only"
        ),
        "{told}"
    );
    let getuid = &here.ctl_json(&["explain", &operand, "getuid"])[0]["coverage"];
    assert_eq!(getuid["made_in"][0], replicas[0].name.as_str());

    // What a host has of its own no document changes.
    let all = document(&here, &operand, "all.json");
    let single: Vec<String> = (0..)
        .zip(&replicas)
        .map(|(place, replica)| document(&here, &replica.name, &format!("{place}.json")))
        .collect();
    let before = here.ctl_ok(&["show", &replicas[0].name, "--format", "json"]);
    refused(
        &here.ctl(&["observations", "import", &all]),
        "a container of this daemon's own has that id",
    );
    assert_eq!(
        here.ctl_ok(&["show", &replicas[0].name, "--format", "json"])
            .len(),
        before.len()
    );

    // Brought to others, whole or in pieces, in any order, once or twice: the same profile.
    let ids = replicas.each_ref().map(|replica| replica.id.clone());
    drop(replicas);
    let mut whole = another_host();
    assert_eq!(import(&whole, &all), ["added"; 3]);
    let pieces = another_host();
    for file in [&single[2], &single[0], &single[1]] {
        assert_eq!(import(&pieces, file), ["added"]);
    }
    assert_eq!(import(&pieces, &all), ["unchanged"; 3]);
    for daemon in [&whole, &pieces] {
        assert_eq!(made_by(daemon, &operand), makers);
        let theirs = fs::read(daemon.export(&operand, "theirs.json")).unwrap();
        assert_eq!(String::from_utf8(theirs).unwrap(), text);
        let list = daemon.ctl_ok(&["list"]);
        assert_eq!(list.matches("imported").count(), 3, "{list}");
    }
    whole.restart();
    assert_eq!(
        fs::read(whole.export(&operand, "again.json")).unwrap(),
        profile
    );
    assert_eq!(made_by(&whole, &operand), makers);
    // What was imported can go on to a third, and is still the first one's.
    let onward: Value =
        serde_json::from_slice(&fs::read(document(&whole, &operand, "on.json")).unwrap()).unwrap();
    let containers = onward["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 3);
    for container in containers {
        assert!(ids.iter().any(|id| container["id"] == id.as_str()));
        assert_eq!(
            container["host"], onward["host"],
            "one machine is both hosts here"
        );
    }
}

/// A document with one container, written by hand.
fn by_hand(folder: &Path, name: &str, host: &str, id: &str, calls: &[u64]) -> String {
    let calls: Vec<Value> = calls
        .iter()
        .map(|nr| serde_json::json!({"abi": "x86_64", "nr": nr}))
        .collect();
    let document = serde_json::json!({
        "format": "profiler-observations", "version": 1, "host": host, "profiler": "0.1.0",
        "containers": [{
            "id": id, "engine": "docker", "name": "web",
            "image": {"reference": "web:1", "id": "sha256:00"},
            "runtime": null, "no_new_privileges": null, "created_ms": 9_000_000_000_000_u64, "unconfined": null,
            "completeness": {"complete": true, "shortfalls": [], "quiet_s": 1, "lost_calls": 0},
            "observation": {
                "observed": calls, "answered": calls, "unsupported": [], "runtime": [], "guarded": [],
                "refused": [], "runtime_refused": [], "in_flight": [], "refusals": [], "sightings": [],
                "tallies": [], "filters": [], "out_of_range": 0, "start_seen": true,
                "program_started": true, "stop_seen": true, "sessions": 1, "first_ms": 5, "last_new_ms": 6
            }
        }]
    });
    let file = folder.join(name);
    fs::write(&file, document.to_string()).unwrap();
    file.display().to_string()
}

#[test]
fn a_document_takes_nobodys_place() {
    if unprivileged() {
        return;
    }
    let mut daemon = another_host();
    let folder = tempfile::tempdir().unwrap();
    let id = "ab".repeat(32);
    let first = by_hand(folder.path(), "first", "ci-7", &id, &[0, 1]);
    let grown = by_hand(folder.path(), "grown", "ci-7", &id, &[1, 2]);
    let other = by_hand(folder.path(), "other", "ci-8", &id, &[0, 1, 2, 101]);
    assert_eq!(import(&daemon, &first), ["added"]);
    assert_eq!(import(&daemon, &first), ["unchanged"]);
    assert_eq!(import(&daemon, &grown), ["extended"]);
    // A state of the record that is older holds nothing that is new.
    assert_eq!(import(&daemon, &first), ["unchanged"]);
    refused(
        &daemon.ctl(&["observations", "import", &other]),
        "it was imported from the host \"ci-7\" before, and this document says \"ci-8\"",
    );
    daemon.restart();
    let show = daemon.ctl_json(&["show", "web"]);
    assert_eq!(script::observed(&show), [0, 1, 2].into());
    assert_eq!(show["summary"]["identity"]["origin"]["host"], "ci-7");
    let state = daemon.state_dir();
    assert!(!state.join("../etc").exists());
    let told = daemon.ctl_ok(&["show", "web"]);
    assert!(
        told.contains("imported") && told.contains("recorded on ci-7"),
        "{told}"
    );
}

#[test]
fn a_version_says_from_where_it_was_brought() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let image = Image::new(&testbed, "author");
    let operand = image.operand();
    let replica = image.replica(&daemon, &["39"]);
    let newest = |count: usize| {
        testbed::eventually("a version", Duration::from_secs(60), || {
            let told = daemon.ctl(&["history", &operand, "--format", "json"]);
            let told: Value = serde_json::from_str(&told.stdout).ok()?;
            let versions = told["versions"].as_array()?.clone();
            (versions.len() == count).then(|| versions[0].clone())
        })
    };
    let mine = newest(1);
    assert_eq!(mine["author"], "recorder", "{mine}");
    assert!(mine["origins"].is_null());

    let folder = tempfile::tempdir().unwrap();
    let of_image = |name: &str, host: &str, id: &str, calls: &[u64]| {
        let file = by_hand(folder.path(), name, host, id, calls);
        let text = fs::read_to_string(&file).unwrap();
        let own = serde_json::json!({
            "reference": image.reference, "id": replica.inspect("{{.Image}}")
        });
        let theirs = serde_json::json!({"reference": "web:1", "id": "sha256:00"});
        fs::write(&file, text.replace(&theirs.to_string(), &own.to_string())).unwrap();
        file
    };
    // What was seen here already is no version.
    let known = of_image("known.json", "ci-7", &"ab".repeat(32), &[39]);
    assert_eq!(import(&daemon, &known), ["added"]);
    let new = of_image("run 12.json", "ci-8", &"cd".repeat(32), &[39, 107]);
    assert_eq!(import(&daemon, &new), ["added"]);
    let brought = newest(2);
    assert_eq!(brought["author"], "import", "{brought}");
    assert_eq!(brought["reason"], "imported");
    let origins = brought["origins"].as_array().unwrap();
    assert_eq!(origins.len(), 1, "{brought}");
    assert_eq!(origins[0]["host"], "ci-8");
    assert_eq!(origins[0]["file"], "run 12.json");
    let told = daemon.ctl_ok(&["history", &operand]);
    assert!(
        told.contains("import: records were imported") && told.contains("from ci-8 (run 12.json)"),
        "{told}"
    );
    // What comes of this host after it is the recorder's again.
    image.replica(&daemon, &["39", "104"]);
    let mine = newest(3);
    assert_eq!(mine["author"], "recorder", "{mine}");
    assert!(mine["origins"].is_null(), "{mine}");
    // The imported containers have versions of their own.
    let own = testbed::eventually("its own", Duration::from_secs(60), || {
        let told = daemon.ctl_json(&["history", &"cd".repeat(32)]);
        told["versions"].as_array()?.first().cloned()
    });
    assert_eq!(own["author"], "import", "{own}");
}

#[test]
fn a_name_in_a_document_does_not_stand_for_a_container_of_the_host() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let image = Image::new(&testbed, "name");
    let container = image.replica(&daemon, &["39"]);
    let folder = tempfile::tempdir().unwrap();
    // The same name, the same first digits of the id, and made later.
    let mut id = container.id[..12].to_owned();
    id.push_str(&"0".repeat(52));
    let file = by_hand(folder.path(), "evil", "elsewhere", &id, &[101]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("\"web\"", &format!("{:?}", container.name)),
    )
    .unwrap();
    assert_eq!(import(&daemon, &file), ["added"]);
    for name in [container.name.as_str(), &container.id[..12]] {
        let show = daemon.ctl_json(&["show", name]);
        assert_eq!(show["summary"]["identity"]["id"], container.id.as_str());
    }
    let profile = fs::read_to_string(daemon.export(&container.name, "web.json")).unwrap();
    assert!(!profile.contains("\"ptrace\""), "{profile}");
}

#[test]
fn a_container_of_the_host_goes_before_a_record_with_its_id() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    // Without the engine this daemon learns of a container when it starts.
    let mut daemon = another_host();
    let name = format!("pb-replicas-{}", std::process::id());
    let id = testbed.docker_ok(&[
        "create",
        "--name",
        &name,
        "--network",
        "none",
        "pb-busybox",
        "sleep",
        "60",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = by_hand(folder.path(), "evil", "elsewhere", &id, &[101]);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        assert_eq!(import(&daemon, &file), ["added"]);
        testbed.docker_ok(&["start", &name]);
        testbed::eventually(
            "the container's own record",
            Duration::from_secs(20),
            || {
                let show = daemon.ctl_json(&["show", &id]);
                (show["summary"]["identity"]["running"] == true).then_some(())
            },
        );
        daemon.restart();
        let show = daemon.ctl_json(&["show", &id]);
        assert!(show["summary"]["identity"]["origin"].is_null(), "{show}");
        assert!(!script::observed(&show).contains(&101), "{show}");
        refused(
            &daemon.ctl(&["observations", "import", &file]),
            "a container of this daemon's own has that id",
        );
    }));
    testbed.docker(&["rm", "--force", &name]);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn imports_are_bounded_and_push_out_nothing_of_the_host() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let image = Image::new(&testbed, "bound");
    let container = image.replica(&daemon, &["39"]);
    let folder = tempfile::tempdir().unwrap();
    let one = by_hand(folder.path(), "one", "elsewhere", &"0".repeat(64), &[0]);
    let one: Value = serde_json::from_slice(&fs::read(one).unwrap()).unwrap();
    let mut longest = Duration::ZERO;
    for document in 0..5 {
        let mut many = one.clone();
        let containers = (0..256).map(|place| {
            let mut container = one["containers"][0].clone();
            container["id"] = format!("{:064x}", document * 256 + place).into();
            container
        });
        many["containers"] = containers.collect();
        let file = folder.path().join("many");
        fs::write(&file, many.to_string()).unwrap();
        let begin = Instant::now();
        assert_eq!(import(&daemon, &file.display().to_string()).len(), 256);
        longest = longest.max(begin.elapsed());
    }
    eprintln!("256 containers were imported in {longest:?} at most");
    let list = daemon.ctl_json(&["list"]);
    let origins = list.as_array().unwrap().iter();
    let imported = origins.filter(|one| !one["identity"]["origin"].is_null());
    assert_eq!(imported.count(), 1000);
    let show = daemon.ctl_json(&["show", &container.name]);
    assert_eq!(show["summary"]["identity"]["id"], container.id.as_str());
}
