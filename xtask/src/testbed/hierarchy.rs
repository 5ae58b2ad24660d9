//! The hybrid cgroup layout made fit for crun: it refuses to start where the version 2 tree has a controller.
//!
//! Where version 1 holds the other controllers, hugetlb is often the one that was left to version 2. Mounting a
//! version 1 hierarchy for it takes it away, as init does on most hybrid hosts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::{program, workspace};

/// Where systemd mounts the version 2 tree of a hybrid host.
const UNIFIED: &str = "/sys/fs/cgroup/unified";

/// Mounts each controller of a hybrid host's version 2 tree as version 1, below `folder`.
pub(super) fn clear_unified(folder: &Path) -> Result<()> {
    for controller in controllers() {
        let point = mount_point(folder, &controller);
        workspace::folder(&point)?;
        let kept = format!("{UNIFIED}/cgroup.subtree_control");
        // Not enabled below the root on most hosts; then there is nothing to take back.
        if std::fs::read_to_string(&kept).is_ok_and(|enabled| enabled.contains(&controller)) {
            workspace::write(Path::new(&kept), format!("-{controller}"))?;
        }
        mount(&controller, &point)?;
    }
    Ok(())
}

/// Gives the controllers back.
pub(super) fn restore_unified(folder: &Path) -> Result<()> {
    let Ok(points) = std::fs::read_dir(hierarchies(folder)) else {
        return Ok(());
    };
    for point in points {
        let point = point?.path();
        // Containers' cgroups would keep the hierarchy alive after its mount is gone.
        super::engine::remove_cgroups(&point);
        if super::engine::is_mounted(&point)? {
            program::run(Command::new("umount").arg(&point))?;
        }
        std::fs::remove_dir(&point)?;
    }
    Ok(())
}

fn controllers() -> Vec<String> {
    let listed = std::fs::read_to_string(format!("{UNIFIED}/cgroup.controllers"));
    listed
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

fn mount(controller: &str, point: &Path) -> Result<()> {
    let mut last = None;
    // The kernel answers "busy" while cgroups that were just removed are still being put away.
    for _ in 0..50 {
        let mut command = Command::new("mount");
        command
            .args(["-t", "cgroup", "-o", controller, "cgroup"])
            .arg(point);
        match program::quietly(&mut command) {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
        if controllers().is_empty() && super::engine::is_mounted(point)? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    match last {
        Some(error) => Err(error.context(format!(
            "crun needs a version 2 tree without controllers, and {controller} can't be taken from it; \
             is another engine using it?"
        ))),
        None => bail!("{controller} can't be mounted"),
    }
}

fn hierarchies(folder: &Path) -> PathBuf {
    folder.join("cgroup-v1")
}

fn mount_point(folder: &Path, controller: &str) -> PathBuf {
    hierarchies(folder).join(controller)
}
