//! Every call of every container is in its record, whatever happens to the daemon, the ring and the news.
//!
//! Each program makes a known set of calls and no other, so whole records are compared. The tests run side by side: the
//! first is 70 seconds long, and the others fit beside it.

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
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use script::{
    borrowed, ended, hundreds_of_calls, loss, nr, observed, run_script, shown, status, words,
};
use testbed::{Container, Daemon, Testbed, eventually};

const UNCONFINED: [&str; 2] = ["--security-opt", "seccomp=unconfined"];

/// The calls a script makes of its own numbers, and what it needs to make them.
fn set(numbers: &[u64], more: &[u64]) -> BTreeSet<u64> {
    numbers.iter().chain(more).copied().collect()
}

#[test]
fn a_rare_call_after_seventy_seconds_is_recorded() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let script = [
        "111", "s10000", "100", "s15000", "121", "s20000", "124", "s25000", "146",
    ];
    let container = run_script(&testbed, &[], &script);
    assert_eq!(container.wait(), 0);
    let shown = ended(&daemon, &container.name);
    assert_eq!(
        observed(&shown),
        set(&[111, 100, 121, 124, 146], &[nr::NANOSLEEP, nr::EXIT])
    );
    assert_eq!(
        shown["summary"]["completeness"]["complete"], true,
        "{shown}"
    );
    // Its last call is reported with the time it was made at: 70 seconds after its first.
    let first_at = |number: u64| {
        let calls = shown["calls"].as_array().expect("calls");
        let call = calls
            .iter()
            .find(|call| call["nr"] == number)
            .expect("a call");
        call["first"]["at_ms"]
            .as_u64()
            .expect("the news of a first sighting")
    };
    let apart = first_at(146) - first_at(111);
    assert!(
        (70_000..75_000).contains(&apart),
        "{apart} ms between the first call and the last"
    );
}

/// Harmless calls under Docker's default filter; a container's number says which of them it makes.
const BITS: [u64; 7] = [111, 100, 121, 124, 95, 146, 99];

#[test]
fn brief_containers_have_right_profiles() {
    const CONTAINERS: usize = 100;
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let runtimes: Vec<&str> = testbed.runtimes.keys().map(String::as_str).collect();
    let next = Mutex::new(0..CONTAINERS);
    let made: Mutex<Vec<(String, BTreeSet<u64>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(number) = next.lock().unwrap().next() else {
                        return;
                    };
                    // 1 to 100, so that each makes a set of its own and none makes none.
                    let own: Vec<u64> = (0..7)
                        .filter(|bit| (number + 1) >> bit & 1 == 1)
                        .map(|bit| BITS[bit])
                        .collect();
                    let mut script = words(own.iter().copied());
                    script.push("s20".to_owned());
                    let runtime = runtimes[number % runtimes.len()];
                    let container =
                        run_script(&testbed, &["--runtime", runtime], &borrowed(&script));
                    assert_eq!(container.wait(), 0);
                    let expected = set(&own, &[nr::NANOSLEEP, nr::EXIT]);
                    made.lock()
                        .unwrap()
                        .push((container.name.clone(), expected));
                }
            });
        }
    });
    let made = made.into_inner().unwrap();
    assert_eq!(made.len(), CONTAINERS);
    let mut wrong = Vec::new();
    for (name, expected) in &made {
        // By name: a record that never got its name is not found.
        let shown = ended(&daemon, name);
        let observed = observed(&shown);
        if observed != *expected || shown["summary"]["completeness"]["complete"] != true {
            wrong.push(format!(
                "{name}: expected {expected:?}, recorded {observed:?}: {}",
                shown["summary"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {CONTAINERS} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_ring_of_one_page_loses_news_but_no_call() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start_with(&testbed, &["--ring-bytes", "4096"]);
    let calls = hundreds_of_calls();
    assert!(calls.len() > 300);
    // All wait for each other's start, so that they storm at once.
    let mut script = words([]);
    script.push("s3000".to_owned());
    script.extend(words(calls.iter().copied()));
    let containers: Vec<Container> = (0..4)
        .map(|_| run_script(&testbed, &UNCONFINED, &borrowed(&script)))
        .collect();
    for container in &containers {
        assert_eq!(container.wait(), 0);
        let shown = ended(&daemon, &container.name);
        let expected = set(&calls, &[nr::NANOSLEEP, nr::EXIT]);
        let observed = observed(&shown);
        let missing: Vec<_> = expected.difference(&observed).collect();
        let added: Vec<_> = observed.difference(&expected).collect();
        assert!(
            missing.is_empty() && added.is_empty(),
            "missing: {missing:?}, added: {added:?}"
        );
        assert_eq!(
            shown["summary"]["completeness"]["lost_calls"], 0,
            "{}",
            shown["summary"]
        );
    }
    let status = status(&daemon);
    assert!(
        loss(&status, "ring_full") > 0,
        "the storm filled no ring, so this shows nothing: {status}"
    );
    let table = daemon.ctl(&["status"]).stdout;
    assert!(table.contains("ring_full (news only)"), "{table}");
}

#[test]
fn a_daemon_killed_twenty_times_misses_nothing() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let mut daemon = Daemon::start(&testbed);
    // seccomp and prctl aside, which may be of the runtime's too: here only what is new each time matters.
    let calls: Vec<u64> = hundreds_of_calls().into_iter().take(150).collect();
    let mut script = Vec::new();
    for call in &calls {
        script.extend([call.to_string(), "s300".to_owned()]);
    }
    let container = run_script(&testbed, &UNCONFINED, &borrowed(&script));
    // By id: a daemon that was killed asks the engine for names again, and that takes a moment.
    let known =
        |daemon: &Daemon| shown(daemon, &container.id).map_or(0, |shown| observed(&shown).len());
    let mut grown = 0;
    let mut before = known(&daemon);
    for _ in 0..20 {
        daemon.kill9();
        // Long enough for a call that no daemon sees.
        std::thread::sleep(Duration::from_millis(400));
        daemon.restart();
        let after = known(&daemon);
        assert!(
            after >= before,
            "{before} calls were known before a kill, {after} after it"
        );
        grown += usize::from(after > before);
        before = after;
    }
    assert!(
        container.inspect("{{.State.Running}}") == "true",
        "the container ended before the last kill"
    );
    assert_eq!(
        grown, 20,
        "each life of the daemon shows calls that the one before had not seen"
    );
    assert_eq!(container.wait(), 0);
    let shown = ended(&daemon, &container.name);
    assert_eq!(observed(&shown), set(&calls, &[nr::NANOSLEEP, nr::EXIT]));
    assert_eq!(shown["start_seen"], true);
    assert_eq!(shown["summary"]["completeness"]["lost_calls"], 0);
}

/// Cgroups that hold records; removed with their guard.
struct Crowd(Vec<PathBuf>);

impl Crowd {
    fn new(name: &str) -> Self {
        // The host's v2 tree, wherever it is mounted.
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
        let line = mounts
            .lines()
            .find(|line| line.contains(" - cgroup2 "))
            .expect("a cgroup v2 mount");
        let root = Path::new(line.split(' ').nth(4).expect("a mount point"));
        let paths =
            (0..40).map(|number| root.join(format!("pb-{name}-{}-{number}", std::process::id())));
        let crowd = Self(paths.collect());
        for path in &crowd.0 {
            std::fs::create_dir(path).expect("a cgroup can be made");
        }
        crowd
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for path in &self.0 {
            drop(std::fs::remove_dir(path));
        }
    }
}

#[test]
fn more_cgroups_than_records_are_counted_and_make_profiles_incomplete() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    // Others on this host take records too, so it may need more than one try to be among the first seven.
    let (daemon, recorded) = eventually(
        "a container that got a record",
        Duration::from_secs(60),
        || {
            let daemon = Daemon::start_with(&testbed, &["--max-cgroups", "8"]);
            let container = run_script(&testbed, &[], &["111", "s6000", "100"]);
            let seen = shown(&daemon, &container.name)
                .is_some_and(|shown| observed(&shown).contains(&111));
            seen.then_some((daemon, container))
        },
    );
    let first = Crowd::new("first");
    let unrecorded = run_script(&testbed, &[], &["121", "s1000"]);
    // Whatever was freed meanwhile is taken, and the rest finds nothing.
    let second = Crowd::new("second");
    let said = status(&daemon);
    assert!(loss(&said, "no_slot") >= 40, "{said}");
    assert_eq!(said["health"], "degraded");
    let table = daemon.ctl(&["status"]);
    assert_eq!(table.status, Some(1), "{table}");
    assert!(table.stdout.contains("no_slot (calls)"), "{table}");
    assert!(table.stdout.contains("--max-cgroups"), "{table}");

    for container in [&recorded, &unrecorded] {
        assert_eq!(container.wait(), 0);
        let refused = daemon.ctl(&["export", &container.name, "--require-complete"]);
        assert_eq!(refused.status, Some(5), "{refused}");
        assert_eq!(
            refused.stdout, "",
            "a profile that is not complete was written"
        );
    }
    let shown = ended(&daemon, &recorded.name);
    assert_eq!(
        observed(&shown),
        set(&[111, 100], &[nr::NANOSLEEP, nr::EXIT])
    );
    let shortfalls = shown["summary"]["completeness"]["shortfalls"].to_string();
    assert!(shortfalls.contains("calls_lost"), "{shortfalls}");
    drop((first, second));
}
