//! A cgroup for one command, removed with the recording.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use super::RecordError;

/// How deep the cgroup lies: right below the root.
pub(super) const LEVEL: u32 = 1;

/// The cgroup. It is at the root of the tree, so that nothing above it is the command's own.
pub(super) struct OwnCgroup {
    mount: PathBuf,
    path: PathBuf,
    id: u64,
}

fn failed(action: impl Into<String>) -> impl FnOnce(io::Error) -> RecordError {
    let action = action.into();
    move |error| RecordError::Cgroup {
        reason: if error.kind() == io::ErrorKind::PermissionDenied {
            format!("{error}; recording needs root")
        } else {
            error.to_string()
        },
        action,
    }
}

impl OwnCgroup {
    pub(super) fn make() -> Result<Self, RecordError> {
        let mount = crate::cgroup::mount::find().map_err(|error| RecordError::Cgroup {
            action: "make a cgroup for the command".into(),
            reason: error.to_string(),
        })?;
        let path = mount.join(format!("profilectl-record-{}", std::process::id()));
        let made = || -> io::Result<u64> {
            fs::create_dir(&path)?;
            Ok(fs::metadata(&path)?.ino())
        };
        let id = made().map_err(failed(format!("make the cgroup {}", path.display())))?;
        Ok(Self { mount, path, id })
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Starts the command in the cgroup. It moves itself there between fork and exec, so that
    /// nothing it does is missed, and nothing that is not its own is recorded.
    #[expect(
        unsafe_code,
        reason = "what a child does before exec is the caller's promise"
    )]
    pub(super) fn command(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        stdout: Stdio,
    ) -> Result<tokio::process::Child, RecordError> {
        let procs: File = OpenOptions::new()
            .write(true)
            .open(self.path.join("cgroup.procs"))
            .map_err(failed("enter the command's cgroup"))?;
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdout(stdout);
        let fd = procs.as_raw_fd();
        // SAFETY: between fork and exec only write(2) is called, on a descriptor that lives
        // until the spawn is over.
        unsafe {
            command.pre_exec(move || {
                let fd = std::os::fd::BorrowedFd::borrow_raw(fd);
                rustix::io::write(fd, b"0").map(|_| ()).map_err(Into::into)
            });
        }
        let name = || program.to_string_lossy().into_owned();
        command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => RecordError::NoCommand(name()),
            _ => RecordError::CannotRun {
                command: name(),
                source,
            },
        })
    }

    /// Moves what the command left running to the root cgroup, where it runs on unrecorded.
    pub(super) fn release_processes(&self) -> Result<Vec<u32>, RecordError> {
        let mut released = Vec::new();
        // A process may fork while it is moved; a few rounds find its children too.
        for _ in 0..10 {
            let pids = processes(&self.path);
            if pids.is_empty() {
                break;
            }
            for pid in pids {
                let moved = OpenOptions::new()
                    .write(true)
                    .open(self.mount.join("cgroup.procs"))
                    .and_then(|mut procs| procs.write_all(pid.to_string().as_bytes()));
                if moved.is_ok() {
                    released.push(pid);
                }
            }
        }
        Ok(released)
    }
}

fn processes(path: &Path) -> Vec<u32> {
    fs::read_to_string(path.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect()
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        // Its own sub-cgroups first, the deepest first; one that is still in use stays.
        let mut below = vec![self.path.clone()];
        let mut next = 0;
        while let Some(path) = below.get(next).cloned() {
            next += 1;
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            below.extend(
                entries
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| entry.path()),
            );
        }
        for path in below.iter().rev() {
            let _ = fs::remove_dir(path);
        }
    }
}
