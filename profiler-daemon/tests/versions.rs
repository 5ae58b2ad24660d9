//! Versions on real containers: through kills of the daemon and a full disk.

#![allow(unreachable_pub, reason = "a test's modules have no outside")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where its ground gives way"
)]

mod hasty;
mod script;
mod testbed;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use futures_executor::block_on;
use hasty::hasty;
use profiler_daemon::store::Database;
use script::{borrowed, ended, hundreds_of_calls, nr, observed, run_script, shown, status};
use serde_json::Value;
use testbed::{Daemon, Testbed, eventually, run};

const UNCONFINED: [&str; 2] = ["--security-opt", "seccomp=unconfined"];
const PATIENCE: Duration = Duration::from_secs(60);

/// The numbers and digests of all versions, the oldest first, which must follow one another.
fn line_of_versions(daemon: &Daemon, of: &str) -> Vec<String> {
    let history = daemon.ctl_json(&["history", of]);
    let mut versions = history["versions"].as_array().unwrap().clone();
    versions.reverse();
    let mut digests = Vec::new();
    for (place, version) in versions.iter().enumerate() {
        assert_eq!(version["number"], place as u64 + 1, "{of}: {history}");
        let digest = version["digest"].as_str().unwrap().to_owned();
        assert_ne!(Some(&digest), digests.last(), "{of} has a version twice");
        digests.push(digest);
    }
    digests
}

/// The database must be whole; nobody may have it open.
fn is_whole(state: &Path) {
    block_on(async {
        let mut database = Database::open(state).await.unwrap();
        assert_eq!(database.damage().await.unwrap(), Vec::<String>::new());
        database.close().await.unwrap();
    });
}

#[test]
fn twenty_kills_lose_and_double_no_version() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = hasty(folder.path());
    let mut daemon = Daemon::start_with(&testbed, &["--config", &config]);
    // Records the same container, and nothing happens to it.
    let undisturbed = Daemon::start_with(&testbed, &["--config", &config]);
    let calls: Vec<u64> = hundreds_of_calls().into_iter().take(60).collect();
    let mut words = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        // Bursts, with pauses in which a version is made.
        let pause = if place % 4 == 3 { "s1900" } else { "s60" };
        words.extend([call.to_string(), pause.to_owned()]);
    }
    let container = run_script(&testbed, &UNCONFINED, &borrowed(&words));
    let mut pause = 100;
    for _ in 0..20 {
        // Anywhere between two bursts, and within one; the same each time this is run.
        pause = (pause * 7 + 131) % 1400;
        std::thread::sleep(Duration::from_millis(pause));
        daemon.kill9();
        is_whole(&daemon.state_dir());
        daemon.restart();
        line_of_versions(&daemon, &container.id);
    }
    assert_eq!(container.wait(), 0);
    for daemon in [&daemon, &undisturbed] {
        let shown = ended(daemon, &container.name);
        let wanted: BTreeSet<u64> = calls
            .iter()
            .copied()
            .chain([nr::NANOSLEEP, nr::EXIT])
            .collect();
        assert_eq!(observed(&shown), wanted);
    }
    let image = container.inspect("{{.Config.Image}}");
    for of in [container.name.clone(), format!("image:{image}")] {
        let mine = line_of_versions(&daemon, &of);
        let theirs = line_of_versions(&undisturbed, &of);
        assert!(mine.len() > 3, "{of} has {} versions", mine.len());
        // How many there are differs with the kills; where they end does not.
        assert_eq!(mine.last(), theirs.last(), "{of}");
        let number = mine.len();
        let export = |daemon: &Daemon, of: &str| daemon.ctl_ok(&["export", of]);
        assert_eq!(
            export(&daemon, &format!("{of}@{number}")),
            export(&daemon, &of)
        );
        assert_eq!(export(&daemon, &of), export(&undisturbed, &of));
    }
    // Each version but the first has what is new, and says who brought it.
    let history = daemon.ctl_json(&["history", &container.name]);
    let added = |version: &Value| {
        let changes = version["changes"].as_array().unwrap().clone();
        let names = changes.into_iter().filter(|one| one["change"] == "added");
        names.collect::<Vec<_>>()
    };
    let versions = history["versions"].as_array().unwrap();
    let all: Vec<Value> = versions.iter().flat_map(added).collect();
    let numbers: BTreeSet<u64> = all.iter().map(|one| one["nr"].as_u64().unwrap()).collect();
    assert_eq!(numbers.len(), all.len(), "a call was added twice");
    assert!(calls.iter().all(|call| numbers.contains(call)));
    assert!(
        all.iter()
            .any(|one| one["exe"].as_str().is_some_and(|exe| exe.starts_with('/'))),
        "{all:?}"
    );
    daemon.term();
    is_whole(&daemon.state_dir());
}

/// A file system of a few megabytes over a folder; gone with its guard.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn over(folder: &Path) -> Self {
        let mounted = run(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=4m", "pb-small"])
                .arg(folder),
            PATIENCE,
        );
        assert!(mounted.success(), "{mounted}");
        Self(folder.to_owned())
    }

    /// Leaves no byte free; the file that takes them.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.0), PATIENCE);
    }
}

#[test]
fn a_full_disk_stops_nothing_and_is_caught_up_with() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = hasty(folder.path());
    let mut daemon = Daemon::start_with(&testbed, &["--config", &config]);
    daemon.term();
    let disk = SmallDisk::over(&daemon.state_dir());
    daemon.restart();
    let before = run_script(&testbed, &UNCONFINED, &["111"]);
    assert_eq!(before.wait(), 0);
    ended(&daemon, &before.name);

    let ballast = disk.fill();
    // A daemon begins on a full disk, too, and has what was kept.
    daemon.kill9();
    daemon.restart();
    let kept = shown(&daemon, &before.id).expect("what was kept before");
    assert!(observed(&kept).contains(&111));

    let calls: Vec<u64> = hundreds_of_calls().into_iter().take(120).collect();
    let words: Vec<String> = calls.iter().map(u64::to_string).collect();
    let containers: Vec<_> = (0..6)
        .map(|_| run_script(&testbed, &UNCONFINED, &borrowed(&words)))
        .collect();
    for container in &containers {
        assert_eq!(container.wait(), 0);
    }
    let said = eventually("a word of the full disk", PATIENCE, || {
        let said = status(&daemon);
        said["reasons"].to_string().contains("full").then_some(said)
    });
    assert_eq!(said["health"], "degraded");
    let table = daemon.ctl(&["status"]);
    assert_eq!(table.status, Some(1), "{table}");
    // Everything is answered meanwhile.
    let observed_of = |daemon: &Daemon, id: &str| shown(daemon, id).map(|shown| observed(&shown));
    let wanted: BTreeSet<u64> = calls
        .iter()
        .copied()
        .chain([nr::NANOSLEEP, nr::EXIT])
        .collect();
    let known = eventually("the calls", PATIENCE, || {
        observed_of(&daemon, &containers[0].id).filter(|known| !known.is_empty())
    });
    assert!(
        known.is_superset(&calls.iter().copied().collect()),
        "{known:?}"
    );
    fs::remove_file(ballast).unwrap();
    eventually("health", Duration::from_secs(120), || {
        let said = status(&daemon);
        (said["health"] == "healthy").then_some(said)
    });
    for container in &containers {
        let shown = ended(&daemon, &container.name);
        assert!(
            observed(&shown).is_superset(&calls.iter().copied().collect()),
            "{}: {:?} of {wanted:?}",
            container.name,
            observed(&shown)
        );
        let newest = eventually("a version of all", PATIENCE, || {
            let digests = line_of_versions(&daemon, &container.id);
            let history = daemon.ctl_json(&["history", &container.id]);
            digests
                .last()
                .filter(|digest| history["current"] == ***digest)
                .cloned()
        });
        assert_eq!(newest.len(), 64);
    }
    daemon.term();
    is_whole(&daemon.state_dir());
    drop(disk);
}
