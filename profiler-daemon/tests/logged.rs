//! **As it happens**: what a filter refuses, kills for, traps or has logged shows in `watch`, named right.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod followed;
mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::path::Path;

use followed::Followed;
use serde_json::{Value, json};
use shown::{at_probe, bare_probe};
use testbed::{Container, Daemon, Testbed};

/// A filter that allows everything but what the rules say.
fn filter(daemon: &Daemon, name: &str, default: &str, rules: &Value) -> String {
    let file = daemon.file(name);
    let profile = json!({
        "defaultAction": default,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": rules,
    });
    std::fs::write(&file, profile.to_string()).expect("the profile can be written");
    format!("--security-opt=seccomp={}", file.display())
}

fn run(testbed: &Testbed, program: &Path, options: &[&str]) -> Container {
    let volume = at_probe(program);
    let mut words = options.to_vec();
    words.extend([volume.as_str(), "pb-busybox", "/probe"]);
    Container::run(testbed, &words)
}

fn of(container: &Container, event: &str, call: &str) -> impl Fn(&Value) -> bool {
    let wanted = (json!(event), json!(container.id), json!(call));
    move |event: &Value| {
        (&event["event"], &event["id"], &event["call"]) == (&wanted.0, &wanted.1, &wanted.2)
    }
}

#[test]
fn every_way_of_refusing_is_told_as_it_happens() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let watch = Followed::watch(&daemon);
    let dies = bare_probe("sys(39,0,0,0); sys(100,0,0,0); return 9;", &[]);
    for (action, runtime, with) in [
        ("SCMP_ACT_KILL_PROCESS", "--runtime=runc13", json!("sigsys")),
        ("SCMP_ACT_KILL_THREAD", "--runtime=runc11", json!("sigsys")),
        ("SCMP_ACT_TRAP", "--runtime=crun", json!("sigsys")),
        ("SCMP_ACT_ERRNO", "--runtime=runc13", json!({"errno": 1})),
    ] {
        let rules = json!([{"names": ["times"], "action": action}]);
        let option = filter(&daemon, "refuse.json", "SCMP_ACT_ALLOW", &rules);
        let container = run(&testbed, &dies, &[&option, runtime]);
        let told = watch.once(action, of(&container, "call", "times"));
        assert_eq!(
            (
                &told["name"],
                &told["refused"],
                &told["count"],
                &told["abi"]
            ),
            (&json!(container.name), &with, &json!(1), &json!("x86_64")),
            "{action}"
        );
        assert_eq!(told["first"]["exe"], "/probe", "{action}");
        let logged =
            watch.those(|event| event["event"] == "logged" && event["id"] == *container.id);
        assert_eq!(
            logged,
            Vec::<Value>::new(),
            "{action}: the kernel has it in its log, as a refusal"
        );
    }
}

#[test]
fn a_refusal_that_goes_on_is_told_with_its_count() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let watch = Followed::watch(&daemon);
    let goes_on = bare_probe(
        "long nap[2] = {0, 100000000};
         for (;;) { sys(100, 0, 0, 0); sys(100, 0, 0, 0); sys(35, (long)nap, 0, 0); }
         return 0;",
        &[],
    );
    let rules = json!([{"names": ["times"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]);
    let option = filter(&daemon, "errno.json", "SCMP_ACT_ALLOW", &rules);
    let container = run(&testbed, &goes_on, &[&option]);
    let told = watch.at_least(3, "times", of(&container, "call", "times"));
    let counts: Vec<u64> = told
        .iter()
        .filter_map(|event| event["count"].as_u64())
        .collect();
    assert_eq!(counts.first(), Some(&1), "{counts:?}");
    assert!(counts.is_sorted_by(|one, next| one < next), "{counts:?}");
    assert!(counts.get(2).is_some_and(|count| *count > 4), "{counts:?}");
}

#[test]
fn what_a_filter_has_logged_is_told_and_named() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let status = daemon.ctl(&["status"]).stdout;
    assert!(!status.contains("log cannot be read"), "{status}");
    let watch = Followed::watch(&daemon);
    // times, thrice; of another ABI too, under a name of its own choice; then it stays.
    let program = bare_probe(
        "long nap[2] = {600, 0};
         sys(157, 15, (long)\"pid=1 \\\"x\", 0);
         for (int n = 0; n < 3; n++) sys(100, 0, 0, 0);
         int80(43, 0, 0, 0);
         sys(1073741824 + 100, 0, 0, 0);
         sys(35, (long)nap, 0, 0);
         return 0;",
        &[],
    );
    for runtime in ["--runtime=runc13", "--runtime=runc11", "--runtime=crun"] {
        let rules = json!([{"names": ["times"], "action": "SCMP_ACT_LOG"}]);
        let option = filter(&daemon, "log.json", "SCMP_ACT_ALLOW", &rules);
        let container = run(&testbed, &program, &[&option, runtime]);
        for (abi, count) in [("x86_64", 3), ("i386", 1), ("x32", 1)] {
            let meant = of(&container, "logged", "times");
            let counted = |event: &Value| meant(event) && event["abi"] == abi;
            let told =
                testbed::eventually("all are told", std::time::Duration::from_secs(20), || {
                    let told = watch.those(counted);
                    let sum: u64 = told
                        .iter()
                        .filter_map(|event| event["count"].as_u64())
                        .sum();
                    assert!(sum <= count, "{runtime} {abi}: {told:?}");
                    (sum == count).then_some(told)
                });
            assert_eq!(
                (&told[0]["last"]["exe"], &told[0]["last"]["comm"]),
                (&json!("/probe"), &json!("pid=1 \"x")),
                "{runtime} {abi}"
            );
            assert_eq!(told[0]["last"]["pid"], container.pid(), "{runtime}");
        }
        let others = watch.those(|event| {
            event["event"] == "logged" && event["id"] == *container.id && event["call"] != "times"
        });
        assert_eq!(others, Vec::<Value>::new(), "{runtime}");
    }
}

#[test]
fn a_flood_of_logged_calls_is_one_event_a_second() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let watch = Followed::watch(&daemon);
    let program = bare_probe(
        "for (int n = 0; n < 3000; n++) { sys(39, 0, 0, 0); sys(1000 + n, 0, 0, 0); }
         long nap[2] = {600, 0};
         sys(35, (long)nap, 0, 0);
         return 0;",
        &[],
    );
    // Whatever it calls is logged, all but what it takes to start.
    let start = json!([{"names": ["execve", "futex", "close", "read", "write", "nanosleep"], "action": "SCMP_ACT_ALLOW"}]);
    let option = filter(&daemon, "all.json", "SCMP_ACT_LOG", &start);
    let container = run(&testbed, &program, &[&option]);
    watch.at_least(2, "getpid", of(&container, "logged", "getpid"));
    let told = watch.those(|event| event["event"] == "logged" && event["id"] == *container.id);
    let mut last = std::collections::BTreeMap::new();
    for event in &told {
        let at = event["at_ms"].as_u64().expect("a time");
        let key = (event["abi"].to_string(), event["call"].to_string());
        if let Some(before) = last.insert(key, at) {
            assert!(at - before >= 1000, "{event}");
        }
    }
    let names: std::collections::BTreeSet<_> =
        told.iter().map(|event| event["call"].to_string()).collect();
    assert!(
        names.len() < 100,
        "numbers without end are one: {}",
        names.len()
    );
    assert_eq!(daemon.ctl(&["show", &container.name]).status, Some(0));
}

/// A daemon of a test's own making; it and its pins are gone with it.
struct WithoutAudit {
    child: std::process::Child,
    folder: tempfile::TempDir,
    pins: String,
}

impl WithoutAudit {
    fn start(testbed: &Testbed) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pins = format!("/sys/fs/bpf/profiler-test-{}-deaf", std::process::id());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let child = std::process::Command::new("setpriv")
            .args(["--bounding-set", "-audit_read", "--inh-caps", "-audit_read"])
            .arg(env!("CARGO_BIN_EXE_profilerd"))
            .args(["--socket", &at("s"), "--state-dir", &at("state")])
            .args(["--pin-dir", &pins, "--docker", &testbed.url()])
            .stdin(std::process::Stdio::null())
            .spawn()
            .expect("setpriv starts");
        Self {
            child,
            folder,
            pins,
        }
    }

    fn ctl(&self, words: &[&str]) -> testbed::Ended {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_profilectl"));
        command
            .arg("--socket")
            .arg(self.folder.path().join("s"))
            .args(words);
        testbed::run(&mut command, std::time::Duration::from_secs(30))
    }
}

impl Drop for WithoutAudit {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
        let mut unload = std::process::Command::new(env!("CARGO_BIN_EXE_profilerd"));
        unload.args(["--unload", "--pin-dir", &self.pins]);
        testbed::run(&mut unload, std::time::Duration::from_secs(20));
    }
}

#[test]
fn a_daemon_that_may_not_read_the_log_says_so_and_does_all_else() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = WithoutAudit::start(&testbed);
    let patience = std::time::Duration::from_secs(30);
    testbed::eventually("it says what it cannot do", patience, || {
        let status = daemon.ctl(&["status", "--format", "json"]);
        let told = status.stdout.contains("CAP_AUDIT_READ");
        assert!(
            told || status.status != Some(0),
            "it took itself for healthy: {status}"
        );
        told.then_some(())
    });
    let program = bare_probe("sys(39,0,0,0); return 9;", &[]);
    let container = run(&testbed, &program, &[]);
    assert_eq!(container.wait(), 9);
    testbed::eventually("it records", patience, || {
        let shown = daemon.ctl(&["explain", &container.name, "getpid"]).stdout;
        shown.contains("first seen").then_some(())
    });
}
