//! How much is kept of containers that ended: the newest, for so long, and of imported ones so much. What
//! runs is never among it.

#![allow(unreachable_pub, reason = "a test's modules have no outside")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where its ground gives way"
)]

mod script;
mod testbed;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use futures_executor::block_on;
use profiler_daemon::store::Database;
use script::{ended, run_script, status};
use serde_json::{Value, json};
use testbed::{Container, Daemon, DaemonOptions, Testbed, eventually, unprivileged};

const PATIENCE: Duration = Duration::from_secs(60);

fn config(folder: &Path, records: &str) -> String {
    let file = folder.join("toml");
    fs::write(&file, format!("[records]\n{records}\n")).unwrap();
    file.display().to_string()
}

/// A daemon that hears of no engine.
fn alone(config: &str) -> Daemon {
    Daemon::start_as(DaemonOptions {
        docker: "none".to_owned(),
        words: vec!["--config".to_owned(), config.to_owned()],
    })
}

fn listed(daemon: &Daemon) -> BTreeSet<String> {
    let list = daemon.ctl_json(&["list"]);
    let ids = list.as_array().unwrap().iter();
    ids.map(|one| one["identity"]["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Those that were made up here: others run on this host.
fn made_up(ids: BTreeSet<String>) -> BTreeSet<String> {
    let made_up = |id: &String| id.starts_with("0000000000") || id.starts_with("dddddddddd");
    ids.into_iter().filter(made_up).collect()
}

fn kept(state: &Path) -> BTreeSet<String> {
    block_on(async {
        let mut database = Database::open(state).await.unwrap();
        let ids = database.container_ids().await.unwrap();
        database.close().await.unwrap();
        ids.into_iter().collect()
    })
}

#[test]
fn of_what_ended_the_newest_stay_and_what_runs_stays_whatever_its_age() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "most = 2");
    let mut daemon = Daemon::start_with(&testbed, &["--config", &config]);
    // The oldest of all, and it runs.
    let lives = Container::run(
        &testbed,
        &["--network", "none", "pb-busybox", "sleep", "1000"],
    );
    eventually("it", PATIENCE, || {
        listed(&daemon).contains(&lives.id).then_some(())
    });
    let over: Vec<Container> = (0..4)
        .map(|_| {
            let container = run_script(&testbed, &[], &["102"]);
            container.wait();
            ended(&daemon, &container.id);
            container
        })
        .collect();
    let mine: BTreeSet<String> = over.iter().map(|one| one.id.clone()).collect();
    let newest: BTreeSet<String> = over[2..].iter().map(|one| one.id.clone()).collect();
    // Of others that run on this host some may end meanwhile, and be newer.
    let only_new = |ids: BTreeSet<String>| newest.is_superset(&(&ids & &mine));
    eventually("two that ended", PATIENCE, || {
        let ended = status(&daemon)["records"]["ended"].as_u64()?;
        (ended <= 2 && only_new(listed(&daemon))).then_some(())
    });
    assert!(listed(&daemon).contains(&lives.id));
    assert_eq!(status(&daemon)["records"]["most"], 2);
    daemon.term();
    let kept = kept(&daemon.state_dir());
    assert!(kept.contains(&lives.id));
    assert!(only_new(kept));
}

fn id_of(number: u64) -> String {
    format!("{number:064x}")
}

/// Imports a document of containers with these numbers, each a little larger than so many bytes.
fn import(
    daemon: &Daemon,
    folder: &Path,
    name: &str,
    numbers: &[u64],
    bytes: usize,
) -> testbed::Ended {
    let calls = json!([{"abi": "x86_64", "nr": 0}]);
    let containers: Vec<Value> = numbers
        .iter()
        .map(|number| {
            json!({
                "id": id_of(*number), "engine": "docker", "name": format!("web-{number}"),
                "image": {"reference": "web:1", "id": "sha256:00"}, "runtime": null,
                "labels": {"ballast": "x".repeat(bytes)},
                "no_new_privileges": null, "created_ms": 9, "unconfined": null,
                "completeness": {"complete": true, "shortfalls": [], "quiet_s": 1, "lost_calls": 0},
                "observation": {
                    "observed": calls, "answered": calls, "unsupported": [], "runtime": [],
                    "guarded": [], "refused": [], "runtime_refused": [], "in_flight": [],
                    "refusals": [], "sightings": [], "tallies": [], "filters": [],
                    "out_of_range": 0, "start_seen": true, "program_started": true,
                    "stop_seen": true, "sessions": 1, "first_ms": 5, "last_new_ms": 6
                }
            })
        })
        .collect();
    let document = json!({
        "format": "profiler-observations", "version": 1, "host": "ci-7", "profiler": "0.1.0",
        "containers": containers
    });
    let file = folder.join(name);
    fs::write(&file, document.to_string()).unwrap();
    daemon.ctl(&["observations", "import", &file.display().to_string()])
}

#[test]
fn imports_are_bounded_by_their_size_and_never_push_themselves_out() {
    if unprivileged() {
        return;
    }
    const PART: usize = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "most = 8\nimported_mib = 1");
    let mut daemon = alone(&config);
    let bring = |daemon: &Daemon, numbers: &[u64], bytes| {
        import(daemon, folder.path(), "many", numbers, bytes)
    };
    assert!(bring(&daemon, &[1, 2, 3], PART).success());
    assert_eq!(made_up(listed(&daemon)).len(), 3);
    // Five fit: the oldest make room.
    assert!(bring(&daemon, &[4, 5, 6], PART).success());
    let five: BTreeSet<String> = (2..=6).map(id_of).collect();
    assert_eq!(made_up(listed(&daemon)), five);
    let bytes = status(&daemon)["records"]["imported_bytes"]
        .as_u64()
        .unwrap();
    assert!((1_000_000..=1 << 20).contains(&bytes), "{bytes}");

    let large = bring(&daemon, &[11, 12, 13, 14, 15, 16], PART);
    assert_eq!(large.status, Some(2), "{large}");
    assert!(
        large.stderr.contains("imported_mib") && large.stderr.contains("nothing was imported"),
        "{large}"
    );
    let many: Vec<u64> = (20..30).collect();
    let many = bring(&daemon, &many, 0);
    assert_eq!(many.status, Some(2), "{many}");
    assert_eq!(made_up(listed(&daemon)), five);
    // Their sizes are known to the next daemon, too.
    daemon.restart();
    assert_eq!(made_up(listed(&daemon)), five);
    assert_eq!(status(&daemon)["records"]["imported_bytes"], bytes);
    assert!(bring(&daemon, &[7], PART).success());
    assert_eq!(made_up(listed(&daemon)), (3..=7).map(id_of).collect());
    daemon.term();
    assert_eq!(
        made_up(kept(&daemon.state_dir())),
        (3..=7).map(id_of).collect()
    );
}
