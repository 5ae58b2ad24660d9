//! The private Docker engine: started, reached and ended with all that hangs on it.
//!
//! No bridge and no iptables: containers have loopback only, so the host's network stays as it is, and the engine
//! starts on kernels without netfilter. Pages are fetched with `docker exec` or `--network host`.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use sha2::{Digest, Sha256};

use super::{Runtime, hierarchy, remove};
use crate::{program, workspace};

/// The file in the testbed's folder that dockerd writes its log to.
const LOG: &str = "dockerd.log";

/// An engine to talk to: ours, or the host's.
pub(crate) struct Engine {
    pub(crate) socket: PathBuf,
    pub(crate) cli: PathBuf,
}

impl Engine {
    /// Where the host's own engine listens.
    pub(crate) const HOST_SOCKET: &str = "/var/run/docker.sock";

    /// The host's own engine, if it answers.
    pub(crate) fn of_host() -> Option<Self> {
        let engine = Self {
            socket: PathBuf::from(Self::HOST_SOCKET),
            cli: cli().ok()?,
        };
        engine.version().is_ok().then_some(engine)
    }

    /// The CLI, set to this engine.
    pub(crate) fn docker(&self) -> Command {
        let mut command = Command::new(&self.cli);
        command
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()));
        command
    }

    pub(crate) fn version(&self) -> Result<String> {
        let version =
            program::output(
                self.docker()
                    .args(["version", "--format", "{{.Server.Version}}"]),
            )?;
        Ok(version.trim().to_owned())
    }
}

/// Starts the engine, unless it runs already.
pub(super) fn start(folder: &Path, runtimes: &BTreeMap<String, Runtime>) -> Result<Engine> {
    let engine = handle(folder)?;
    if engine.version().is_ok() {
        return Ok(engine);
    }
    stop(folder)?;
    let run = run_folder(folder);
    workspace::folder(folder)?;
    workspace::folder(&run)?;
    hierarchy::clear_unified(folder)?;
    let log = folder.join(LOG);
    let dockerd =
        program::found("dockerd").context("dockerd is not here: apt-get install docker.io")?;
    let mut command = Command::new(dockerd);
    command
        .arg("--host")
        .arg(format!("unix://{}", engine.socket.display()))
        .arg("--data-root")
        .arg(folder.join("data"))
        .arg("--exec-root")
        .arg(run.join("exec"))
        .arg("--pidfile")
        .arg(pid_file(folder))
        // An empty one, so that /etc/docker/daemon.json has no say.
        .arg("--config-file")
        .arg(configuration(folder)?)
        .args([
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--group=root",
        ]);
    for (name, runtime) in runtimes {
        command
            .arg("--add-runtime")
            .arg(format!("{name}={}", runtime.path.display()));
    }
    command
        .stdin(Stdio::null())
        .stdout(File::create(&log).with_context(|| format!("can't write {}", log.display()))?)
        .stderr(File::options().append(true).open(&log)?)
        // It outlives this command, and Ctrl-C at a terminal is not meant for it.
        .process_group(0);
    let mut child = command.spawn().context("dockerd can't be started")?;
    let begin = Instant::now();
    while engine.version().is_err() {
        if let Some(status) = child.try_wait()? {
            bail!(
                "dockerd ended ({status}); its last words:\n{}",
                last_words(folder)
            );
        }
        if begin.elapsed() > Duration::from_secs(60) {
            bail!(
                "dockerd does not answer after a minute; its last words:\n{}",
                last_words(folder)
            );
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(engine)
}

/// Ends the engine, its containers, mounts and cgroups, and removes its files.
pub(super) fn stop(folder: &Path) -> Result<()> {
    let run = run_folder(folder);
    if run.exists() {
        let engine = handle(folder)?;
        if let Ok(containers) = program::output(engine.docker().args(["ps", "--all", "--quiet"])) {
            let ids: Vec<&str> = containers.split_whitespace().collect();
            if !ids.is_empty() {
                program::quietly(
                    engine
                        .docker()
                        .args(["rm", "--force", "--volumes"])
                        .args(ids),
                )?;
            }
        }
        // Their bridges would outlive the engine, with addresses that the next one gives away again. One
        // that does not answer can take none away.
        drop(program::quietly(
            engine.docker().args(["network", "prune", "--force"]),
        ));
        if let Some(pid) = engine_pid(folder) {
            end(pid)?;
        }
        // containerd and shims that a killed engine left behind.
        for pid in processes_naming(&run)? {
            end(pid)?;
        }
        unmount_below(&run)?;
    }
    unmount_below(&folder.join("data"))?;
    hierarchy::restore_unified(folder)?;
    for controller in std::fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        remove_cgroups(&controller.path().join("docker"));
    }
    remove(&run)?;
    remove(folder)
}

/// Removes a cgroup and those below it, as far as they are empty; another engine's stay.
pub(super) fn remove_cgroups(cgroup: &Path) {
    for entry in std::fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroups(&entry.path());
        }
    }
    // The kernel refuses while anything lives in it, and for the root of a hierarchy: both are to be kept.
    drop(std::fs::remove_dir(cgroup));
}

/// Whether something is mounted right there.
pub(super) fn is_mounted(point: &Path) -> Result<bool> {
    Ok(mounts()?.iter().any(|mount| mount == point))
}

/// Ours, whether or not it runs.
pub(super) fn handle(folder: &Path) -> Result<Engine> {
    Ok(Engine {
        socket: run_folder(folder).join("docker.sock"),
        cli: cli()?,
    })
}

fn cli() -> Result<PathBuf> {
    // Debian's own, which matches its engine; another may come first on the PATH.
    let debian = PathBuf::from("/usr/bin/docker");
    let found = if debian.is_file() {
        Some(debian)
    } else {
        program::found("docker")
    };
    found.context("docker is not here: apt-get install docker.io")
}

/// A short place for the sockets: a path of one may have just 107 bytes.
fn run_folder(folder: &Path) -> PathBuf {
    let hash = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    PathBuf::from(format!(
        "/run/profiler-testbed-{:02x}{:02x}{:02x}",
        hash[0], hash[1], hash[2]
    ))
}

fn pid_file(folder: &Path) -> PathBuf {
    run_folder(folder).join("dockerd.pid")
}

fn configuration(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("daemon.json");
    workspace::write(&file, "{}\n")?;
    Ok(file)
}

fn engine_pid(folder: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(pid_file(folder)).ok()?;
    let pid = text.trim().parse().ok()?;
    // The number may have gone to another process since.
    command_line(pid)
        .contains("dockerd")
        .then(|| Pid::from_raw(pid))?
}

fn command_line(pid: i32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The engine's own helpers, which name our folder on their command line.
fn processes_naming(run: &Path) -> Result<Vec<Pid>> {
    let run = run.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let line = command_line(pid);
        if line.contains(&run) && line.contains("containerd") {
            found.extend(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

/// Asks a process to end, and makes it after a while.
fn end(pid: Pid) -> Result<()> {
    for (signal, patience) in [(Signal::TERM, 20), (Signal::KILL, 5)] {
        match rustix::process::kill_process(pid, signal) {
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            other => other.with_context(|| format!("can't end process {pid:?}"))?,
        }
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(patience) {
            if is_gone(pid) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    bail!("process {} does not end", pid.as_raw_nonzero());
}

/// Gone, or dead and waiting for a parent that does not care.
fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.map_or(true, |stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    })
}

fn unmount_below(folder: &Path) -> Result<()> {
    let mut points: Vec<PathBuf> = mounts()?
        .into_iter()
        .filter(|point| point.starts_with(folder))
        .collect();
    // Those on top of others first.
    points.reverse();
    for point in points {
        program::run(Command::new("umount").arg("--lazy").arg(&point))?;
    }
    Ok(())
}

fn mounts() -> Result<Vec<PathBuf>> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .collect())
}

/// The end of what dockerd has logged.
pub(crate) fn last_words(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(16)..].join("\n")
}
