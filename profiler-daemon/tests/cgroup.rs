//! The cgroup tree, against temporary directories and, as root, against the kernel's own.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on should say so and stop"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use profiler_daemon::cgroup::{mount, path, tree::CgroupTree};

/// A cgroup of the test's own in the real hierarchy, removed at its end.
struct RealCgroup {
    tree: CgroupTree,
    name: PathBuf,
}

impl RealCgroup {
    /// None where the hierarchy can't be written; in CI that is a failure.
    fn make(name: &str) -> Option<Self> {
        let made = mount::find()
            .map_err(|error| error.to_string())
            .and_then(|root| {
                let name = PathBuf::from(format!("/profiler-test-{name}-{}", std::process::id()));
                let tree = CgroupTree::open(&root).map_err(|error| error.to_string())?;
                fs::create_dir(on_disk(&tree, &name)).map_err(|error| error.to_string())?;
                Ok(Self { tree, name })
            });
        match made {
            Ok(cgroup) => Some(cgroup),
            Err(reason) if std::env::var_os("CI").is_some() => {
                panic!("needs root and a writable cgroup v2 hierarchy: {reason}")
            }
            Err(reason) => {
                eprintln!("skipped: needs root and a writable cgroup v2 hierarchy: {reason}");
                None
            }
        }
    }

    fn id_of(&self, path: &Path) -> u64 {
        self.tree.id_of(path).expect("readable").expect("there")
    }
}

impl Drop for RealCgroup {
    fn drop(&mut self) {
        let mut below: Vec<PathBuf> = self
            .tree
            .walk()
            .unwrap_or_default()
            .into_iter()
            .map(|(_, path)| path)
            .filter(|path| path.starts_with(&self.name))
            .collect();
        below.reverse();
        for path in below {
            let _ = fs::remove_dir(on_disk(&self.tree, &path));
        }
    }
}

fn on_disk(tree: &CgroupTree, path: &Path) -> PathBuf {
    tree.root().join(path.strip_prefix("/").unwrap_or(path))
}

fn directory() -> (tempfile::TempDir, CgroupTree) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tree = CgroupTree::open(directory.path()).expect("a tree");
    (directory, tree)
}

#[test]
fn a_plain_directory_is_walked() {
    let (root, tree) = directory();
    fs::create_dir_all(root.path().join("docker/abc/nested")).expect("made");
    fs::write(root.path().join("docker/cgroup.procs"), "").expect("written");
    assert!(!tree.by_handle());

    let abc = Path::new("/docker/abc");
    let id = tree.id_of(abc).expect("readable").expect("there");
    assert_eq!(tree.path_of(id).expect("readable").as_deref(), Some(abc));
    let unrooted = tree.id_of(Path::new("docker/abc")).expect("readable");
    assert_eq!(unrooted, Some(id));

    let walked = tree.walk().expect("walked");
    let paths: Vec<_> = walked.iter().map(|(_, path)| path.as_path()).collect();
    let expected = ["/", "/docker", "/docker/abc", "/docker/abc/nested"];
    assert_eq!(paths, expected.map(Path::new));

    fs::remove_dir_all(root.path().join("docker/abc")).expect("removed");
    assert_eq!(tree.path_of(id).expect("readable"), None);
    assert_eq!(tree.id_of(abc).expect("readable"), None);
}

#[test]
fn processes_of_nested_cgroups_are_gathered() {
    let (root, tree) = directory();
    for (cgroup, pids) in [
        ("a", "7\n3\n0\n"),
        ("a/b", "12\n7\n"),
        ("a/b/c", ""),
        ("z", "99\n"),
    ] {
        fs::create_dir_all(root.path().join(cgroup)).expect("made");
        fs::write(root.path().join(cgroup).join("cgroup.procs"), pids).expect("written");
    }
    assert_eq!(tree.processes(Path::new("/a")).expect("read"), [3, 7, 12]);
    assert!(tree.processes(Path::new("/gone")).expect("read").is_empty());
    let error = tree
        .processes(Path::new("/a/../.."))
        .expect_err("leads out of the tree");
    assert!(error.to_string().contains("`..`"), "{error}");
}

#[test]
fn a_missing_root_is_named() {
    let error = CgroupTree::open(Path::new("/no/such/root")).expect_err("absent");
    assert!(error.to_string().contains("/no/such/root"), "{error}");
}

#[test]
fn real_cgroups_are_found_by_id_until_they_go() {
    let Some(cgroup) = RealCgroup::make("id") else {
        return;
    };
    let tree = &cgroup.tree;
    assert!(tree.by_handle(), "root may open cgroups by their id");

    let nested = cgroup.name.join("a name with  spaces (deleted) in it");
    fs::create_dir(on_disk(tree, &nested)).expect("made");
    let id = cgroup.id_of(&nested);
    for path in [&nested, &cgroup.name, &PathBuf::from("/")] {
        let found = tree.path_of(cgroup.id_of(path)).expect("readable");
        assert_eq!(found.as_ref(), Some(path));
    }

    fs::remove_dir(on_disk(tree, &nested)).expect("removed");
    assert_eq!(tree.path_of(id).expect("readable"), None);
    assert_eq!(tree.path_of(u64::MAX).expect("readable"), None);
}

#[test]
fn a_real_process_is_found_in_its_cgroup() {
    let Some(cgroup) = RealCgroup::make("procs") else {
        return;
    };
    let nested = cgroup.name.join("nested");
    fs::create_dir(on_disk(&cgroup.tree, &nested)).expect("made");
    let mut sleeper = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .expect("started");
    let procs = on_disk(&cgroup.tree, &nested).join("cgroup.procs");
    let moved = fs::write(procs, sleeper.id().to_string());
    let found = cgroup.tree.processes(&cgroup.name);
    sleeper.kill().expect("killed");
    sleeper.wait().expect("reaped");
    moved.expect("moved");
    assert_eq!(found.expect("read"), [sleeper.id()]);
}

#[test]
fn four_thousand_cgroups_are_cheap() {
    let Some(cgroup) = RealCgroup::make("many") else {
        return;
    };
    let parent = on_disk(&cgroup.tree, &cgroup.name);
    for n in 0..4000 {
        fs::create_dir(parent.join(format!("{n:064x}"))).expect("made");
    }
    let started = Instant::now();
    let mut ours = cgroup.tree.walk().expect("walked");
    let walked = started.elapsed();
    ours.retain(|(_, path)| path.starts_with(&cgroup.name));
    assert_eq!(ours.len(), 4001);

    let started = Instant::now();
    for (id, path) in &ours {
        let found = cgroup.tree.path_of(*id).expect("readable");
        assert_eq!(found.as_ref(), Some(path));
    }
    let looked_up = started.elapsed();
    let started = Instant::now();
    let recognised = ours.iter().filter_map(|(_, path)| path::container_of(path));
    assert_eq!(recognised.count(), 4000);
    let recognised = started.elapsed();
    eprintln!("4,000 cgroups: walk {walked:?}, by id {looked_up:?}, recognise {recognised:?}");
    // Generous: a busy machine must not fail, a quadratic look-up must.
    assert!(walked < Duration::from_secs(10), "{walked:?}");
    assert!(looked_up < Duration::from_secs(10), "{looked_up:?}");
}
