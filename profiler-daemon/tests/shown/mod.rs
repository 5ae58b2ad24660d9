//! What `profilectl show` tells of a container, put as tests ask for it; and probes without a libc.

#![allow(
    dead_code,
    reason = "every test file takes in the whole module and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

pub(crate) mod by_hand;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::testbed::{Daemon, compile_c, eventually};

/// How long news may take to reach the daemon on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One container, as the daemon's JSON has it.
pub(crate) struct Shown(pub(crate) Value);

/// What a caller got, and how often.
pub(crate) type Refusals = BTreeMap<(String, String), u64>;

impl Shown {
    /// As it is now; nothing where the daemon knows no such container.
    pub(crate) fn now(daemon: &Daemon, container: &str) -> Option<Self> {
        let ended = daemon.ctl(&["show", container, "--format", "json"]);
        match ended.status {
            Some(0) => Some(Self(
                serde_json::from_str(&ended.stdout).expect("show prints JSON"),
            )),
            Some(4) => None,
            _ => panic!("profilectl show {container}: {ended}"),
        }
    }

    /// Once it is as wanted.
    pub(crate) fn once(
        daemon: &Daemon,
        container: &str,
        what: &str,
        wanted: impl Fn(&Self) -> bool,
    ) -> Self {
        eventually(&format!("{container}: {what}"), PATIENCE, || {
            Self::now(daemon, container).filter(|shown| wanted(shown))
        })
    }

    /// Once its end was seen: nothing can be added any more.
    pub(crate) fn ended(daemon: &Daemon, container: &str) -> Self {
        Self::once(daemon, container, "its end is seen", |shown| {
            shown.0["stop_seen"] == true && shown.0["summary"]["identity"]["running"] == false
        })
    }

    /// Names of the observed calls of one ABI.
    pub(crate) fn observed(&self, abi: &str) -> BTreeSet<String> {
        self.calls()
            .filter(|call| call["observed"] == true && call["abi"] == abi)
            .map(|call| text(&call["name"]))
            .collect()
    }

    /// Of each observed call that returned: how often.
    pub(crate) fn tallies(&self) -> BTreeMap<String, u64> {
        self.calls()
            .filter(|call| call["observed"] == true)
            .filter_map(|call| Some((text(&call["name"]), call["tally"]["calls"].as_u64()?)))
            .collect()
    }

    /// What was refused to the container's own programs: name and answer, and how often.
    pub(crate) fn refused(&self) -> Refusals {
        let mut refused = Refusals::new();
        for call in self.calls() {
            for refusal in self.refusals().filter(|refusal| {
                refusal["call"]["abi"] == call["abi"] && refusal["call"]["nr"] == call["nr"]
            }) {
                let with = match refusal["with"]["errno"].as_u64() {
                    Some(errno) => errno.to_string(),
                    None => text(&refusal["with"]),
                };
                let count = refusal["count"].as_u64().expect("a count");
                refused.insert((text(&call["name"]), with), count);
            }
        }
        assert_eq!(
            refused.len(),
            self.refusals().count(),
            "each refusal has its call: {}",
            self.0
        );
        refused
    }

    /// The refusals to the container's own programs.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = &Value> {
        let all = self.0["refusals"].as_array().expect("refusals");
        all.iter().filter(|refusal| refusal["by_runtime"] == false)
    }

    /// Codes of what it lacks to be complete.
    pub(crate) fn shortfalls(&self) -> BTreeSet<String> {
        let all = &self.0["summary"]["completeness"]["shortfalls"];
        let all = all.as_array().expect("shortfalls").iter();
        all.map(|shortfall| text(&shortfall["code"])).collect()
    }

    fn calls(&self) -> impl Iterator<Item = &Value> {
        self.0["calls"].as_array().expect("calls").iter()
    }
}

/// A JSON string.
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no string: {value}"))
        .to_owned()
}

/// A set of names.
pub(crate) fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

/// The rule of an exported profile that has this name: its action and errno.
pub(crate) fn rule_of(profile: &Path, name: &str) -> Option<(String, Option<u64>)> {
    let profile = read_json(profile);
    let rules = profile["syscalls"].as_array().expect("rules");
    let has = |rule: &&Value| {
        rule["names"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    rules
        .iter()
        .find(has)
        .map(|rule| (text(&rule["action"]), rule["errnoRet"].as_u64()))
}

/// A JSON file.
pub(crate) fn read_json(file: &Path) -> Value {
    let bytes = std::fs::read(file).expect("the file can be read");
    serde_json::from_slice(&bytes).expect("it is JSON")
}

/// A program that is nothing but calls, up to its body.
const BARE: &str = concat!(
    include_str!("../bare/calls.h"),
    r#"
#ifdef __x86_64__
#define LEAVE(status) sys(231, status, 0, 0)
#else
#define LEAVE(status) int80(252, status, 0, 0)
#endif
static int probe(void);
__attribute__((force_align_arg_pointer)) void _start(void) { LEAVE(probe()); for (;;) ; }
static int probe(void) {
"#
);

/// Compiles the body of a function that returns the exit status, around `sys` and `int80`.
pub(crate) fn bare_probe(body: &str, flags: &[&str]) -> PathBuf {
    let mut all = vec![
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-fno-stack-protector",
        "-fno-pie",
        "-no-pie",
    ];
    all.extend(flags);
    compile_c(&format!("{BARE}{body}\n}}\n"), &all)
}

/// The option of `docker run` that puts a program at `/probe`.
pub(crate) fn at_probe(program: &Path) -> String {
    format!("--volume={}:/probe:ro", program.display())
}
