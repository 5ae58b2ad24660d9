//! The state directory. Every file is whole or not there: written beside, synced, renamed.
//!
//! ```text
//! <state dir>/containers/<id>.json   what is known of a container beside the kernel's maps
//! <state dir>/nameless/<cgroup>.json records of cgroups that nobody could name
//! <state dir>/filters/<hash>.bpf     seccomp filters, 8 bytes an instruction, host byte order
//! <state dir>/learned.json           what this host's runtimes call under the filter
//! ```

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// The state directory cannot be used.
#[derive(Debug, Error)]
#[error(
    "cannot {action} {path}: {source}; check that the state directory exists, is writable and has room"
)]
pub struct StateError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The state directory.
#[derive(Debug)]
pub struct StateDirectory {
    root: PathBuf,
}

impl StateDirectory {
    /// Opens it, and makes it if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(root: &Path) -> Result<Self, StateError> {
        let state = Self {
            root: root.to_owned(),
        };
        for folder in ["containers", "nameless", "filters"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|source| StateError {
                action: "make",
                path,
                source,
            })?;
        }
        Ok(state)
    }

    /// Reads every JSON file of a folder. One that cannot be read is told, and left where it is.
    pub fn read_all<T: DeserializeOwned>(&self, folder: &str) -> Vec<T> {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
            .iter()
            .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
            .filter_map(|path| self.parse(path))
            .collect()
    }

    /// Reads one JSON file; none when it is not there, or not readable.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let path = self.root.join(name);
        if path.exists() {
            self.parse(&path)
        } else {
            None
        }
    }

    /// Reads a file that [`StateDirectory::write_once`] wrote; none when it cannot be read.
    pub fn read_bytes(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.root.join(name)).ok()
    }

    fn parse<T: DeserializeOwned>(&self, path: &Path) -> Option<T> {
        let read = fs::read(path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::error!(path = %path.display(), error, "a state file cannot be read and is left out");
                None
            }
        }
    }

    /// Writes a value as a JSON file, in place of what was there.
    ///
    /// # Errors
    /// It cannot be written; what was there is unchanged.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateError> {
        let path = self.root.join(name);
        let bytes = serde_json::to_vec(value).map_err(|error| StateError {
            action: "write",
            path: path.clone(),
            source: io::Error::other(error),
        })?;
        self.write_bytes(&path, &bytes)
    }

    /// Writes a file that does not change once it is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_once(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.root.join(name);
        if path.exists() {
            return Ok(());
        }
        self.write_bytes(&path, bytes)
    }

    fn write_bytes(&self, path: &Path, bytes: &[u8]) -> Result<(), StateError> {
        let failed = |source| StateError {
            action: "write",
            path: path.to_owned(),
            source,
        };
        let beside = path.with_extension("new");
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_data()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&beside, path)) {
            let _ = fs::remove_file(&beside);
            return Err(failed(error));
        }
        Ok(())
    }

    /// Removes the oldest files of a folder until it holds no more than `most`.
    pub fn trim(&self, folder: &str, most: usize) {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else {
            return;
        };
        let mut files: Vec<_> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort();
        let surplus = files.len().saturating_sub(most);
        for (_, path) in files.into_iter().take(surplus) {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "an old state file cannot be removed");
            }
        }
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StateError {
                action: "remove",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::StateDirectory;

    #[test]
    fn a_value_comes_back_and_a_broken_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(dir.path()).unwrap();
        state.write("containers/a.json", &vec![1, 2]).unwrap();
        state.write("containers/a.json", &vec![3]).unwrap();
        fs::write(dir.path().join("containers/b.json"), "{").unwrap();
        assert_eq!(state.read_all::<Vec<u32>>("containers"), [vec![3]]);
        assert!(dir.path().join("containers/b.json").exists());
        state.remove("containers/a.json").unwrap();
        state.remove("containers/a.json").unwrap();
        assert!(state.read::<Vec<u32>>("containers/a.json").is_none());
    }

    #[test]
    fn a_failed_write_says_where_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(dir.path()).unwrap();
        fs::remove_dir_all(dir.path().join("containers")).unwrap();
        let error = state
            .write("containers/a.json", &1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("containers/a.json"), "{error}");
    }
}
