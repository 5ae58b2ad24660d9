//! `profilectl` as its users meet it: what it prints where, and how it ends.
//!
//! Golden files lie in tests/golden; `UPDATE_GOLDEN=1 cargo test --test cli` rewrites them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers may fail loudly"
)]

#[path = "cli/differences.rs"]
mod differences;
mod fake;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/replicas.rs"]
mod replicas;
#[path = "cli/shadow.rs"]
mod shadow;
#[path = "cli/versions.rs"]
mod versions;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use assert_cmd::cargo::CommandCargoExt;
use fake::{Fake, dead_socket};
use profiler_daemon::api::protocol::{Event, Health};

/// The program, away from the caller's settings.
fn profilectl(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("profilectl").unwrap();
    command
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .env("PROFILER_SOCKET", socket)
        .args(arguments);
    command
}

fn run(fake: &Fake, arguments: &[&str]) -> Output {
    profilectl(&fake.socket, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Replaces what differs from run to run: absolute times, and distances from the fake's now.
fn steady(text: &str, now_ms: u64) -> String {
    let mut steady = text.to_owned();
    for minutes in [300, 120, 90, 89, 80, 5, 3] {
        let at_ms = (now_ms - minutes * 60_000).to_string();
        steady = steady.replace(&at_ms, &format!("NOW-{minutes}m"));
    }
    let characters: Vec<char> = steady.chars().collect();
    let shape = "dddd-dd-dd dd:dd:ddZ";
    let mut result = String::new();
    let mut place = 0;
    while place < characters.len() {
        let window = characters.get(place..place + shape.len());
        let is_time = window.is_some_and(|window| {
            window
                .iter()
                .zip(shape.chars())
                .all(|(&found, wanted)| match wanted {
                    'd' => found.is_ascii_digit(),
                    _ => found == wanted,
                })
        });
        if is_time {
            result.push_str("YYYY-MM-DD HH:MM:SSZ");
            place += shape.len();
        } else {
            result.push(characters[place]);
            place += 1;
        }
    }
    result
}

/// Compares with a golden file, or rewrites it.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, found).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, wanted, "{} differs", path.display());
}

/// Runs, compares standard output and standard error with a golden file, and checks the status.
fn check(fake: &Fake, name: &str, status: i32, arguments: &[&str]) {
    let output = run(fake, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let shown = format!(
        "$ profilectl {}\n{out}--- standard error\n{err}--- exit status {}\n",
        arguments.join(" "),
        output.status.code().unwrap()
    );
    golden(name, &steady(&shown, fake.now_ms));
    assert_eq!(output.status.code(), Some(status));
    assert!(!out.contains('\x1b') && !err.contains('\x1b'));
    for line in out.lines() {
        let json = arguments.contains(&"json") || arguments.contains(&"export");
        assert!(json || line.chars().count() <= 80, "too wide: {line}");
    }
}

#[test]
fn tables_read_well() {
    let fake = Fake::start(Health::Healthy);
    check(&fake, "list.txt", 0, &["list"]);
    check(&fake, "list-running.txt", 0, &["list", "--running"]);
    check(&fake, "show.txt", 0, &["show", "web"]);
    check(&fake, "show-complete.txt", 0, &["show", "job"]);
    check(&fake, "explain-all.txt", 0, &["explain", "web"]);
    check(
        &fake,
        "explain-openat.txt",
        0,
        &["explain", "web", "openat"],
    );
    check(
        &fake,
        "explain-keyctl.txt",
        0,
        &["explain", "web", "keyctl"],
    );
    check(
        &fake,
        "explain-clone3.txt",
        0,
        &["explain", "web", "clone3"],
    );
    check(&fake, "status-healthy.txt", 0, &["status"]);
}

#[test]
fn json_keeps_its_keys() {
    let fake = Fake::start(Health::Degraded);
    check(&fake, "list.json.txt", 0, &["list", "--format", "json"]);
    check(
        &fake,
        "show.json.txt",
        0,
        &["show", "web", "--format", "json"],
    );
    let explain = ["explain", "web", "keyctl", "--format", "json"];
    check(&fake, "explain.json.txt", 0, &explain);
    check(&fake, "status.json.txt", 1, &["status", "--format", "json"]);
}

#[test]
fn a_daemon_in_trouble_is_something_found() {
    check(
        &Fake::start(Health::Degraded),
        "status-degraded.txt",
        1,
        &["status"],
    );
    check(
        &Fake::start(Health::Failed),
        "status-failed.txt",
        1,
        &["status"],
    );
}

#[test]
fn exports_go_to_standard_output_and_their_story_to_the_other() {
    let fake = Fake::start(Health::Healthy);
    check(&fake, "export.txt", 0, &["export", "web"]);
    check(
        &fake,
        "export-refused.txt",
        0,
        &["export", "web", "--include-refused"],
    );
    check(
        &fake,
        "export-oci.txt",
        0,
        &["export", "job", "--format", "oci"],
    );
    check(
        &fake,
        "export-origin.txt",
        0,
        &["export", "web", "--origin", "own", "--phase", "run"],
    );
    let image = "image:reg:5000/shop/nginx:1.27";
    check(&fake, "export-image.txt", 0, &["export", image]);
    let bare = run(&fake, &["export", "reg:5000/shop/nginx:1.27"]);
    assert_eq!(bare.stdout, run(&fake, &["export", image]).stdout);
    check(
        &fake,
        "export-complete.txt",
        0,
        &["export", "job", "--require-complete"],
    );
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let fake = Fake::start(Health::Healthy);
    let file = fake.room().join("web.json");
    let path = file.to_str().unwrap();
    let output = run(&fake, &["export", "web", "-o", path]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    let whole = fs::read(&file).unwrap();
    assert_eq!(whole, run(&fake, &["export", "web"]).stdout);
    assert!(whole.ends_with(b"}\n"));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
        0o644
    );

    let missing = fake.room().join("none/web.json");
    for bad in [fake.room(), missing.as_path()] {
        let output = run(&fake, &["export", "web", "-o", bad.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("cannot write"));
    }
    assert!(!missing.exists());
    let names: Vec<PathBuf> = fs::read_dir(fake.room())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(names.len(), 2, "a draft was left: {names:?}");
}

#[test]
fn incomplete_writes_nothing_where_complete_is_required() {
    let fake = Fake::start(Health::Healthy);
    let file = fake.room().join("web.json");
    let path = file.to_str().unwrap();
    let output = run(&fake, &["export", "web", "--require-complete", "-o", path]);
    assert_eq!(output.status.code(), Some(5));
    assert!(!file.exists());
    check(
        &fake,
        "export-incomplete.txt",
        5,
        &["export", "web", "--require-complete"],
    );
}

#[test]
fn what_is_not_there_is_status_4_and_what_is_wrong_2() {
    let fake = Fake::start(Health::Healthy);
    check(&fake, "unknown-container.txt", 4, &["show", "nope"]);
    check(&fake, "unknown-target.txt", 4, &["export", "nope"]);
    check(&fake, "ambiguous.txt", 2, &["show", "3"]);
    check(&fake, "unknown-call.txt", 2, &["explain", "web", "opneat"]);
    for (status, arguments) in [
        (4, &["explain", "nope"][..]),
        (4, &["explain", "nope", "openat"]),
        (4, &["explain", "nope", "opneat"]),
        (4, &["export", "image:nope"]),
        (4, &["watch", "--container", "nope"]),
        (2, &["show", ""]),
        (2, &["show"]),
        (2, &["export", "web", "--format", "yaml"]),
        (2, &["export", "web", "--origin", "own,shell"]),
        (2, &["export", "web", "--phase", ""]),
        (2, &["frobnicate"]),
        (2, &[]),
        (2, &["record", "-o", "x"]),
        (3, &["show", "mute"]),
    ] {
        let output = run(&fake, arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_daemon_that_is_not_there_is_status_3() {
    let room = tempfile::tempdir().unwrap();
    let socket = room.path().join("profilerd.sock");
    for verb in [&["list"][..], &["show", "web"], &["watch"], &["status"]] {
        let output = profilectl(&socket, verb).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let err = text(&output.stderr);
        let start = format!(
            "profilectl: cannot reach profilerd at {}: is it running? There is no such socket",
            socket.display()
        );
        assert!(err.starts_with(&start), "{err}");
    }
    dead_socket(&socket);
    let output = profilectl(&socket, &["list"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("is it running? Nobody listens"));

    let deaf = std::os::unix::net::UnixListener::bind(room.path().join("deaf")).unwrap();
    let chatter = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = deaf.accept().unwrap();
        stream.write_all(b"+OK redis\r\n").unwrap();
    });
    let output = profilectl(&room.path().join("deaf"), &["list"])
        .output()
        .unwrap();
    chatter.join().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn the_socket_flag_wins_over_the_environment() {
    let fake = Fake::start(Health::Healthy);
    let socket = fake.socket.to_str().unwrap();
    let output = profilectl(Path::new("/nowhere"), &["status", "--socket", socket])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nothing_seen_yet_is_said_not_shown() {
    let fake = Fake::start(Health::Healthy);
    let output = run(&fake, &["list", "--running", "--format", "json"]);
    assert!(output.stdout.starts_with(b"["));
    let empty = profilectl(&fake.room().join("empty.sock"), &["list"]);
    let listener = std::os::unix::net::UnixListener::bind(fake.room().join("empty.sock")).unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
            .unwrap();
    });
    let mut empty = empty;
    let output = empty.output().unwrap();
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("has not seen a container yet"));
}

#[test]
fn colour_is_for_those_who_ask() {
    let fake = Fake::start(Health::Healthy);
    let tinted = |arguments: &[&str], no_color: bool| {
        let mut command = profilectl(&fake.socket, arguments);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        command.output().unwrap().stdout.contains(&b'\x1b')
    };
    assert!(!tinted(&["status"], false));
    assert!(tinted(&["status", "--color", "always"], false));
    assert!(
        tinted(&["status", "--color", "always"], true),
        "a flag wins"
    );
    assert!(!tinted(&["status", "--color", "never"], false));
    // The container's own escape codes stay harmless under colour.
    let output = run(&fake, &["show", "web", "--color", "always"]);
    assert!(!text(&output.stdout).contains("\x1b]0;"));
}

#[test]
fn json_carries_text_as_it_is() {
    let fake = Fake::start(Health::Healthy);
    let output = run(&fake, &["list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let label = &list[2]["identity"]["labels"]["team"];
    assert_eq!(label, "shop\x1b]0;owned\x07");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let fake = Fake::start(Health::Healthy);
    for arguments in [
        &["show", "web"][..],
        &["export", "web"],
        &["completions", "bash"],
    ] {
        let mut child = profilectl(&fake.socket, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(
            matches!(output.status.code(), Some(0 | 141)),
            "{arguments:?}: {output:?}"
        );
        assert!(!text(&output.stderr).contains("panicked"));
    }
}

#[test]
fn a_watch_shows_news_and_ends_with_the_reader_or_the_daemon() {
    let mut fake = Fake::start(Health::Healthy);
    let arguments = ["watch", "--container", "web"];
    let mut child = profilectl(&fake.socket, &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    fake.await_watcher();
    let events = [
        fake.call("job", "write"),
        fake.call("web", "openat"),
        fake.call("web", "keyctl"),
    ];
    for event in events {
        fake.events.send(event).unwrap();
    }
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(
        first.contains("Z  web ") && first.contains("openat"),
        "{first}"
    );
    assert!(first.contains("/usr/sbin/nginx"), "{first}");
    let second = lines.next().unwrap().unwrap();
    assert!(second.ends_with("refused: EPERM"), "{second}");
    fake.stop();
    assert!(lines.next().is_none());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("profilerd ended the stream"));
}

#[test]
fn a_watch_ends_cleanly_on_ctrl_c() {
    let fake = Fake::start(Health::Healthy);
    let mut child = profilectl(&fake.socket, &["watch", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    fake.await_watcher();
    let loss = Event::Loss {
        at_ms: 1,
        cause: "ring_full".to_owned(),
        more: 2,
    };
    fake.events.send(loss).unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(
        line,
        "{\"event\":\"loss\",\"at_ms\":1,\"cause\":\"ring_full\",\"more\":2}\n"
    );
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn verbose_tells_what_is_asked() {
    let fake = Fake::start(Health::Healthy);
    let output = run(&fake, &["-v", "status"]);
    assert!(text(&output.stderr).contains("/v1/status"));
    assert!(!text(&output.stdout).contains("/v1/status"));
}

#[test]
fn every_verb_has_its_help() {
    let fake = Fake::start(Health::Healthy);
    check(&fake, "help.txt", 0, &["--help"]);
    for verb in [
        "list",
        "show",
        "explain",
        "export",
        "watch",
        "status",
        "record",
        "run",
        "verify",
        "apply",
        "audit",
        "check",
        "eval",
        "compile",
        "convert",
        "edit",
        "diff",
        "merge",
        "observations",
        "history",
        "promote",
        "completions",
    ] {
        check(&fake, &format!("help-{verb}.txt"), 0, &[verb, "--help"]);
    }
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&fake, &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = text(&output.stdout);
        assert!(script.contains("profilectl"));
        for word in [
            "check", "eval", "compile", "convert", "edit", "diff", "as-runc",
        ] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
