//! The cgroups that are known while a call is measured. One process has made a call in each, and
//! the measured task is in one of them. They go when this is dropped; what a run that was killed
//! has left goes when the next one begins.

#![allow(
    unsafe_code,
    reason = "nothing but clone3 starts a process in a cgroup without moving one there, which takes milliseconds"
)]

use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

const NAME: &str = "profiler-bench";
/// From linux/sched.h; libc has it as a type that does not fit the field.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

pub(crate) struct Crowd {
    mount: PathBuf,
    members: Vec<PathBuf>,
}

/// `struct clone_args` of linux/sched.h, version 2.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

impl Crowd {
    /// Makes the cgroups and puts this process into one.
    pub(crate) fn make(count: usize) -> Result<Self> {
        let mount = profiler_daemon::cgroup::mount::find()?;
        let parent = mount.join(NAME);
        sweep(&mount, &parent);
        let mut crowd = Self {
            mount,
            members: Vec::with_capacity(count),
        };
        for number in 0..count {
            let member = parent.join(number.to_string());
            fs::create_dir_all(&member)
                .with_context(|| format!("can't make the cgroup {}", member.display()))?;
            crowd.members.push(member);
        }
        if let Some(own) = crowd.members.get(count / 2) {
            fs::write(own.join("cgroup.procs"), "0")
                .with_context(|| format!("can't enter {}", own.display()))?;
        }
        Ok(crowd)
    }

    /// Has a process make a call in each.
    pub(crate) fn call_in_each(&self) -> Result<()> {
        for member in &self.members {
            visit(member)
                .with_context(|| format!("can't start a process in {}", member.display()))?;
        }
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        sweep(&self.mount, &self.mount.join(NAME));
    }
}

/// Leaves the cgroups and removes them.
fn sweep(mount: &Path, parent: &Path) {
    let Ok(members) = fs::read_dir(parent) else {
        return;
    };
    let _ = fs::write(mount.join("cgroup.procs"), "0");
    for member in members.flatten() {
        let _ = fs::remove_dir(member.path());
    }
    if let Err(error) = fs::remove_dir(parent) {
        eprintln!("overhead: {} is left: {error}", parent.display());
    }
}

/// A child in a cgroup that ends at once, which is its call.
fn visit(cgroup: &Path) -> Result<()> {
    let folder = File::open(cgroup)?;
    let arguments = CloneArguments {
        flags: CLONE_INTO_CGROUP,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: folder.as_raw_fd() as u64,
        ..CloneArguments::default()
    };
    // SAFETY: the arguments are what the kernel wants; the child has a copy of this memory and
    // calls only _exit, which is safe whatever other threads held.
    let pid = unsafe {
        let pid = libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<CloneArguments>(),
        );
        if pid == 0 {
            libc::_exit(0);
        }
        pid
    };
    if pid < 0 {
        bail!(std::io::Error::last_os_error());
    }
    let pid = rustix::process::Pid::from_raw(pid as i32).context("clone3 answered no pid")?;
    rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty())?;
    Ok(())
}
