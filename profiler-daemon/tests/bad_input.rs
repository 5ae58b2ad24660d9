//! What profilerd and profilectl say when they cannot do what they are told: a sentence that says
//! what to do, the right exit status, and nothing lost. Needs root, no container engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod testbed;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use testbed::{Daemon, DaemonOptions, Ended, eventually, run, unprivileged};

const PATIENCE: Duration = Duration::from_secs(20);
const DAEMON: &str = env!("CARGO_BIN_EXE_profilerd");
const CTL: &str = env!("CARGO_BIN_EXE_profilectl");

/// A folder that anybody may write to, with the words for a daemon that keeps to it.
struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new().prefix("pb-bad").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A daemon's command line, run by `wrapper` if there is one.
    fn command(&self, wrapper: &[&str], words: &[&str]) -> Command {
        let all: Vec<&str> = wrapper.iter().copied().chain([DAEMON]).collect();
        let mut command = Command::new(all[0]);
        command
            .args(&all[1..])
            .arg("--socket")
            .arg(self.path("s"))
            .arg("--state-dir")
            .arg(self.path("state"))
            .args(["--docker", "none"])
            .args(words);
        command
    }

    fn run(&self, wrapper: &[&str], words: &[&str]) -> Ended {
        run(&mut self.command(wrapper, words), PATIENCE)
    }
}

/// It ended with 2, one line, and these words in it.
#[track_caller]
fn refused(ended: &Ended, says: &[&str]) {
    assert_eq!(ended.status, Some(2), "{ended}");
    let line = ended.stderr.trim_end();
    assert!(
        line.starts_with("profilerd: ") || line.starts_with("error: "),
        "{ended}"
    );
    for words in says {
        assert!(ended.stderr.contains(words), "no {words:?} in: {ended}");
    }
}

fn status(socket: &Path) -> Option<serde_json::Value> {
    let mut ctl = Command::new(CTL);
    ctl.arg("--socket")
        .arg(socket)
        .args(["status", "--format", "json"]);
    serde_json::from_str(&run(&mut ctl, PATIENCE).stdout).ok()
}

/// Reasons of a daemon that runs, in one text.
fn reasons(socket: &Path) -> String {
    let status = status(socket).expect("a daemon answers");
    status["reasons"].to_string()
}

/// Ends with the test that started it.
struct Live(Child);

impl Drop for Live {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        drop(self.0.wait());
    }
}

const NOBODY: &[&str] = &[
    "setpriv",
    "--reuid",
    "nobody",
    "--regid",
    "nogroup",
    "--clear-groups",
];

/// Runs the words after it in a mount namespace of their own, once `script` has changed it.
fn in_other_mounts(script: &str) -> [String; 5] {
    [
        "unshare",
        "-m",
        "sh",
        "-ec",
        &format!("{script}\nexec \"$0\" \"$@\""),
    ]
    .map(str::to_owned)
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

#[test]
fn without_root_it_says_which_rights_are_missing_and_leaves_no_pins() {
    if unprivileged() {
        return;
    }
    let ground = Ground::new();
    let pins = format!("/sys/fs/bpf/profiler-test-nobody-{}", std::process::id());
    for words in [["--pin-dir", &pins].as_slice(), &["--no-pin"]] {
        let ended = ground.run(NOBODY, words);
        refused(&ended, &["run as root, or with CAP_BPF"]);
        assert!(!Path::new(&pins).exists(), "{pins} was left behind");
        assert!(!ground.path("s").exists(), "the socket was left behind");
    }
    let mut record = Command::new(NOBODY[0]);
    record
        .args(&NOBODY[1..])
        .args([CTL, "record", "--", "/bin/true"]);
    let ended = run(&mut record, PATIENCE);
    assert_eq!(ended.status, Some(125), "{ended}");
    assert!(ended.stderr.contains("needs root"), "{ended}");
}

#[test]
fn without_btf_it_falls_back_and_says_so_unless_btf_was_asked_for() {
    if unprivileged() {
        return;
    }
    let ground = Ground::new();
    fs::create_dir(ground.path("empty")).unwrap();
    // Classic tracepoints need tracefs, which not every host has mounted.
    let hide = format!(
        "mount --bind {} /sys/kernel/btf; mount -t tracefs tracefs /sys/kernel/tracing || true",
        ground.path("empty").display()
    );
    let wrapper = in_other_mounts(&hide);
    let ended = ground.run(&words(&wrapper), &["--no-pin", "--hooks", "btf"]);
    refused(
        &ended,
        &["/sys/kernel/btf/vmlinux cannot be read", "--hooks classic"],
    );

    let mut command = ground.command(&words(&wrapper), &["--no-pin"]);
    let _live = Live(command.stderr(Stdio::null()).spawn().unwrap());
    let socket = ground.path("s");
    let found = eventually("a daemon on classic hooks", PATIENCE, || status(&socket));
    assert_eq!(found["hooks"], "classic");
    let reasons = reasons(&socket);
    assert!(
        reasons.contains(
            "classic tracepoints are in use, because /sys/kernel/btf/vmlinux cannot be read"
        ),
        "{reasons}"
    );
    assert!(
        !reasons.contains("use --hooks"),
        "advice to do what was done: {reasons}"
    );
}

#[test]
fn without_tracefs_classic_hooks_are_refused_with_the_mount_command() {
    if unprivileged() {
        return;
    }
    let ground = Ground::new();
    let hide = "mount -t tmpfs none /sys/kernel/tracing; mount -t tmpfs none /sys/kernel/debug";
    let wrapper = in_other_mounts(hide);
    let ended = ground.run(&words(&wrapper), &["--no-pin", "--hooks", "classic"]);
    refused(
        &ended,
        &[
            "--hooks classic asks for them",
            "mount -t tracefs tracefs /sys/kernel/tracing",
        ],
    );
}

#[test]
fn without_cgroup_v2_it_says_how_to_mount_it() {
    if unprivileged() {
        return;
    }
    let ground = Ground::new();
    // Every mount of it, wherever it is on this host, the deepest first.
    let hide =
        "awk '/ - cgroup2 /{print $5}' /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l";
    let wrapper = in_other_mounts(hide);
    let ended = ground.run(&words(&wrapper), &["--no-pin"]);
    refused(
        &ended,
        &["no cgroup v2 hierarchy is mounted", "mount -t cgroup2"],
    );
}

#[test]
fn a_socket_that_is_taken_is_left_to_its_owner() {
    if unprivileged() {
        return;
    }
    let first = Daemon::start_as(DaemonOptions {
        docker: "none".into(),
        words: vec!["--no-pin".into()],
    });
    let ground = Ground::new();
    let socket = first.socket().display().to_string();
    let second = run(
        Command::new(DAEMON)
            .args(["--socket", &socket, "--no-pin", "--docker", "none"])
            .arg("--state-dir")
            .arg(ground.path("state")),
        PATIENCE,
    );
    refused(
        &second,
        &[
            "in use by another profilerd",
            &format!("pid {}", first.pid()),
            "--socket",
        ],
    );
    assert!(
        status(&first.socket()).is_some(),
        "the first daemon no longer answers"
    );

    fs::write(ground.path("s"), "precious").unwrap();
    let ended = ground.run(&[], &["--no-pin"]);
    refused(&ended, &["a regular file is there", "move it away"]);
    assert_eq!(fs::read_to_string(ground.path("s")).unwrap(), "precious");
}

#[test]
fn two_daemons_share_neither_a_state_nor_pins() {
    if unprivileged() {
        return;
    }
    let mut first = Daemon::start_as(DaemonOptions {
        docker: "none".into(),
        words: Vec::new(),
    });
    let ground = Ground::new();
    let state = first.state_dir().display().to_string();
    let pins = first.pin_dir().display().to_string();
    let pid = format!("pid {}", first.pid());
    let of_its_own = |words: &[&str]| {
        let mut command = Command::new(DAEMON);
        command.arg("--socket").arg(ground.path("s"));
        command.args(["--docker", "none"]).args(words);
        run(&mut command, PATIENCE)
    };
    let other = ground.path("state").display().to_string();
    let ended = of_its_own(&["--state-dir", &state, "--no-pin"]);
    refused(&ended, &[&state, "another profilerd", &pid, "--state-dir"]);
    let ended = of_its_own(&["--state-dir", &other, "--pin-dir", &pins]);
    refused(&ended, &[&pins, "another profilerd", &pid, "--pin-dir"]);
    // However the directory is written.
    let around = format!(
        "{pins}/../{}",
        first.pin_dir().file_name().unwrap().display()
    );
    let ended = of_its_own(&["--state-dir", &other, "--pin-dir", &around]);
    refused(&ended, &["another profilerd"]);
    assert!(!ground.path("s").exists(), "the socket was left behind");
    let ended = of_its_own(&["--unload", "--pin-dir", &pins]);
    refused(&ended, &[&pins, "another profilerd", &pid, "--unload"]);

    // What is no daemon's alone is for all: a socket beside another one's database.
    let beside = first.state_dir().join("other.sock");
    let mut other_socket = Command::new(DAEMON);
    other_socket.arg("--socket").arg(&beside);
    other_socket.args(["--docker", "none", "--no-pin", "--state-dir", &other]);
    let third = Live(other_socket.stderr(Stdio::null()).spawn().unwrap());
    eventually("a third daemon, with all its own", PATIENCE, || {
        status(&beside)
    });
    drop(third);

    // Records are the first one's as before, and so is what it keeps.
    let answer = status(&first.socket()).expect("the first daemon answers");
    assert_eq!(answer["health"], "healthy", "{answer}");
    let mut record = Command::new(CTL);
    record.args(["record", "-o"]).arg(ground.path("recorded"));
    record.args(["--", "/bin/true"]);
    let ended = run(&mut record, PATIENCE);
    assert!(ended.success(), "record beside a daemon: {ended}");

    // Nothing is stale after `kill -9`, and a daemon that is about to end is waited for.
    first.kill9();
    first.restart();
    let ending = Pid::from_raw(first.pid()).unwrap();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        kill_process(ending, Signal::TERM).unwrap();
    });
    let mut next = ground.command(&[], &["--pin-dir", &pins]);
    next.stderr(Stdio::null());
    let mut live = Live(next.spawn().unwrap());
    killer.join().unwrap();
    let socket = ground.path("s");
    eventually("the next daemon on the same pins", PATIENCE, || {
        // On a busy machine the first may take longer to end than it is waited for.
        if live.0.try_wait().unwrap().is_some() {
            live = Live(next.spawn().unwrap());
        }
        status(&socket)
    });
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    if unprivileged() {
        return;
    }
    let ground = Ground::new();
    fs::write(ground.path("state"), "a file").unwrap();
    let ended = ground.run(&[], &["--no-pin"]);
    refused(
        &ended,
        &[
            &ground.path("state").display().to_string(),
            "exists, is writable",
        ],
    );
    assert_eq!(fs::read_to_string(ground.path("state")).unwrap(), "a file");
}

#[test]
fn a_configuration_is_refused_by_line_and_column() {
    let ground = Ground::new();
    let file = ground.path("profilerd.toml");
    let name = file.display().to_string();
    for (text, says) in [
        (
            "count = true\nsokcet = '/a'\n",
            ["line 2, column 1", "sokcet"],
        ),
        (
            "max_cgroups = 'many'\n",
            ["line 1, column 15", "invalid type"],
        ),
        (
            "max_cgroups = 3\n",
            ["max-cgroups must be between 4 and", "not 3"],
        ),
        (
            "ring_bytes = 4095\n",
            ["ring-bytes must be between 4096 and", "not 4095"],
        ),
        ("count = \n", ["line 1", "count"]),
    ] {
        fs::write(&file, text).unwrap();
        let ended = ground.run(&[], &["--no-pin", "--config", &name]);
        refused(&ended, &says);
        assert!(!ground.path("s").exists());
    }
    let missing = ground.path("none").display().to_string();
    let ended = ground.run(&[], &["--config", &missing]);
    refused(&ended, &["cannot read the configuration file", &missing]);
    let ended = ground.run(&[], &["--max-cgroups=-1"]);
    refused(&ended, &["--max-cgroups"]);
    let ended = ground.run(&[], &["--docker", "gopher://x"]);
    assert_eq!(ended.status, Some(2), "{ended}");
}

#[test]
fn pins_of_another_version_are_replaced_and_reported() {
    if unprivileged() {
        return;
    }
    let options = DaemonOptions {
        docker: "none".into(),
        words: vec!["--max-cgroups".into(), "64".into()],
    };
    let mut daemon = Daemon::start_as(options);
    let began = status(&daemon.socket()).unwrap()["recording_since_ms"].clone();
    assert_eq!(daemon.term(), Some(0));
    let foreign = daemon.pin_dir().join("v999");
    fs::create_dir(&foreign).unwrap();
    let nobodys = daemon.pin_dir().join("vault");
    fs::create_dir(&nobodys).unwrap();

    let ground = Ground::new();
    let pins = daemon.pin_dir().display().to_string();
    let ended = ground.run(&[], &["--pin-dir", &pins, "--max-cgroups", "128"]);
    refused(
        &ended,
        &[
            "/maps/",
            "pinned by another build",
            "not 128",
            "profilerd --unload",
        ],
    );

    daemon.restart();
    let reasons = reasons(&daemon.socket());
    assert!(
        reasons.contains("v999 was another version's and has been replaced"),
        "{reasons}"
    );
    assert!(!foreign.exists() && nobodys.is_dir());
    let now = status(&daemon.socket()).unwrap()["recording_since_ms"].clone();
    assert_eq!(now, began, "the recording did not go on");
}

#[test]
fn pins_that_cannot_be_made_are_explained() {
    if unprivileged() {
        return;
    }
    let ground = Ground::new();
    let dir = ground.path("pins").display().to_string();
    let ended = ground.run(&[], &["--pin-dir", &dir]);
    refused(&ended, &[&dir, "not on a bpf file system", "--no-pin"]);
}

#[test]
fn a_daemon_that_is_not_there_is_status_3() {
    let ground = Ground::new();
    let mut ctl = Command::new(CTL);
    ctl.arg("--socket").arg(ground.path("none")).arg("list");
    let ended = run(&mut ctl, PATIENCE);
    assert_eq!(ended.status, Some(3), "{ended}");
    assert!(ended.stderr.contains("profilerd"), "{ended}");
}

#[test]
fn a_replay_that_is_none_is_named_by_its_line() {
    let ground = Ground::new();
    let file = ground.path("replay");
    fs::write(&file, "# fine\n\nnot json\n").unwrap();
    let ended = ground.run(&[], &["--replay", &file.display().to_string()]);
    refused(&ended, &["cannot replay", "line 3"]);
}
