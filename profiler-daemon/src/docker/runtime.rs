//! Which OCI runtime an engine's name for one stands for, and its version.
//!
//! Runs `<binary> --version` and nothing else, only for a binary that nobody but root or
//! ourselves can have put there: a socket's owner must not make the daemon run his programs.

use std::{
    collections::HashMap,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use bollard::models::SystemInfo;
use tokio::process::Command;

use crate::profile::identity::Runtime;

/// How long a runtime may take to tell its version.
const LIMIT: Duration = Duration::from_secs(2);

/// Where engines find programs when they are given no path, after our own `PATH`.
const USUAL_FOLDERS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A binary, as it was when it was asked: an upgrade changes one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edition {
    inode: u64,
    size: u64,
    changed: SystemTime,
}

/// What a binary said of itself.
#[derive(Clone, Debug)]
struct Answer {
    edition: Edition,
    said: Option<Runtime>,
}

/// The runtimes of one engine. A binary is asked once, and again when it was replaced.
#[derive(Debug, Default)]
pub struct Runtimes {
    paths: HashMap<String, PathBuf>,
    answers: tokio::sync::Mutex<HashMap<PathBuf, Answer>>,
}

impl Runtimes {
    /// Those in the engine's settings.
    #[must_use]
    pub fn read(info: Option<&SystemInfo>) -> Self {
        let listed = info.and_then(|info| info.runtimes.as_ref());
        let paths = listed
            .into_iter()
            .flatten()
            .filter_map(|(name, runtime)| {
                let path = runtime.path.as_deref().filter(|path| !path.is_empty())?;
                Some((name.clone(), PathBuf::from(path)))
            })
            .collect();
        Self {
            paths,
            answers: tokio::sync::Mutex::default(),
        }
    }

    /// The runtime behind an engine's name for it. It bears the name that its binary gives
    /// itself, so that `runc-next` is known for the runc that it is; without a version when the
    /// binary can't be found, trusted, run or understood.
    pub async fn named(&self, name: &str) -> Runtime {
        let plain = plain_name(name);
        let path = match self.paths.get(name) {
            Some(path) => path.as_path(),
            None => Path::new(plain),
        };
        let said = match find(path) {
            Some(binary) => self.version_of(binary).await,
            None => None,
        };
        said.unwrap_or_else(|| Runtime {
            name: plain.to_owned(),
            version: None,
            libseccomp: None,
        })
    }

    async fn version_of(&self, binary: PathBuf) -> Option<Runtime> {
        let edition = match trusted_edition(&binary) {
            Ok(edition) => edition,
            Err(error) => {
                tracing::debug!(binary = %binary.display(), %error, "runtime not asked for its version");
                return None;
            }
        };
        // Held while the binary runs: of many containers that come at once, one asks.
        let mut answers = self.answers.lock().await;
        if let Some(answer) = answers
            .get(&binary)
            .filter(|answer| answer.edition == edition)
        {
            return answer.said.clone();
        }
        let said = ask(&binary).await;
        let answer = Answer {
            edition,
            said: said.clone(),
        };
        answers.insert(binary, answer);
        said
    }
}

/// containerd's name for a shim, as the runtime that the shim starts.
fn plain_name(name: &str) -> &str {
    match name {
        ""
        | "io.containerd.runc.v1"
        | "io.containerd.runc.v2"
        | "io.containerd.runtime.v1.linux" => "runc",
        other => other,
    }
}

/// The file that a path or a bare program name stands for, without symbolic links.
fn find(program: &Path) -> Option<PathBuf> {
    if program.is_absolute() {
        return program.canonicalize().ok();
    }
    if program.components().count() != 1 {
        return None;
    }
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&own)
        .chain(std::env::split_paths(USUAL_FOLDERS))
        .filter(|folder| folder.is_absolute())
        .find_map(|folder| {
            folder
                .join(program)
                .canonicalize()
                .ok()
                .filter(|file| file.is_file())
        })
}

/// The binary's edition, if nobody but root and ourselves can change it or what it lies in.
fn trusted_edition(binary: &Path) -> io::Result<Edition> {
    let ours = rustix::process::geteuid().as_raw();
    for place in binary.ancestors() {
        let metadata = place.metadata()?;
        let mode = metadata.mode();
        // In a sticky folder such as /tmp nobody can replace another's file.
        let sticky = metadata.is_dir() && mode & 0o1000 != 0;
        let foreign = metadata.uid() != 0 && metadata.uid() != ours;
        if foreign || (mode & 0o022 != 0 && !sticky) {
            return Err(io::Error::other(format!(
                "{} can be changed by other users",
                place.display()
            )));
        }
    }
    let metadata = binary.metadata()?;
    Ok(Edition {
        inode: metadata.ino(),
        size: metadata.size(),
        changed: metadata.modified()?,
    })
}

async fn ask(binary: &Path) -> Option<Runtime> {
    let output = Command::new(binary)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(LIMIT, output).await {
        Ok(Ok(output)) => parse_version(&String::from_utf8_lossy(&output.stdout)),
        Ok(Err(error)) => {
            tracing::debug!(binary = %binary.display(), %error, "runtime did not run");
            None
        }
        Err(_) => {
            tracing::debug!(binary = %binary.display(), "runtime did not tell its version in time");
            None
        }
    }
}

/// What `--version` prints: `runc version 1.1.5+ds1`, and among more lines `libseccomp: 2.5.4`.
#[must_use]
pub fn parse_version(printed: &str) -> Option<Runtime> {
    let mut lines = printed.lines();
    let mut words = lines.next()?.split_whitespace();
    let name = words.next()?.trim_end_matches(':');
    // `runc version 1.1`, `kata-runtime : 3.2.0`, `prog 1.0`.
    let version = words.find(|word| !matches!(*word, "version" | ":"))?;
    let libseccomp = lines
        .find_map(|line| line.trim().strip_prefix("libseccomp:"))
        .map(|version| version.trim().to_owned());
    version
        .contains(|c: char| c.is_ascii_digit())
        .then(|| Runtime {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            libseccomp,
        })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn runtimes(name: &str, path: &Path) -> Runtimes {
        let info = serde_json::json!({"Runtimes": {name: {"path": path}, "empty": {"path": ""}}});
        Runtimes::read(Some(&serde_json::from_value(info).expect("read")))
    }

    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        path
    }

    #[test]
    fn versions_are_read_as_the_runtimes_print_them() {
        for (printed, name, version) in [
            (
                "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n\
                 go: go1.19.8\nlibseccomp: 2.5.4\n",
                "runc",
                "1.1.5+ds1",
            ),
            (
                "crun version 1.8.1\ncommit: f8a0\n+SYSTEMD +SELINUX\n",
                "crun",
                "1.8.1",
            ),
            ("youki version 0.5.3\ncommit: 1\n", "youki", "0.5.3"),
            (
                "runsc version release-20240115.0\nspec: 1.1.0\n",
                "runsc",
                "release-20240115.0",
            ),
            (
                "kata-runtime  : 3.2.0\n   commit : x\n",
                "kata-runtime",
                "3.2.0",
            ),
        ] {
            let expected = Some(Runtime {
                name: name.to_owned(),
                version: Some(version.to_owned()),
                libseccomp: (name == "runc").then(|| "2.5.4".to_owned()),
            });
            assert_eq!(parse_version(printed), expected, "{printed}");
        }
        for odd in ["", "\n", "runc", "runc version", "usage: prog [options]"] {
            assert_eq!(parse_version(odd), None, "{odd}");
        }
    }

    #[tokio::test]
    async fn a_binary_is_asked_once_and_again_when_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = folder.path().join("asked");
        let says =
            |version: &str| format!("echo x >> {}; echo runc version {version}", asked.display());
        let binary = script(folder.path(), "my-runc", &says("1.3.6"));
        let runtimes = runtimes("runc-next", &binary);
        for _ in 0..3 {
            let runtime = runtimes.named("runc-next").await;
            assert_eq!(runtime.name, "runc");
            assert_eq!(runtime.version.as_deref(), Some("1.3.6"));
        }
        assert_eq!(fs::read_to_string(&asked).expect("asked"), "x\n");

        script(folder.path(), "my-runc", &says("1.4.0-rc1"));
        let runtime = runtimes.named("runc-next").await;
        assert_eq!(runtime.version.as_deref(), Some("1.4.0-rc1"));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_keeps_the_engines_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let slow = script(folder.path(), "slow", "exec sleep 60");
        let open = script(folder.path(), "open", "echo runc version 6.6.6");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("set");
        for path in [
            slow,
            open,
            folder.path().join("absent"),
            PathBuf::from("a/b"),
        ] {
            let runtime = runtimes("mine", &path).named("mine").await;
            assert_eq!(
                (runtime.name.as_str(), runtime.version),
                ("mine", None),
                "{path:?}"
            );
        }
    }

    #[test]
    fn shims_are_known_for_their_runtime() {
        assert_eq!(plain_name("io.containerd.runc.v2"), "runc");
        assert_eq!(plain_name("io.containerd.kata.v2"), "io.containerd.kata.v2");
    }
}
