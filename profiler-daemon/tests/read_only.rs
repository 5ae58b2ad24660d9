//! A state directory that cannot be written, from the beginning or all of a sudden: recording goes on,
//! what is kept can be read, and nothing is missing once it can be written again.

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
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use futures_executor::block_on;
use hasty::hasty;
use profiler_daemon::store::{Database, FILE};
use script::{ended, observed, run_script, shown, status};
use serde_json::Value;
use testbed::{Container, Daemon, Testbed, eventually, run, unprivileged};

const UNCONFINED: [&str; 2] = ["--security-opt", "seccomp=unconfined"];
const PATIENCE: Duration = Duration::from_secs(60);
const MKDIR: u64 = 83;
const RMDIR: u64 = 84;

fn command(words: &[&str]) {
    let ended = run(Command::new(words[0]).args(&words[1..]), PATIENCE);
    assert!(ended.success(), "{words:?}: {ended}");
}

/// Something that is mounted on a folder; gone with its guard.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(folder: &Path, options: &str) -> Self {
        let place = folder.display().to_string();
        let options = format!("size=8m,{options}");
        command(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            &options,
            "pb-read-only",
            &place,
        ]);
        Self(folder.to_owned())
    }

    /// A file system on a disk of its own, which an error turns read-only until it is mounted anew.
    fn disk(image: &Path, folder: &Path) -> Self {
        let file = image.display().to_string();
        command(&["truncate", "-s", "64M", &file]);
        command(&["mkfs.ext4", "-q", &file]);
        let disk = Self(folder.to_owned());
        disk.mount(image);
        disk
    }

    fn mount(&self, image: &Path) {
        let (file, place) = (image.display().to_string(), self.0.display().to_string());
        command(&["mount", "-o", "loop,errors=remount-ro", &file, &place]);
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        command(&["mount", "-o", &how, &self.0.display().to_string()]);
    }

    /// The kernel finds an error on the disk.
    fn error(&self) {
        let place = self.0.display().to_string();
        let found = run(
            Command::new("findmnt").args(["-no", "SOURCE", "--mountpoint", &place]),
            PATIENCE,
        );
        let device = found.stdout.trim().trim_start_matches("/dev/").to_owned();
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "test").unwrap();
        assert!(
            fs::write(self.0.join("x"), "").is_err(),
            "it can be written"
        );
    }

    /// What is to be done then, with the daemon running: nothing may be open.
    fn mend(&self, image: &Path) {
        let place = self.0.display().to_string();
        eventually("nothing open", PATIENCE, || {
            let ended = run(Command::new("umount").arg(&place), PATIENCE);
            ended.success().then_some(())
        });
        // 1: errors were corrected.
        let checked = run(Command::new("e2fsck").arg("-fy").arg(image), PATIENCE);
        assert!(matches!(checked.status, Some(0 | 1)), "{checked}");
        // A daemon that looks in between must not begin anew.
        std::thread::sleep(Duration::from_secs(7));
        assert!(!self.0.join(FILE).exists());
        self.mount(image);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.0), PATIENCE);
    }
}

/// A daemon that is stopped, with a state directory to mount something on, and makes versions soon.
fn stopped(testbed: &Testbed, folder: &Path) -> Daemon {
    let mut daemon = Daemon::start_with(testbed, &["--config", &hasty(folder)]);
    daemon.term();
    fs::remove_dir_all(daemon.state_dir()).unwrap();
    fs::create_dir(daemon.state_dir()).unwrap();
    daemon
}

/// A container that does nothing but what it is told by `exec`.
fn idle(testbed: &Testbed) -> Container {
    Container::run(
        testbed,
        &["--network", "none", "pb-busybox", "sleep", "1000"],
    )
}

fn made(daemon: &Daemon, container: &Container, call: u64) {
    eventually("the call", PATIENCE, || {
        observed(&shown(daemon, &container.id)?)
            .contains(&call)
            .then_some(())
    });
}

/// What is kept can be written again. Others may come and go on this host meanwhile, which is told too.
fn writable(daemon: &Daemon) {
    eventually("a state directory that can be written", PATIENCE, || {
        let said = status(daemon);
        let told = said["reasons"].to_string().contains("nothing is kept");
        (said["store"]["shut"].is_null() && !told).then_some(())
    });
}

/// Nothing is kept, which is said everywhere, and once in the log.
fn says_why(daemon: &Daemon, why: &str) {
    let said = eventually("a word of it", PATIENCE, || {
        let said = status(daemon);
        let connected = said["docker"].as_str()?.starts_with("connected");
        (connected && said["store"]["shut"].is_string()).then_some(said)
    });
    assert_eq!(said["health"], "degraded");
    let reasons = said["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    let reason = reasons[0].as_str().unwrap();
    assert!(
        reason.starts_with("nothing is kept: ") && reason.contains(why),
        "{reason}"
    );
    let table = daemon.ctl(&["status"]);
    assert_eq!(table.status, Some(1), "{table}");
    assert!(table.stdout.contains("nothing is kept now"), "{table}");
}

/// How often the log has told that nothing is kept.
fn told(daemon: &Daemon) -> usize {
    let log = daemon.log();
    log.lines()
        .filter(|line| line.contains("nothing is kept: "))
        .count()
}

fn versions(daemon: &Daemon, of: &str) -> Vec<Value> {
    let history = daemon.ctl_json(&["history", of]);
    history["versions"].as_array().unwrap().clone()
}

/// Waits until the newest version has all that is known.
fn caught_up(daemon: &Daemon, of: &str) -> Vec<Value> {
    eventually("a version of all", PATIENCE, || {
        let history = daemon.ctl_json(&["history", of]);
        let newest = history["versions"][0]["digest"].clone();
        (newest.is_string() && newest == history["current"]).then_some(())
    });
    versions(daemon, of)
}

/// The database is whole and holds a record of each of these containers.
fn kept(state: &Path, ids: &[&str]) {
    block_on(async {
        let mut database = Database::open(state).await.unwrap();
        assert_eq!(database.damage().await.unwrap(), Vec::<String>::new());
        let kept = database.container_ids().await.unwrap();
        for id in ids {
            assert!(kept.iter().any(|known| known == id), "{id}");
        }
        database.close().await.unwrap();
    });
}

#[test]
fn what_is_kept_is_read_and_what_comes_is_kept_later_though_the_daemon_is_killed() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = stopped(&testbed, folder.path());
    let disk = Mounted::tmpfs(&daemon.state_dir(), "mode=755");
    daemon.restart();
    let before = run_script(&testbed, &UNCONFINED, &["111", "102"]);
    assert_eq!(before.wait(), 0);
    ended(&daemon, &before.name);
    let old = caught_up(&daemon, &before.id);
    // What was written last lies ahead of the file.
    daemon.kill9();
    assert!(daemon.state_dir().join("profiler.db-wal").exists());
    disk.remount("ro");
    let told_before = told(&daemon);
    daemon.restart();
    says_why(&daemon, "Read-only file system");
    assert_eq!(versions(&daemon, &before.id), old);
    let known = shown(&daemon, &before.id).unwrap();
    assert!(observed(&known).is_superset(&[111, 102].into()));
    // By its id: the engine may not have told its name yet.
    let refused = daemon.ctl(&["promote", &format!("{}@1", before.id)]);
    assert!(!refused.success());
    assert!(refused.stderr.contains("nothing is kept"), "{refused}");

    let lives = idle(&testbed);
    let over = run_script(&testbed, &UNCONFINED, &["104"]);
    assert_eq!(over.wait(), 0);
    assert!(lives.exec(&["mkdir", "/first"]).success());
    made(&daemon, &over, 104);
    made(&daemon, &lives, MKDIR);
    // It is tried again meanwhile, and not told again.
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(told(&daemon), told_before + 1, "{}", daemon.log());

    daemon.kill9();
    let lost = run_script(&testbed, &UNCONFINED, &["107"]);
    assert_eq!(lost.wait(), 0);
    daemon.restart();
    made(&daemon, &lives, MKDIR);
    assert!(lives.exec(&["rmdir", "/first"]).success());
    made(&daemon, &lives, RMDIR);

    disk.remount("rw");
    // Of those that ended while nobody could write down whose they were, the records are kept.
    eventually("the nameless", PATIENCE, || {
        // Others may come and go on this host.
        let reasons = status(&daemon)["reasons"].to_string();
        let (before, _) = reasons.split_once(" cgroups came and went")?;
        let count = before.rsplit(|sign: char| !sign.is_ascii_digit()).next()?;
        (count.parse::<u64>().ok()? >= 2).then_some(())
    });
    writable(&daemon);
    caught_up(&daemon, &lives.id);
    testbed.docker_ok(&["kill", &lives.name]);
    ended(&daemon, &lives.name);
    let all = caught_up(&daemon, &lives.id);
    let names: Vec<&Value> = all
        .iter()
        .flat_map(|version| version["changes"].as_array().unwrap())
        .map(|change| &change["name"])
        .collect();
    assert!(
        names.contains(&&"mkdir".into()) && names.contains(&&"rmdir".into()),
        "{names:?}"
    );
    daemon.ctl_ok(&["promote", &format!("{}@1", before.name)]);
    daemon.term();
    kept(&daemon.state_dir(), &[&before.id, &lives.id]);
    drop(disk);
}

#[test]
fn without_a_database_the_daemon_begins_and_makes_one_when_it_can() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = stopped(&testbed, folder.path());
    let disk = Mounted::tmpfs(&daemon.state_dir(), "mode=755,ro");
    daemon.restart();
    says_why(&daemon, "Read-only file system");
    let over = run_script(&testbed, &[], &["104"]);
    assert_eq!(over.wait(), 0);
    made(&daemon, &over, 104);
    assert!(versions(&daemon, &over.id).is_empty());
    disk.remount("rw");
    writable(&daemon);
    let shown = ended(&daemon, &over.name);
    assert!(observed(&shown).contains(&104));
    assert_eq!(caught_up(&daemon, &over.id).len(), 1);
    let filters = shown["filters"].as_array().unwrap().clone();
    assert!(!filters.is_empty());
    daemon.restart();
    assert_eq!(versions(&daemon, &over.id).len(), 1);
    daemon.term();
    kept(&daemon.state_dir(), &[&over.id]);
    // A copy of its filter was in the kernel's table meanwhile.
    block_on(async {
        let mut database = Database::open(&daemon.state_dir()).await.unwrap();
        for hash in &filters {
            let copy = database.filter(hash.as_str().unwrap()).await.unwrap();
            assert!(copy.is_some(), "{hash}");
        }
        database.close().await.unwrap();
    });
    drop(disk);
}

#[test]
fn on_a_full_disk_the_daemon_begins_too_and_makes_a_database_when_there_is_room() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = stopped(&testbed, folder.path());
    let disk = Mounted::tmpfs(&daemon.state_dir(), "mode=755");
    let filling = daemon.state_dir().join("filling");
    let mut file = fs::File::create(&filling).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    daemon.restart();
    says_why(&daemon, "full");
    let over = run_script(&testbed, &UNCONFINED, &["104"]);
    assert_eq!(over.wait(), 0);
    made(&daemon, &over, 104);
    fs::remove_file(&filling).unwrap();
    writable(&daemon);
    ended(&daemon, &over.name);
    assert_eq!(caught_up(&daemon, &over.id).len(), 1);
    daemon.term();
    kept(&daemon.state_dir(), &[&over.id]);
    drop(disk);
}

#[test]
fn a_disk_that_turns_read_only_is_mended_and_mounted_anew_while_the_daemon_runs() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk");
    let mut daemon = stopped(&testbed, folder.path());
    let disk = Mounted::disk(&image, &daemon.state_dir());
    daemon.restart();
    let lives = idle(&testbed);
    assert!(lives.exec(&["mkdir", "/first"]).success());
    made(&daemon, &lives, MKDIR);
    let old = caught_up(&daemon, &lives.id);

    disk.error();
    assert!(lives.exec(&["rmdir", "/first"]).success());
    made(&daemon, &lives, RMDIR);
    says_why(&daemon, "Read-only file system");
    // What was acknowledged is there.
    assert_eq!(versions(&daemon, &lives.id), old);
    let over = run_script(&testbed, &UNCONFINED, &["104"]);
    assert_eq!(over.wait(), 0);
    made(&daemon, &over, 104);

    disk.mend(&image);
    writable(&daemon);
    ended(&daemon, &over.name);
    caught_up(&daemon, &over.id);
    let all = caught_up(&daemon, &lives.id);
    assert_eq!(all[all.len() - old.len()..], old, "the old ones changed");
    let newest = &all[0]["changes"];
    assert!(newest.to_string().contains("\"rmdir\""), "{newest}");
    daemon.term();
    kept(&daemon.state_dir(), &[&lives.id, &over.id]);
    drop(disk);
}

#[test]
fn what_was_kept_is_found_again_though_the_daemon_began_without() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = stopped(&testbed, folder.path());
    daemon.restart();
    let before = run_script(&testbed, &UNCONFINED, &["111"]);
    assert_eq!(before.wait(), 0);
    ended(&daemon, &before.name);
    let lives = idle(&testbed);
    assert!(lives.exec(&["mkdir", "/first"]).success());
    made(&daemon, &lives, MKDIR);
    let old = caught_up(&daemon, &lives.id);
    daemon.ctl_ok(&["promote", &format!("{}@1", lives.id)]);
    daemon.term();
    // Where the database lies is not mounted yet when the next one begins.
    let nothing = Mounted::tmpfs(&daemon.state_dir(), "mode=755,ro");
    daemon.restart();
    says_why(&daemon, "Read-only file system");
    assert!(shown(&daemon, &before.id).is_none_or(|shown| observed(&shown).is_empty()));
    assert!(lives.exec(&["rmdir", "/first"]).success());
    made(&daemon, &lives, RMDIR);
    drop(nothing);
    writable(&daemon);
    assert!(observed(&shown(&daemon, &before.id).unwrap()).contains(&111));
    let all = caught_up(&daemon, &lives.id);
    assert_eq!(all.len(), old.len() + 1, "{all:?}");
    let history = daemon.ctl_json(&["history", &lives.id]);
    assert_eq!(history["promoted"], 1);
    // Who made the first calls only the database told.
    let mkdir = &daemon.ctl_json(&["explain", &lives.id, "mkdir"])[0]["first"];
    assert!(
        mkdir["exe"]
            .as_str()
            .is_some_and(|exe| exe.starts_with('/')),
        "{mkdir}"
    );
    daemon.term();
    kept(&daemon.state_dir(), &[&before.id, &lives.id]);
}

#[test]
fn a_database_that_is_refused_is_refused_read_only_too() {
    if unprivileged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let disk = Mounted::tmpfs(&state, "mode=755");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profilerd"));
        command
            .args(["--no-pin", "--docker", "none", "--socket"])
            .arg(folder.path().join("s"))
            .arg("--state-dir")
            .arg(&state);
        run(&mut command, Duration::from_secs(20))
    };
    let pragma = |text: &str| {
        let database = state.join(FILE).display().to_string();
        let done = format!(
            "import sqlite3; c = sqlite3.connect({database:?}); c.execute({text:?}); c.commit(); c.close()"
        );
        command(&["python3", "-c", &done]);
    };
    for (spoil, says) in [
        ("damage", "damaged"),
        ("PRAGMA user_version = 99", "layout 99"),
        ("PRAGMA application_id = 5", "another program"),
    ] {
        disk.remount("rw");
        for entry in fs::read_dir(&state).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        block_on(async {
            let database = Database::open(&state).await.unwrap();
            database.close().await.unwrap();
        });
        eventually("it is closed", PATIENCE, || {
            (!state.join("profiler.db-wal").exists()).then_some(())
        });
        if spoil == "damage" {
            fs::write(state.join(FILE), "no database at all, but a text").unwrap();
        } else {
            pragma(spoil);
        }
        eventually("nothing open", PATIENCE, || {
            let place = state.display().to_string();
            let ended = run(
                Command::new("mount").args(["-o", "remount,ro", &place]),
                PATIENCE,
            );
            ended.success().then_some(())
        });
        let ended = start();
        assert_eq!(ended.status, Some(2), "{spoil}: {ended}");
        assert!(ended.stderr.contains(says), "{spoil}: {ended}");
    }
    drop(disk);
}
