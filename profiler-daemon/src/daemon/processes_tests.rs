//! Bundles of a made-up /proc: whose configuration is read, and whose is not.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::{RunningProcesses, read_configuration};
use crate::{
    cgroup::tree::CgroupTree,
    collector::ports::{Processes, Wanted},
};

const CONFIGURATION: &str = r#"{"ociVersion": "1.0.2", "linux": {"seccomp": {"x": 1}}}"#;

struct Host {
    folder: tempfile::TempDir,
    id: String,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("cgroup")).unwrap();
        Self {
            folder,
            id: "ab".repeat(32),
        }
    }

    fn process(&self, pid: u32, parent: u32, cgroup: &str, words: &str, cwd: &Path) {
        let place = self.folder.path().join("proc").join(pid.to_string());
        fs::create_dir_all(&place).unwrap();
        let status = format!(
            "Name:\tx\nPPid:\t{parent}\nNSpid:\t{pid}\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"
        );
        fs::write(place.join("status"), status).unwrap();
        fs::write(place.join("cgroup"), format!("1:cpu:/\n0::{cgroup}\n")).unwrap();
        fs::write(place.join("cmdline"), words.replace(' ', "\0")).unwrap();
        let name = words.split(' ').next().unwrap();
        fs::write(place.join("comm"), format!("{name}\n")).unwrap();
        symlink(cwd, place.join("cwd")).unwrap();
    }

    fn bundle(&self, name: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name).join(&self.id);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("config.json"), CONFIGURATION).unwrap();
        path
    }

    fn own(&self) -> String {
        format!("/docker/{}", self.id)
    }

    fn first(&self) -> Option<crate::audit::evidence::FirstProcess> {
        let processes = RunningProcesses {
            tree: CgroupTree::open(&self.folder.path().join("cgroup")).unwrap(),
            proc: self.folder.path().join("proc"),
        };
        processes.first(&Wanted {
            id: self.id.clone(),
            root: self.own().into(),
            pid: Some(10),
            ptrace: false,
        })
    }
}

#[test]
fn a_shims_bundle_is_read_where_it_works_and_conmons_where_it_says() {
    let host = Host::new();
    let bundle = host.bundle("moby");
    host.process(5, 1, "/", "containerd-shim", &bundle);
    host.process(10, 5, &host.own(), "sleep", Path::new("/"));
    let found = host.first().unwrap();
    assert_eq!(
        (found.pid, found.filtered, found.filters),
        (10, Some(true), Some(1))
    );
    assert!(found.bundle.unwrap().seccomp.is_some());

    let host = Host::new();
    let bundle = host.bundle("overlay");
    let words = format!("conmon -c {} -b {}", host.id, bundle.display());
    host.process(5, 1, "/", &words, Path::new("/"));
    host.process(10, 5, &host.own(), "sleep", Path::new("/"));
    assert!(host.first().unwrap().bundle.is_ok());
}

#[test]
fn a_container_does_not_choose_what_is_read() {
    // The parent is in the container itself.
    let host = Host::new();
    let bundle = host.bundle("moby");
    host.process(
        5,
        1,
        &format!("{}/inner", host.own()),
        "containerd-shim",
        &bundle,
    );
    host.process(10, 5, &host.own(), "sleep", Path::new("/"));
    assert!(host.first().is_none());

    // The number is another process's by now.
    let host = Host::new();
    let bundle = host.bundle("moby");
    host.process(5, 1, "/", "containerd-shim", &bundle);
    host.process(10, 5, "/user.slice", "sleep", Path::new("/"));
    assert!(host.first().is_none());

    // The parent works in another's bundle, or in the root folder.
    let host = Host::new();
    let elsewhere = host.folder.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::write(elsewhere.join("config.json"), CONFIGURATION).unwrap();
    host.process(5, 1, "/", "containerd-shim", &elsewhere);
    host.process(10, 5, &host.own(), "sleep", Path::new("/"));
    assert!(host.first().unwrap().bundle.is_err());
}

#[test]
fn only_a_small_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    assert!(read_configuration(&path).is_err());
    fs::write(&path, CONFIGURATION).unwrap();
    assert_eq!(read_configuration(&path).unwrap(), CONFIGURATION.as_bytes());
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(read_configuration(&link).is_err());
    assert!(read_configuration(folder.path()).is_err());
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(read_configuration(&path).is_err());
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(read_configuration(&path).is_err());
}
