//! A start is no matter of luck: what a runtime calls under the filter differs from start to start.

use std::time::Instant;

use crate::exported::{Profile, seccomp};
use crate::side_by_side::side_by_side;
use crate::testbed::{Container, Daemon, Testbed};
use crate::{RUNTIMES, turn};

const STARTS: usize = 20;

#[test]
fn busybox_starts_twenty_times_of_twenty_under_each_runtime() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let daemon = Daemon::start(&testbed);
    let program = ["pb-busybox", "sh", "-c", "echo started"];
    for runtime in RUNTIMES {
        let mut words = vec!["--runtime", runtime];
        words.extend(program);
        let recorded = Container::run(&testbed, &words);
        assert_eq!(recorded.wait(), 0);
        let profile = seccomp(&daemon.export(&recorded.name, runtime));
        let begin = Instant::now();
        side_by_side(&[(); STARTS], |()| {
            let mut words = vec![
                "run",
                "--rm",
                "--runtime",
                runtime,
                "--security-opt",
                &profile,
            ];
            words.extend(program);
            let ended = testbed.docker(&words);
            assert_eq!(
                (ended.status, ended.stdout.trim()),
                (Some(0), "started"),
                "{runtime}: {ended}"
            );
        });
        println!(
            "{runtime}: {STARTS} of {STARTS} starts in {:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn a_profile_without_statx_does_not_start_under_a_current_runc() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let daemon = Daemon::start(&testbed);
    let recorded = Container::run(&testbed, &["pb-busybox", "true"]);
    assert_eq!(recorded.wait(), 0);
    let whole = daemon.export(&recorded.name, "whole.json");
    let lesser = daemon.file("lesser.json");
    Profile::read(&whole).write_without("statx", &lesser);
    // The program makes no statx: only the runtime needs it.
    let start = |profile| {
        let words = [
            "--runtime",
            "runc13",
            "--security-opt",
            &seccomp(profile),
            "pb-busybox",
            "true",
        ];
        Container::try_run(&testbed, &words)
    };
    let container =
        start(&whole).unwrap_or_else(|ended| panic!("under the whole profile: {ended}"));
    assert_eq!(container.wait(), 0);
    let Err(ended) = start(&lesser) else {
        panic!("it started without statx, so the starts above prove nothing of it")
    };
    assert!(ended.stderr.contains("statx"), "{ended}");
}
