//! Servers under load: recorded under Docker's default profile and runtime, run under their own in every runtime.

use std::time::Instant;

use crate::exported::{Profile, refusals, seccomp, stop, stop_and_export};
use crate::side_by_side::side_by_side;
use crate::testbed::{Container, Daemon, Testbed};
use crate::{RUNTIMES, loads, turn};

/// An image, and what is asked of it; panics unless it answers right.
struct Service {
    image: &'static str,
    load: fn(&Container),
}

impl Service {
    /// Records it, runs it under its profile in every runtime, and returns the profile.
    fn prove(&self, testbed: &Testbed) -> Profile {
        let begin = Instant::now();
        let daemon = Daemon::start(testbed);
        let recorded = Container::run(testbed, &[self.image]);
        (self.load)(&recorded);
        // Once more, for what a second turn does that a first does not, such as to use memory again.
        (self.load)(&recorded);
        let profile = stop_and_export(&daemon, &recorded);
        let option = seccomp(&profile);
        side_by_side(&RUNTIMES, |runtime| {
            let what = format!("{} under {runtime}", self.image);
            let words = ["--runtime", runtime, "--security-opt", &option, self.image];
            let container = Container::run(testbed, &words);
            (self.load)(&container);
            assert!(container.exec(&["true"]).success(), "{what}: exec");
            stop(&container, &what);
            let refused = refusals(&daemon, &container);
            assert!(refused.is_empty(), "{what} was refused: {refused:#?}");
        });
        let profile = Profile::read(&profile);
        let allowed = profile.allowed().len();
        println!(
            "{}: {allowed} names, 3 of 3 runtimes, in {:?}",
            self.image,
            begin.elapsed()
        );
        profile
    }
}

#[test]
fn nginx_serves_pages() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    Service {
        image: "pb-nginx",
        load: loads::nginx,
    }
    .prove(&testbed);
}

#[test]
fn apache_serves_a_page_made_by_php() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    Service {
        image: "pb-apache",
        load: loads::apache,
    }
    .prove(&testbed);
}

#[test]
fn redis_keeps_what_it_is_told() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    Service {
        image: "pb-redis",
        load: loads::redis,
    }
    .prove(&testbed);
}

#[test]
fn python_starts_threads_without_clone3() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let _turn = turn();
    let profile = Service {
        image: "pb-python",
        load: loads::python,
    }
    .prove(&testbed);
    // Docker's default answers ENOSYS, glibc falls back to clone, and so it must remain.
    assert_eq!(profile.errno("clone3"), Some(38));
    let allowed = profile.allowed();
    assert!(
        allowed.contains("clone") && !allowed.contains("clone3"),
        "{allowed:?}"
    );
}
