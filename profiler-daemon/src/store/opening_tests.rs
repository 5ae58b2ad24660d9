//! Opening a database that is not as it should be: it is named, and left as it is.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use futures_executor::block_on;
use sqlx::{Connection, query};

use super::{
    Database, FILE, StoreError,
    tests::{close, container, open},
};
use crate::store::migrations;

/// The library tells that a file is closed a little before it is.
fn settled(database: &Path) {
    let begin = Instant::now();
    while database.with_extension("db-wal").exists() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it stays open");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_newer_a_foreign_and_a_damaged_database_are_named_and_left_alone() {
    let refused = |prepare: &dyn Fn(&Path), wanted: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let mut database = open(dir.path());
        container(&mut database, "aa", "nginx", 1);
        close(database);
        prepare(&path);
        settled(&path);
        let before = fs::read(&path).unwrap();
        let error = block_on(Database::open(dir.path())).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(wanted) && said.contains(FILE), "{said}");
        assert!(fs::read(&path).unwrap() == before, "it was changed: {said}");
        error
    };
    let pragma = |path: &Path, text: &'static str| {
        block_on(async {
            let url = path.display().to_string();
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            query(text).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    let newer = refused(
        &|path| pragma(path, "PRAGMA user_version = 99"),
        "layout 99",
    );
    assert!(matches!(newer, StoreError::Newer { found: 99, .. }));
    refused(
        &|path| pragma(path, "PRAGMA application_id = 5"),
        "another program",
    );
    refused(
        &|path| fs::write(path, "no database at all, but a text").unwrap(),
        "damaged",
    );
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        let mut cut = bytes.clone();
        cut[100..4096].fill(0x55);
        fs::write(path, cut).unwrap();
    };
    refused(&cut, "damaged");
}

#[test]
fn what_cannot_be_written_is_read_as_it_lies_there() {
    let dir = tempfile::tempdir().unwrap();
    let read = |dir: &Path| block_on(Database::open_read_only(dir));
    assert!(read(dir.path()).unwrap().is_none(), "there is nothing");
    let mut database = open(dir.path());
    container(&mut database, "aa", "nginx", 1);
    // Not closed: what was kept is ahead of the file.
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    close(database);
    let files = |dir: &Path| {
        let entries = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect();
        files.sort();
        files
    };
    let before = files(copy.path());
    assert_eq!(before.len(), 2, "nothing was ahead");
    let mut database = read(copy.path()).unwrap().unwrap();
    let kept = block_on(database.container("aa")).unwrap();
    assert_eq!(kept.as_deref(), Some("record of aa"));
    close(database);
    assert!(files(copy.path()) == before, "reading changed something");

    // Of an earlier layout, another program, or damaged.
    let earlier = tempfile::tempdir().unwrap();
    block_on(async {
        let mut old = Database::connect(earlier.path()).await.unwrap();
        migrations::migrate(&mut old.connection, 2).await.unwrap();
        old.connection.close().await.unwrap();
    });
    let path = earlier.path().join(FILE);
    settled(&path);
    assert!(read(earlier.path()).unwrap().is_none());
    fs::write(&path, "no database at all, but a text").unwrap();
    let error = read(earlier.path()).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(!error.cannot_be_written());
}

#[test]
fn a_database_in_use_is_not_opened_twice() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let said = block_on(Database::open(dir.path()))
        .unwrap_err()
        .to_string();
    assert!(said.contains("another profilerd uses it"), "{said}");
    close(first);
    close(open(dir.path()));
}
