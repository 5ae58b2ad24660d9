//! What an earlier daemon kept of containers that are gone, when the next one begins.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use profiler_daemon::{
    collector::ports::KeptContainer,
    profile::{
        identity::{Engine, Identity},
        observation::{Observation, Sighting},
    },
    store::{ContainerRecord, Database, FILE},
};
use serde_json::Value;

use super::{AT_MS, Daemon, FakeDocker, PATIENCE, call};

const GONE: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
const STRANGE: &str = "badbadbadbadbadbadbadbadbadbadbadbadbadbadbadbadbadbadbadbadbadb";
const NOT_UNDERSTOOD: &str = "{\"identity\": 7}";

fn sighting() -> Sighting {
    Sighting {
        at_ms: AT_MS + 5,
        exe: Some("/usr/bin/gone".into()),
        comm: "gone".into(),
        pid: 77,
        session: 3,
    }
}

/// A container that ended, as a daemon keeps it.
fn record() -> String {
    let mut identity = Identity::unnamed(GONE.into(), Engine::Docker);
    identity.name = Some("gone".into());
    let observed = [call(0), call(257)];
    let kept = KeptContainer {
        identity,
        asked: None,
        observation: Observation {
            observed: observed.into(),
            answered: observed.into(),
            sightings: [(call(257), sighting())].into(),
            stop_seen: true,
            first_ms: Some(AT_MS),
            ..Observation::default()
        },
        cgroup: None,
        cgroups: [].into(),
        lost_calls: 0,
        changed_ms: AT_MS,
    };
    serde_json::to_string(&kept).unwrap()
}

/// Keeps records by id, for whoever the daemon runs as.
async fn keep(state: &Path, records: &[(&str, String)]) {
    let mut database = Database::open(state).await.unwrap();
    for (id, record) in records {
        let kept = ContainerRecord {
            id: (*id).to_owned(),
            image: None,
            changed_ms: AT_MS,
            record: record.clone(),
        };
        database.keep_container(&kept).await.unwrap();
    }
    database.close().await.unwrap();
    // The library tells that a file is closed a little before it is.
    let begin = Instant::now();
    while state.join(FILE).with_extension("db-wal").exists() {
        assert!(begin.elapsed() < PATIENCE, "the database is not closed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fs::set_permissions(state, fs::Permissions::from_mode(0o777)).unwrap();
    for entry in fs::read_dir(state).unwrap() {
        let path = entry.unwrap().path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_understood_is_left_alone_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeDocker::running(folder.path());
    let state = folder.path().join("state");
    let records = [(STRANGE, NOT_UNDERSTOOD.to_owned()), (GONE, record())];
    keep(&state, &records).await;
    let daemon = Daemon::start(folder, engine.socket()).await;

    let explained = daemon.json(&["explain", "gone", "openat"]);
    let first: Sighting = serde_json::from_value(explained[0]["first"].clone()).unwrap();
    assert_eq!(first, sighting());
    let listed = daemon.json(&["list"]);
    let listed = listed.as_array().unwrap().iter();
    let gone = listed.filter(|one| one["identity"]["id"] == GONE);
    let gone: Vec<&Value> = gone.collect();
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert_eq!(gone[0]["observed"], 2);
    assert_eq!(gone[0]["identity"]["running"], false);
    daemon.text(&["show", STRANGE], 4);

    // Nor does the next one lose any of it.
    let mut daemon = daemon.again(engine.socket(), &[]).await;
    assert_eq!(daemon.json(&["explain", "gone", "openat"]), explained);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    let mut database = Database::open(&daemon.file("state")).await.unwrap();
    let strange = database.container(STRANGE).await.unwrap();
    assert_eq!(strange.as_deref(), Some(NOT_UNDERSTOOD));
    database.close().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_not_begun_without() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    // Longer than a page, so that it goes on in others.
    let long = format!("\"{}\"", "x".repeat(20_000));
    keep(&state, &[(GONE, long)]).await;
    let file = state.join(FILE);
    let mut bytes = fs::read(&file).unwrap();
    for page in bytes.chunks_mut(4096) {
        if page.iter().filter(|byte| **byte == b'x').count() > 4000 {
            // Where the next one is.
            page[..4].fill(0xff);
        }
    }
    fs::write(&file, &bytes).unwrap();
    fs::write(folder.path().join("replay"), "# nothing\n").unwrap();
    let cgroups = folder.path().join("cgroups");
    fs::create_dir(&cgroups).unwrap();
    let ended = Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_profilerd"), "--docker", "none"])
        .arg("--socket")
        .arg(folder.path().join("s"))
        .arg("--state-dir")
        .arg(&state)
        .arg("--replay")
        .arg(folder.path().join("replay"))
        .arg("--cgroup-root")
        .arg(&cgroups)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{told}");
    assert!(
        told.contains("damaged") && told.contains("left as it is"),
        "{told}"
    );
    let after = fs::read(&file).unwrap();
    let changed = bytes
        .iter()
        .zip(&after)
        .position(|(one, other)| one != other);
    assert_eq!(
        (changed, after.len()),
        (None, bytes.len()),
        "it was changed"
    );
}
