//! The whole daemon under a wall clock that is twenty years wrong, and right again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{AT_MS, Daemon, FakeDocker, WEB, call};
use profiler_daemon::{profile::observation::Observation, recording::source::Snapshot};

const TWENTY_YEARS_S: i64 = 20 * 365 * 24 * 3600;

/// A library that a process is started with, and that adds to the wall clock what a file says.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("CLOCK_AHEAD"), "r");
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
        fclose(file);
    }
    return seconds;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, at);
    if (done == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += ahead();
    return done;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int done = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return done;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"#;

/// The environment of a daemon whose clock the folder sets.
pub(super) fn set_by(folder: &Path) -> Option<[(&'static str, PathBuf); 2]> {
    let library = folder.join("clock.so");
    library.exists().then(|| {
        [
            ("LD_PRELOAD", library),
            ("CLOCK_AHEAD", folder.join("ahead")),
        ]
    })
}

/// A folder with a clock for the daemon in it.
fn ground() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("clock.c");
    fs::write(&source, CLOCK).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(folder.path().join("clock.so"))
        .arg(&source)
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(made.success());
    set(folder.path(), 0);
    let config = "[versions]\nquiet_s = 1\ndays = 1\n";
    fs::write(folder.path().join("toml"), config).unwrap();
    folder
}

/// Whole, for the daemon reads it at any time.
fn set(folder: &Path, seconds: i64) {
    fs::write(folder.join("ahead.new"), seconds.to_string()).unwrap();
    fs::rename(folder.join("ahead.new"), folder.join("ahead")).unwrap();
}

fn versions(daemon: &Daemon) -> Vec<Value> {
    let history = daemon.json(&["history", WEB]);
    history["versions"].as_array().cloned().unwrap_or_default()
}

/// Lets it make this call too, and waits for the version that comes of it.
async fn version_with(daemon: Daemon, nr: u32, number: usize) -> Daemon {
    use std::os::unix::fs::MetadataExt;
    let container = daemon.file("cgroups").join("docker").join(WEB);
    let cgroup = fs::metadata(container).unwrap().ino();
    let observed = (0..2).chain(231..=231).chain([257, nr]).map(call);
    let snapshot = Snapshot {
        cgroup,
        observation: Observation {
            observed: observed.collect(),
            start_seen: true,
            first_ms: Some(AT_MS),
            last_new_ms: Some(AT_MS),
            ..Observation::default()
        },
        ..Snapshot::default()
    };
    let line = serde_json::to_string(&snapshot).unwrap();
    fs::write(daemon.file(super::MORE), line + "\n").unwrap();
    let config = daemon.file("toml");
    let none = Path::new("/nonexistent/docker.sock");
    let words = ["--config", config.to_str().unwrap()];
    let daemon = daemon.again(none, &words).await;
    daemon
        .until("a version", |daemon| versions(daemon).len() >= number)
        .await;
    daemon
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_twenty_years_wrong_drops_no_version_and_undoes_no_promotion() {
    let folder = ground();
    let engine = FakeDocker::stopped(folder.path());
    let config = folder.path().join("toml");
    let words = ["--config", config.to_str().unwrap()];
    let daemon = Daemon::start_with(folder, engine.socket(), &words).await;
    daemon
        .until("a version", |daemon| versions(daemon).len() == 1)
        .await;

    let daemon = version_with(daemon, 39, 2).await;

    // Ahead when it starts: by that clock the first version, which is not the newest any more, is twenty
    // years old.
    set(daemon.folder.path(), TWENTY_YEARS_S);
    let daemon = version_with(daemon, 39, 1).await;
    assert_eq!(numbers(&daemon), [2, 1], "one was dropped for its age");
    daemon.text(&["promote", &format!("{WEB}@1")], 0);
    answers(&daemon);

    // Back by forty years while it runs: the next start finds what was promoted last.
    set(daemon.folder.path(), -TWENTY_YEARS_S);
    daemon.text(&["promote", &format!("{WEB}@2")], 0);
    answers(&daemon);
    let daemon = version_with(daemon, 40, 3).await;
    assert_eq!(numbers(&daemon), [3, 2, 1]);
    assert_eq!(daemon.json(&["history", WEB])["promoted"], 2);
    answers(&daemon);
}

fn numbers(daemon: &Daemon) -> Vec<u64> {
    let versions = versions(daemon);
    let numbers = versions.iter().map(|version| version["number"].as_u64());
    numbers.map(Option::unwrap).collect()
}

/// It does, about times of any year.
fn answers(daemon: &Daemon) {
    for words in [["show", WEB], ["history", WEB], ["explain", WEB]] {
        daemon.text(&words, 0);
    }
    daemon.text(&["list"], 0);
    // 1: there is no engine.
    daemon.text(&["status"], 1);
}
