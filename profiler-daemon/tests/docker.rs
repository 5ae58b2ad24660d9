//! Watching a container engine, against one that is a script.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on should say so and stop"
)]

mod fake_docker;

use std::{path::Path, time::Duration};

use fake_docker::FakeDocker;
use profiler_daemon::{
    docker::{
        endpoint::Endpoint,
        watch::{WatchConfig, watch},
    },
    profile::{
        engine_news::{EngineNews, SessionKind},
        identity::Identity,
    },
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

/// A watch under test.
struct Watched {
    news: mpsc::Receiver<EngineNews>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Watched {
    fn start(socket: &Path, room: usize) -> Self {
        let endpoint = Endpoint::parse(&socket.display().to_string());
        let endpoint = endpoint.expect("a socket").expect("not off");
        let mut config = WatchConfig::new(endpoint);
        config.first_pause = Duration::from_millis(20);
        config.longest_pause = Duration::from_millis(50);
        let (tx, news) = mpsc::channel(room);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(watch(config, tx, cancel.clone()));
        Self { news, cancel, task }
    }

    /// Started, and past the first list.
    async fn synced(engine: &FakeDocker) -> Self {
        let mut watched = Self::start(engine.socket(), 64);
        watched.resync().await;
        while !engine.has_listener() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        watched
    }

    async fn next(&mut self) -> EngineNews {
        let news = timeout(PATIENCE, self.news.recv()).await;
        news.expect("news in time").expect("the watch goes on")
    }

    /// The next list; what comes before it is passed over.
    async fn resync(&mut self) -> Vec<Identity> {
        loop {
            if let EngineNews::Resync(all) = self.next().await {
                return all;
            }
        }
    }

    /// News up to the removal of this container, in short.
    async fn until_gone(&mut self, wanted: &str) -> Vec<String> {
        let mut short = Vec::new();
        loop {
            let news = self.next().await;
            short.push(in_short(&news));
            if matches!(&news, EngineNews::Gone { id } if id == wanted) {
                return short;
            }
        }
    }
}

fn in_short(news: &EngineNews) -> String {
    match news {
        EngineNews::Connected { .. } => "connected".to_owned(),
        EngineNews::Disconnected { .. } => "disconnected".to_owned(),
        EngineNews::Resync(all) => format!("resync {}", all.len()),
        EngineNews::Seen(identity) => {
            let state = if identity.running { "up" } else { "down" };
            format!("{} seen {state}", identity.id)
        }
        EngineNews::Stopped { id, .. } => format!("{id} stopped"),
        EngineNews::Gone { id } => format!("{id} gone"),
        EngineNews::Healthy { id } => format!("{id} healthy"),
        EngineNews::Session { id, .. } => format!("{id} session"),
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[tokio::test]
async fn the_list_comes_first() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    engine.add("aa", "web");
    engine.add("bb", "db");
    let mut watched = Watched::start(engine.socket(), 4);
    let EngineNews::Connected { version, endpoint } = watched.next().await else {
        panic!("connected first");
    };
    assert_eq!(version, "99.0-fake");
    assert!(endpoint.starts_with("unix:///"));
    let EngineNews::Resync(all) = watched.next().await else {
        panic!("then the list");
    };
    assert_eq!(all.len(), 2);
    let web = &all[0];
    assert_eq!((web.id.as_str(), web.name.as_deref()), ("aa", Some("web")));
    assert_eq!((web.running, web.pid), (true, Some(4711)));
    assert_eq!(web.labels["tier"], "web");
    assert_eq!(web.no_new_privileges, Some(true));
    assert_eq!(web.unconfined, Some(false));
    let runtime = web.runtime.as_ref().expect("named");
    assert_eq!((runtime.name.as_str(), &runtime.version), ("absent", &None));
    assert_eq!(web.image.as_ref().expect("told").id, "sha256:feed");
}

#[tokio::test]
async fn an_event_brings_the_whole_identity() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    let mut watched = Watched::synced(&engine).await;
    engine.add("aa", "web");
    engine.emit("start", "aa", "web", &[]);
    let EngineNews::Seen(identity) = watched.next().await else {
        panic!("seen");
    };
    assert_eq!(identity.pid, Some(4711));
    assert_eq!(
        identity.labels["tier"], "web",
        "asked, not taken from the event"
    );

    for (command, kind) in [
        ("exec_start: /bin/sh -c echo hi", SessionKind::Health),
        ("exec_start: ps ax", SessionKind::Exec),
    ] {
        engine.emit(command, "aa", "web", &[("execID", "e1")]);
        let EngineNews::Session {
            kind: told,
            exec_id,
            command: line,
            ..
        } = watched.next().await
        else {
            panic!("a session");
        };
        assert_eq!((told, exec_id.as_str()), (kind, "e1"));
        assert_eq!(Some(line.as_str()), command.strip_prefix("exec_start: "));
    }
    engine.emit("die", "aa", "web", &[("exitCode", "137")]);
    let EngineNews::Stopped {
        exit_code, at_ms, ..
    } = watched.next().await
    else {
        panic!("stopped");
    };
    assert_eq!(exit_code, Some(137));
    assert!(at_ms > 1_700_000_000_000);
}

#[tokio::test]
async fn a_container_that_is_gone_already_is_named_all_the_same() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    let mut watched = Watched::synced(&engine).await;
    for action in ["create", "start", "die", "destroy"] {
        engine.emit(action, "aa", "brief", &[]);
    }
    let EngineNews::Seen(identity) = watched.next().await else {
        panic!("seen");
    };
    assert_eq!(identity.name.as_deref(), Some("brief"));
    let image = identity.image.expect("told by the event");
    assert_eq!(
        (image.reference.as_str(), image.id.as_str()),
        ("fake:1", "sha256:feed")
    );
    let short = watched.until_gone("aa").await;
    assert_eq!(short, ["aa seen up", "aa stopped", "aa gone"]);
}

/// Who the container is that was seen next.
async fn seen(watched: &mut Watched, wanted: &str) -> Identity {
    loop {
        if let EngineNews::Seen(identity) = watched.next().await
            && identity.id == wanted
        {
            return identity;
        }
    }
}

fn entrypoint_of(identity: &Identity) -> Option<String> {
    identity.entrypoint.as_ref().map(ToString::to_string)
}

#[tokio::test]
async fn another_entrypoint_than_the_images_is_told_and_an_image_is_asked_once() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    engine.set_image(Some(&json!(["/entry", "serve"])));
    for (id, entrypoint, command, _) in made() {
        engine.add(id, id);
        engine.made_with(id, &entrypoint, &command);
    }
    let mut watched = Watched::start(engine.socket(), 64);
    let all = watched.resync().await;
    assert_eq!(all.len(), made().len());
    for (id, _, _, told) in made() {
        let one = all.iter().find(|one| one.id == id).expect("listed");
        assert_eq!(entrypoint_of(one).as_deref(), told, "{id}");
    }
    assert_eq!(engine.images_asked(), 1, "of all that were made of it");

    // An image that was removed meanwhile is what it was, for an event and after a cut.
    engine.set_image(None);
    engine.add("late", "late");
    engine.made_with("late", &json!(["/bin/sh"]), &json!(null));
    engine.emit("start", "late", "late", &[]);
    let late = seen(&mut watched, "late").await;
    assert_eq!(entrypoint_of(&late).as_deref(), Some("/bin/sh"));
    engine.drop_connections();
    let again = watched.resync().await;
    for (id, _, _, told) in made() {
        let one = again.iter().find(|one| one.id == id).expect("listed");
        assert_eq!(entrypoint_of(one).as_deref(), told, "{id}");
    }
    assert_eq!(engine.images_asked(), 1);
}

/// Containers of an image with the entrypoint `/entry serve`: what the engine tells of them, and what
/// is told of that.
fn made() -> Vec<(&'static str, Value, Value, Option<&'static str>)> {
    vec![
        ("own", json!(["/entry", "serve"]), json!(["run"]), None),
        ("args", json!(["/entry", "serve"]), json!(["/bin/sh"]), None),
        ("less", json!(["/entry"]), json!(["serve"]), Some("/entry")),
        (
            "shell",
            json!(["/bin/sh"]),
            json!(["-c", "id"]),
            Some("/bin/sh"),
        ),
        ("cleared", json!(null), json!(["/bin/sh"]), Some("/bin/sh")),
        (
            "odd",
            json!(["/x\u{1b}[31m y@3", "#,\u{fffd}"]),
            json!(null),
            Some("/x%1B%5B31m%20y%403,%23%2C%EF%BF%BD"),
        ),
    ]
}

#[tokio::test]
async fn of_an_image_that_is_gone_containers_count_as_its_own_until_it_can_be_asked() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    engine.add("aa", "web");
    engine.made_with("aa", &json!(["/bin/sh"]), &json!(null));
    let mut watched = Watched::synced(&engine).await;
    engine.emit("start", "aa", "web", &[]);
    assert_eq!(entrypoint_of(&seen(&mut watched, "aa").await), None);
    let asked = engine.images_asked();
    engine.set_image(Some(&json!(["/entry"])));
    engine.emit("rename", "aa", "web", &[]);
    let later = seen(&mut watched, "aa").await;
    assert_eq!(entrypoint_of(&later).as_deref(), Some("/bin/sh"));
    assert_eq!(engine.images_asked(), asked + 1);
}

#[tokio::test]
async fn after_a_cut_the_list_comes_again_and_the_gap_is_filled() {
    let folder = folder();
    let mut engine = FakeDocker::running(folder.path());
    engine.add("aa", "old");
    let mut watched = Watched::synced(&engine).await;
    engine.emit("start", "aa", "old", &[]);
    assert_eq!(in_short(&watched.next().await), "aa seen up");

    engine.drop_connections();
    engine.add("bb", "new");
    for action in ["create", "start", "die", "destroy"] {
        engine.emit(action, "cc", "brief", &[]);
    }
    let short = watched.until_gone("cc").await;
    let expected = [
        "disconnected",
        "connected",
        "resync 2",
        "cc seen down",
        "cc seen up",
        "cc stopped",
        "cc gone",
    ];
    assert_eq!(short, expected, "nothing is missed, nothing told twice");

    engine.stop();
    let EngineNews::Disconnected { reason } = watched.next().await else {
        panic!("disconnected");
    };
    assert!(reason.contains("engine"), "{reason}");
    engine.remove("aa");
    engine.start();
    let all = watched.resync().await;
    assert_eq!(
        all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["bb"]
    );
}

#[tokio::test]
async fn an_absent_engine_is_waited_for_quietly() {
    let folder = folder();
    let mut engine = FakeDocker::stopped(folder.path());
    engine.add("aa", "web");
    let mut watched = Watched::start(engine.socket(), 4);
    let EngineNews::Disconnected { reason } = watched.next().await else {
        panic!("disconnected");
    };
    assert!(reason.contains("there is no socket at"), "{reason}");
    assert!(reason.contains("is Docker running"), "{reason}");
    // Many attempts, no more news.
    let silence = timeout(Duration::from_millis(300), watched.news.recv()).await;
    assert!(silence.is_err(), "{silence:?}");

    // A socket that nobody serves is another reason.
    drop(tokio::net::UnixListener::bind(engine.socket()).expect("free"));
    let EngineNews::Disconnected { reason } = watched.next().await else {
        panic!("still disconnected");
    };
    assert!(reason.contains("nobody answers"), "{reason}");
    std::fs::remove_file(engine.socket()).expect("there");

    engine.start();
    assert_eq!(watched.resync().await.len(), 1);
}

#[tokio::test]
async fn names_are_data() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    let name = "we\u{1b}]0;owned\u{7}b\n\"}{\\ \u{202e}é";
    engine.add("aa", name);
    let mut watched = Watched::start(engine.socket(), 4);
    let all = watched.resync().await;
    assert_eq!(all[0].name.as_deref(), Some(name));
    engine.emit("start", "gone", name, &[]);
    let EngineNews::Seen(identity) = watched.next().await else {
        panic!("seen");
    };
    assert_eq!(identity.name.as_deref(), Some(name));
}

#[tokio::test]
async fn two_hundred_containers_are_asked_for_a_few_at_a_time() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    let id = |n: usize| format!("{n:03}");
    for n in 0..200 {
        engine.add(&id(n), &format!("c{n}"));
    }
    engine.answer_after(Duration::from_millis(5));
    let mut watched = Watched::synced(&engine).await;
    for action in ["start", "die", "destroy"] {
        for n in 0..200 {
            engine.emit(action, &id(n), "c", &[]);
        }
    }
    let mut told: Vec<Vec<String>> = vec![Vec::new(); 200];
    for _ in 0..600 {
        let short = in_short(&watched.next().await);
        let (id, what) = short.split_once(' ').expect("of a container");
        told[id.parse::<usize>().expect("a number")].push(what.to_owned());
    }
    for one in told {
        assert_eq!(one, ["seen up", "stopped", "gone"]);
    }
    let most = engine.asked_at_once();
    assert!((2..=8).contains(&most), "{most} at once");
}

#[tokio::test]
async fn a_slow_answer_delays_its_own_container_only() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    engine.add("slow", "slow");
    let mut watched = Watched::synced(&engine).await;
    engine.answer_after(Duration::from_millis(400));
    engine.emit("start", "slow", "slow", &[]);
    engine.emit("die", "slow", "slow", &[]);
    engine.emit("destroy", "other", "other", &[]);
    assert_eq!(watched.until_gone("other").await, ["other gone"]);
    engine.emit("destroy", "slow", "slow", &[]);
    let short = watched.until_gone("slow").await;
    assert_eq!(short, ["slow seen up", "slow stopped", "slow gone"]);
}

#[tokio::test]
async fn a_reader_that_sleeps_loses_nothing() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    let mut watched = Watched::start(engine.socket(), 1);
    watched.resync().await;
    for n in 0..5000 {
        engine.emit("die", &format!("{n:04}"), "c", &[]);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut stopped = 0;
    while stopped < 5000 {
        if let EngineNews::Stopped { id, .. } = watched.next().await {
            assert_eq!(id, format!("{stopped:04}"));
            stopped += 1;
        }
    }
}

#[tokio::test]
async fn an_event_that_makes_no_sense_does_not_stop_the_watch() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    let mut watched = Watched::synced(&engine).await;
    engine.emit_raw(r#"{"Type": 7, "Action": ["?"]}"#);
    let EngineNews::Disconnected { reason } = watched.next().await else {
        panic!("disconnected");
    };
    assert!(reason.contains("not understood"), "{reason}");
    watched.resync().await;
    engine.emit("destroy", "aa", "web", &[]);
    assert_eq!(watched.until_gone("aa").await, ["aa gone"]);
}

#[tokio::test]
async fn it_ends_when_told_and_when_nobody_listens() {
    let folder = folder();
    let engine = FakeDocker::running(folder.path());
    let watched = Watched::synced(&engine).await;
    watched.cancel.cancel();
    timeout(PATIENCE, watched.task)
        .await
        .expect("ends")
        .expect("no panic");

    let watched = Watched::synced(&engine).await;
    drop(watched.news);
    timeout(PATIENCE, watched.task)
        .await
        .expect("ends")
        .expect("no panic");
}
