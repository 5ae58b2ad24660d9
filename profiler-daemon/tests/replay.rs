//! The whole daemon without root: a replay file for the kernel, a script for Docker, a folder for
//! the cgroups; and the client's answers about them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a test ends where its ground gives way, and the script can do more than is asked of it here"
)]

#[path = "replay/clock.rs"]
mod clock;
#[path = "replay/drift.rs"]
mod drift;
mod fake_docker;
mod hasty;
#[path = "replay/kept.rs"]
mod kept;
#[path = "replay/shadow.rs"]
mod shadow;
#[path = "replay/versions.rs"]
mod versions;
mod webhook;
#[path = "replay/workloads.rs"]
mod workloads;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use fake_docker::FakeDocker;
use profiler_daemon::{
    profile::{
        abi::Abi,
        call::Call,
        observation::{Observation, Refusal, RefusedWith, Tally},
    },
    recording::{
        news::News,
        source::{CountedRefusal, Snapshot},
    },
};
use serde_json::Value;

const WEB: &str = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2";
const DB: &str = "a1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
const EVIL: &str = "ev\u{1b}[31mil\u{7}";
const PATIENCE: Duration = Duration::from_secs(20);
/// A file in a daemon's folder with lines that its replay has besides.
const MORE: &str = "more";
const AT_MS: u64 = 1_700_000_000_000;

fn call(nr: u32) -> Call {
    Call::new(Abi::X86_64, nr)
}

/// read, write, openat and exit_group seen; keyctl refused; by a program with a cheeky name.
fn lines(cgroup: u64) -> String {
    let observed = [0, 1, 257, 231].map(call);
    let observation = Observation {
        observed: observed.into(),
        answered: [0, 1, 257].map(call).into(),
        refused: [call(250)].into(),
        tallies: [(
            call(0),
            Tally {
                calls: 7,
                errors: 2,
            },
        )]
        .into(),
        start_seen: true,
        program_started: true,
        sessions: 1,
        first_ms: Some(AT_MS),
        last_new_ms: Some(AT_MS),
        ..Observation::default()
    };
    let refusal = Refusal {
        call: call(250),
        with: RefusedWith::Errno(1),
        by_runtime: false,
        count: 3,
        first_ms: AT_MS,
        last_ms: AT_MS,
        exe: None,
        comm: EVIL.into(),
        pid: 9,
    };
    let snapshot = Snapshot {
        cgroup,
        refusals: vec![CountedRefusal {
            refusal,
            exec_id: 5,
        }],
        observation,
        ..Snapshot::default()
    };
    let exec = News::Exec {
        at_ms: AT_MS,
        cgroup,
        exec_id: 5,
        pid: 9,
        session: 1,
        begins: true,
        path: format!("/bin/{EVIL}"),
    };
    let seen = News::Call {
        at_ms: AT_MS,
        cgroup,
        call: call(257),
        refused: None,
        count: 0,
        pid: 9,
        session: 1,
        exec_id: 5,
        comm: EVIL.into(),
    };
    let snapshot = serde_json::to_string(&snapshot).unwrap();
    let news = [exec, seen].map(|news| serde_json::to_string(&news).unwrap());
    format!("{snapshot}\n{}\n", news.join("\n"))
}

/// A daemon that replays, as nobody where we are root.
struct Daemon {
    folder: tempfile::TempDir,
    child: Child,
}

impl Daemon {
    async fn start(folder: tempfile::TempDir, docker: &Path) -> Self {
        Self::start_with(folder, docker, &[]).await
    }

    async fn start_with(folder: tempfile::TempDir, docker: &Path, words: &[&str]) -> Self {
        let cgroups = folder.path().join("cgroups");
        let mut text = String::from("# two containers\n");
        for id in [WEB, DB] {
            let path = cgroups.join("docker").join(id);
            fs::create_dir_all(&path).unwrap();
            text += &lines(fs::metadata(&path).unwrap().ino());
        }
        text += &fs::read_to_string(folder.path().join(MORE)).unwrap_or_default();
        fs::write(folder.path().join("replay"), text).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        if docker.exists() {
            fs::set_permissions(docker, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let root = rustix::process::geteuid().is_root();
        let daemon = env!("CARGO_BIN_EXE_profilerd");
        let mut command = Command::new(if root { "setpriv" } else { daemon });
        if root {
            command.args([
                "--reuid",
                "nobody",
                "--regid",
                "nogroup",
                "--clear-groups",
                daemon,
            ]);
        }
        if let Some(clock) = clock::set_by(folder.path()) {
            command.envs(clock);
        }
        let child = command
            .arg("--socket")
            .arg(folder.path().join("s"))
            .arg("--state-dir")
            .arg(folder.path().join("state"))
            .arg("--docker")
            .arg(format!("unix://{}", docker.display()))
            .arg("--replay")
            .arg(folder.path().join("replay"))
            .arg("--cgroup-root")
            .arg(&cgroups)
            .args(words)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { folder, child };
        daemon
            .until("an answer", |daemon| daemon.ctl(&["list"]).status.success())
            .await;
        daemon
    }

    /// Kills it, and starts another in the same folder.
    async fn again(mut self, docker: &Path, words: &[&str]) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Self::start_with(folder, docker, words).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ctl(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profilectl"));
        command
            .arg("--socket")
            .arg(self.file("s"))
            .args(words)
            .output()
            .unwrap()
    }

    /// What it prints, which holds nothing that a terminal obeys.
    fn text(&self, words: &[&str], status: i32) -> String {
        let output = self.ctl(words);
        let text =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{words:?}: {text}");
        let obeyed = text.chars().find(|sign| sign.is_control() && *sign != '\n');
        assert_eq!(obeyed, None, "{words:?}: {text:?}");
        text
    }

    fn json(&self, words: &[&str]) -> Value {
        let all: Vec<&str> = words.iter().copied().chain(["--format", "json"]).collect();
        serde_json::from_slice(&self.ctl(&all).stdout).unwrap()
    }

    /// Lets the script's tasks run meanwhile.
    async fn until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !tokio::task::block_in_place(|| done(self)) {
            assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn named(daemon: &Daemon, name: &str) -> bool {
    let list = daemon.json(&["list"]);
    list.as_array()
        .unwrap()
        .iter()
        .any(|one| one["identity"]["name"] == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_listed_shown_explained_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeDocker::running(folder.path());
    engine.add(WEB, "web");
    engine.add(DB, EVIL);
    let daemon = Daemon::start(folder, engine.socket()).await;
    daemon.until("names", |daemon| named(daemon, "web")).await;

    let list = daemon.text(&["list"], 0);
    assert!(list.contains("web") && list.contains("fake:1"), "{list}");
    assert!(
        list.contains("ev\\") && list.contains("[31mil"),
        "the name is not shown: {list}"
    );

    let show = daemon.text(&["show", "web"], 0);
    let parts = [
        "Observed, x86_64 (4)\n  exit_group openat read write\n",
        "\nCounted\n",
        "keyctl",
        "EPERM",
    ];
    for part in parts {
        assert!(show.contains(part), "no {part:?} in:\n{show}");
    }
    assert!(
        show.contains("/bin/ev\\"),
        "the executable is not shown escaped: {show}"
    );
    let explained = daemon.text(&["explain", "web", "openat"], 0);
    assert!(
        explained.contains("2023-11-14 22:13:20Z") && explained.contains("pid 9"),
        "{explained}"
    );
    daemon.text(&["explain", "web"], 0);

    let profile: Value = serde_json::from_slice(&daemon.ctl(&["export", "web"]).stdout).unwrap();
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    assert_eq!(
        profile["architectures"],
        serde_json::json!(["SCMP_ARCH_X86_64"])
    );
    let allowed: Vec<&str> = profile["syscalls"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
        .flat_map(|rule| rule["names"].as_array().unwrap())
        .filter_map(Value::as_str)
        .collect();
    for name in ["read", "write", "openat", "exit_group", "rt_sigreturn"] {
        assert!(allowed.contains(&name), "{name} is not in {allowed:?}");
    }
    assert!(!allowed.contains(&"keyctl"), "{allowed:?}");
    assert_eq!(
        daemon.ctl(&["export", "web"]).stdout,
        daemon.ctl(&["export", "web"]).stdout
    );

    let status = daemon.json(&["status"]);
    assert_eq!(
        (&status["hooks"], &status["counting"]),
        (&"replay".into(), &true.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_meant_must_be_clear() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeDocker::running(folder.path());
    let daemon = Daemon::start(folder, engine.socket()).await;
    let unknown = daemon.text(&["show", "nope"], 4);
    assert!(
        unknown.contains("no container \"nope\"") && unknown.contains("profilectl list"),
        "{unknown}"
    );
    daemon.text(&["export", "nope"], 4);
    daemon.text(&["export", "image:nope"], 4);
    daemon.text(&["show", "\u{1b}[31m"], 4);
    let ambiguous = daemon.text(&["show", "a1"], 2);
    assert!(ambiguous.contains("write more of it"), "{ambiguous}");
    daemon.text(&["show", "a1b"], 0);
    daemon.text(&["explain", "a1b", "opennat"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_absent_goes_away_or_comes_back_costs_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = FakeDocker::stopped(folder.path());
    let daemon = Daemon::start(folder, engine.socket()).await;
    let reason = |daemon: &Daemon| daemon.json(&["status"])["reasons"].to_string();
    daemon
        .until("a reason", |daemon| {
            reason(daemon).contains("containers have no names")
        })
        .await;
    assert!(
        reason(&daemon).contains("docker.sock"),
        "{}",
        reason(&daemon)
    );
    // Known by its id as long as nobody tells a name.
    assert_eq!(daemon.json(&["show", WEB])["summary"]["observed"], 4);

    engine.add(WEB, "web");
    for _ in 0..2 {
        engine.start();
        fs::set_permissions(engine.socket(), fs::Permissions::from_mode(0o777)).unwrap();
        daemon
            .until("the name", |daemon| named(daemon, "web"))
            .await;
        daemon
            .until("no complaint", |daemon| {
                !reason(daemon).contains("no names")
            })
            .await;
        engine.drop_connections();
        engine.stop();
        daemon
            .until("a reason", |daemon| reason(daemon).contains("no names"))
            .await;
        assert_eq!(daemon.json(&["show", "web"])["summary"]["observed"], 4);
    }
}
