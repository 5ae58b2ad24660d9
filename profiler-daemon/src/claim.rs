//! A directory that is one daemon's alone while it runs: a lock on the directory itself.
//!
//! The kernel gives it back whatever its holder dies of, so nothing stale is ever left, and no file is made.
//! It must not be held by what is executed: the descriptor is closed there.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock, fstat, major, minor},
    io::Errno,
};
use thiserror::Error;

/// How long a daemon that is about to end may still hold it.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Why the directory is not ours.
#[derive(Debug, Error)]
pub enum ClaimError {
    /// Another daemon holds it.
    #[error(
        "{} is in use by another profilerd{}: {advice}",
        path.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Taken {
        /// The directory.
        path: PathBuf,
        /// Who holds it, if the kernel told.
        pid: Option<u32>,
        /// What to do.
        advice: &'static str,
    },
    /// It cannot be made, or not be locked.
    #[error("cannot use the directory {}: {source}; check that it exists, is writable and has room", path.display())]
    Refused {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The directory is ours as long as this lives.
#[derive(Debug)]
pub struct Claim {
    _held: OwnedFd,
}

impl Claim {
    /// Claims a directory, which is made if there is none. Waits for so long for another daemon to
    /// end; `advice` is what to do when it does not.
    ///
    /// # Errors
    /// Another daemon holds it, or the system refuses.
    pub fn take(path: &Path, patience: Duration, advice: &'static str) -> Result<Self, ClaimError> {
        let until = Instant::now() + patience;
        loop {
            fs::create_dir_all(path).map_err(|source| refused(path, source))?;
            if let Some(claim) = Self::attempt(path, until, advice)? {
                return Ok(claim);
            }
            again(path, until)?;
        }
    }

    /// The same for a directory that is there; none if there is none.
    ///
    /// # Errors
    /// As of [`Self::take`].
    pub fn take_existing(path: &Path, advice: &'static str) -> Result<Option<Self>, ClaimError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match fs::metadata(path) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(refused(path, error)),
            }
            if let Some(claim) = Self::attempt(path, until, advice)? {
                return Ok(Some(claim));
            }
            again(path, until)?;
        }
    }

    /// One attempt; none when it is to be tried again.
    fn attempt(
        path: &Path,
        until: Instant,
        advice: &'static str,
    ) -> Result<Option<Self>, ClaimError> {
        let opened = fs::OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::DIRECTORY.bits().cast_signed())
            .open(path);
        match opened {
            Ok(held) => Self::lock(held.into(), path, until, advice),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused(path, error)),
        }
    }

    fn lock(
        held: OwnedFd,
        path: &Path,
        until: Instant,
        advice: &'static str,
    ) -> Result<Option<Self>, ClaimError> {
        match flock(&held, FlockOperation::NonBlockingLockExclusive) {
            // Whoever held it may have removed it: then it is another one's that has the name now.
            Ok(()) => Ok(is_at(&held, path).then_some(Self { _held: held })),
            Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < until => Ok(None),
            Err(Errno::WOULDBLOCK) => Err(ClaimError::Taken {
                pid: holder(&held),
                path: path.to_owned(),
                advice,
            }),
            // Network file systems lock no directories; the database in it is locked all the same.
            Err(Errno::BADF | Errno::NOLCK | Errno::OPNOTSUPP) => {
                tracing::warn!(path = %path.display(), "the file system locks no directories: nothing but the database keeps a second profilerd off");
                Ok(Some(Self { _held: held }))
            }
            Err(error) => Err(refused(path, error.into())),
        }
    }
}

/// A moment later it may be to be had; one that goes on being replaced by another is not waited for.
fn again(path: &Path, until: Instant) -> Result<(), ClaimError> {
    if Instant::now() > until + PATIENCE {
        return Err(refused(path, io::ErrorKind::ResourceBusy.into()));
    }
    thread::sleep(Duration::from_millis(20));
    Ok(())
}

fn refused(path: &Path, source: io::Error) -> ClaimError {
    ClaimError::Refused {
        path: path.to_owned(),
        source,
    }
}

/// What is open is what has the name.
fn is_at(held: &OwnedFd, path: &Path) -> bool {
    match (fstat(held), fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.st_dev, held.st_ino) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Who has locked it, as the kernel lists it.
fn holder(held: &OwnedFd) -> Option<u32> {
    let stat = fstat(held).ok()?;
    let place = format!(
        "{:02x}:{:02x}:{}",
        major(stat.st_dev),
        minor(stat.st_dev),
        stat.st_ino
    );
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [_, "FLOCK", _, "WRITE", pid, at, ..] if *at == place => pid.parse().ok(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Instant};

    use super::{Claim, ClaimError, PATIENCE};

    #[test]
    fn a_directory_is_one_holders_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("a/b");
        let first = Claim::take(&dir, PATIENCE, "wait").unwrap();
        let Err(ClaimError::Taken { path, pid, .. }) = Claim::take(&dir, PATIENCE, "wait") else {
            panic!("two hold it");
        };
        assert_eq!(path, dir);
        // Not every file system's locks are listed by the number that its files have.
        assert!(pid.is_none_or(|pid| pid == std::process::id()), "{pid:?}");
        drop(first);
        drop(Claim::take(&dir, PATIENCE, "wait").unwrap());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "a file was left");
    }

    #[test]
    fn one_that_is_removed_while_it_is_waited_for_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("pins");
        let unloading = Claim::take(&dir, PATIENCE, "wait").unwrap();
        let waiting = {
            let dir = dir.clone();
            std::thread::spawn(move || Claim::take(&dir, PATIENCE, "wait"))
        };
        let opened = fs::File::open(&dir).unwrap();
        fs::remove_dir(&dir).unwrap();
        drop(unloading);
        // However far the other one was by then, what it has is what has the name.
        let _claim = waiting.join().unwrap().unwrap();
        assert!(dir.is_dir());
        let late = Claim::lock(opened.into(), &dir, Instant::now(), "wait").unwrap();
        assert!(late.is_none(), "what has no name any more is claimed");
        let again = Claim::take(&dir, PATIENCE, "wait");
        assert!(matches!(again, Err(ClaimError::Taken { .. })));
        let none = folder.path().join("none");
        assert!(Claim::take_existing(&none, "wait").unwrap().is_none());
    }

    #[test]
    fn what_is_no_directory_is_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "precious").unwrap();
        let error = Claim::take(&file, PATIENCE, "wait")
            .unwrap_err()
            .to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    }
}
