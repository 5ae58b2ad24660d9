//! Profiles that a person makes with `profilectl` and gives to Docker: an edited default, and what strace counted.

#![allow(clippy::expect_used, reason = "a test ends where its ground gives way")]

#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use testbed::{Ended, Testbed, run};

const RUNTIMES: [&str; 3] = ["runc11", "runc13", "crun"];

fn ctl(words: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_profilectl"));
    run(command.args(words), Duration::from_secs(60))
}

/// A shell's script in a container under a profile.
fn in_docker(testbed: &Testbed, runtime: &str, profile: Option<&Path>, script: &str) -> Ended {
    let runtime = format!("--runtime={runtime}");
    let option = profile.map(|file| format!("--security-opt=seccomp={}", file.display()));
    let mut words = vec!["run", "--rm", &runtime];
    words.extend(option.as_deref());
    words.extend(["pb-busybox", "sh", "-c", script]);
    testbed.docker(&words)
}

fn names_in_diff(folder: &Path, edited: &Path) -> BTreeSet<String> {
    let ended = ctl(&[
        "diff",
        "docker-default",
        &edited.display().to_string(),
        "--format",
        "json",
    ]);
    assert_eq!(ended.status, Some(1), "{}: {ended}", folder.display());
    let lines: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let lines = lines.as_array().expect("a list").iter();
    lines
        .map(|line| line["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn chmod_denied_is_denied_in_a_container_and_nothing_else_changes() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = "touch /x && chmod 600 /x && echo done";
    // busybox calls chmod; with the newest of the family too nothing is left to go round by.
    for names in ["chmod,fchmod,fchmodat", "chmod,fchmod,fchmodat,fchmodat2"] {
        let edited: PathBuf = folder.path().join("f.json");
        let file = edited.display().to_string();
        let ended = ctl(&["edit", "docker-default", "--deny", names, "-o", &file]);
        assert!(ended.success(), "{ended}");
        let expected: BTreeSet<String> = names.split(',').map(str::to_owned).collect();
        assert_eq!(names_in_diff(folder.path(), &edited), expected);
        for runtime in RUNTIMES {
            let ended = in_docker(&testbed, runtime, Some(&edited), script);
            assert!(
                !ended.success() && ended.stderr.contains("Operation not permitted"),
                "{runtime}: {ended}"
            );
            let ended = in_docker(&testbed, runtime, Some(&edited), "touch /x && echo done");
            assert!(ended.success(), "{runtime}: {ended}");
        }
    }
    let default = folder.path().join("default.json");
    let file = default.display().to_string();
    let ended = ctl(&["convert", "docker-default", "-o", &file]);
    assert!(ended.success(), "{ended}");
    for runtime in RUNTIMES {
        for profile in [None, Some(default.as_path())] {
            let ended = in_docker(&testbed, runtime, profile, script);
            assert!(ended.success(), "{runtime}, {profile:?}: {ended}");
        }
    }
}

#[test]
fn what_strace_counted_starts_and_runs_in_a_container() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = "ls / | wc -l; touch /tmp/x; chmod 700 /tmp/x && echo done";
    let counted = folder.path().join("counted");
    let mut strace = Command::new("strace");
    strace.args(["-c", "-f", "-o"]).arg(&counted);
    strace.args([
        "busybox",
        "sh",
        "-c",
        &script.replace("/tmp", &folder.path().display().to_string()),
    ]);
    let ended = run(&mut strace, Duration::from_secs(60));
    assert!(ended.success(), "{ended}");
    let profile = folder.path().join("p.json");
    let words = ["convert", "--from", "strace-c"];
    let (from, to) = (counted.display().to_string(), profile.display().to_string());
    let ended = ctl(&[&words[..], &[from.as_str(), "-o", to.as_str()]].concat());
    assert!(ended.success(), "{ended}");
    assert!(
        ended.stderr.contains("for runc and crun themselves"),
        "{ended}"
    );
    let without = folder.path().join("without.json");
    let file = without.display().to_string();
    let ended = ctl(&["edit", to.as_str(), "--deny", "chmod", "-o", &file]);
    assert!(ended.success(), "{ended}");
    for runtime in RUNTIMES {
        let script = script.replace("/tmp/x", "/x");
        let ended = in_docker(&testbed, runtime, Some(&profile), &script);
        assert!(
            ended.success() && ended.stdout.ends_with("done\n"),
            "{runtime}: {ended}"
        );
        let ended = in_docker(&testbed, runtime, Some(&profile), "chroot / true");
        assert!(!ended.success(), "{runtime}: {ended}");
        let ended = in_docker(&testbed, runtime, Some(&without), &script);
        assert!(
            !ended.success() && ended.stderr.contains("Operation not permitted"),
            "{runtime}: {ended}"
        );
    }
}
