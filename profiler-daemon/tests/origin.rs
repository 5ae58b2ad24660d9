//! Start-up, steady work, exec sessions, health checks and shutdown are told apart on real containers,
//! under every runtime and both kinds of hooks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod testbed;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use aya::programs::{ProgramInfo, loaded_programs};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};
use serde_json::Value;
use testbed::{Container, Daemon, DaemonOptions, Testbed, compile_c, eventually, unprivileged};

const PATIENCE: Duration = Duration::from_secs(30);
const RUNTIMES: [&str; 3] = ["runc11", "runc13", "crun"];

/// `serve` calls listen when it starts, times all the while, sched_get_priority_max once a file is there,
/// and getpgid after SIGTERM. `call NR…` makes those calls and ends.
const PROBE: &str = r#"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile sig_atomic_t told;
static void on_term(int signal) { told = 1; }
int main(int count, char **words) {
    if (count > 1 && strcmp(words[1], "call") == 0) {
        for (int i = 2; i < count; i++)
            syscall(atol(words[i]), 0, 0, 0, 0, 0, 0);
        return 0;
    }
    struct sigaction action = { .sa_handler = on_term };
    sigaction(SIGTERM, &action, 0);
    syscall(SYS_listen, -1, 0);
    for (;;) {
        syscall(SYS_times, 0);
        if (access("/way/later", F_OK) == 0)
            syscall(SYS_sched_get_priority_max, 0);
        if (told) {
            syscall(SYS_getpgid, 0);
            return 0;
        }
        struct timespec pause = { 0, 20000000 };
        nanosleep(&pause, 0);
    }
}
"#;
/// Made by nobody but the shell.
const SHELL: &str = "getrusage";
/// Made by the shell first, and by the program later.
const BOTH: &str = "sched_get_priority_max";
/// Made by nobody but the health check.
const HEALTH: &str = "sched_getparam";
/// What the shell calls: getrusage, sched_get_priority_max.
const SHELL_WORDS: [&str; 4] = ["/way/probe", "call", "98", "146"];

/// The names that a profile allows.
fn allowed(daemon: &Daemon, words: &[&str]) -> BTreeSet<String> {
    let mut all = vec!["export"];
    all.extend(words);
    let profile: Value = serde_json::from_str(&daemon.ctl_ok(&all)).expect("a profile");
    let rules = profile["syscalls"].as_array().expect("rules").iter();
    rules
        .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
        .flat_map(|rule| rule["names"].as_array().expect("names").clone())
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

/// Where a call comes from, as `explain` tells.
fn origins(daemon: &Daemon, container: &str, call: &str) -> Vec<String> {
    let told = daemon.ctl(&["explain", container, call, "--format", "json"]);
    let calls: Value = serde_json::from_str(&told.stdout).unwrap_or_default();
    let words = calls[0]["origins"].as_array().cloned().unwrap_or_default();
    words
        .iter()
        .map(|word| word.as_str().expect("a word").to_owned())
        .collect()
}

fn has(daemon: &Daemon, container: &str, call: &str, origin: &str) {
    eventually(&format!("{call} of {origin}"), PATIENCE, || {
        let found = origins(daemon, container, call);
        found.iter().any(|word| word == origin).then_some(())
    });
}

fn check(profile: &BTreeSet<String>, with: &[&str], without: &[&str], what: &str) {
    for name in with {
        assert!(profile.contains(*name), "{what}: no {name} in {profile:?}");
    }
    for name in without {
        assert!(!profile.contains(*name), "{what}: {name} is in");
    }
}

fn daemon(testbed: &Testbed, hooks: &str, folder: &Path) -> Daemon {
    let file = folder.join("profilerd.toml");
    fs::write(&file, "[phases]\nsettle = 1\n").unwrap();
    Daemon::start_as(DaemonOptions {
        docker: testbed.url(),
        words: ["--config", &file.display().to_string(), "--hooks", hooks]
            .map(str::to_owned)
            .into(),
    })
}

/// A folder that containers find as /way, with the probe in it.
fn way() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(compile_c(PROBE, &["-static"]), folder.path().join("probe")).unwrap();
    folder
}

fn way_in(way: &tempfile::TempDir) -> String {
    format!("{}:/way", way.path().display())
}

fn told_apart(hooks: &str) {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let settings = tempfile::tempdir().unwrap();
    let daemon = daemon(&testbed, hooks, settings.path());
    for runtime in RUNTIMES {
        let what = format!("{runtime}, {hooks}");
        let way = way();
        let words = [
            "--runtime",
            runtime,
            "-v",
            &way_in(&way),
            "--health-cmd",
            "/way/probe call 143",
            "--health-interval",
            "4s",
            "pb-busybox",
            "/way/probe",
            "serve",
        ];
        let container = Container::run(&testbed, &words);
        let name = container.name.as_str();
        has(&daemon, name, HEALTH, "health");
        has(&daemon, name, "times", "run");
        let ended = container.exec(&SHELL_WORDS);
        assert!(ended.success(), "{what}: {ended}");
        has(&daemon, name, SHELL, "exec");
        assert!(
            !origins(&daemon, name, BOTH).contains(&"run".to_owned()),
            "{what}: the program has not made it yet"
        );
        fs::write(way.path().join("later"), "").unwrap();
        has(&daemon, name, BOTH, "run");

        let everything = allowed(&daemon, &[name]);
        check(
            &everything,
            &["listen", "times", BOTH, SHELL, HEALTH],
            &[],
            &what,
        );
        let own = allowed(&daemon, &[name, "--origin", "own"]);
        check(&own, &["listen", "times", BOTH], &[SHELL, HEALTH], &what);
        assert!(own.is_subset(&everything), "{what}");
        let run = allowed(&daemon, &[name, "--origin", "own", "--phase", "run"]);
        check(&run, &["times", BOTH], &["listen", SHELL, HEALTH], &what);
        let start = allowed(&daemon, &[name, "--phase", "start"]);
        check(&start, &["listen", "times"], &[BOTH, SHELL, HEALTH], &what);

        let told = daemon.ctl(&["export", name, "--phase", "run"]);
        assert!(
            told.stderr.contains("listen") && told.stderr.contains("no profile to start"),
            "{what}: {told}"
        );
        // Which of the two it was may be unclear for one entry, but not that it was no start.
        for (call, origin) in [(SHELL, "exec"), (HEALTH, "health")] {
            let found = origins(&daemon, name, call);
            assert!(
                found.contains(&origin.to_owned()) && !found.contains(&"run".to_owned()),
                "{what}: {call} {found:?}"
            );
        }
        let shell = told_from_health(&daemon, &container);
        let kept = allowed(&daemon, &[name, "--origin", "own,health"]);
        check(&kept, &["listen", BOTH, HEALTH], &[shell], &what);
        container.stop();
        has(&daemon, name, "getpgid", "shutdown");
        assert_eq!(origins(&daemon, name, "getpgid"), ["shutdown"], "{what}");
        let own = allowed(&daemon, &[name, "--origin", "own"]);
        check(
            &own,
            &["listen", "times", BOTH, "getpgid"],
            &[SHELL, HEALTH],
            &what,
        );
        let run = allowed(&daemon, &[name, "--origin", "own", "--phase", "run"]);
        check(&run, &["times", BOTH], &["listen", "getpgid"], &what);
    }
}

/// A call of which it is known that an exec session made it, and not the health check. A daemon that is
/// told too late of a session, or of two at once, takes it for either: that may happen once or twice.
fn told_from_health(daemon: &Daemon, container: &Container) -> &'static str {
    for (name, number) in [
        ("getpriority", "140"),
        ("sched_getscheduler", "145"),
        ("getitimer", "36"),
    ] {
        assert!(container.exec(&["/way/probe", "call", number]).success());
        has(daemon, &container.name, name, "exec");
        if origins(daemon, &container.name, name) == ["exec"] {
            return name;
        }
    }
    panic!("three sessions in a row were taken for either");
}

#[test]
fn a_shell_and_a_health_check_can_be_left_out() {
    told_apart("btf");
}

#[test]
fn classic_hooks_tell_them_apart_too() {
    with_tracefs(|| told_apart("classic"));
}

#[expect(unsafe_code, reason = "rustix asks for a promise")]
fn own_mounts() {
    // SAFETY: this thread's mounts become its own; descriptors stay shared with the others.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.unwrap();
}

/// Runs a test on a thread that has tracefs, which classic hooks need, where nobody else sees it.
fn with_tracefs(test: impl FnOnce() + Send) {
    if unprivileged() {
        return;
    }
    let mounted = || {
        own_mounts();
        let nobody_else = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", nobody_else).unwrap();
        let at = "/sys/kernel/tracing";
        mount("tracefs", at, "tracefs", MountFlags::empty(), None).unwrap();
        test();
    };
    let ended = std::thread::scope(|scope| scope.spawn(mounted).join());
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// One entry for the start, whatever processes the runtime needs for it, and one for each session.
#[test]
fn an_entry_is_counted_once() {
    with_tracefs(|| ["btf", "classic"].into_iter().for_each(counted_once));
}

fn counted_once(hooks: &str) {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let settings = tempfile::tempdir().unwrap();
    let daemon = daemon(&testbed, hooks, settings.path());
    for runtime in RUNTIMES {
        let what = format!("{runtime}, {hooks}");
        let way = way();
        let words = [
            "--runtime",
            runtime,
            "-v",
            &way_in(&way),
            "pb-busybox",
            "/way/probe",
            "serve",
        ];
        let container = Container::run(&testbed, &words);
        let name = container.name.as_str();
        let entries = || daemon.ctl_json(&["show", name])["sessions"].clone();
        has(&daemon, name, "times", "start");
        assert_eq!(entries(), 1, "{what}");
        assert!(container.exec(&SHELL_WORDS).success(), "{what}");
        has(&daemon, name, SHELL, "exec");
        assert_eq!(entries(), 2, "{what}");
        // Without a health check there is nothing to be confused with.
        assert_eq!(origins(&daemon, name, SHELL), ["exec"], "{what}");
        let told = daemon.ctl_json(&["explain", name, SHELL]);
        assert_eq!(told[0]["first"]["session"], 2, "{what}");
        assert!(container.exec(&SHELL_WORDS).success(), "{what}");
        eventually("a third entry", PATIENCE, || (entries() == 3).then_some(()));
        let page = daemon.ctl_ok(&["show", name]);
        assert!(page.contains("Only during exec sessions"), "{what}: {page}");
    }
}

/// With a health check it is the engine's word that ends the start, however long nothing new is called.
#[test]
fn a_container_is_started_up_when_it_is_healthy() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let settings = tempfile::tempdir().unwrap();
    let daemon = daemon(&testbed, "auto", settings.path());
    let way = way();
    let words = [
        "-v",
        &way_in(&way),
        "--health-cmd",
        "test -e /way/healthy",
        "--health-interval",
        "1s",
        "pb-busybox",
        "/way/probe",
        "serve",
    ];
    let container = Container::run(&testbed, &words);
    let name = container.name.as_str();
    has(&daemon, name, "times", "start");
    // Three times as long as it would take to settle.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(origins(&daemon, name, "times"), ["start"]);
    fs::write(way.path().join("healthy"), "").unwrap();
    has(&daemon, name, "times", "run");
    assert_eq!(container.inspect("{{.State.Health.Status}}"), "healthy");
}

/// Phases and origins lie in the kernel: a daemon that is killed forgets none of them.
#[test]
fn what_was_told_apart_outlives_the_daemon() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let settings = tempfile::tempdir().unwrap();
    let mut daemon = daemon(&testbed, "auto", settings.path());
    let way = way();
    let words = ["-v", &way_in(&way), "pb-busybox", "/way/probe", "serve"];
    let container = Container::run(&testbed, &words);
    let name = container.name.as_str();
    has(&daemon, name, "times", "run");
    daemon.kill9();
    assert!(container.exec(&SHELL_WORDS).success());
    fs::write(way.path().join("later"), "").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    daemon.restart();
    has(&daemon, name, BOTH, "exec");
    assert_eq!(origins(&daemon, name, "listen"), ["start"]);
    assert_eq!(origins(&daemon, name, BOTH), ["run", "exec"]);
    let own = allowed(&daemon, &[name, "--origin", "own"]);
    check(&own, &["listen", BOTH], &[SHELL], "after kill -9");
    container.stop();
    has(&daemon, name, "getpgid", "shutdown");
    daemon.restart();
    // Kept with the container, which is over.
    assert_eq!(origins(&daemon, name, "getpgid"), ["shutdown"]);
    assert_eq!(origins(&daemon, name, SHELL), ["exec"]);
}

/// The programs of another version go, and not before this one's are attached.
#[test]
fn programs_of_another_version_do_not_run_beside_these() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let settings = tempfile::tempdir().unwrap();
    let mut daemon = daemon(&testbed, "auto", settings.path());
    let way = way();
    let words = ["-v", &way_in(&way), "pb-busybox", "/way/probe", "serve"];
    let container = Container::run(&testbed, &words);
    let name = container.name.as_str();
    has(&daemon, name, "times", "start");
    assert_eq!(daemon.term(), Some(0));
    let version = profiler_common::ABI_VERSION;
    let (own, other) = (
        daemon.pin_dir().join(format!("v{version}")),
        daemon.pin_dir().join(format!("v{}", version - 1)),
    );
    fs::rename(&own, &other).unwrap();
    let old = pinned(&other);
    assert!(old.len() >= 8, "{old:?}");
    daemon.restart();
    assert!(own.is_dir() && !other.exists());
    let loaded: BTreeSet<u32> = loaded_programs().flatten().map(|info| info.id()).collect();
    assert!(loaded.is_disjoint(&old), "some of {old:?} still run");
    assert!(loaded.is_superset(&pinned(&own)));
    let ended = daemon.ctl(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&ended.stdout).expect("a status");
    let reasons = status["reasons"].to_string();
    assert!(reasons.contains("has been replaced"), "{reasons}");
    // It goes on being recorded, and is not taken for whole.
    has(&daemon, name, "times", "start");
    let told = daemon.ctl_json(&["show", name]);
    assert_eq!(told["start_seen"], false, "{told}");
}

/// Ids of the programs that are pinned in the runs of one version.
fn pinned(version: &Path) -> BTreeSet<u32> {
    let runs = fs::read_dir(version).unwrap().flatten();
    runs.filter(|entry| entry.file_name().to_string_lossy().starts_with("run-"))
        .flat_map(|run| fs::read_dir(run.path()).unwrap().flatten())
        .filter(|pin| !pin.file_name().to_string_lossy().ends_with("_link"))
        .map(|pin| ProgramInfo::from_pin(pin.path()).unwrap().id())
        .collect()
}
