//! Ids, paths and processes of the cgroups under one mount. Reads only, and keeps nothing:
//! a cgroup may go between any two calls, which is an answer and not an error.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd},
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{DirEntryExt, MetadataExt},
        },
    },
    path::{Component, Path, PathBuf},
};

use thiserror::Error;

use super::handle;

/// What could not be read of the cgroup tree.
#[derive(Debug, Error)]
pub enum TreeError {
    /// A directory or file of the tree.
    #[error("reading the cgroup tree at {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A path that leads out of the tree.
    #[error("the cgroup path {} has a `..` in it; name the cgroup from the mount's root", path.display())]
    Escapes {
        /// The path.
        path: PathBuf,
    },
}

/// The cgroups under one mount.
///
/// Paths are as `/proc/PID/cgroup` writes them: `/` is the root of the mount.
#[derive(Debug)]
pub struct CgroupTree {
    root: PathBuf,
    mount: File,
    by_handle: bool,
}

impl CgroupTree {
    /// The tree under a mount point of cgroup v2. A plain directory will do, and a process
    /// without `CAP_DAC_READ_SEARCH` too: then an id is looked for by walking the tree.
    ///
    /// # Errors
    /// When the directory can't be opened.
    pub fn open(root: &Path) -> Result<Self, TreeError> {
        let attempt = || {
            // The kernel's paths have no symbolic links in them, and answers are cut by this one.
            let root = root.canonicalize()?;
            let mount = File::open(&root)?;
            let own_id = mount.metadata()?.ino();
            let by_handle = handle::open(mount.as_fd(), own_id).is_ok();
            Ok(Self {
                root,
                mount,
                by_handle,
            })
        };
        attempt().map_err(|source| TreeError::Read {
            path: root.to_path_buf(),
            source,
        })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Ids are looked up in one call each; if not, every look-up walks the whole tree.
    #[must_use]
    pub const fn by_handle(&self) -> bool {
        self.by_handle
    }

    /// The path of the cgroup with this id; none when it is gone.
    ///
    /// # Errors
    /// When the kernel refuses the look-up for another reason than that.
    pub fn path_of(&self, id: u64) -> Result<Option<PathBuf>, TreeError> {
        if !self.by_handle {
            return Ok(self
                .walk()?
                .into_iter()
                .find_map(|(found, path)| (found == id).then_some(path)));
        }
        let unreadable = |source| TreeError::Read {
            path: self.root.clone(),
            source,
        };
        let cgroup = match handle::open(self.mount.as_fd(), id) {
            Ok(cgroup) => cgroup,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let link = format!("/proc/self/fd/{}", cgroup.as_raw_fd());
        let shown = std::fs::read_link(link).map_err(unreadable)?;
        // A cgroup can be removed between the two calls. Engines never make a name that ends so,
        // and a container that does only hides its own sub-cgroup's path.
        if shown.as_os_str().as_bytes().ends_with(b" (deleted)") {
            return Ok(None);
        }
        Ok(shown.strip_prefix(&self.root).ok().map(from_root))
    }

    /// The id of the cgroup at a path; none when there is no such cgroup.
    ///
    /// # Errors
    /// When it is there and can't be read, or the path leads out of the tree.
    pub fn id_of(&self, path: &Path) -> Result<Option<u64>, TreeError> {
        let place = self.place(path)?;
        match std::fs::metadata(&place) {
            Ok(metadata) => Ok(Some(metadata.ino())),
            Err(error) if is_gone(&error) => Ok(None),
            Err(source) => Err(TreeError::Read {
                path: place,
                source,
            }),
        }
    }

    /// Every cgroup with its id, the root first and a parent before its children.
    ///
    /// # Errors
    /// When a directory can't be read, other than by having gone meanwhile.
    pub fn walk(&self) -> Result<Vec<(u64, PathBuf)>, TreeError> {
        let root_id = self.mount.metadata().map_err(|source| TreeError::Read {
            path: self.root.clone(),
            source,
        })?;
        let mut found = vec![(root_id.ino(), PathBuf::from("/"))];
        found.extend(self.below(Path::new("/"))?);
        Ok(found)
    }

    /// The processes of a cgroup and of all below it, in the order of their numbers; none when
    /// it is gone. Processes outside our pid namespace have no number and are left out.
    ///
    /// # Errors
    /// When the tree can't be read, or the path leads out of it.
    pub fn processes(&self, path: &Path) -> Result<Vec<u32>, TreeError> {
        let mut pids = Vec::new();
        let below = self.below(path)?;
        let all = std::iter::once(path).chain(below.iter().map(|(_, path)| path.as_path()));
        for cgroup in all {
            let procs = self.place(cgroup)?.join("cgroup.procs");
            match std::fs::read_to_string(&procs) {
                Ok(text) => pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok())),
                Err(error) if is_gone(&error) => {}
                // A threaded cgroup: its processes are listed in the one that it hangs from.
                Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
                Err(source) => {
                    return Err(TreeError::Read {
                        path: procs,
                        source,
                    });
                }
            }
        }
        pids.retain(|&pid| pid != 0);
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// Every cgroup under a path, without itself, a parent before its children.
    ///
    /// A directory's entries tell kind and inode, so nothing but directories is opened:
    /// a cgroup holds dozens of files that are of no interest.
    fn below(&self, path: &Path) -> Result<Vec<(u64, PathBuf)>, TreeError> {
        let mut found: Vec<(u64, PathBuf)> = Vec::new();
        let mut parent = self.place(path)?;
        let mut next = 0;
        loop {
            match children(&parent) {
                Ok(directories) => found.extend(directories),
                Err(error) if is_gone(&error) => {}
                Err(source) => {
                    return Err(TreeError::Read {
                        path: parent,
                        source,
                    });
                }
            }
            let Some((_, place)) = found.get(next) else {
                break;
            };
            parent.clone_from(place);
            next += 1;
        }
        for (_, place) in &mut found {
            if let Ok(relative) = place.strip_prefix(&self.root) {
                *place = from_root(relative);
            }
        }
        Ok(found)
    }

    /// Where a cgroup path is in the file system.
    fn place(&self, path: &Path) -> Result<PathBuf, TreeError> {
        let mut place = self.root.clone();
        for component in path.components() {
            match component {
                Component::Normal(name) => place.push(name),
                Component::ParentDir => {
                    return Err(TreeError::Escapes {
                        path: path.to_path_buf(),
                    });
                }
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Ok(place)
    }
}

/// The directories in a directory, with their inode numbers.
fn children(place: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut directories = Vec::new();
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            directories.push((entry.ino(), entry.path()));
        }
    }
    Ok(directories)
}

/// A path below the mount, written from the mount's root.
fn from_root(relative: &Path) -> PathBuf {
    let mut bytes = b"/".to_vec();
    bytes.extend_from_slice(relative.as_os_str().as_bytes());
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// The cgroup was removed before or while it was read.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::ENODEV | libc::ESTALE)
    )
}
