//! Where maps, programs and links are pinned, and whose they are.
//!
//! ```text
//! <pin dir>/v<ABI version>/maps/<MAP>
//! <pin dir>/v<ABI version>/run-<hash of object and settings>/<program>, <program>_link
//! ```
//! The hash is in the name: a daemon finds at once whether the programs that run are its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use aya::maps::{Map, MapData, MapError};
use rustix::fs::{AtFlags, CWD, FsWord, Timespec, Timestamps, statfs, utimensat};

use super::error::KernelError;
use crate::claim::{Claim, ClaimError, PATIENCE};

const BPF_FS_MAGIC: FsWord = 0xcafe_4a11;

/// The pins of one layout version under one directory.
#[derive(Clone, Debug)]
pub(super) struct Pins {
    base: PathBuf,
    run: PathBuf,
}

/// Claims the directory for this daemon, and makes it if there is none; mounts a bpf file system at
/// /sys/fs/bpf where that has none.
pub(super) fn claim(pin_dir: &Path) -> Result<Claim, KernelError> {
    let failed = |reason: String| KernelError::PinDirectory {
        path: pin_dir.to_owned(),
        reason,
    };
    if pin_dir.starts_with("/sys/fs/bpf") {
        mount_if_absent(Path::new("/sys/fs/bpf")).map_err(|error| failed(error.to_string()))?;
    }
    let advice =
        "two must not read and free the same records; stop that one, or name another --pin-dir";
    Claim::take(pin_dir, PATIENCE, advice).map_err(|error| match error {
        ClaimError::Taken { .. } => KernelError::Claim(error),
        ClaimError::Refused { source, .. } => failed(source.to_string()),
    })
}

impl Pins {
    /// The pins of a layout version, which need not be there.
    pub(super) fn of(pin_dir: &Path, version: u32, run_hash: &str) -> Self {
        let base = pin_dir.join(format!("v{version}"));
        Self {
            run: base.join(format!("run-{run_hash}")),
            base,
        }
    }

    /// Makes the directories, below one that is claimed.
    pub(super) fn prepare(pin_dir: &Path, run_hash: &str) -> Result<Self, KernelError> {
        let pins = Self::of(pin_dir, profiler_common::ABI_VERSION, run_hash);
        let failed = |reason: String| KernelError::PinDirectory {
            path: pin_dir.to_owned(),
            reason,
        };
        let kind = statfs(pin_dir).map_err(|error| failed(error.to_string()))?;
        if kind.f_type != BPF_FS_MAGIC {
            return Err(failed("it is not on a bpf file system".into()));
        }
        pins.begin().map_err(|error| failed(error.to_string()))?;
        Ok(pins)
    }

    /// Makes the directory of the maps. Those of a daemon that was killed before it pinned all of them go:
    /// a run is made only after that, so without one nobody has recorded into them.
    fn begin(&self) -> io::Result<()> {
        let maps = self.base.join("maps");
        if maps.is_dir() && runs_in(&self.base).is_empty() {
            fs::remove_dir_all(&maps)?;
        }
        fs::create_dir_all(&maps)
    }

    /// The directory of this layout version.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Where a map is pinned.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.base.join("maps").join(name)
    }

    /// A pinned map.
    ///
    /// # Errors
    /// There is none, or it is of another kind.
    pub(super) fn opened<T: TryFrom<Map, Error = MapError>>(
        &self,
        name: &str,
    ) -> Result<T, MapError> {
        let data = MapData::from_pin(self.map(name))?;
        T::try_from(Map::from_map_data(data)?)
    }

    /// Where a program of this run is pinned.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.run.join(name)
    }

    /// Where a link of this run is pinned.
    pub(super) fn link(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}_link"))
    }

    /// The directory of this run.
    pub(super) fn run(&self) -> &Path {
        &self.run
    }

    /// Makes the directory of this run, empty. What a daemon that died while it attached has left of it
    /// is another run from now on: its programs go on until each has its successor.
    pub(super) fn make_run(&self) -> io::Result<()> {
        let mut left = self.run.clone();
        while left.exists() {
            left.as_mut_os_string().push("-left");
        }
        if left != self.run {
            fs::rename(&self.run, &left)?;
        }
        fs::create_dir_all(&self.run)
    }

    /// Removes what `prepare` made and a failed load left; for pins that hold no records.
    pub(super) fn abandon(&self) {
        // What is not empty by then is not ours.
        let _ = fs::remove_dir_all(self.base.join("maps"));
        let _ = fs::remove_dir(&self.base);
        if let Some(pin_dir) = self.base.parent() {
            let _ = fs::remove_dir(pin_dir);
        }
    }

    /// Runs of other objects or settings, whose programs must go once ours are attached.
    pub(super) fn other_runs(&self) -> Vec<PathBuf> {
        let mut runs = runs_in(&self.base);
        runs.retain(|path| *path != self.run);
        runs
    }

    /// When the recording began, since the epoch: when the first map was pinned.
    pub(super) fn since(&self) -> Option<Duration> {
        let made = fs::metadata(self.map("RECORDS")).ok()?.modified().ok()?;
        made.duration_since(std::time::UNIX_EPOCH).ok()
    }

    /// Keeps that the recording began so early, if it is not told to have begun before.
    ///
    /// # Errors
    /// The file system does not take it.
    pub(super) fn begin_at(&self, since: Duration) -> io::Result<()> {
        if self.since().is_some_and(|begun| begun <= since) {
            return Ok(());
        }
        let time = Timespec::try_from(since).map_err(io::Error::other)?;
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        utimensat(CWD, self.map("RECORDS"), &times, AtFlags::empty())?;
        Ok(())
    }
}

/// The runs of one layout version.
pub(super) fn runs_in(version: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(version) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("run-"))
        })
        .collect()
}

fn mount_if_absent(path: &Path) -> io::Result<()> {
    if statfs(path)?.f_type == BPF_FS_MAGIC {
        return Ok(());
    }
    rustix::mount::mount("bpf", path, "bpf", rustix::mount::MountFlags::empty(), None)?;
    tracing::info!(path = %path.display(), "mounted a bpf file system");
    Ok(())
}

/// Removes everything that any version of the daemon pinned there: programs are detached,
/// and what the maps hold is gone. True when there was anything.
///
/// # Errors
/// Something cannot be removed.
pub fn unload(pin_dir: &Path) -> io::Result<bool> {
    match fs::remove_dir_all(pin_dir) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The pins of layout versions other than this build's.
pub(super) fn other_versions(pin_dir: &Path) -> Vec<PathBuf> {
    let own = format!("v{}", profiler_common::ABI_VERSION);
    let Ok(entries) = fs::read_dir(pin_dir) else {
        return Vec::new();
    };
    let is_version = |name: &str| {
        let number = name.strip_prefix('v').unwrap_or_default();
        number.parse::<u32>().is_ok() && name != own
    };
    entries
        .flatten()
        .filter(|entry| is_version(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

/// The programs that are pinned in a run's directory, by name.
pub(super) fn programs_in(run: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(run) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with("_link"))
        .collect()
}
