//! **Shadow mode**: a candidate stays attached to real containers, and what it would refuse is told as it is made.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "shadow/entrypoint.rs"]
mod entrypoint;
mod followed;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod script;
mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::{fs, path::PathBuf, time::Duration};

use followed::{Followed, ask};
use serde_json::{Value, json};
use shown::{at_probe, bare_probe};
use testbed::{Container, Daemon, DaemonOptions, Testbed, eventually};

const PATIENCE: Duration = Duration::from_secs(30);
const CHMOD: &str = "90";
const SENDTO: &str = "44";
const MKDIR: &str = "83";
const GETPID: &str = "39";
/// Long enough for any test; the container is removed at its end.
const STAY: &str = "s300000";

/// A candidate that refuses chmod, sendto and mkdir, kills for setsid, and looks at what socket is asked for.
fn candidate(daemon: &Daemon) -> PathBuf {
    let file = daemon.file("candidate.json");
    let profile = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"names": ["chmod", "mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
            {"names": ["sendto"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
            {"names": ["setsid"], "action": "SCMP_ACT_KILL_PROCESS"},
            {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97,
             "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},
        ],
    });
    fs::write(&file, profile.to_string()).expect("the candidate can be written");
    file
}

fn hits(container: &Container, call: &str) -> impl Fn(&Value) -> bool {
    let (id, call) = (container.id.clone(), call.to_owned());
    move |event: &Value| {
        event["event"] == "would_refuse" && event["id"] == *id && event["call"] == *call
    }
}

/// Waits until Docker's name of it has arrived.
fn named(daemon: &Daemon, container: &Container) {
    eventually("its name is known", PATIENCE, || {
        let shown = daemon.ctl(&["show", &container.name]);
        shown.success().then_some(())
    });
}

fn makes(container: &Container, call: &str) {
    let ended = container.exec(&["/probe", call]);
    assert!(ended.status.is_some(), "{ended}");
}

/// What the daemon has on a container, of the only shadow.
fn foreseen(daemon: &Daemon, container: &Container) -> Vec<Value> {
    let (status, shadows) = ask(daemon, "GET", "/v1/shadows", "");
    assert_eq!(status, 200);
    let containers = shadows[0]["containers"].as_array().cloned();
    let mine = containers.unwrap_or_default();
    let mine = mine.iter().find(|one| one["id"] == *container.id);
    mine.and_then(|one| one["calls"].as_array().cloned())
        .unwrap_or_default()
}

#[test]
fn what_is_made_later_is_told_each_time_and_what_is_allowed_is_not() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let file = candidate(&daemon);
    for runtime in ["--runtime=runc13", "--runtime=runc11"] {
        let container = script::run_script(&testbed, &[runtime], &[MKDIR, STAY]);
        let watch = Followed::watch(&daemon);
        eventually("mkdir is seen", PATIENCE, || {
            let shown = daemon.ctl(&["explain", &container.name, "mkdir"]);
            shown.stdout.contains("first seen").then_some(())
        });
        let words = ["audit", &container.name, "--watch", "--candidate"];
        let audit = Followed::start(
            &daemon,
            &[&words[..], &[&file.display().to_string()]].concat(),
        );
        let attached = audit.once("attached", |event| event["event"] == "shadow");
        assert_eq!(
            (&attached["calls"], &attached["target"]),
            (&json!(1), &json!(container.id)),
            "{runtime}"
        );
        let earlier = audit.those(|event| event["event"] == "would_refuse");
        assert_eq!(earlier.len(), 1, "{earlier:?}");
        assert_eq!(
            (
                &earlier[0]["call"],
                &earlier[0]["earlier"],
                &earlier[0]["answer"]
            ),
            (&json!("mkdir"), &json!(true), &json!("errno 1"))
        );

        makes(&container, CHMOD);
        let first = audit.once("chmod", hits(&container, "chmod"));
        assert_eq!(
            (
                &first["name"],
                &first["abi"],
                &first["certain"],
                &first["earlier"]
            ),
            (
                &json!(container.name),
                &json!("x86_64"),
                &json!(true),
                &json!(false)
            )
        );
        assert_eq!(first["seen"]["exe"], "/probe", "{first}");
        let seen_first =
            daemon.ctl_json(&["explain", &container.name, "chmod"])[0]["first"].clone();

        // Told again each time that it is made again; another that was not yet made, at once.
        for again in 2..=3 {
            std::thread::sleep(Duration::from_millis(2200));
            makes(&container, CHMOD);
            let told = audit.at_least(again, "chmod", hits(&container, "chmod"));
            assert_ne!(told[again - 1]["seen"]["pid"], first["seen"]["pid"]);
        }
        makes(&container, SENDTO);
        let sendto = audit.once("sendto", hits(&container, "sendto"));
        assert_eq!(sendto["answer"], "errno 13");
        makes(&container, MKDIR);
        let mkdir = audit.at_least(2, "mkdir", hits(&container, "mkdir"));
        assert_eq!(mkdir[1]["earlier"], false, "{mkdir:?}");
        makes(&container, "41");
        let socket = audit.once("socket", hits(&container, "socket"));
        assert_eq!(
            (&socket["certain"], &socket["answer"]),
            (&json!(false), &json!("errno 97"))
        );
        makes(&container, GETPID);
        eventually("getpid is seen", PATIENCE, || {
            let all =
                watch.those(|event| event["id"] == *container.id && event["call"] == "getpid");
            (!all.is_empty()).then_some(())
        });

        let told: Vec<Value> = audit.those(|event| event["event"] == "would_refuse");
        for event in &told {
            assert_eq!(event["id"], *container.id, "another container: {event}");
            let named = ["chmod", "mkdir", "sendto", "socket"].map(|name| json!(name));
            assert!(named.contains(&event["call"]), "it allows this: {event}");
        }
        // What was asked for again is no first sighting.
        let firsts = watch.those(|event| {
            event["event"] == "call" && event["id"] == *container.id && event["call"] == "chmod"
        });
        assert_eq!(firsts.len(), 1, "{runtime}: {firsts:?}");
        let now = &daemon.ctl_json(&["explain", &container.name, "chmod"])[0]["first"];
        assert_eq!(now, &seen_first, "{runtime}");

        assert_eq!(
            audit.interrupt(),
            Some(1),
            "something would have been refused"
        );
        eventually("it is detached", PATIENCE, || {
            let (_, shadows) = ask(&daemon, "GET", "/v1/shadows", "");
            (shadows == json!([])).then_some(())
        });
        let line = format!("container=\"{}\"", container.name);
        assert!(
            daemon
                .log()
                .lines()
                .any(|log| log.contains(&line) && log.contains("sendto")),
            "the log: {}",
            daemon.log()
        );
    }
}

#[test]
fn a_frequent_call_is_told_of_once_a_second_at_most() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let file = candidate(&daemon);
    let loops = bare_probe(
        "long nap[2] = {0, 500000};
         for (;;) { sys(90, -1, 0, 0); sys(112, 0, 0, 0); sys(35, (long)nap, 0, 0); }
         return 0;",
        &[],
    );
    let container = Container::run(&testbed, &[&at_probe(&loops), "pb-busybox", "/probe"]);
    named(&daemon, &container);
    let words = ["audit", &container.name, "--watch", "--candidate"];
    let audit = Followed::start(
        &daemon,
        &[&words[..], &[&file.display().to_string()]].concat(),
    );
    audit.once("attached", |event| event["event"] == "shadow");
    for (call, answer) in [("chmod", "errno 1"), ("setsid", "kill process")] {
        let told = audit.at_least(4, call, |event| {
            hits(&container, call)(event) && event["earlier"] == false
        });
        for (one, next) in told.iter().zip(&told[1..]) {
            let at = |event: &Value| event["at_ms"].as_u64().expect("a time");
            assert!(at(next) - at(one) >= 1000, "{one} {next}");
            assert_eq!(one["answer"], answer);
        }
    }
}

/// A name of an image; it is gone with its guard, which has to outlive the containers.
struct Tag<'a> {
    testbed: &'a Testbed,
    name: &'a str,
}

impl<'a> Tag<'a> {
    fn of(testbed: &'a Testbed, name: &'a str) -> Self {
        testbed.docker_ok(&["tag", "pb-busybox", name]);
        Self { testbed, name }
    }
}

impl Drop for Tag<'_> {
    fn drop(&mut self) {
        self.testbed.docker(&["rmi", self.name]);
    }
}

#[test]
fn an_images_shadow_comes_with_the_daemon_and_covers_what_starts_later() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("profilerd.toml");
    let profile = folder.path().join("candidate.json");
    let write = |image: &str| {
        let text = format!(
            "[[shadow]]\nimage = {image:?}\nprofile = {:?}\n",
            profile.display().to_string()
        );
        fs::write(&config, text).expect("the configuration can be written");
    };
    // An image of the test's own: other tests' containers are none of it.
    let image = format!("pb-shadow-{}", std::process::id());
    let _tag = Tag::of(&testbed, &image);
    let run = |words: &[&str]| {
        let mount = format!("{}:/probe:ro", script::script_program().display());
        let mut all = vec!["--network", "none", "-v", &mount, image.as_str(), "/probe"];
        all.extend(words);
        Container::run(&testbed, &all)
    };
    write(&image);
    fs::write(
        &profile,
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["chmod", "sendto"], "action": "SCMP_ACT_ERRNO"}]}"#,
    )
    .expect("a candidate");
    let words = ["--config".to_owned(), config.display().to_string()];
    let mut daemon = Daemon::start_as(DaemonOptions {
        docker: testbed.url(),
        words: words.to_vec(),
    });
    let (_, shadows) = ask(&daemon, "GET", "/v1/shadows", "");
    assert_eq!(
        (&shadows[0]["origin"], &shadows[0]["target"]),
        (&json!("config"), &json!(format!("image:{image}")))
    );
    let path = format!("/v1/shadows/image%3A{image}");
    assert_eq!(ask(&daemon, "DELETE", &path, "").0, 400, "the file says it");

    let watch = Followed::watch(&daemon);
    let container = run(&[CHMOD, GETPID, STAY]);
    let other = script::run_script(&testbed, &[], &[CHMOD, STAY]);
    let first = watch.once("its first calls", hits(&container, "chmod"));
    assert_eq!(first["shadow"], format!("image:{image}"));
    let calls = foreseen(&daemon, &container);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(
        (
            &calls[0]["name"],
            &calls[0]["earlier"],
            &calls[0]["reports"]
        ),
        (&json!("chmod"), &json!(false), &json!(1))
    );

    // Killed and started again, with what the kernel was asked still standing.
    std::thread::sleep(Duration::from_millis(2200));
    daemon.kill9();
    makes(&container, SENDTO);
    daemon.restart();
    let watch = Followed::watch(&daemon);
    let both = eventually("both are known again", PATIENCE, || {
        Some(foreseen(&daemon, &container)).filter(|calls| calls.len() == 2)
    });
    assert!(
        both.iter().all(|call| call["answer"] == "errno 1"),
        "{both:?}"
    );
    let before = daemon.ctl_json(&["explain", &container.name, "chmod"])[0]["first"].clone();
    makes(&container, CHMOD);
    let again = watch.once("chmod, again", |event| {
        hits(&container, "chmod")(event) && event["earlier"] == false
    });
    assert_eq!(again["seen"]["exe"], "/probe");
    assert_eq!(
        daemon.ctl_json(&["explain", &container.name, "chmod"])[0]["first"],
        before
    );
    let firsts = watch.those(|event| {
        event["event"] == "call" && event["id"] == *container.id && event["call"] == "chmod"
    });
    assert_eq!(firsts, Vec::<Value>::new(), "it was seen before");
    assert_eq!(
        foreseen(&daemon, &other),
        Vec::<Value>::new(),
        "another image"
    );
    assert_eq!(
        watch.those(|event| event["event"] == "would_refuse" && event["id"] == *other.id),
        Vec::<Value>::new()
    );

    // A bad candidate is an error with its place, before the daemon is ready.
    daemon.term();
    fs::write(&profile, "{\n  \"defaultAction\": \"SCMP_ACT_ALOW\"\n}").expect("a bad candidate");
    let refused = testbed::run(
        std::process::Command::new(env!("CARGO_BIN_EXE_profilerd"))
            .args(&words)
            .arg("--socket")
            .arg(daemon.file("other.sock"))
            .arg("--state-dir")
            .arg(daemon.file("other"))
            .arg("--pin-dir")
            .arg(daemon.pin_dir()),
        PATIENCE,
    );
    assert_eq!(refused.status, Some(2), "{refused}");
    let place = format!("{}:2:20", profile.display());
    assert!(refused.stderr.contains(&place), "{refused}");
    fs::write(&profile, "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}").expect("a candidate");
    daemon.restart();
}

#[test]
fn a_shadow_is_put_read_replaced_and_taken_away_over_the_socket() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let container = script::run_script(&testbed, &[], &[CHMOD, STAY]);
    eventually("chmod is seen", PATIENCE, || {
        daemon
            .ctl(&["explain", &container.name, "chmod"])
            .stdout
            .contains("first seen")
            .then_some(())
    });
    // chmod: death; all else is allowed.
    let programs = json!([[
        [0x20, 0, 0, 0],
        [0x15, 0, 1, 90],
        [6, 0, 0, 0],
        [6, 0, 0, 0x7fff_0000]
    ]]);
    let body = json!({"target": container.name, "profile": "by hand", "programs": programs});
    let (status, state) = ask(&daemon, "PUT", "/v1/shadows/mine", &body.to_string());
    assert_eq!(
        (status, &state["target"]),
        (200, &json!(container.id)),
        "{state}"
    );
    let call = &state["containers"][0]["calls"][0];
    assert_eq!(
        (&call["name"], &call["answer"]),
        (&json!("chmod"), &json!("kill thread"))
    );
    makes(&container, CHMOD);
    eventually("chmod is told of", PATIENCE, || {
        let (_, state) = ask(&daemon, "GET", "/v1/shadows/mine", "");
        let call = &state["containers"][0]["calls"][0];
        (call["reports"] == 1 && call["last_ms"].is_u64()).then_some(())
    });
    // It outlives the connection that made it, and another takes its place.
    let nothing = json!({"target": container.id, "profile": "nothing", "programs": []});
    let (status, state) = ask(&daemon, "PUT", "/v1/shadows/mine", &nothing.to_string());
    assert_eq!((status, &state["profile"]), (200, &json!("nothing")));
    assert_eq!(state["containers"][0]["calls"], json!([]));
    assert_eq!(
        ask(&daemon, "GET", "/v1/shadows", "")
            .1
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(ask(&daemon, "DELETE", "/v1/shadows/mine", "").0, 200);
    assert_eq!(ask(&daemon, "DELETE", "/v1/shadows/mine", "").0, 404);
    let unknown = json!({"target": "no such", "profile": "p", "programs": []});
    assert_eq!(
        ask(&daemon, "PUT", "/v1/shadows/mine", &unknown.to_string()).0,
        404
    );

    // Bounded, and told so.
    for number in 0..64 {
        let path = format!("/v1/shadows/one-{number}");
        assert_eq!(
            ask(&daemon, "PUT", &path, &nothing.to_string()).0,
            200,
            "{number}"
        );
    }
    let (status, error) = ask(&daemon, "PUT", "/v1/shadows/one-more", &nothing.to_string());
    assert_eq!(status, 400);
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|said| said.contains("64 shadows")),
        "{error}"
    );
    assert_eq!(
        ask(&daemon, "PUT", "/v1/shadows/one-7", &nothing.to_string()).0,
        200
    );
}

#[test]
fn values_of_arguments_decide_where_they_are_recorded() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start_with(&testbed, &["--args"]);
    let file = candidate(&daemon);
    // socket of a family that the candidate allows; of the one that it refuses once a byte comes.
    let program = bare_probe(
        "sys(41, 2, 1, 0); char c;
         while (sys(0, 0, (long)&c, 1) == 1) { sys(41, 1, 1, 0); sys(41, 40, 1, 0); }
         return 9;",
        &[],
    );
    let volume = at_probe(&program);
    let container = Container::run(
        &testbed,
        &["--interactive", &volume, "pb-busybox", "/probe"],
    );
    named(&daemon, &container);
    let words = ["audit", &container.name, "--watch", "--candidate"];
    let audit = Followed::start(
        &daemon,
        &[&words[..], &[&file.display().to_string()]].concat(),
    );
    let attached = audit.once("attached", |event| event["event"] == "shadow");
    assert_eq!(attached["calls"], 0, "AF_INET is not what it refuses");
    let attach = testbed
        .command()
        .args(["attach", "--sig-proxy=false", &container.name])
        .stdin(std::process::Stdio::piped())
        .spawn();
    let mut attach = attach.expect("docker attach");
    std::io::Write::write_all(attach.stdin.as_mut().expect("a pipe"), b"x").expect("written");
    let told = audit.once("socket", hits(&container, "socket"));
    assert_eq!(
        (&told["certain"], &told["answer"]),
        (&json!(true), &json!("errno 97"))
    );
    assert_eq!(told["with"], json!({"places": [0, 1], "seen": [[40, 1]]}));
    drop(attach.kill());
    drop(attach.wait());
    let all = audit.those(hits(&container, "socket"));
    assert_eq!(
        all.len(),
        1,
        "of the families that it allows nothing is told: {all:?}"
    );
}
