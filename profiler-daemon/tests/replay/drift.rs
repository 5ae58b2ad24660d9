//! Drift in the values of arguments, without root: what a daemon finds of it in the next recording, by
//! news and without.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use profiler_daemon::{
    profile::{
        arguments::{Arguments, Values},
        observation::Observation,
    },
    recording::{news::News, source::Snapshot},
};
use serde_json::{Value, json};

use crate::hasty::hasty;

use super::{AT_MS, Daemon, EVIL, FakeDocker, MORE, WEB, call, versions, webhook::Receiver};

const SOCKET: u32 = 41;
const MKDIR: u32 = 83;

/// What is recorded of a container next time: socket with these values, and other calls; and what news
/// there are of its values.
fn recording(folder: &Path, calls: &[u32], seen: Option<&[[u64; 2]]>, news: &[[u64; 2]]) {
    let path = folder.join("cgroups/docker").join(WEB);
    fs::create_dir_all(&path).unwrap();
    let cgroup = fs::metadata(&path).unwrap().ino();
    let mut arguments = Arguments::default();
    let values = Values {
        places: vec![0, 1],
        seen: seen.map(|seen| seen.iter().map(|one| one.to_vec()).collect()),
    };
    arguments.insert(call(SOCKET), values);
    let calls = [&[0, 1, 257, SOCKET], calls].concat();
    let observation = Observation {
        observed: calls.iter().copied().map(call).collect(),
        answered: calls.iter().copied().map(call).collect(),
        arguments,
        start_seen: true,
        program_started: true,
        sessions: 1,
        first_ms: Some(AT_MS),
        last_new_ms: Some(AT_MS),
        ..Observation::default()
    };
    let snapshot = Snapshot {
        cgroup,
        observation,
        ..Snapshot::default()
    };
    let mut text = serde_json::to_string(&snapshot).unwrap() + "\n";
    for [family, kind] in news {
        let news = News::Arguments {
            at_ms: AT_MS,
            cgroup,
            call: call(SOCKET),
            values: [*family, *kind, 0],
            last: seen.is_none(),
            pid: 9,
            session: 1,
            exec_id: 5,
            comm: EVIL.into(),
        };
        text += &(serde_json::to_string(&news).unwrap() + "\n");
    }
    fs::write(folder.join(MORE), text).unwrap();
}

/// Waits until a version of the container with that number is proposed.
async fn proposed(daemon: &Daemon, receiver: &Receiver, version: u64) -> Value {
    let news = |event: &Value| event["target"] == WEB && event["version"] == version;
    daemon
        .until("its version", |daemon| {
            versions::versions(daemon, WEB).len() as u64 >= version
        })
        .await;
    tokio::task::block_in_place(|| receiver.first("proposed", news).1)
}

/// A daemon that promoted a version in which socket was made with one combination.
async fn promoted(receiver: &Receiver) -> (Daemon, FakeDocker, [String; 4]) {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeDocker::stopped(folder.path());
    let config = hasty(folder.path());
    let words = ["--config", config.as_str(), "--webhook", &receiver.url];
    let words = words.map(str::to_owned);
    recording(folder.path(), &[], Some(&[[2, 1]]), &[[2, 1]]);
    let all = words.each_ref().map(String::as_str);
    let daemon = Daemon::start_with(folder, engine.socket(), &all).await;
    daemon
        .until("a version", |daemon| {
            daemon.ctl(&["history", WEB]).status.success()
                && versions::versions(daemon, WEB).len() == 1
        })
        .await;
    daemon.text(&["promote", &format!("{WEB}@1")], 0);
    (daemon, engine, words)
}

fn told(receiver: &Receiver) -> Vec<(Value, Value)> {
    let all = receiver.all("drift", WEB);
    let one = |event: &Value| (event["call"].clone(), event["with"]["seen"].clone());
    all.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_a_promoted_version_does_not_have_are_told_once() {
    let receiver = Receiver::listen();
    let (daemon, engine, words) = promoted(&receiver).await;
    let words = words.each_ref().map(String::as_str);

    recording(
        daemon.folder.path(),
        &[],
        Some(&[[2, 1], [38, 5]]),
        &[[2, 1], [38, 5], [38, 5]],
    );
    let daemon = daemon.again(engine.socket(), &words).await;
    let changes = proposed(&daemon, &receiver, 2).await["changes"].clone();
    assert_eq!(
        (&changes[0]["change"], &changes[0]["name"]),
        (&"values".into(), &"socket".into()),
        "{changes:#}"
    );
    let drift = receiver.all("drift", WEB);
    assert_eq!(drift.len(), 1, "{drift:#?}");
    let drift = &drift[0];
    assert_eq!(
        (&drift["call"], &drift["abi"], &drift["promoted"]),
        (&"socket".into(), &"x86_64".into(), &1.into())
    );
    assert_eq!(drift["with"], json!({"places": [0, 1], "seen": [[38, 5]]}));
    assert_eq!(
        (&drift["refused"], &drift["earlier"], &drift["target"]),
        (&Value::Null, &false.into(), &WEB.into())
    );
    let exe = drift["first"]["exe"].as_str().unwrap();
    assert!(exe.starts_with("/bin/ev"), "{drift:#}");

    // Of more, the news is lost. What an earlier daemon told is not told again.
    let seen = [[2, 1], [16, 3], [38, 5]];
    recording(daemon.folder.path(), &[], Some(&seen), &[]);
    let daemon = daemon.again(engine.socket(), &words).await;
    proposed(&daemon, &receiver, 3).await;
    let socket: Value = "socket".into();
    assert_eq!(
        told(&receiver),
        [
            (socket.clone(), json!([[38, 5]])),
            (socket.clone(), json!([[16, 3]]))
        ]
    );
    assert_eq!(receiver.all("drift", WEB)[1]["first"], Value::Null);

    // Promoted again, it is held against all that was made; of many, some are told.
    let many: Vec<[u64; 2]> = (1..20).map(|kind| [2, kind]).collect();
    recording(daemon.folder.path(), &[], Some(&many), &[]);
    let daemon = daemon.again(engine.socket(), &words).await;
    proposed(&daemon, &receiver, 4).await;
    daemon.text(&["promote", &format!("{WEB}@1")], 0);
    let earlier = |event: &Value| event["earlier"] == true;
    let (_, last) = tokio::task::block_in_place(|| receiver.first("drift", earlier));
    assert_eq!(
        last["with"]["seen"].as_array().unwrap().len(),
        8,
        "{last:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_values_that_may_not_be_all_none_is_told() {
    let receiver = Receiver::listen();
    let (daemon, engine, words) = promoted(&receiver).await;
    let words = words.each_ref().map(String::as_str);
    recording(daemon.folder.path(), &[MKDIR], None, &[[38, 5]]);
    let daemon = daemon.again(engine.socket(), &words).await;
    proposed(&daemon, &receiver, 2).await;
    // A call that is new is told as ever.
    assert_eq!(told(&receiver), [("mkdir".into(), Value::Null)]);
}
