//! Shadow mode without root: candidates of the configuration file and of a client.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{Daemon, EVIL, FakeDocker, WEB};

/// An answer to a request, as curl would have it.
pub(crate) fn ask(daemon: &Daemon, method: &str, path: &str, body: &str) -> (u16, Value) {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(daemon.file("s")).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_of_the_configuration_covers_its_image_once_docker_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeDocker::running(folder.path());
    engine.add(WEB, "web");
    let (config, profile) = (folder.path().join("toml"), folder.path().join("json"));
    let file = format!(
        "[[shadow]]\nimage = 'fake:1'\nprofile = '{}'\n",
        profile.display()
    );
    fs::write(&config, file).unwrap();
    let candidate = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["openat", "keyctl", "mount"], "action": "SCMP_ACT_KILL"}]}"#;
    fs::write(&profile, candidate).unwrap();
    let words = ["--config", config.to_str().unwrap()];
    let daemon = Daemon::start_with(folder, engine.socket(), &words).await;
    let shadow = || ask(&daemon, "GET", "/v1/shadows/image%3Afake%3A1", "").1;
    daemon
        .until("its container", |_| shadow()["containers"][0].is_object())
        .await;
    let shadow = shadow();
    assert_eq!(
        (&shadow["origin"], &shadow["containers"][0]["id"]),
        (&"config".into(), &WEB.into())
    );
    assert_eq!(
        shadow["containers"].as_array().unwrap().len(),
        1,
        "the other has no image"
    );
    // keyctl was refused as it is, and mount was not called.
    let calls = shadow["containers"][0]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let openat = &calls[0];
    assert_eq!(
        (
            &openat["name"],
            &openat["answer"],
            &openat["certain"],
            &openat["earlier"]
        ),
        (
            &"openat".into(),
            &"kill thread".into(),
            &true.into(),
            &true.into()
        )
    );
    assert_eq!(
        (&openat["first"]["pid"], &openat["first"]["comm"]),
        (&9.into(), &EVIL.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_a_candidate_ends_when_somebody_detaches_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeDocker::running(folder.path());
    engine.add(WEB, "web");
    let daemon = Daemon::start(folder, engine.socket()).await;
    let profile = daemon.file("openat.json");
    let candidate = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["openat"], "action": "SCMP_ACT_ERRNO"}]}"#;
    fs::write(&profile, candidate).unwrap();
    let watch = Command::new(env!("CARGO_BIN_EXE_profilectl"))
        .arg("--socket")
        .arg(daemon.file("s"))
        .args(["audit", WEB, "--watch", "--candidate"])
        .arg(&profile)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let first = || ask(&daemon, "GET", "/v1/shadows", "").1[0].clone();
    daemon.until("the shadow", |_| first().is_object()).await;
    assert_eq!(
        (&first()["origin"], &first()["name"]),
        (&"watch".into(), &"watch-1".into())
    );
    assert_eq!(ask(&daemon, "DELETE", "/v1/shadows/watch-1", "").0, 200);
    let ended = tokio::task::block_in_place(|| watch.wait_with_output().unwrap());
    let (out, err) = (
        String::from_utf8(ended.stdout).unwrap(),
        String::from_utf8(ended.stderr).unwrap(),
    );
    assert_eq!(ended.status.code(), Some(4), "{out}{err}");
    assert!(
        out.contains("openat") && out.contains("would refuse: EPERM"),
        "{out}"
    );
    assert!(err.contains("somebody else detached"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_cannot_be_used_keeps_the_daemon_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("json");
    let config = folder.path().join("toml");
    let section = |image: &str| {
        format!(
            "[[shadow]]\nimage = '{image}'\nprofile = '{}'\n",
            profile.display()
        )
    };
    let refused = |text: &str| {
        fs::write(&config, text).unwrap();
        fs::write(folder.path().join("replay"), "").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_profilerd"));
        command
            .arg("--config")
            .arg(&config)
            .arg("--replay")
            .arg(folder.path().join("replay"));
        for (flag, name) in [("--socket", "s"), ("--state-dir", "state")] {
            command.arg(flag).arg(folder.path().join(name));
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = refused(&section("a"));
    assert!(
        missing.contains("image = \"a\": cannot read") && missing.contains("No such file"),
        "{missing}"
    );
    fs::write(
        &profile,
        "{\n  \"defaultAction\": \"SCMP_ACT_\\u0007ALOW\"\n}",
    )
    .unwrap();
    let bad = refused(&section("a"));
    assert!(
        bad.contains(&format!("{}:2:20: ", profile.display())),
        "{bad}"
    );
    assert!(!bad.contains('\u{7}'), "{bad:?}");
    fs::write(&profile, r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#).unwrap();
    let twice = refused(&(section("a") + &section("a")));
    assert!(twice.contains("once only"), "{twice}");
    let unknown = refused(&(section("a") + "more = 1\n"));
    assert!(unknown.contains("more"), "{unknown}");
}
