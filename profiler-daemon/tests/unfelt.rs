//! A container does not feel that it is looked at: whatever is asked about it, no call of it is interrupted, and nobody
//! traces or stops it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "active_verdicts/attached.rs"]
mod attached;
mod kernel_oracle;
mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use shown::at_probe;
use testbed::{Container, Daemon, Testbed, compile_c, eventually};

/// How often each question is asked.
const ROUNDS: usize = 12;

/// Nearly always in epoll_wait, which a stop ends with EINTR whatever the signals say. Tells how many waits there were,
/// and how many failed, some ten times a second.
const WAITER: &str = r"
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
int main(void) {
    int set = epoll_create1(0);
    struct epoll_event event;
    for (unsigned long waits = 1, errors = 0;; waits++) {
        if (epoll_wait(set, &event, 1, 5) < 0) errors++;
        if (waits % 20 == 0) { printf(`%lu %lu\n`, waits, errors); fflush(stdout); }
    }
}
";

/// Waits so far, and how many of them failed.
fn waits(container: &Container) -> (u64, u64) {
    let logs = container.logs();
    let last = logs.lines().last().unwrap_or("0 0");
    let (waits, errors) = last.split_once(' ').expect("two numbers");
    let number = |word: &str| word.parse().expect("a number");
    (number(waits), number(errors))
}

/// Once it has waited some more times.
fn waits_later(container: &Container) -> u64 {
    let (before, _) = waits(container);
    eventually("more waits", Duration::from_secs(30), || {
        let (now, errors) = waits(container);
        (now > before + 40).then_some(errors)
    })
}

/// Looks at a process again and again until told to stop; each state that it was in, and who traced it.
fn watched(pid: i32, stop: &AtomicBool) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let lines = status.lines();
        seen.extend(
            lines
                .filter(|line| line.starts_with("State:") || line.starts_with("TracerPid:"))
                .map(|line| {
                    line.split_whitespace()
                        .take(2)
                        .collect::<Vec<_>>()
                        .join(" ")
                }),
        );
        thread::sleep(Duration::from_micros(200));
    }
    seen
}

#[test]
fn nothing_that_is_asked_stops_or_interrupts_a_container() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = compile_c(&WAITER.replace('`', "\""), &["-static"]);
    let container = Container::run(&testbed, &[&at_probe(&program), "pb-busybox", "/probe"]);
    let name = container.name.as_str();
    let active = format!("active:{name}");
    let pid = container.pid();
    assert_eq!(waits_later(&container), 0, "before anything was asked");
    let stop = AtomicBool::new(false);
    let (seen, statuses) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watched(pid, &stop));
        let mut statuses = BTreeSet::new();
        for _ in 0..ROUNDS {
            for words in [
                &["audit", name][..],
                &["audit", name, "--candidate", name],
                &["audit", name, "--candidate", "docker-default"],
                &["eval", &active, "mount"],
                &["diff", "docker-default", &active],
                &["show", name],
                &["explain", name],
                &["export", name, "-o", "-"],
            ] {
                let ended = daemon.ctl(words);
                assert!(matches!(ended.status, Some(0 | 1)), "{words:?}: {ended}");
                statuses.insert((words[0].to_owned(), ended.status));
            }
        }
        stop.store(true, Ordering::Relaxed);
        (watcher.join().expect("the watcher"), statuses)
    });
    println!("{statuses:?}; the process was seen as {seen:?}");
    assert_eq!(waits_later(&container), 0, "waits that failed");
    assert!(seen.contains("TracerPid: 0"), "{seen:?}");
    for seen in &seen {
        // t is stopped by a tracer, T by a signal.
        let fine = ["State: S", "State: R", "State: D", "TracerPid: 0"];
        assert!(fine.contains(&seen.as_str()), "{seen}");
    }

    // A tracer is felt, so this would have been seen; not each time, for between two waits there is nothing to interrupt.
    eventually("a stop is felt", Duration::from_secs(30), || {
        assert_eq!(attached::filters(pid).len(), 1);
        (waits_later(&container) > 0).then_some(())
    });
}
