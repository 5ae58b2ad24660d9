//! The command as execve takes it: which file it is, its arguments and its environment.
//!
//! All of it is ready before the fork. The file is executed by its path, for that is what profiles
//! allow: a descriptor would need execveat, which few allow, and by /proc/self/fd a program gets its
//! descriptor's number for a name and a script loses its file. Nothing is decided by the file, so
//! that somebody who replaces it in between gains nothing: the filter holds for whatever runs.

use std::{
    env,
    ffi::{CString, OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::PermissionsExt,
    },
    path::{Path, PathBuf},
    ptr,
};

use super::SandboxError;

/// Where commands are looked for when the environment does not say.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A command that can be executed without further thought.
pub(super) struct Command {
    name: String,
    path: CString,
    argv: Pointers,
    envp: Pointers,
}

/// Strings, and the list of their addresses that ends in null.
struct Pointers {
    list: Vec<*const libc::c_char>,
    // What the list points to.
    _strings: Vec<CString>,
}

impl Pointers {
    fn to(strings: Vec<CString>) -> Self {
        let list = strings
            .iter()
            .map(|string| string.as_ptr())
            .chain([ptr::null()])
            .collect();
        Self {
            list,
            _strings: strings,
        }
    }
}

impl Command {
    /// Finds a command and makes ready what its execution takes.
    ///
    /// # Errors
    /// There is no such command, it is a directory, or nobody may execute it.
    pub(super) fn prepare(words: &[OsString]) -> Result<Self, SandboxError> {
        let name = words
            .first()
            .ok_or_else(|| SandboxError::NoCommand("none was given".into()))?;
        let shown = name.to_string_lossy().into_owned();
        let path = find(name)?;
        let unusable = |_| SandboxError::CannotRun {
            command: shown.clone(),
            reason: "a word of it holds a NUL byte".into(),
        };
        let argv = words.iter().map(|word| CString::new(word.as_bytes()));
        let envp = env::vars_os()
            .map(|(key, value)| CString::new([key.as_bytes(), b"=", value.as_bytes()].concat()));
        Ok(Self {
            path: CString::new(path.into_os_string().into_vec()).map_err(unusable)?,
            argv: Pointers::to(argv.collect::<Result<_, _>>().map_err(unusable)?),
            envp: Pointers::to(envp.collect::<Result<_, _>>().map_err(unusable)?),
            name: shown,
        })
    }

    /// As it was named.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The six registers of the execve that starts it: what a filter sees of it.
    pub(super) fn execve_arguments(&self) -> [u64; 6] {
        [
            self.path.as_ptr() as u64,
            self.argv.list.as_ptr() as u64,
            self.envp.list.as_ptr() as u64,
            0,
            0,
            0,
        ]
    }
}

/// The file of a command: itself if it has a slash, else the first in PATH that can be executed.
fn find(name: &OsStr) -> Result<PathBuf, SandboxError> {
    let shown = || name.to_string_lossy().into_owned();
    let cannot = |reason: io::Error| SandboxError::CannotRun {
        command: shown(),
        reason: reason.to_string(),
    };
    if name.as_bytes().contains(&b'/') {
        let path = Path::new(name);
        return match executable(path) {
            Ok(()) => Ok(path.to_owned()),
            Err(error) if is_absent(&error) => Err(SandboxError::NoCommand(shown())),
            Err(error) => Err(cannot(error)),
        };
    }
    let folders = env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into());
    let mut hindrance = None;
    for folder in env::split_paths(&folders) {
        // An empty entry is the current directory.
        let path = if folder.as_os_str().is_empty() {
            Path::new(".").join(name)
        } else {
            folder.join(name)
        };
        match executable(&path) {
            Ok(()) => return Ok(path),
            // A folder that we may not look into has no commands for us.
            Err(error) if path.is_file() => {
                hindrance.get_or_insert(error);
            }
            Err(_) => {}
        }
    }
    Err(match hindrance {
        Some(error) if !name.is_empty() => cannot(error),
        _ => SandboxError::NoCommand(shown()),
    })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether somebody may execute the file; whether we may, the kernel tells when it is tried.
fn executable(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(io::Error::from_raw_os_error(libc::EACCES));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Command, SandboxError};

    #[test]
    fn commands_are_found_as_a_shell_finds_them() {
        let prepared = |name: &str| Command::prepare(&[name.into()]);
        assert!(prepared("sh").is_ok());
        assert!(prepared("/bin/sh").is_ok());
        for absent in ["", "/no/such", "no-such-command-here", "/etc/passwd/x"] {
            assert!(
                matches!(prepared(absent), Err(SandboxError::NoCommand(_))),
                "{absent}"
            );
        }
        for unfit in ["/", "/etc/passwd", "/dev/null"] {
            assert!(
                matches!(prepared(unfit), Err(SandboxError::CannotRun { .. })),
                "{unfit}"
            );
        }
    }
}
