//! `profilectl verify` and `profilectl run --docker` on the real engine: what they say of a profile is what
//! its containers do.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "verify/ground.rs"]
mod ground;
#[path = "verify/labs.rs"]
mod labs;
#[path = "verify/running.rs"]
mod running;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use ground::{Ground, PATIENCE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testbed::{Daemon, eventually};

const RUNTIMES: [&str; 3] = ["runc11", "runc13", "crun"];

/// The part of a report that is about one runtime.
fn under<'r>(report: &'r Value, name: &str) -> &'r Value {
    report["runtimes"]
        .as_array()
        .expect("runtimes")
        .iter()
        .find(|one| one["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

fn starts(runtime: &Value) -> (u64, u64) {
    let count = |key: &str| runtime["under_profile"][key].as_u64().expect("a number");
    (count("started"), count("rounds"))
}

#[test]
fn a_recorded_profile_starts_works_and_stops_under_every_runtime() {
    let Some(ground) = Ground::get() else { return };
    let profile = ground.recorded("true.json", &["/bin/busybox", "true"]);
    let mut words = vec!["--image", "pb-busybox", "--command", "true", "--times", "3"];
    for name in RUNTIMES {
        words.extend(["--runtime", name]);
    }
    let (report, status) = ground.verify(&profile, &words);
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(report["recorded"], "recorded by a profilerd of its own");
    for name in RUNTIMES {
        let runtime = under(&report, name);
        assert_eq!(starts(runtime), (3, 3), "{runtime:#}");
        assert_eq!(runtime["under_profile"]["worked"], 3);
        assert_eq!(runtime["filter"]["read"], true);
        let findings = runtime["filter"]["findings"].as_array().expect("findings");
        assert!(
            findings.iter().all(|finding| finding["loosens"] == false),
            "{findings:?}"
        );
    }
    ground.nothing_is_left();
}

#[test]
fn without_statx_a_current_runc_cannot_start_and_an_older_one_can() {
    let Some(ground) = Ground::get() else { return };
    let whole = ground.recorded("whole.json", &["/bin/busybox", "true"]);
    let profile = ground.without("no-statx.json", &whole, &["statx"]);
    let words = ["--image", "pb-busybox", "--command", "true", "--times", "2"];
    fn with<'w>(words: &[&'w str], more: &[&'w str]) -> Vec<&'w str> {
        [words, more].concat()
    }

    let told = ground.verify(
        &profile,
        &with(
            &words,
            &[
                "--runtime",
                "runc11",
                "--runtime",
                "runc13",
                "--runtime",
                "crun",
            ],
        ),
    );
    let (report, status) = told;
    assert_eq!(status, Some(1));
    for (name, verified) in [("runc11", true), ("runc13", false), ("crun", true)] {
        assert_eq!(under(&report, name)["verified"], verified, "{report:#}");
    }
    let current = under(&report, "runc13");
    assert_eq!(current["obstacles"][0]["effect"], "fails");
    assert_eq!(
        current["obstacles"][0]["calls"],
        serde_json::json!(["statx"])
    );
    assert_eq!(
        current["under_profile"],
        Value::Null,
        "it was started all the same"
    );

    // What was foretold is what happens.
    let (report, status) = ground.verify(
        &profile,
        &with(&words, &["--runtime", "runc13", "--anyway"]),
    );
    assert_eq!(status, Some(1));
    let current = under(&report, "runc13");
    assert_eq!(starts(current), (0, 2));
    let failure = current["under_profile"]["failures"][0]["what"].as_str();
    assert!(failure.expect("a failure").contains("statx"), "{current:#}");
    let refused = current["under_profile"]["refused"]
        .as_array()
        .expect("recorded");
    assert!(
        refused
            .iter()
            .any(|one| one["name"] == "statx" && one["by_runtime"] == true),
        "{refused:?}"
    );
    ground.nothing_is_left();
}

#[test]
fn without_futex_and_rt_sigreturn_starts_of_runc_fail_by_chance() {
    let Some(ground) = Ground::get() else { return };
    let whole = ground.recorded("whole.json", &["/bin/busybox", "true"]);
    let profile = ground.without("by-chance.json", &whole, &["futex", "rt_sigreturn"]);
    let words = [
        "--image",
        "pb-busybox",
        "--command",
        "true",
        "--runtime",
        "runc11",
        "--times",
        "25",
    ];
    let (report, status) = ground.verify(&profile, &words);
    assert_eq!(status, Some(1));
    let runtime = under(&report, "runc11");
    assert_eq!(runtime["obstacles"][0]["effect"], "by_chance");
    assert_eq!(
        runtime["obstacles"][0]["calls"],
        serde_json::json!(["futex", "rt_sigreturn"])
    );
    // How many is for the machine's load to say; that it is not none was measured on an idle one.
    let (started, all) = starts(runtime);
    println!("{started} of {all} starts without futex and rt_sigreturn");
    let worked = runtime["under_profile"]["worked"]
        .as_u64()
        .expect("a number");
    assert!(worked < all, "{runtime:#}");
    ground.nothing_is_left();
}

#[test]
fn a_profile_that_breaks_the_work_is_found_with_the_call() {
    let Some(ground) = Ground::get() else { return };
    let all = ["--image", "pb-health", "--times", "1", "--patience", "15"];
    // By its health check: an image that has one is asked for it.
    let (report, status) = ground.verify("unconfined", &all);
    assert_eq!(
        (status, &report["check"]),
        (Some(0), &"its health check".into())
    );

    let whole = ground.default_profile("default.json");
    let profile = ground.without("no-bind.json", &whole, &["bind"]);
    let (report, status) = ground.verify(&profile, &all);
    assert_eq!(status, Some(1));
    let runtime = &report["runtimes"][0];
    assert_eq!(runtime["under_profile"]["worked"], 0, "{runtime:#}");
    let anew = runtime["refused_anew"].as_array().expect("refusals");
    let bind = anew.iter().find(|one| one["name"] == "bind");
    assert_eq!(
        bind.expect("bind was refused")["with"]["errno"],
        1,
        "{anew:?}"
    );
    let faults = runtime["faults"].as_array().expect("faults");
    assert!(
        faults
            .iter()
            .any(|fault| fault == "it does not always work")
    );

    // By a command: the same image does what this asks.
    let check = ["--", "sh", "-c", "test -f /var/www/index.html"];
    let (report, _) = ground.verify(&profile, &[&all[..], &check].concat());
    assert_eq!(report["runtimes"][0]["under_profile"]["worked"], 1);
    ground.nothing_is_left();
}

#[test]
fn what_does_not_work_without_the_profile_is_no_fault_of_it() {
    let Some(ground) = Ground::get() else { return };
    let words = [
        "--image",
        "pb-busybox",
        "--command",
        "false",
        "--times",
        "1",
    ];
    let (report, status) = ground.verify("unconfined", &words);
    assert_eq!(status, Some(1));
    let runtime = &report["runtimes"][0];
    assert_eq!(runtime["under_profile"], Value::Null);
    assert_eq!(
        runtime["faults"][0],
        "the image does not work under the engine's default either"
    );
    // A shell that ignores SIGTERM is killed with a profile as without.
    let words = [
        "--image",
        "pb-busybox",
        "--command",
        "sleep 60",
        "--times",
        "1",
        "--stop-timeout",
        "1",
    ];
    let (report, status) = ground.verify("unconfined", &words);
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(report["runtimes"][0]["under_profile"]["stopped"], 0);
    ground.nothing_is_left();
}

#[test]
fn a_daemon_that_runs_is_used_and_without_one_the_filter_is_read_by_ptrace() {
    let Some(ground) = Ground::get() else { return };
    let profile = ground.recorded("sleep.json", &["/bin/busybox", "sleep", "0.1"]);
    let words = [
        "--image",
        "pb-busybox",
        "--command",
        "sleep 60",
        "--times",
        "1",
        "--stop-timeout",
        "1",
    ];
    let daemon = Daemon::start(&ground.testbed);
    let socket = daemon.socket().display().to_string();
    let (report, status) = ground.verify_at(&socket, &profile, &words);
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(report["recorded"], "recorded by profilerd");
    let told = report["runtimes"][0]["filter"]["told"]
        .as_str()
        .expect("told");
    assert!(told.contains("copied when it was installed"), "{told}");
    drop(daemon);

    let (report, status) = ground.alone(&profile, &words);
    assert_eq!(status, Some(0), "{report:#}");
    let recorded = report["recorded"].as_str().expect("a sentence");
    assert!(recorded.starts_with("not recorded: "), "{recorded}");
    let runtime = &report["runtimes"][0];
    assert_eq!(
        runtime["filter"]["told"],
        "the filter in force, read from the kernel by ptrace"
    );
    assert_eq!(runtime["under_profile"]["refused"], Value::Null);
    // Another profile in force would be found.
    let (report, _) = ground.alone("unconfined", &words);
    let none = report["runtimes"][0]["filter"]["told"].as_str();
    assert!(none.expect("told").starts_with("no filter"), "{report:#}");
    ground.nothing_is_left();
}

#[test]
fn an_interrupted_trial_leaves_nothing_behind() {
    let Some(ground) = Ground::get() else { return };
    let words = [
        "verify",
        "unconfined",
        "--image",
        "pb-busybox",
        "--command",
        "sleep 60",
        "--times",
        "50",
        "--no-control",
    ];
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = ground
            .profilectl(&words)
            .spawn()
            .expect("profilectl starts");
        eventually("a container on trial", PATIENCE, || {
            let names = ground.testbed.docker_ok(&["ps", "--format", "{{.Names}}"]);
            names
                .contains(&format!("profilectl-trial-{}-", child.id()))
                .then_some(())
        });
        kill_process(Pid::from_child(&child), signal).expect("it can be signalled");
        let status = child.wait().expect("a child").code();
        assert_eq!(status, Some(130), "{signal:?}");
        ground.nothing_is_left();
    }
}

#[test]
fn bad_input_is_told_before_there_is_a_container() {
    let Some(ground) = Ground::get() else { return };
    let broken = ground.file(
        "broken.json",
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [",
    );
    let filter = ground.file("filter.bpf", "");
    for (words, status, said) in [
        (
            vec!["verify", "/no/such.json", "--image", "pb-busybox"],
            2,
            "cannot read /no/such.json",
        ),
        (
            vec!["verify", &broken, "--image", "pb-busybox"],
            2,
            "broken.json",
        ),
        (
            vec!["verify", &filter, "--image", "pb-busybox"],
            2,
            "filter.bpf",
        ),
        (
            vec!["verify", "unconfined", "--image", "no-such-image"],
            4,
            "docker pull",
        ),
        (
            vec![
                "verify",
                "unconfined",
                "--image",
                "pb-busybox",
                "--runtime",
                "nope",
            ],
            2,
            "nope",
        ),
        (
            vec![
                "verify",
                "unconfined",
                "--image",
                "pb-busybox",
                "--times",
                "0",
            ],
            2,
            "1..=1000",
        ),
        (
            vec!["verify", "no-such-container", "--image", "pb-busybox"],
            3,
            "profilerd",
        ),
        (
            vec![
                "verify",
                "unconfined",
                "--image",
                "x",
                "--docker-host",
                "unix:///no/such",
            ],
            3,
            "is Docker running",
        ),
        (
            vec![
                "verify",
                "unconfined",
                "--image",
                "x",
                "--docker-host",
                "tcp://x:1",
            ],
            2,
            "unix:///",
        ),
        (
            vec![
                "verify",
                "unconfined",
                "--image",
                "x",
                "--docker-host",
                "none",
            ],
            2,
            "engine",
        ),
        (
            vec![
                "run",
                "--docker",
                "no-such-image",
                "--profile",
                "unconfined",
            ],
            4,
            "docker pull",
        ),
        (
            vec![
                "run",
                "--docker",
                "pb-busybox",
                "--profile",
                "unconfined",
                "--user",
                "nobody-there",
                "--",
                "true",
            ],
            125,
            "nobody-there",
        ),
        (
            vec![
                "run",
                "--docker",
                "pb-busybox",
                "--profile",
                "unconfined",
                "--mode",
                "kill",
            ],
            2,
            "--mode",
        ),
        (
            vec![
                "run",
                "--docker",
                "pb-busybox",
                "--profile",
                "unconfined",
                "--plain",
            ],
            2,
            "--plain",
        ),
        (
            vec![
                "run",
                "--docker",
                "pb-busybox",
                "--profile",
                "unconfined",
                "--runtime",
                "crun",
            ],
            2,
            "--docker-runtime",
        ),
        (
            vec![
                "run",
                "--profile",
                "unconfined",
                "--env",
                "A=1",
                "--",
                "true",
            ],
            2,
            "--docker",
        ),
        (
            vec![
                "run",
                "--docker",
                "pb-busybox",
                "--profile",
                "unconfined",
                "--",
                "no-such-command",
            ],
            127,
            "no-such-command",
        ),
        (
            vec![
                "run",
                "--docker",
                "pb-busybox",
                "--profile",
                "unconfined",
                "--",
                "/etc/passwd",
            ],
            126,
            "permission denied",
        ),
    ] {
        let ended = ground.ended(&words);
        assert_eq!(ended.status, Some(status), "{words:?}: {ended}");
        assert!(ended.stderr.contains(said), "{words:?}: {ended}");
    }
    ground.nothing_is_left();
}
