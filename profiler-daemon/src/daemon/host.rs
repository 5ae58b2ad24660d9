//! The host as the collector needs it: cgroups, /proc, the clock.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{
    cgroup::{path::container_of, tree::CgroupTree},
    collector::ports::{Home, Place, Places},
    kernel::in_flight,
    profile::call::CallSet,
};

/// The running host.
pub(super) struct Host {
    tree: CgroupTree,
}

impl Host {
    pub(super) fn new(tree: CgroupTree) -> Self {
        Self { tree }
    }
}

fn home(path: &Path) -> Option<Home> {
    let found = container_of(path)?;
    Some(Home {
        engine: found.engine,
        id: found.id,
        root: found.root,
    })
}

impl Places for Host {
    fn locate(&self, cgroup: u64) -> Place {
        match self.tree.path_of(cgroup) {
            Ok(Some(path)) => home(&path).map_or(Place::Host, Place::Container),
            Ok(None) => Place::Gone,
            Err(error) => {
                tracing::warn!(cgroup, %error, "a cgroup cannot be located");
                Place::Gone
            }
        }
    }

    fn containers(&self) -> Vec<(u64, Home)> {
        match self.tree.walk() {
            Ok(all) => all
                .into_iter()
                .filter_map(|(id, path)| Some((id, home(&path)?)))
                .collect(),
            Err(error) => {
                tracing::error!(%error, "the cgroups cannot be listed");
                Vec::new()
            }
        }
    }

    fn in_flight(&self, root: &Path) -> CallSet {
        let processes = self.tree.processes(root).unwrap_or_default();
        processes
            .into_iter()
            .flat_map(|pid| in_flight::calls(Path::new("/proc"), pid))
            .collect()
    }

    fn executable(&self, pid: u32) -> Option<String> {
        let link = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        Some(link.to_string_lossy().into_owned())
    }

    fn cgroup_of(&self, pid: u32) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
        self.tree.id_of(Path::new(path)).ok()?
    }

    fn own_memory(&self) -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024)
    }

    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64)
    }

    fn boot_ms(&self) -> u64 {
        let since = clock_gettime(ClockId::Boottime);
        since.tv_sec as u64 * 1000 + since.tv_nsec as u64 / 1_000_000
    }

    fn boot_id(&self) -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }
}
