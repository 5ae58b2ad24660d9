//! Cgroups as Docker makes them, each with a process that sleeps. All of it goes when this is
//! dropped; what a run that was killed has left goes when the next one begins.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use anyhow::{Context, Result};

/// What our containers' ids begin with, so that they are known again.
const MARK: &str = "1d1e51ee9e7";

pub(crate) struct Sleepers {
    parent: PathBuf,
    ids: Vec<String>,
    processes: Vec<Child>,
}

impl Sleepers {
    pub(crate) fn make(count: usize) -> Result<Self> {
        let parent = profiler_daemon::cgroup::mount::find()?.join("docker");
        sweep(&parent);
        let mut sleepers = Self {
            parent,
            ids: Vec::new(),
            processes: Vec::new(),
        };
        for number in 0..count {
            let id = format!("{MARK}{number:0>53x}");
            let cgroup = sleepers.parent.join(&id);
            fs::create_dir_all(&cgroup)
                .with_context(|| format!("can't make the cgroup {}", cgroup.display()))?;
            sleepers.ids.push(id);
            let process = Command::new("sleep").arg("3600").spawn()?;
            let pid = process.id().to_string();
            sleepers.processes.push(process);
            fs::write(cgroup.join("cgroup.procs"), pid)?;
        }
        Ok(sleepers)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        sweep(&self.parent);
    }
}

fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(MARK) {
            continue;
        }
        let path = entry.path();
        // What a run that was killed has left still sleeps there.
        let _ = fs::write(path.join("cgroup.kill"), "1");
        for _ in 0..50 {
            if fs::remove_dir(&path).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    // Another's containers keep it.
    let _ = fs::remove_dir(parent);
}
