//! `profilectl record`: a command in a cgroup of its own, its exact calls, and its own ending.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use shown::by_hand::mount;
use shown::{at_probe, bare_probe, names, read_json, text};
use testbed::{Container, Ended, Testbed, eventually, run, strace_names};

const PATIENCE: Duration = Duration::from_secs(60);
const PROFILECTL: &str = env!("CARGO_BIN_EXE_profilectl");

fn record(output: &Path, command: &[&str]) -> Ended {
    let mut profilectl = Command::new(PROFILECTL);
    profilectl
        .args(["record", "-o"])
        .arg(output)
        .arg("--")
        .args(command);
    run(&mut profilectl, PATIENCE)
}

/// Names that a profile allows because they were observed.
fn observed(profile: &Path) -> BTreeSet<String> {
    let profile = read_json(profile);
    let rules = profile["syscalls"].as_array().expect("rules").iter();
    rules
        .filter(|rule| text(&rule["comment"]).starts_with("observed"))
        .flat_map(|rule| rule["names"].as_array().expect("names"))
        .map(text)
        .collect()
}

fn own_cgroup(profilectl: u32) -> PathBuf {
    mount().join(format!("profilectl-record-{profilectl}"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// These need no engine but root and its tools, and are skipped where the others are.
fn ground() -> bool {
    Testbed::get().is_some()
}

#[test]
fn a_recorded_program_is_known_call_by_call_and_runs_in_a_container_under_its_profile() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = folder();
    let profile = folder.path().join("profile.json");
    let program = bare_probe(
        "char name[400]; sys(39,0,0,0); sys(63,(long)name,0,0); sys(96,(long)name,0,0);
         for (int n = 0; n < 3; n++) { long child = sys(57,0,0,0); if (!child) { sys(124,0,0,0); LEAVE(0); }
                                       sys(61,child,0,0); }
         sys(1,1,(long)\"said\\n\",5); return 9;",
        &[],
    );
    let path = program.display().to_string();
    let ended = record(&profile, &[&path]);
    assert_eq!(ended.status, Some(9), "{ended}");
    assert_eq!(ended.stdout, "said\n");
    let mut wanted = strace_names(&[&path]);
    assert!(wanted.remove("execve"));
    assert_eq!(
        wanted,
        names(&[
            "exit_group",
            "fork",
            "getpid",
            "getsid",
            "gettimeofday",
            "uname",
            "wait4",
            "write"
        ])
    );
    assert_eq!(observed(&profile), wanted);
    assert!(
        !ended.stderr.contains("not complete") && !ended.stderr.contains("left running"),
        "{ended}"
    );

    let confined = format!("--security-opt=seccomp={}", profile.display());
    for runtime in ["--runtime=runc11", "--runtime=runc13", "--runtime=crun"] {
        let volume = at_probe(&program);
        let container = Container::run(
            &testbed,
            &[&confined, runtime, &volume, "pb-busybox", "/probe"],
        );
        assert_eq!(
            (container.wait(), container.logs().as_str()),
            (9, "said\n"),
            "{runtime}"
        );
    }
}

#[test]
fn a_dynamic_program_with_children_is_known_as_strace_knows_it() {
    if !ground() {
        return;
    }
    let folder = folder();
    let profile = folder.path().join("profile.json");
    let command = [
        "/bin/sh",
        "-c",
        "ls -l / | sort | tail -1; mkdir \"$0/d\"; rmdir \"$0/d\"",
        &folder.path().display().to_string(),
    ];
    let ended = record(&profile, &command);
    assert!(ended.success(), "{ended}");
    assert_eq!(
        observed(&profile),
        strace_names(&command),
        "execve is among them: the shell makes some"
    );
}

#[test]
fn the_exit_status_is_the_commands_own() {
    if !ground() {
        return;
    }
    let folder = folder();
    let profile = folder.path().join("profile.json");
    for (script, wanted) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
    ] {
        let ended = record(&profile, &["/bin/sh", "-c", script]);
        assert_eq!(ended.status, Some(wanted), "{script}: {ended}");
        assert!(
            !observed(&profile).is_empty(),
            "{script}: the profile is written all the same"
        );
        std::fs::remove_file(&profile).expect("the profile can be removed");
    }

    let plain = folder.path().join("plain");
    std::fs::write(&plain, "no program").expect("a file");
    for (command, wanted) in [
        ("/no/such/command", 127),
        ("pb-no-such-command", 127),
        (plain.to_str().expect("text"), 126),
        ("/", 126),
    ] {
        let ended = record(&profile, &[command]);
        assert_eq!(ended.status, Some(wanted), "{command}: {ended}");
        assert!(
            ended.stderr.contains(command),
            "the sentence names it: {ended}"
        );
        assert!(
            !profile.exists(),
            "{command}: there is no profile of nothing"
        );
    }
}

#[test]
fn without_root_it_says_so_and_ends_with_125() {
    if !ground() {
        return;
    }
    let folder = folder();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777))
        .expect("a folder for all");
    // Where the build is, nobody may not come.
    let copy = folder.path().join("profilectl");
    std::fs::copy(PROFILECTL, &copy).expect("a copy");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(copy);
    command
        .args(["record", "-o"])
        .arg(folder.path().join("profile.json"))
        .args(["--", "/bin/true"]);
    let ended = run(&mut command, PATIENCE);
    assert_eq!(ended.status, Some(125), "{ended}");
    assert!(
        ended.stderr.contains("root") && ended.stdout.is_empty(),
        "{ended}"
    );
}

#[test]
fn without_o_standard_output_is_for_the_profile_alone() {
    if !ground() {
        return;
    }
    let mut command = Command::new(PROFILECTL);
    command.args([
        "record",
        "--",
        "/bin/sh",
        "-c",
        "echo out; echo err >&2; exit 4",
    ]);
    let ended = run(&mut command, PATIENCE);
    assert_eq!(ended.status, Some(4), "{ended}");
    let profile: serde_json::Value =
        serde_json::from_str(&ended.stdout).expect("stdout is the profile");
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    let lines: BTreeSet<&str> = ended.stderr.lines().collect();
    assert!(lines.contains("out") && lines.contains("err"), "{ended}");
}

#[test]
fn a_process_left_behind_is_named_and_lives_on_and_the_cgroup_goes() {
    if !ground() {
        return;
    }
    let folder = folder();
    let (profile, pid_file) = (
        folder.path().join("profile.json"),
        folder.path().join("pid"),
    );
    let script = format!(
        "sleep 300 >/dev/null 2>&1 & echo $! > {}",
        pid_file.display()
    );
    let mut command = Command::new(PROFILECTL);
    command
        .args(["record", "-o"])
        .arg(&profile)
        .args(["--", "/bin/sh", "-c", &script]);
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("profilectl starts");
    let group = own_cgroup(child.id());
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut said)
        .expect("what it said");
    assert!(child.wait().expect("its end").success(), "{said}");

    let left = std::fs::read_to_string(&pid_file).expect("the sleeper's pid");
    let left: i32 = left.trim().parse().expect("a pid");
    let sleeper = Pid::from_raw(left).expect("a pid");
    let alive = test_kill_process(sleeper).is_ok();
    kill_process(sleeper, Signal::KILL).expect("the sleeper lives");
    assert!(
        alive && said.contains(&format!("left running, and no longer recorded: {left}")),
        "{said}"
    );
    assert!(
        said.contains("stop") || said.contains("end"),
        "its end was not seen: {said}"
    );
    assert!(!group.exists(), "{} is left", group.display());
}

/// `record` in a process group of its own, once the command has said that it is ready.
fn started(folder: &Path, script: &str) -> (Child, PathBuf) {
    let ready = folder.join("ready");
    let script = script.replace("READY", &format!("echo > {}", ready.display()));
    let mut command = Command::new(PROFILECTL);
    command
        .args(["record", "-o"])
        .arg(folder.join("profile.json"));
    command
        .args(["--", "/bin/sh", "-c", &script])
        .process_group(0);
    let child = command
        .stderr(Stdio::null())
        .spawn()
        .expect("profilectl starts");
    eventually("the command is ready", PATIENCE, || {
        ready.exists().then_some(())
    });
    let group = own_cgroup(child.id());
    assert!(group.is_dir(), "{} is there while it runs", group.display());
    (child, group)
}

fn ends_with(child: &mut Child, wanted: i32) {
    let status = eventually("record ends", PATIENCE, || {
        child.try_wait().expect("a child")
    });
    assert_eq!(status.code(), Some(wanted), "{status}");
}

#[test]
fn signals_reach_the_command_which_decides() {
    if !ground() {
        return;
    }
    for (trap, to_group, signal, wanted) in [
        ("trap 'exit 5' TERM;", false, Signal::TERM, 5),
        ("", false, Signal::TERM, 143),
        ("trap 'exit 8' HUP;", false, Signal::HUP, 8),
        ("trap 'exit 6' INT;", true, Signal::INT, 6),
        ("", true, Signal::INT, 130),
        ("trap 'exit 7' QUIT;", true, Signal::QUIT, 7),
    ] {
        let folder = folder();
        // What the shell waits for ends soon, so that a trap is run soon.
        let script = format!("{trap} READY; while :; do sleep 0.1; done");
        let (mut child, group) = started(folder.path(), &script);
        if to_group {
            // As a terminal does on Ctrl-C.
            kill_process_group(Pid::from_child(&child), signal)
                .expect("the group can be signalled");
        } else {
            kill_process(Pid::from_child(&child), signal).expect("record can be signalled");
        }
        ends_with(&mut child, wanted);
        let observed = observed(&folder.path().join("profile.json"));
        assert!(
            observed.contains("wait4"),
            "the profile is written: {observed:?}"
        );
        assert!(
            !group.exists(),
            "{} is left after {signal:?}",
            group.display()
        );
    }
}

#[test]
fn a_signal_before_the_command_starts_leaves_nothing() {
    if !ground() {
        return;
    }
    let folder = folder();
    let mut command = Command::new(PROFILECTL);
    command
        .args(["record", "-o"])
        .arg(folder.path().join("profile.json"));
    command
        .args(["--", "/bin/sh", "-c", "sleep 2"])
        .process_group(0)
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("profilectl starts");
    let group = own_cgroup(child.id());
    eventually("its cgroup is made", PATIENCE, || {
        group.is_dir().then_some(())
    });
    kill_process(Pid::from_child(&child), Signal::TERM).expect("record can be signalled");
    ends_with(&mut child, 143);
    assert!(!group.exists(), "{} is left", group.display());
}
