//! What audit calls safe is safe, and what it says would break breaks: three servers are recorded under load, and run
//! under their exports, whole and with one used call taken out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "starts/loads.rs"]
#[allow(dead_code, reason = "the services of another test file are in it too")]
mod loads;
#[path = "starts/side_by_side.rs"]
mod side_by_side;
#[allow(
    unreachable_pub,
    reason = "shared by several test files, in each of which it is a private module"
)]
mod testbed;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use profiler_daemon::profile::{abi::Abi, call::Call, table};
use serde_json::{Value, json};
use testbed::{Container, Daemon, Testbed, eventually};

/// An image, what is asked of it, and calls that only answering takes.
struct Service {
    image: &'static str,
    load: fn(&Container),
    /// Asks, and does not mind the answer.
    poke: fn(&Container),
    /// Each is taken out of the profile in turn. Without some others the program goes another way, by calls that it
    /// never made before and is refused too: redis that cannot rename its file removes it.
    used: &'static [&'static str],
}

fn audit(daemon: &Daemon, words: &[&str]) -> (Option<i32>, Value) {
    let ended = daemon.ctl(&[&["audit"], words, &["--format", "json"]].concat());
    let value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("audit {}: {error}; {ended}", words.join(" ")));
    (ended.status, value)
}

/// The names of the calls that were refused, but for "there is no such call", which a libc copes with.
fn refused(daemon: &Daemon, container: &Container) -> BTreeSet<String> {
    let (_, found) = audit(daemon, &[&container.name]);
    let refusals = found["refused"].as_array().expect("refusals").iter();
    refusals
        .filter(|refusal| refusal["with"]["errno"] != 38)
        .map(|refusal| {
            let abi = refusal["call"]["abi"].as_str().and_then(Abi::named);
            let nr = refusal["call"]["nr"].as_u64().expect("a number");
            let nr = u32::try_from(nr).expect("a call's number");
            table::display_name(Call::new(abi.expect("an ABI"), nr))
        })
        .collect()
}

impl Service {
    fn run(&self, testbed: &Testbed, profile: &Path) -> Container {
        let option = format!("--security-opt=seccomp={}", profile.display());
        Container::run(testbed, &[&option, self.image])
    }

    fn prove(&self) {
        let Some(testbed) = Testbed::get() else {
            return;
        };
        let daemon = Daemon::start(&testbed);
        let recorded = Container::run(&testbed, &[self.image]);
        (self.load)(&recorded);
        (self.load)(&recorded);
        recorded.stop();
        let what = format!("{} is complete", self.image);
        eventually(&what, Duration::from_secs(20), || {
            let shown = daemon.ctl_json(&["show", &recorded.name]);
            (shown["stop_seen"] == true).then_some(())
        });
        let own = daemon.export(&recorded.name, "own.json");
        let file = own.display().to_string();
        let (status, found) = audit(&daemon, &[&recorded.name, "--candidate", &file]);
        assert_eq!(status, Some(0), "{}: {found}", self.image);
        assert_eq!(found["safe"], true, "{}: {}", self.image, found["verdict"]);

        let enforced = self.run(&testbed, &own);
        (self.load)(&enforced);
        enforced.stop();
        assert_eq!(
            refused(&daemon, &enforced),
            BTreeSet::new(),
            "{}",
            self.image
        );

        for name in self.used {
            self.break_by(&testbed, &daemon, &recorded, &own, name);
        }
    }

    /// Takes a used call out of the profile: audit names it and no other, and it alone is refused then.
    fn break_by(
        &self,
        testbed: &Testbed,
        daemon: &Daemon,
        recorded: &Container,
        own: &Path,
        name: &str,
    ) {
        let what = format!("{} without {name}", self.image);
        let explained = daemon.ctl_json(&["explain", &recorded.name, name]);
        assert_eq!(
            explained[0]["reasons"],
            json!(["observed"]),
            "{what}: only the program needs it"
        );
        let lesser = daemon.file(&format!("without-{name}.json"));
        let (from, to) = (own.display().to_string(), lesser.display().to_string());
        daemon.ctl_ok(&["edit", &from, "--deny", name, "-o", &to]);
        let (status, found) = audit(daemon, &[&recorded.name, "--candidate", &to]);
        assert_eq!(status, Some(1), "{what}: {found}");
        assert_eq!(found["safe"], false, "{what}");
        let breaks = found["candidate"]["breaks"].as_array().expect("a list");
        let breaks: Vec<&Value> = breaks.iter().map(|one| &one["call"]).collect();
        assert_eq!(breaks, [&json!(name)], "{what}");
        assert_eq!(found["candidate"]["may_break"], json!([]), "{what}");

        let broken = self.run(testbed, &lesser);
        eventually(
            &format!("{what} is refused it"),
            Duration::from_secs(30),
            || {
                (self.poke)(&broken);
                refused(daemon, &broken).contains(name).then_some(())
            },
        );
        broken.stop();
        assert_eq!(
            refused(daemon, &broken),
            BTreeSet::from([name.to_owned()]),
            "{what}"
        );
        println!("{what}: refused it, and nothing else");
    }
}

#[test]
fn nginx() {
    Service {
        image: "pb-nginx",
        load: loads::nginx,
        poke: |container| drop(loads::fetch(container, 80, "/", Duration::from_secs(1))),
        used: &["accept4", "writev", "sendfile"],
    }
    .prove();
}

#[test]
fn redis() {
    Service {
        image: "pb-redis",
        load: loads::redis,
        poke: |container| {
            let request = "SET key other\r\nBGSAVE\r\n";
            drop(loads::talk(
                container,
                6379,
                request,
                Duration::from_secs(1),
            ));
        },
        used: &["accept4", "getpeername"],
    }
    .prove();
}

#[test]
fn python() {
    Service {
        image: "pb-python",
        load: loads::python,
        poke: |container| drop(loads::fetch(container, 8000, "/", Duration::from_secs(1))),
        used: &["accept4", "sendto", "recvfrom"],
    }
    .prove();
}
