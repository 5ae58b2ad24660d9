//! A container's first process as the host tells of it: what the kernel says of its filters, and
//! the OCI bundle that it was started from.
//!
//! The bundle is found by the process's parent, which is the engine's own: containerd's shim works
//! in the bundle's folder, and conmon has it on its command line. A container's root must not
//! choose what is read: the parent must be outside of the container, and the folder's path must
//! bear the container's id. No symbolic link is followed to the file, and no more is read of it
//! than a configuration may have.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};

use crate::{
    audit::evidence::{Bundle, FirstProcess, MOST_CONFIGURATION},
    cgroup::tree::CgroupTree,
    collector::ports::{Processes, Wanted},
    kernel,
    seccomp::{
        dialects::docker::resolve::{NEWEST_KERNEL, kernel_version},
        filter::program::Instruction,
    },
};

/// Bytes of a command line that are read at most.
const MOST_WORDS: u64 = 256 * 1024;

/// The running host's processes.
pub(super) struct RunningProcesses {
    tree: CgroupTree,
    proc: PathBuf,
}

impl RunningProcesses {
    pub(super) fn new(tree: CgroupTree) -> Self {
        Self {
            tree,
            proc: PathBuf::from("/proc"),
        }
    }

    /// The first process: the one that the engine names, if it is there; else of those whose parent
    /// is outside, the one that is the first of its own numbering, or the oldest.
    fn find(&self, wanted: &Wanted) -> Option<u32> {
        let entered = |pid: u32| {
            self.is_within(pid, &wanted.root)
                && self
                    .parent(pid)
                    .is_some_and(|parent| !self.is_within(parent, &wanted.root))
        };
        if let Some(pid) = wanted.pid.filter(|pid| entered(*pid)) {
            return Some(pid);
        }
        let mut all = self.tree.processes(&wanted.root).unwrap_or_default();
        all.retain(|pid| entered(*pid));
        let is_first = |pid: &&u32| {
            self.status(**pid, "NSpid")
                .is_some_and(|numbers| numbers.split_whitespace().last() == Some("1"))
        };
        all.iter()
            .find(is_first)
            .or_else(|| all.iter().min())
            .copied()
    }

    fn is_within(&self, pid: u32, root: &Path) -> bool {
        let text = fs::read_to_string(self.place(pid, "cgroup")).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("0::"))
            .is_some_and(|path| Path::new(path).starts_with(Path::new("/").join(root)))
    }

    fn parent(&self, pid: u32) -> Option<u32> {
        self.status(pid, "PPid")?
            .parse()
            .ok()
            .filter(|pid| *pid != 0)
    }

    /// A line of `/proc/PID/status`.
    fn status(&self, pid: u32, key: &str) -> Option<String> {
        let text = fs::read_to_string(self.place(pid, "status")).ok()?;
        text.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == key).then(|| value.trim().to_owned())
        })
    }

    fn place(&self, pid: u32, name: &str) -> PathBuf {
        self.proc.join(pid.to_string()).join(name)
    }

    fn bundle(&self, pid: u32, id: &str) -> Result<Bundle, String> {
        let unknown = |why: &str| format!("its OCI bundle is not found: {why}");
        let parent = self
            .parent(pid)
            .ok_or_else(|| unknown("its first process has no parent"))?;
        let folder = self.bundle_folder(parent).ok_or_else(|| {
            unknown("the parent of its first process is neither containerd's shim nor conmon")
        })?;
        if !folder.components().any(|part| part.as_os_str() == id) {
            return Err(unknown(
                "the parent of its first process works elsewhere than in a bundle of its",
            ));
        }
        let text = read_configuration(&folder.join("config.json"))
            .map_err(|error| unknown(&format!("config.json: {error}")))?;
        Bundle::read(&text)
    }

    /// Where a monitor's bundle is: conmon's word after `-b` or `--bundle`, else where it works.
    fn bundle_folder(&self, monitor: u32) -> Option<PathBuf> {
        let mut line = Vec::new();
        let file = File::open(self.place(monitor, "cmdline")).ok()?;
        file.take(MOST_WORDS).read_to_end(&mut line).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let named = words
            .windows(2)
            .find(|pair| matches!(pair[..], [b"-b" | b"--bundle", _]))
            .and_then(|pair| pair.last());
        let is_conmon = fs::read_to_string(self.place(monitor, "comm"))
            .is_ok_and(|name| name.starts_with("conmon"));
        match named {
            Some(path) if is_conmon => Some(PathBuf::from(std::ffi::OsStr::from_bytes(path))),
            _ => fs::read_link(self.place(monitor, "cwd")).ok(),
        }
    }
}

/// Reads a file that nobody but root or ourselves can have written.
fn read_configuration(path: &Path) -> io::Result<Vec<u8>> {
    // Not even opened if it is a link; and a pipe in its place does not hold us up.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    let ours = rustix::process::geteuid().as_raw();
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if metadata.uid() != 0 && metadata.uid() != ours {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.len() > MOST_CONFIGURATION {
        return Err(io::Error::other("it is larger than 8 MiB"));
    }
    let mut text = Vec::new();
    file.take(MOST_CONFIGURATION).read_to_end(&mut text)?;
    Ok(text)
}

impl Processes for RunningProcesses {
    fn first(&self, wanted: &Wanted) -> Option<FirstProcess> {
        let pid = self.find(wanted)?;
        let filtered = self.status(pid, "Seccomp").map(|mode| mode != "0");
        let filters = self.status(pid, "Seccomp_filters");
        let bundle = self.bundle(pid, &wanted.id);
        let layers = wanted.ptrace.then(|| {
            let read = kernel::loaded_filters(pid).map_err(|error| error.to_string())?;
            Ok(read.into_iter().map(Instruction::list).collect())
        });
        // What was read under its number was its own only if it is still there.
        self.is_within(pid, &wanted.root).then_some(FirstProcess {
            pid,
            filtered,
            filters: filters.and_then(|count| count.parse().ok()),
            bundle,
            layers,
        })
    }

    fn kernel(&self) -> (u32, u32) {
        let name = rustix::system::uname();
        kernel_version(&name.release().to_string_lossy()).unwrap_or(NEWEST_KERNEL)
    }
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
