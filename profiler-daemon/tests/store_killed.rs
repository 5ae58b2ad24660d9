//! A process that is killed between any two writes of the store loses nothing that it had been told
//! was kept, doubles nothing, and leaves a file that is whole.
//!
//! The child is this very test, run under strace, which kills it at the Nth system call by which
//! SQLite writes; N goes on until a child reaches its end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Output},
};

use futures_executor::block_on;
use profiler_daemon::{
    profile::{
        completeness::Completeness,
        version::{Author, NewVersion, Reason, Subject},
    },
    store::{ContainerRecord, Database, Retention},
};

const FOLDER: &str = "PROFILER_TEST_STORE";
/// By these the file is changed. In exclusive mode nothing of it is mapped.
const WRITES: &str = "pwrite64,fdatasync,fsync,ftruncate,unlink,rename";
const VERSIONS: u64 = 4;

fn subject() -> Subject {
    Subject::Container("web".into())
}

/// What a daemon does that finds more and more: keeps the container, then a version of it; and after
/// a restart goes on where the store is. It is the child of the other test, and does nothing without
/// the folder that it is told.
#[test]
fn child() {
    let Ok(folder) = env::var(FOLDER) else {
        return;
    };
    block_on(async {
        let mut database = Database::open(Path::new(&folder)).await.unwrap();
        let heads = database.heads().await.unwrap();
        let done = heads.first().map_or(0, |(_, head)| head.number);
        // The newest may not have been acknowledged: made again, it is not doubled.
        for number in done.max(1)..=VERSIONS {
            let record = ContainerRecord {
                id: "web".into(),
                workload: Some(("sha256:ab".into(), "nginx:1".into())),
                changed_ms: number,
                // More than a page, so that a record is several writes.
                record: format!("{number} {}", "x".repeat(9000)),
            };
            database.keep_container(&record).await.unwrap();
            let new = NewVersion {
                subject: subject(),
                reference: None,
                author: Author::Recorder,
                reason: Reason::Quiet,
                digest: format!("{number:064x}"),
                basis: format!("{number} {}", "y".repeat(5000)),
                created_ms: number,
                calls: number,
                changes: Vec::new(),
                completeness: Completeness::default(),
                origins: Vec::new(),
            };
            let head = database.keep_version(&new).await.unwrap();
            assert_eq!(head.number, number);
            // To the parent, past the harness.
            writeln!(std::io::stderr(), "kept {number}").unwrap();
        }
        assert!(
            database
                .promote(&subject(), 2, Some("ann"), 7)
                .await
                .unwrap()
        );
        let retention = Retention {
            versions: 1000,
            age_ms: u64::MAX,
            images: 10,
        };
        while database.tidy(retention, Some(9)).await.unwrap() {}
        database.close().await.unwrap();
    });
}

/// The child, to be killed at a write; to its end without.
fn run(folder: &Path, kill_at: Option<u32>) -> Output {
    let this = env::current_exe().unwrap();
    let mut command = match kill_at {
        None => Command::new(this),
        Some(number) => {
            let mut strace = Command::new("strace");
            strace
                .args(["-f", "-qq", "-o", "/dev/null", "-e"])
                .arg(format!("trace={WRITES}"))
                .arg("-e")
                .arg(format!("inject={WRITES}:signal=KILL:when={number}"))
                .arg(this);
            strace
        }
    };
    command
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap()
}

/// What the store holds, which must be whole: the numbers of its versions, the oldest first.
fn numbers(folder: &Path) -> Vec<u64> {
    block_on(async {
        let mut database = Database::open(folder).await.unwrap();
        assert_eq!(database.damage().await.unwrap(), Vec::<String>::new());
        let mut versions = database.versions(&subject()).await.unwrap();
        versions.reverse();
        for version in &versions {
            let number = version.number;
            assert_eq!(version.digest, format!("{number:064x}"));
            assert_eq!(version.parent, (number > 1).then(|| number - 1));
            let content = database.content(&subject(), number).await.unwrap();
            let basis = content.expect("a version without a profile").0;
            assert_eq!(basis, format!("{number} {}", "y".repeat(5000)));
        }
        if let Some(newest) = versions.last() {
            // The record was kept before the version.
            let ids = database.container_ids().await.unwrap();
            let record = database.container(&ids[0]).await.unwrap().unwrap();
            let kept = record.split_once(' ').unwrap().0.parse::<u64>();
            assert!(kept.unwrap() >= newest.number);
        }
        database.close().await.unwrap();
        versions.iter().map(|version| version.number).collect()
    })
}

#[test]
fn killed_at_any_write_the_store_loses_and_doubles_nothing() {
    let all: Vec<u64> = (1..=VERSIONS).collect();
    let mut kills = 0;
    for number in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let killed = run(folder.path(), Some(number));
        if killed.status.success() {
            break;
        }
        assert_eq!(
            killed.status.code(),
            None,
            "it ended otherwise than by the signal: {}",
            String::from_utf8_lossy(&killed.stderr)
        );
        kills += 1;
        let said = String::from_utf8_lossy(&killed.stderr).into_owned();
        let kept = said
            .lines()
            .filter(|line| line.starts_with("kept "))
            .count();
        let found = numbers(folder.path());
        // All that was acknowledged, and at most the one that was being written.
        assert_eq!(found, all[..found.len()], "killed at write {number}");
        assert!(
            found.len() == kept || found.len() == kept + 1,
            "killed at write {number}: {kept} were acknowledged, {found:?} are there"
        );
        let on = run(folder.path(), None);
        assert!(
            on.status.success(),
            "{}",
            String::from_utf8_lossy(&on.stderr)
        );
        assert_eq!(numbers(folder.path()), all, "killed at write {number}");
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
    assert!(kills > 30, "only {kills} writes were found to be killed at");
    eprintln!("killed at each of {kills} writes");
}
