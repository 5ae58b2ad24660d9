//! `profilectl run --docker`: a container behaves as a command would.

use std::{
    io::{Read, Write},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    ground::{Ground, PATIENCE},
    testbed::{eventually, run},
};

/// A run in a busybox, and its report.
fn ran(ground: &Ground, options: &[&str], command: &[&str]) -> (crate::testbed::Ended, Value) {
    let report = ground.file("report.json", "");
    let words = [
        &[
            "run",
            "--docker",
            "pb-busybox",
            "--format",
            "json",
            "--report",
            &report,
        ],
        options,
        &["--"],
        command,
    ]
    .concat();
    let ended = run(&mut ground.profilectl(&words), PATIENCE);
    let text = std::fs::read(&report).expect("a report");
    let report =
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}: {words:?}: {ended}"));
    (ended, report)
}

#[test]
fn output_status_and_refusals_are_the_containers() {
    let Some(ground) = Ground::get() else { return };
    let default = ground.default_profile("default.json");
    let profile = ground.without("no-mkdir.json", &default, &["mkdir", "mkdirat"]);
    for runtime in ["runc11", "runc13", "crun"] {
        let options = [
            "--profile",
            &profile,
            "--docker-runtime",
            runtime,
            "-e",
            "WORD=said",
        ];
        let script = "echo $WORD; echo loudly >&2; mkdir /tmp/x; exit 7";
        let (ended, report) = ran(&ground, &options, &["sh", "-c", script]);
        assert_eq!(ended.status, Some(7), "{ended}");
        assert_eq!(ended.stdout, "said\n");
        assert!(ended.stderr.contains("loudly\n"), "{ended}");
        assert_eq!(report["outcome"], "profile", "{report:#}");
        assert_eq!(report["status"], 7);
        let kinds = report["refused"]["kinds"].as_array().expect("recorded");
        let mkdir = kinds.iter().find(|kind| kind["name"] == "mkdir");
        let mkdir = mkdir.unwrap_or_else(|| panic!("{kinds:?}"));
        assert_eq!(
            (&mkdir["answer"], &mkdir["count"]),
            (&"errno 1".into(), &1.into())
        );
        assert_eq!(mkdir["first"]["executable"], "/bin/sh");
        assert_eq!(report["filter"]["read"], true);

        let (ended, report) = ran(&ground, &options, &["sh", "-c", "exit 7"]);
        assert_eq!(
            (ended.status, &report["outcome"]),
            (Some(7), &"program".into())
        );
        let (ended, report) = ran(&ground, &options, &["true"]);
        assert_eq!(
            (ended.status, &report["outcome"]),
            (Some(0), &"succeeded".into())
        );
    }
    ground.nothing_is_left();
}

#[test]
fn a_start_that_the_profile_keeps_the_runtime_from_is_told_from_one_that_fails() {
    let Some(ground) = Ground::get() else { return };
    let (ended, report) = ran(&ground, &["--profile", "unconfined"], &["no-such-command"]);
    assert_eq!(ended.status, Some(127), "{ended}");
    assert_eq!(
        (&report["status"], &report["outcome"]),
        (&Value::Null, &"program".into())
    );
    let said = report["start_failed"].as_str().expect("the engine's words");
    assert!(said.contains("no-such-command"), "{said}");
    ground.nothing_is_left();
}

#[test]
fn standard_input_and_signals_reach_the_container() {
    let Some(ground) = Ground::get() else { return };
    let words = [
        "run",
        "--docker",
        "pb-busybox",
        "--profile",
        "docker-default",
        "-i",
        "--",
    ];
    let mut child = ground
        .profilectl(&[&words[..], &["cat"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("profilectl starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"through and back\n").expect("it listens");
    drop(stdin);
    let mut said = String::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut said).expect("it speaks");
    assert_eq!(said, "through and back\n");
    assert_eq!(child.wait().expect("a child").code(), Some(0));

    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let words = [
        "run",
        "--docker",
        "pb-busybox",
        "--profile",
        "docker-default",
        "--",
    ];
    let mut child = ground
        .profilectl(&[&words[..], &["sh", "-c", script]].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("profilectl starts");
    let mut ready = [0; 6];
    let stdout = child.stdout.as_mut().expect("a pipe");
    stdout.read_exact(&mut ready).expect("it speaks");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it can be signalled");
    let status = eventually("its end", PATIENCE, || child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(9));
    ground.nothing_is_left();
}
