//! Programs that look like a runtime, leave their cgroup or come in by the back door: the record is right all the same.
//!
//! Each program makes a known set of calls and no other, so the whole record is compared.

#![allow(unreachable_pub, reason = "a test's modules have no outside")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where its ground gives way"
)]

mod script;
mod testbed;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use script::{ended, nr, observed, run_script};
use testbed::{Daemon, Testbed, run};

fn set(parts: &[&[u64]]) -> BTreeSet<u64> {
    parts.concat().into_iter().collect()
}

/// Runs the words to their end; the record has to hold these calls and no other.
fn recorded(testbed: &Testbed, daemon: &Daemon, options: &[&str], words: &[&str]) -> BTreeSet<u64> {
    let container = run_script(testbed, options, words);
    assert_eq!(
        container.wait(),
        0,
        "the place of the word that failed, of {words:?}"
    );
    let shown = ended(daemon, &container.name);
    assert_eq!(shown["start_seen"], true, "{shown}");
    observed(&shown)
}

#[test]
fn a_program_named_like_the_runtime_is_a_program() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    // Both before and after an execution: each is a moment at which a recorder that believes names drops calls.
    let calls = recorded(
        &testbed,
        &daemon,
        &[],
        &["111", "n", "g", "100", "x", "n", "g", "121"],
    );
    assert_eq!(
        calls,
        set(&[&[111, 100, 121, nr::PRCTL, nr::EXECVE, nr::EXIT]])
    );
}

#[test]
fn a_program_that_unshares_its_mounts_is_a_program() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let calls = recorded(
        &testbed,
        &daemon,
        &["--cap-add", "SYS_ADMIN"],
        &["111", "u", "100", "x", "121", "u", "124"],
    );
    assert_eq!(
        calls,
        set(&[&[111, 100, 121, 124, nr::UNSHARE, nr::EXECVE, nr::EXIT]])
    );
}

/// What finding its cgroup, making others and moving take.
const MOVING: [u64; 5] = [nr::OPEN, nr::READ, nr::CLOSE, nr::MKDIR, nr::WRITE];
// No new privileges are needed to move within a tree that is the mover's own, and root's it is.
const WHOLE_TREE: [&str; 2] = ["-v", "/sys/fs/cgroup/unified:/cg"];

#[test]
fn a_move_down_and_up_again_stays_in_the_container() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let calls = recorded(
        &testbed,
        &daemon,
        &WHOLE_TREE,
        &["c", "da", "ma", "111", "x", "100", "c", "dz", "mz", "121"],
    );
    assert_eq!(
        calls,
        set(&[&[111, 100, 121, nr::EXECVE, nr::EXIT], &MOVING]),
        "two levels down"
    );
    let calls = recorded(
        &testbed,
        &daemon,
        &WHOLE_TREE,
        &["c", "da", "ma", "111", "m", "100"],
    );
    assert_eq!(calls, set(&[&[111, 100, nr::EXIT], &MOVING]), "down and up");
}

#[test]
fn a_move_between_siblings_stays_in_the_container() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let calls = recorded(
        &testbed,
        &daemon,
        &WHOLE_TREE,
        &["c", "da", "db", "ma", "111", "mb", "100", "ma", "121"],
    );
    assert_eq!(
        calls,
        set(&[&[111, 100, 121, nr::EXIT], &MOVING]),
        "there and back"
    );
    let calls = recorded(
        &testbed,
        &daemon,
        &WHOLE_TREE,
        &["c", "da", "db", "ma", "111", "mb", "100", "m", "121"],
    );
    assert_eq!(
        calls,
        set(&[&[111, 100, 121, nr::EXIT], &MOVING]),
        "and up to where it began"
    );
}

#[test]
fn a_process_of_the_host_that_enters_is_not_the_containers() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let container = run_script(&testbed, &[], &["111", "s4000", "100"]);
    let pid = container.pid().to_string();
    // The program is at /probe in the container's mount namespace only: if it runs, it has entered.
    let mut nsenter = Command::new("nsenter");
    nsenter.args([
        "-t", &pid, "-m", "-p", "-n", "/probe", "121", "124", "95", "146", "n",
    ]);
    let entered = run(&mut nsenter, Duration::from_secs(10));
    assert!(entered.success(), "nsenter: {entered}");
    assert!(
        container.inspect("{{.State.Running}}") == "true",
        "the container ended before it was entered"
    );
    assert_eq!(container.wait(), 0);
    let calls = observed(&ended(&daemon, &container.name));
    assert_eq!(calls, set(&[&[111, 100, nr::NANOSLEEP, nr::EXIT]]));
}
