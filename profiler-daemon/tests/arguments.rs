//! **Arguments that decide**: values are recorded as sets, exported as conditions that the kernel then enforces, and
//! never taken for whole when they may not be.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shown::{Refusals, Shown, at_probe, bare_probe, read_json};
use testbed::{Container, Daemon, Testbed};

const RUNTIMES: [&str; 3] = ["--runtime=runc11", "--runtime=runc13", "--runtime=crun"];

/// Runs a probe to its end.
fn run(testbed: &Testbed, program: &Path, options: &[&str]) -> (i32, Container) {
    let volume = at_probe(program);
    let mut words = options.to_vec();
    words.extend([volume.as_str(), "pb-busybox", "/probe"]);
    let container = Container::run(testbed, &words);
    (container.wait(), container)
}

/// Exports with `--args` once the container's end was seen.
fn narrowed(daemon: &Daemon, container: &str, name: &str) -> PathBuf {
    Shown::ended(daemon, container);
    let file = daemon.file(name);
    let path = file.display().to_string();
    daemon.ctl_ok(&["export", container, "--args", "-o", &path]);
    file
}

/// The `args` of every rule of a name; empty where it has one without any.
fn conditions(profile: &Path, name: &str) -> Vec<Value> {
    let profile = read_json(profile);
    let rules = profile["syscalls"].as_array().expect("rules").iter();
    let own = rules.filter(|rule| {
        let names = rule["names"].as_array().expect("names");
        names.iter().any(|one| one == name)
    });
    own.filter_map(|rule| rule["args"].as_array().filter(|args| !args.is_empty()))
        .map(|args| Value::Array(args.clone()))
        .collect()
}

/// The values that `show` has of a call's arguments.
fn seen(shown: &Shown, name: &str) -> Value {
    let calls = shown.0["calls"].as_array().expect("calls");
    let call = calls.iter().find(|call| call["name"] == name);
    call.map_or(Value::Null, |call| call["arguments"].clone())
}

/// socket(AF_INET, SOCK_STREAM), socket(AF_UNIX, SOCK_DGRAM), ioctl(0, TCGETS), ioctl(0, TIOCGWINSZ),
/// personality(0xffffffff): what is asked and not changed.
const USED: &str = "for (int n = 0; n < 3; n++) {
        if (sys(41, 2, 1, 0) < 0) return 1;
        if (sys(41, 1, 2, 0) < 0) return 2;
        sys(16, 0, 0x5401, 0);
        sys(16, 0, 0x5413, 0);
        if (sys(135, 0xffffffff, 0, 0) < 0) return 3;
    }";

#[test]
fn a_family_that_was_seen_is_allowed_and_another_is_refused() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start_with(&testbed, &["--args"]);
    let (status, recorded) = run(
        &testbed,
        &bare_probe(&format!("{USED} return 9;"), &[]),
        &[],
    );
    assert_eq!(status, 9, "{}", recorded.logs());
    let profile = narrowed(&daemon, &recorded.name, "narrow.json");
    let shown = Shown::ended(&daemon, &recorded.name);
    assert_eq!(
        seen(&shown, "socket"),
        json!({"places": [0, 1], "seen": [[1, 2], [2, 1]]})
    );
    assert_eq!(
        seen(&shown, "ioctl"),
        json!({"places": [1], "seen": [[0x5401], [0x5413]]})
    );
    assert_eq!(conditions(&profile, "socket").len(), 2);
    // Without --args the profile holds none.
    assert_eq!(
        conditions(&daemon.export(&recorded.name, "wide.json"), "socket"),
        [] as [Value; 0]
    );

    // The same, and AF_VSOCK, AF_INET with the other's type, an ioctl that was not made, another personality; and
    // AF_INET with bits that the kernel drops, which is the same call.
    let more = bare_probe(
        &format!(
            "{USED}
             if (sys(41, 0x700000002, 1, 0) < 0) return 4;
             if (sys(41, 40, 1, 0) != -1) return 5;
             if (sys(41, 2, 2, 0) != -1) return 6;
             if (sys(16, 0, 0x5412, 0) != -1) return 7;
             if (sys(135, 0x0040000, 0, 0) != -1) return 8;
             return 9;"
        ),
        &[],
    );
    let option = format!("--security-opt=seccomp={}", profile.display());
    for runtime in RUNTIMES {
        let (status, confined) = run(&testbed, &more, &[runtime, &option]);
        assert_eq!(status, 9, "{runtime}: {}", confined.logs());
        let expected: Refusals = [("socket", 2), ("ioctl", 1), ("personality", 1)]
            .map(|(name, count)| ((name.to_owned(), "1".to_owned()), count))
            .into();
        let shown = Shown::ended(&daemon, &confined.name);
        assert_eq!(shown.refused(), expected, "{runtime}");
        // A refused call's values are not among those that were used.
        assert_eq!(
            seen(&shown, "socket"),
            json!({"places": [0, 1], "seen": [[1, 2], [2, 1]]}),
            "{runtime}"
        );
    }
}

#[test]
fn beyond_the_bound_any_value_counts_as_used() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start_with(&testbed, &["--args"]);
    // 32 ioctls are kept, 33 are too many; of keyctl (refused by the default profile) none is made.
    let body = |count: u32| {
        format!(
            "for (int n = 0; n < {count}; n++) sys(16, 0, 0x5400 + n, 0); sys(250, 1, 0, 0); return 9;"
        )
    };
    for (count, kept) in [(32, true), (33, false), (200, false)] {
        let (status, container) = run(&testbed, &bare_probe(&body(count), &[]), &[]);
        assert_eq!(status, 9, "{}", container.logs());
        let shown = Shown::ended(&daemon, &container.name);
        let values = seen(&shown, "ioctl");
        assert_eq!(
            values["seen"].as_array().map(Vec::len),
            kept.then_some(32),
            "{values}"
        );
        let profile = narrowed(&daemon, &container.name, "any.json");
        let expected = if kept { 32 } else { 0 };
        assert_eq!(conditions(&profile, "ioctl").len(), expected);
        assert_eq!(seen(&shown, "keyctl"), Value::Null);
    }
}

#[test]
fn what_may_have_been_used_unseen_is_not_narrowed() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let mut daemon = Daemon::start(&testbed);
    // A socket of each of two families, then one of a third whenever it is told to.
    let program = bare_probe(
        "sys(41, 2, 1, 0); sys(41, 1, 2, 0);
         for (;;) { char c; if (sys(0, 0, (long)&c, 1) != 1) return 9; sys(41, 16, 3, 0); }",
        &[],
    );
    let volume = at_probe(&program);
    let start = || {
        Container::run(
            &testbed,
            &["--interactive", &volume, "pb-busybox", "/probe"],
        )
    };
    let waits = |daemon: &Daemon, container: &Container| {
        Shown::once(daemon, &container.name, "it waits", |shown| {
            shown.observed("x86_64").contains("read")
        })
    };
    let early = start();
    waits(&daemon, &early);
    daemon.restart_with(&["--args"]);
    let late = start();
    let shown = waits(&daemon, &late);
    assert_eq!(
        seen(&shown, "socket"),
        json!({"places": [0, 1], "seen": [[1, 2], [2, 1]]})
    );
    assert_eq!(seen(&waits(&daemon, &early), "socket"), Value::Null);
    // A daemon that is killed and comes back missed nothing.
    daemon.kill9();
    daemon.restart();
    assert_eq!(
        seen(&waits(&daemon, &late), "socket"),
        seen(&shown, "socket")
    );
    // One that runs without --args for a while may have.
    daemon.restart_with(&[]);
    assert_eq!(seen(&waits(&daemon, &late), "socket"), Value::Null);
    daemon.restart_with(&["--args"]);
    assert_eq!(seen(&waits(&daemon, &late), "socket"), Value::Null);
    let again = start();
    assert_ne!(seen(&waits(&daemon, &again), "socket"), Value::Null);
}

#[test]
fn a_call_that_a_filter_judges_by_arguments_is_recorded_with_them() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start_with(&testbed, &["--args"]);
    // fchmod is in no list of calls whose arguments decide; this profile makes it one.
    let file = daemon.file("fchmod.json");
    let rules = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{
            "names": ["fchmod"], "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 1, "value": 0o4000, "valueTwo": 0o4000, "op": "SCMP_CMP_MASKED_EQ"}],
        }],
    });
    std::fs::write(&file, rules.to_string()).expect("written");
    let option = format!("--security-opt=seccomp={}", file.display());
    let program = bare_probe(
        "sys(91, -1, 0644, 0); sys(91, -1, 04755, 0); return 9;",
        &[],
    );
    // The first start teaches which argument matters, the second is recorded with it.
    let (_, first) = run(&testbed, &program, &[&option]);
    Shown::ended(&daemon, &first.name);
    let (_, second) = run(&testbed, &program, &[&option]);
    let shown = Shown::ended(&daemon, &second.name);
    assert_eq!(
        seen(&shown, "fchmod"),
        json!({"places": [1], "seen": [[0o644]]})
    );
    let refused: BTreeSet<_> = shown.refused().into_keys().collect();
    assert_eq!(refused, [("fchmod".to_owned(), "1".to_owned())].into());
}
