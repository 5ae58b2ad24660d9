//! A profile holds what was seen and what it takes to get there, and is the same each time.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::exported::{Profile, refusals, seccomp};
use crate::testbed::{Container, Daemon, Testbed, eventually, strace_names};
use crate::turn;

/// Of use to one who wants out of a container, and to hardly anyone else.
const POWERFUL: [&str; 7] = [
    "mount",
    "pivot_root",
    "unshare",
    "setns",
    "keyctl",
    "bpf",
    "ptrace",
];

#[test]
fn the_profile_of_true_holds_what_strace_sees_and_nothing_powerful() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let daemon = Daemon::start(&testbed);
    let recorded = Container::run(&testbed, &["pb-busybox", "true"]);
    assert_eq!(recorded.wait(), 0);

    let file = daemon.export(&recorded.name, "true.json");
    let allowed = Profile::read(&file).allowed();
    for name in POWERFUL {
        assert!(
            !allowed.contains(name),
            "the profile of `true` allows {name}"
        );
    }

    let detail = daemon.ctl_json(&["show", &recorded.name]);
    let calls = detail["calls"].as_array().expect("calls").iter();
    let observed: BTreeSet<String> = calls
        .filter(|call| call["observed"] == true)
        .map(|call| call["name"].as_str().expect("a name").to_owned())
        .collect();
    // The image's busybox is this host's: the testbed makes it from the same package. strace shows the
    // execve that starts the program, which is the runtime's in a container.
    let mut by_strace = strace_names(&["busybox", "true"]);
    by_strace.remove("execve");
    assert_eq!(observed, by_strace);
    assert!(observed.is_subset(&allowed), "{observed:?} and {allowed:?}");
    let baseline = allowed.difference(&observed).count();
    println!(
        "true: {} names allowed, {} observed, {baseline} for runtime and kernel",
        allowed.len(),
        observed.len()
    );
    assert!(
        baseline < 50,
        "the baseline has grown to {baseline} names: {allowed:?}"
    );
}

/// mkdir on x86_64, as it stands in a refusal.
const MKDIR: &str = r#"{"abi":"x86_64","nr":83}"#;

#[test]
fn what_was_not_recorded_is_refused_and_listed() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let daemon = Daemon::start(&testbed);
    let recorded = Container::run(&testbed, &["pb-busybox", "true"]);
    assert_eq!(recorded.wait(), 0);
    let profile = seccomp(&daemon.export(&recorded.name, "true.json"));
    let container = Container::run(
        &testbed,
        &["--security-opt", &profile, "pb-busybox", "mkdir", "/made"],
    );
    assert_ne!(
        container.wait(),
        0,
        "mkdir worked under the profile of `true`"
    );
    let refused = eventually("the refused mkdir", Duration::from_secs(5), || {
        let refused = refusals(&daemon, &container);
        (!refused.is_empty()).then_some(refused)
    });
    // The test that finds no refusals in a service rests on this.
    assert!(
        refused.iter().any(|refusal| refusal.contains(MKDIR)),
        "{refused:?}"
    );
}

#[test]
fn an_export_is_the_same_bytes_each_time() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let mut daemon = Daemon::start(&testbed);
    let recorded = Container::run(
        &testbed,
        &[
            "pb-busybox",
            "sh",
            "-c",
            "mkdir /made; ls -l /; cat /etc/passwd",
        ],
    );
    assert_eq!(recorded.wait(), 0);
    let export = |daemon: &Daemon, name| {
        std::fs::read_to_string(daemon.export(&recorded.name, name)).expect("a profile")
    };
    let first = export(&daemon, "first.json");
    assert_eq!(
        first,
        export(&daemon, "second.json"),
        "two exports in a row"
    );
    daemon.restart();
    assert_eq!(
        first,
        export(&daemon, "third.json"),
        "by another daemon with the same state"
    );
}
