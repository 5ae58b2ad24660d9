//! Cgroups that a test makes, where another engine would have made them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where cgroup v2 is mounted.
pub(crate) fn mount() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("our mounts");
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    PathBuf::from(
        mount
            .and_then(|line| line.split(' ').nth(1))
            .expect("cgroup v2 is mounted"),
    )
}

/// A cgroup made by hand where another engine would have made it.
pub(crate) struct ByHand {
    made: Vec<PathBuf>,
    pub(crate) id: String,
}

impl ByHand {
    pub(crate) fn make(parents: &str, prefix: &str, suffix: &str) -> Self {
        let mut path = mount();
        let mut made = Vec::new();
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock");
        let id = format!("{:032x}{:032x}", std::process::id(), nanos.as_nanos());
        for name in parents
            .split('/')
            .chain([format!("{prefix}{id}{suffix}").as_str()])
        {
            path.push(name);
            if fs::create_dir(&path).is_ok() {
                made.push(path.clone());
            }
        }
        Self { made, id }
    }

    /// Runs a program in it as a runtime does: what enters is not the program yet, and only what is executed in
    /// a mount namespace of its own is.
    pub(crate) fn start(&self, program: &Path) -> Child {
        let procs = self.made.last().expect("a cgroup").join("cgroup.procs");
        let script = "echo $$ > \"$0\" && exec unshare --mount \"$1\"";
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]).arg(procs).arg(program);
        shell.spawn().expect("a shell starts")
    }

    pub(crate) fn remove(&mut self) {
        for path in self.made.drain(..).rev() {
            // The kernel takes a moment to let the last process go; a parent may be in use by others.
            let begin = Instant::now();
            while fs::remove_dir(&path).is_err() && begin.elapsed() < Duration::from_secs(1) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        self.remove();
    }
}
