//! The socket file: how it comes to be, who may use it, and when it goes.
//!
//! Never deletes what is not a dead socket, and never leaves a moment in which the socket can be
//! used by more than its final mode allows.

use std::{
    fs,
    io::{self, ErrorKind},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, Mode, flock},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt},
};
use tokio::net::UnixListener;

/// The longest path that a unix socket's address holds, bytes.
const PATH_LIMIT: usize = 107;
/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;
/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: i32 = 128;
/// How long another daemon may take over the same few lines.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// Whose members may use the daemon without being root, where the group exists.
const GROUP: &str = "profiler";

/// Why there is no socket. All of them are for the person who started the daemon (exit status 2).
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody answers on it.
    #[error(
        "socket {} is in use by another profilerd{}: stop that one, or choose another path with --socket",
        path.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
        /// Who listens, if the kernel told.
        pid: Option<i32>,
    },
    /// Something that is no socket has the name.
    #[error(
        "cannot make socket {}: a {what} is there, which profilerd does not delete; move it away, or choose another path with --socket",
        path.display()
    )]
    Occupied {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The kernel has no room for such a path.
    #[error(
        "cannot make socket {}: the path has {length} bytes, and a unix socket's has at most {PATH_LIMIT}; choose a shorter one with --socket",
        path.display()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// Not a path to a file.
    #[error("cannot make socket {}: this names no file", path.display())]
    NoFileName {
        /// The path.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("cannot make socket {}: {step}: {cause}", path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        cause: io::Error,
    },
}

/// A listening socket. Its file goes with it, unless another daemon has put its own there since.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    file: (u64, u64),
}

impl Socket {
    /// Makes the parent directory if need be (0755), replaces a socket that nobody listens on, and
    /// listens. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`], each with what to do.
    pub fn bind(path: &Path) -> Result<Self, ListenError> {
        let length = path.as_os_str().len();
        if length > PATH_LIMIT {
            let path = path.to_owned();
            return Err(ListenError::TooLong { path, length });
        }
        if path.file_name().is_none() {
            let path = path.to_owned();
            return Err(ListenError::NoFileName { path });
        }
        let directory = make_directory(path)?;
        // Of two daemons that start together, the second must find the first one listening.
        let _lock = lock(&directory, path)?;
        clear_the_way(path)?;
        listen(path)
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<tokio::net::UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.file);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "socket could not be removed");
        }
    }
}

fn refused(path: &Path, step: &'static str, cause: impl Into<io::Error>) -> ListenError {
    ListenError::Refused {
        path: path.to_owned(),
        step,
        cause: cause.into(),
    }
}

/// The directory that holds the socket, made with mode 0755 when it is not there.
fn make_directory(path: &Path) -> Result<PathBuf, ListenError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if !directory.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&directory)
            .and_then(|()| fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)))
            .map_err(|error| refused(path, "making its directory", error))?;
    }
    Ok(directory)
}

/// Holds the directory while the returned descriptor lives.
fn lock(directory: &Path, path: &Path) -> Result<OwnedFd, ListenError> {
    let step = "locking its directory";
    let held = OwnedFd::from(
        fs::File::open(directory).map_err(|error| refused(path, "opening its directory", error))?,
    );
    let started = Instant::now();
    loop {
        match flock(&held, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(held),
            Err(Errno::WOULDBLOCK | Errno::INTR) if started.elapsed() < LOCK_PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            // Nobody takes so long to make a socket: it is another daemon's state directory too.
            Err(Errno::WOULDBLOCK) => return Ok(held),
            Err(error) => return Err(refused(path, step, error)),
        }
    }
}

/// Removes a socket that nobody listens on; refuses everything else that has the name.
fn clear_the_way(path: &Path) -> Result<(), ListenError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(path, "looking at what is there", error)),
    };
    let occupied = |what| ListenError::Occupied {
        path: path.to_owned(),
        what,
    };
    if found.is_dir() {
        return Err(occupied("directory"));
    } else if found.is_symlink() {
        return Err(occupied("symbolic link"));
    } else if found.is_file() {
        return Err(occupied("regular file"));
    } else if !found.is_socket() {
        return Err(occupied("device or pipe"));
    }
    let probe = new_socket(path)?;
    let address = SocketAddrUnix::new(path).map_err(|error| refused(path, "its path", error))?;
    match rustix::net::connect(&probe, &address) {
        // A full backlog means that somebody listens, however slowly.
        Ok(()) | Err(Errno::AGAIN) => Err(ListenError::InUse {
            path: path.to_owned(),
            pid: sockopt::socket_peercred(&probe)
                .ok()
                .map(|peer| peer.pid.as_raw_nonzero().get()),
        }),
        Err(Errno::CONNREFUSED) => fs::remove_file(path)
            .map_err(|error| refused(path, "replacing a socket that nobody listens on", error)),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(refused(path, "asking whether somebody listens", error)),
    }
}

fn new_socket(path: &Path) -> Result<OwnedFd, ListenError> {
    rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .map_err(|error| refused(path, "opening a socket", error))
}

fn listen(path: &Path) -> Result<Socket, ListenError> {
    let socket = new_socket(path)?;
    let address = SocketAddrUnix::new(path).map_err(|error| refused(path, "its path", error))?;
    // bind() gives the file the socket's own mode less the umask, so it begins too narrow at worst;
    // and until listen() nobody can connect to it, whatever its mode.
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(SOCKET_MODE))
        .map_err(|error| refused(path, "setting its mode", error))?;
    rustix::net::bind(&socket, &address).map_err(|error| refused(path, "binding it", error))?;
    let made = fs::symlink_metadata(path).map_err(|error| refused(path, "reading it", error))?;
    let finish = || {
        give_to_group(path);
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))
            .map_err(|error| refused(path, "setting its mode", error))?;
        rustix::net::listen(&socket, BACKLOG)
            .map_err(|error| refused(path, "listening on it", error))
    };
    if let Err(error) = finish() {
        // The failure above is the news; a file that stays is replaced by the next start.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))
        .map_err(|error| refused(path, "handing it to the runtime", error))?;
    Ok(Socket {
        listener,
        path: path.to_owned(),
        file: (made.dev(), made.ino()),
    })
}

/// Lets the group in, where it exists. Without it the socket is root's alone, which is safe, so a
/// failure is worth a warning and no more.
fn give_to_group(path: &Path) {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    if let Some(gid) = group_id(&groups, GROUP)
        && let Err(error) = chown(path, None, Some(gid))
    {
        tracing::warn!(path = %path.display(), %error, "socket could not be given to group {GROUP}");
    }
}

/// The number of a group, from the text of `/etc/group`.
fn group_id(groups: &str, wanted: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == wanted).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::group_id;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let text = "root:x:0:\nprofilers:x:7:\nprofiler:x:998:ann,ben\n";
        assert_eq!(group_id(text, "profiler"), Some(998));
        assert_eq!(group_id(text, "prof"), None);
        assert_eq!(group_id("profiler:x:none:\n", "profiler"), None);
    }
}
