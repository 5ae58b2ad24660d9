//! A container of LXC's with a static busybox in it, started anew for every profile.

#![allow(clippy::expect_used, reason = "a test ends where its ground gives way")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::testbed::{Ended, run};

/// How long a container may take; each is done in a fraction of a second, or hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// A folder with a root file system and a configuration.
pub(crate) struct Lxc {
    folder: TempDir,
}

impl Lxc {
    /// Makes the root file system.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("root");
        for name in ["bin", "dev", "proc", "sys", "tmp"] {
            fs::create_dir_all(root.join(name)).expect("a folder");
        }
        fs::create_dir(folder.path().join("lxc")).expect("a folder");
        fs::copy(Self::busybox(), root.join("bin/busybox")).expect("busybox");
        for name in ["sh", "chmod", "ls", "wc", "sleep"] {
            symlink("busybox", root.join("bin").join(name)).expect("a link");
        }
        Self { folder }
    }

    /// The host's static busybox, which the testbed installs.
    pub(crate) fn busybox() -> PathBuf {
        ["/bin/busybox", "/usr/bin/busybox"]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
            .expect("the package busybox-static is installed")
    }

    /// Runs a script in a container under a profile.
    pub(crate) fn run(&self, profile: &str, script: &str) -> Ended {
        let configuration = self.configure(profile, "");
        run(
            Command::new("lxc-execute").args(self.words(&configuration, script)),
            PATIENCE,
        )
    }

    /// The calls that LXC makes once the filter is loaded, its init's too, up to the program's execution.
    pub(crate) fn seen_under_the_filter(&self, more: &str) -> BTreeSet<String> {
        let configuration = self.configure("2\ndenylist allow\nkexec_load errno 1\n", more);
        let file = self.folder.path().join("strace");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(&file);
        command
            .arg("lxc-execute")
            .args(self.words(&configuration, "true"));
        let ended = run(&mut command, PATIENCE);
        assert!(ended.success(), "{ended}");
        let text = fs::read_to_string(file).expect("strace's output");
        under_the_filter(&text)
    }

    fn words(&self, configuration: &Path, script: &str) -> Vec<String> {
        let lxc = self.folder.path().join("lxc");
        let name = format!("profiler-test-{}", std::process::id());
        let configuration = configuration.display().to_string();
        let lxc = lxc.display().to_string();
        [
            "-n",
            &name,
            "-P",
            &lxc,
            "-f",
            &configuration,
            "--",
            "/bin/sh",
            "-c",
            script,
        ]
        .map(str::to_owned)
        .into()
    }

    fn configure(&self, profile: &str, more: &str) -> PathBuf {
        let folder = self.folder.path();
        let file = folder.join("profile");
        fs::write(&file, profile).expect("the profile can be written");
        let configuration = folder.join("configuration");
        let text = format!(
            "lxc.uts.name = test\nlxc.net.0.type = empty\nlxc.rootfs.path = dir:{}\nlxc.seccomp.profile = {}\n{more}",
            folder.join("root").display(),
            file.display()
        );
        fs::write(&configuration, text).expect("the configuration can be written");
        configuration
    }
}

/// Names of the calls after the filter's load, by the loading process and its children, each until it
/// executes a program.
fn under_the_filter(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut lines = text.lines();
    let loaded = lines
        .by_ref()
        .find(|line| line.contains("seccomp(SECCOMP_SET_MODE_FILTER, 0, {"))
        .expect("LXC loads its filter");
    let mut under = BTreeSet::from([process(loaded)]);
    let before: BTreeSet<&str> = text
        .lines()
        .take_while(|line| *line != loaded)
        .map(process)
        .collect();
    let mut executed = BTreeSet::new();
    for line in lines {
        let process = process(line);
        if !before.contains(process) {
            under.insert(process);
        }
        if !under.contains(process) || executed.contains(process) {
            continue;
        }
        let rest = line[process.len()..].trim_start();
        let rest = rest.strip_prefix("<... ").unwrap_or(rest);
        let name: String = rest
            .chars()
            .take_while(|next| next.is_ascii_alphanumeric() || *next == '_')
            .collect();
        if name == "execve" {
            executed.insert(process);
        }
        if !name.is_empty() {
            names.insert(name);
        }
    }
    names
}

fn process(line: &str) -> &str {
    line.split(' ').next().unwrap_or(line)
}
