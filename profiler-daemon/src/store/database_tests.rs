//! What is kept comes back, from whatever version kept it; and what cannot be read stays as it is.

use std::{fs, path::Path};

use futures_executor::block_on;
use sqlx::{Connection, query_scalar, raw_sql};

use super::{Database, FILE};
use crate::{
    profile::{
        completeness::Completeness,
        identity::Origin,
        version::{Author, Change, Changed, NewVersion, Reason, Subject},
    },
    store::{ContainerRecord, Retention, migrations},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const KEEP_ALL: Retention = Retention {
    versions: 1000,
    age_ms: u64::MAX,
    images: 1000,
};

pub(super) fn open(root: &Path) -> Database {
    block_on(Database::open(root)).unwrap()
}

pub(super) fn close(database: Database) {
    block_on(database.close()).unwrap();
}

fn web() -> Subject {
    Subject::Container("web".into())
}

fn version(subject: &Subject, content: u64, created_ms: u64) -> NewVersion {
    let basis = format!(r#"{{"made":{{"x86_64":"0-{content}"}}}}"#);
    NewVersion {
        subject: subject.clone(),
        reference: Some("nginx:1".into()),
        author: Author::Recorder,
        reason: Reason::Quiet,
        digest: format!("{content:064x}"),
        basis,
        created_ms,
        calls: content + 1,
        changes: vec![Change {
            change: Changed::Added,
            abi: "x86_64".into(),
            nr: 1,
            name: "write".into(),
            at_ms: Some(7),
            exe: Some("/bin/x".into()),
            container: Some("web".into()),
        }],
        completeness: Completeness::default(),
        origins: Vec::new(),
    }
}

fn keep(database: &mut Database, subject: &Subject, content: u64, created_ms: u64) -> u64 {
    let new = version(subject, content, created_ms);
    block_on(database.keep_version(&new)).unwrap().number
}

fn numbers(database: &mut Database, subject: &Subject) -> Vec<u64> {
    let versions = block_on(database.versions(subject)).unwrap();
    versions.iter().map(|version| version.number).collect()
}

pub(super) fn container(database: &mut Database, id: &str, image: &str, changed_ms: u64) {
    let record = ContainerRecord {
        id: id.into(),
        workload: Some((format!("sha256:{image}"), image.into())),
        changed_ms,
        record: format!("record of {id}"),
    };
    block_on(database.keep_container(&record)).unwrap();
}

#[test]
fn what_is_kept_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    container(&mut database, "b", "nginx:1", 5);
    container(&mut database, "a", "redis:7", 6);
    container(&mut database, "b", "nginx:1", 7);
    block_on(async {
        database.keep_learned("one").await.unwrap();
        database.keep_learned("two").await.unwrap();
        database.keep_filter("ff", &[1, 2], 1).await.unwrap();
        database.keep_filter("ff", &[9], 2).await.unwrap();
        database.keep_nameless(7, "x", 1).await.unwrap();
    });
    assert_eq!(keep(&mut database, &web(), 3, 100), 1);
    close(database);

    let mut database = open(dir.path());
    block_on(async {
        assert_eq!(database.container_ids().await.unwrap(), ["a", "b"]);
        assert_eq!(database.learned().await.unwrap().as_deref(), Some("two"));
        let filter = database.filter("ff").await.unwrap();
        assert_eq!(filter, Some(vec![1, 2]), "a filter does not change");
        let images = database.images().await.unwrap();
        let newest = images.first().map(|(_, reference)| reference.as_str());
        assert_eq!((images.len(), newest), (2, Some("nginx:1")));
        let versions = database.versions(&web()).await.unwrap();
        assert_eq!(versions[0].changes, version(&web(), 3, 0).changes);
        let content = database.content(&web(), 1).await.unwrap().unwrap();
        assert_eq!(content.0, version(&web(), 3, 0).basis);
        assert!(database.content(&web(), 2).await.unwrap().is_none());
        database.forget_container("b").await.unwrap();
        assert_eq!(database.container_ids().await.unwrap(), ["a"]);
        assert_eq!(database.container("b").await.unwrap(), None);
        assert!(database.damage().await.unwrap().is_empty());
        let facts = database.facts().await.unwrap();
        assert!(facts.bytes > 4096 && facts.versions == 1, "{facts:?}");
    });
}

#[test]
fn a_version_like_the_newest_is_none_and_equal_profiles_are_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    let image = Subject::Image("sha256:x".into());
    assert_eq!(keep(&mut database, &web(), 1, 10), 1);
    assert_eq!(keep(&mut database, &web(), 1, 11), 1);
    assert_eq!(keep(&mut database, &web(), 2, 12), 2);
    assert_eq!(keep(&mut database, &web(), 1, 13), 3, "it is back");
    assert_eq!(keep(&mut database, &image, 1, 14), 1);
    // No container of it is kept yet, and all the same it is no image without a name.
    let images = block_on(database.images()).unwrap();
    assert_eq!(images, [("sha256:x".to_owned(), "nginx:1".to_owned())]);
    block_on(database.tidy(KEEP_ALL, Some(1000))).unwrap();
    assert_eq!(numbers(&mut database, &image), [1]);
    let versions = block_on(database.versions(&web())).unwrap();
    let parents: Vec<_> = versions.iter().map(|version| version.parent).collect();
    assert_eq!(parents, [Some(2), Some(1), None]);
    let heads = block_on(database.heads()).unwrap();
    let mut heads: Vec<_> = heads.iter().map(|(of, head)| (of, head.number)).collect();
    heads.sort();
    assert_eq!(heads, [(&web(), 3), (&image, 1)]);
    let profiles: i64 =
        block_on(query_scalar("SELECT count(*) FROM profile").fetch_one(&mut database.connection))
            .unwrap();
    assert_eq!(profiles, 2);
}

#[test]
fn a_promotion_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    keep(&mut database, &web(), 1, 10);
    block_on(async {
        let mut promote = async |number, by, at| database.promote(&web(), number, by, at).await;
        assert!(promote(1, Some("ann"), 20).await.unwrap());
        assert!(promote(1, Some("ben"), 30).await.unwrap());
        assert!(!promote(2, None, 30).await.unwrap());
        let one = database.one_version(&web(), 1).await.unwrap().unwrap();
        assert_eq!(one.promoted_ms, Some(20));
        assert_eq!(one.promoted_by.as_deref(), Some("ann"));
    });
}

#[test]
fn a_clock_that_was_set_back_undoes_no_promotion_and_makes_nothing_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    for (content, created_ms) in [(1, 1000), (2, 20), (3, 30)] {
        keep(&mut database, &web(), content, created_ms);
    }
    block_on(async {
        let versions = database.versions(&web()).await.unwrap();
        let times: Vec<u64> = versions.iter().map(|one| one.created_ms).collect();
        assert_eq!(
            times,
            [1000, 1000, 1000],
            "no version is older than its parent"
        );
        for (number, now_ms) in [(1, 1000), (2, 20), (3, 20), (2, 20)] {
            assert!(
                database
                    .promote(&web(), number, None, now_ms)
                    .await
                    .unwrap()
            );
            let promoted = database.promoted().await.unwrap();
            assert_eq!(promoted, [(web(), number)]);
        }
        let young = Retention {
            age_ms: 1,
            ..KEEP_ALL
        };
        database.tidy(young, None).await.unwrap();
        assert_eq!(database.versions(&web()).await.unwrap().len(), 3);
        for nameless in 0..1001 {
            let kept_ms = if nameless == 0 { 50_000 } else { 7 };
            database
                .keep_nameless(nameless, "x", kept_ms)
                .await
                .unwrap();
        }
        let left: Vec<i64> = query_scalar("SELECT cgroup FROM nameless ORDER BY cgroup")
            .fetch_all(&mut database.connection)
            .await
            .unwrap();
        assert_eq!((left.len(), left.first()), (1000, Some(&1)));
    });
}

#[test]
fn a_cgroups_id_that_comes_back_replaces_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    block_on(async {
        for record in ["one", "another", "another", "a third"] {
            database.keep_nameless(7, record, 5).await.unwrap();
        }
        let mut left: Vec<String> = query_scalar("SELECT record FROM nameless")
            .fetch_all(&mut database.connection)
            .await
            .unwrap();
        left.sort();
        assert_eq!(left, ["a third", "another", "one"]);
    });
}

#[test]
fn what_is_set_aside_goes_with_its_versions() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    container(&mut database, "web", "nginx:1", 5);
    keep(&mut database, &web(), 1, 10);
    keep(&mut database, &web(), 2, 20);
    let other = Subject::Container("other".into());
    let record = ContainerRecord {
        id: "other".into(),
        workload: None,
        changed_ms: 6,
        record: "its record".into(),
    };
    block_on(async {
        database.promote(&web(), 1, None, 30).await.unwrap();
        database.set_aside("web", &record).await.unwrap();
        assert_eq!(database.container_ids().await.unwrap(), ["other"]);
        let kept = database.container("other").await.unwrap();
        assert_eq!(kept.as_deref(), Some("its record"));
        assert_eq!(database.promoted().await.unwrap(), [(other.clone(), 1)]);
    });
    assert_eq!(numbers(&mut database, &other), [2, 1]);
    assert_eq!(numbers(&mut database, &web()), [0_u64; 0]);
    assert_eq!(keep(&mut database, &web(), 2, 40), 1, "it begins anew");
}

#[test]
fn what_is_too_old_or_too_much_goes_and_its_space_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    let image = |name: &str| Subject::Image(format!("sha256:{name}"));
    for content in 0..40 {
        keep(&mut database, &web(), content, content);
    }
    block_on(database.promote(&web(), 5, None, 1)).unwrap();
    // An image that is used, one that is promoted, two that are neither.
    for (place, name) in ["used", "promoted", "newer", "older"]
        .into_iter()
        .enumerate()
    {
        container(&mut database, name, name, 100 - place as u64);
        keep(&mut database, &image(name), 100, 50);
        keep(&mut database, &image(name), 101, 60);
    }
    block_on(database.promote(&image("promoted"), 1, None, 1)).unwrap();
    for gone in ["promoted", "newer", "older"] {
        block_on(database.forget_container(gone)).unwrap();
    }
    let few = Retention {
        versions: 3,
        images: 3,
        ..KEEP_ALL
    };
    while block_on(database.tidy(few, Some(1000))).unwrap() {}
    assert_eq!(numbers(&mut database, &web()), [40, 39, 38, 5]);
    assert_eq!(numbers(&mut database, &image("newer")), [2, 1]);
    assert_eq!(numbers(&mut database, &image("older")), [0_u64; 0]);

    let young = Retention {
        age_ms: 2 * DAY_MS,
        ..KEEP_ALL
    };
    while block_on(database.tidy(young, Some(3 * DAY_MS))).unwrap() {}
    assert_eq!(numbers(&mut database, &web()), [40, 5]);
    assert_eq!(numbers(&mut database, &image("used")), [2]);
    assert_eq!(numbers(&mut database, &image("promoted")), [2, 1]);
    assert_eq!(numbers(&mut database, &image("newer")), [0_u64; 0]);
    // Numbers are not used again.
    assert_eq!(keep(&mut database, &web(), 77, 70), 41);

    let count = |database: &mut Database, what| -> i64 {
        block_on(query_scalar(what).fetch_one(&mut database.connection)).unwrap()
    };
    let profiles = count(&mut database, "SELECT count(*) FROM profile");
    let used = count(&mut database, "SELECT count(DISTINCT digest) FROM version");
    assert_eq!(profiles, used);
    // Much goes: its pages go back to the file system.
    block_on(database.keep_learned(&"x".repeat(3 << 20))).unwrap();
    block_on(database.keep_learned("")).unwrap();
    while block_on(database.tidy(KEEP_ALL, Some(0))).unwrap() {}
    assert_eq!(count(&mut database, "PRAGMA freelist_count"), 0);
    close(database);
    let bytes = fs::metadata(dir.path().join(FILE)).unwrap().len();
    assert!(bytes < 1 << 20, "{bytes}");
}

/// The state directory as the version before kept it.
fn old_layout(root: &Path) {
    let containers = root.join("containers");
    fs::create_dir_all(&containers).unwrap();
    fs::create_dir_all(root.join("nameless")).unwrap();
    fs::create_dir_all(root.join("filters")).unwrap();
    let record = |id: &str, image: &str| {
        format!(
            r#"{{"identity":{{"id":"{id}","image":{image}}},"observation":{{}},"changed_ms":1234}}"#
        )
    };
    let named = r#"{"reference":"nginx:1.27","id":"sha256:ab"}"#;
    fs::write(containers.join("aa.json"), record("aa", named)).unwrap();
    fs::write(containers.join("bb.json"), record("bb", "null")).unwrap();
    fs::write(containers.join("cc.json"), "{ cut off").unwrap();
    fs::write(containers.join("dd.new"), "half a write").unwrap();
    fs::write(root.join("nameless/77.json"), "{}").unwrap();
    fs::write(root.join("filters/00ff.bpf"), [1, 2, 3]).unwrap();
    fs::write(root.join("learned.json"), "[]").unwrap();
}

#[test]
fn the_files_of_the_version_before_are_taken_in_once_and_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    old_layout(dir.path());
    let before = fs::read_to_string(dir.path().join("containers/aa.json")).unwrap();
    let mut database = open(dir.path());
    block_on(async {
        assert_eq!(database.container_ids().await.unwrap(), ["aa", "bb"]);
        let kept = database.container("aa").await.unwrap();
        assert_eq!(kept, Some(before));
        let images = database.images().await.unwrap();
        assert_eq!(images, [("sha256:ab".to_owned(), "nginx:1.27".to_owned())]);
        assert_eq!(database.filter("00ff").await.unwrap(), Some(vec![1, 2, 3]));
        assert_eq!(database.learned().await.unwrap().as_deref(), Some("[]"));
        let nameless: i64 = query_scalar("SELECT cgroup FROM nameless")
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
        assert_eq!(nameless, 77);
    });
    let aside = dir.path().join("before-database");
    for name in [
        "containers/cc.json",
        "containers/dd.new",
        "filters/00ff.bpf",
        "learned.json",
    ] {
        assert!(aside.join(name).exists(), "{name} is lost");
    }
    assert!(!dir.path().join("containers").exists());
    container(&mut database, "aa", "nginx:1.27", 9);
    close(database);

    // A daemon that died before it moved them aside: what was kept since goes before them.
    for name in ["containers", "nameless", "filters", "learned.json"] {
        fs::rename(aside.join(name), dir.path().join(name)).unwrap();
    }
    let mut database = open(dir.path());
    let kept = block_on(database.container("aa")).unwrap();
    assert_eq!(kept.as_deref(), Some("record of aa"));
    assert_eq!(block_on(database.container_ids()).unwrap().len(), 2);
}

#[test]
fn every_migration_keeps_what_the_layout_before_had() {
    let dir = tempfile::tempdir().unwrap();
    // Layout 1, as the migration itself makes it, with something in every table.
    let mut old = block_on(Database::connect(dir.path())).unwrap();
    block_on(async {
        migrations::migrate(&mut old.connection, 1).await.unwrap();
        raw_sql(
            "INSERT INTO workload VALUES ('sha256:ab', 'nginx:1.27', '', 5);
             INSERT INTO container VALUES ('aa', 'sha256:ab', 5, 'record');
             INSERT INTO nameless VALUES (7, 5, 'nameless');
             INSERT INTO filter VALUES ('ff', 5, x'0102');
             INSERT INTO learned VALUES (1, 'learned');",
        )
        .execute(&mut old.connection)
        .await
        .unwrap();
        assert_eq!(migrations::layout(&mut old.connection).await.unwrap(), 1);
        // Layout 2, with a version that was promoted.
        migrations::migrate(&mut old.connection, 2).await.unwrap();
        raw_sql(
            "INSERT INTO profile VALUES (x'aa', '{}');
             INSERT INTO version VALUES ('container:old', 1, NULL, 'recorder', 'ended', x'aa', 5, 6, 7,
               '{\"exes\":[],\"containers\":[],\"rows\":[]}', '{}');",
        )
        .execute(&mut old.connection)
        .await
        .unwrap();
        assert_eq!(migrations::layout(&mut old.connection).await.unwrap(), 2);
        old.connection.close().await.unwrap();
    });
    let mut database = open(dir.path());
    block_on(async {
        let layout = migrations::layout(&mut database.connection).await.unwrap();
        assert_eq!(layout, 3, "add the step to the new layout to this test");
        let kept = database.container("aa").await.unwrap();
        assert_eq!(kept.as_deref(), Some("record"));
        assert_eq!(database.filter("ff").await.unwrap(), Some(vec![1, 2]));
        assert_eq!(
            database.learned().await.unwrap().as_deref(),
            Some("learned")
        );
        assert_eq!(database.images().await.unwrap().len(), 1);
        let old = Subject::Container("old".into());
        let one = database.one_version(&old, 1).await.unwrap().unwrap();
        assert_eq!(
            (one.created_ms, one.promoted_ms, one.calls),
            (5, Some(6), 7)
        );
        assert_eq!((one.promoted_by, one.origins), (None, Vec::new()));
    });
    assert_eq!(keep(&mut database, &web(), 1, 1), 1);
    assert!(block_on(database.damage()).unwrap().is_empty());
}

#[test]
fn what_is_new_in_a_version_may_be_of_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(dir.path());
    let mut new = version(&web(), 1, 10);
    new.author = Author::Import;
    new.reason = Reason::Imported;
    new.origins = vec![Origin {
        host: "ci".into(),
        imported_ms: 9,
        file: Some("run.json".into()),
    }];
    let kept = block_on(async {
        database.keep_version(&new).await.unwrap();
        database.versions(&web()).await.unwrap()
    });
    assert_eq!(kept[0].author, Author::Import);
    assert_eq!(kept[0].reason, Reason::Imported);
    assert_eq!(kept[0].origins, new.origins);
}
