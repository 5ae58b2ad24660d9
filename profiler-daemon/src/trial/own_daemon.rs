//! A `profilerd` for one trial: with a socket and a state of its own in a folder that goes with it,
//! and without pins, so that nothing of it outlives it.

use std::{
    io,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{api::client::Client, docker::endpoint::Endpoint};

/// How long it may take to begin: loading the programs takes a fraction of a second.
const BEGINNING: Duration = Duration::from_secs(20);
/// How long it may take to end.
const ENDING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// A running daemon of our own.
#[derive(Debug)]
pub struct OwnDaemon {
    client: Client,
    child: Option<Child>,
    // Removed when this is.
    folder: TempDir,
}

impl OwnDaemon {
    /// Starts one and waits until it records.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    pub(super) async fn start(endpoint: &Endpoint) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can start one for this trial".to_owned());
        }
        let program = beside_us().ok_or("there is no profilerd beside profilectl to start")?;
        let folder = tempfile::Builder::new()
            .prefix("profilectl-trial-")
            .tempdir()
            .map_err(|error| format!("there is no folder for one of its own: {error}"))?;
        let place = |name: &str| -> PathBuf { folder.path().join(name) };
        let empty = place("profilerd.toml");
        let log = place("log");
        let opened = std::fs::write(&empty, "").and_then(|()| std::fs::File::create(&log));
        let opened = opened.map_err(|error| format!("its folder cannot be written: {error}"))?;
        let socket = place("socket");
        let child = Command::new(program)
            .arg("--config")
            .arg(&empty)
            .arg("--socket")
            .arg(&socket)
            .arg("--state-dir")
            .arg(place("state"))
            .args(["--no-pin", "--docker", &endpoint.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(opened)
            // Ctrl-C is for us; what is left of the daemon is told to end below.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("profilerd cannot be started: {error}"))?;
        let mut own = Self {
            client: Client::new(socket),
            child: Some(child),
            folder,
        };
        let begin = Instant::now();
        loop {
            if let Ok(status) = own.client.status().await
                && status.docker.starts_with("connected")
            {
                return Ok(own);
            }
            let ended = own.child.as_mut().and_then(|child| child.try_wait().ok());
            if ended.flatten().is_some() || begin.elapsed() > BEGINNING {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().last().unwrap_or("nothing").to_owned();
                return Err(format!(
                    "a profilerd for this trial did not begin; it said: {last}"
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for OwnDaemon {
    /// In order: it writes its state down, and takes its socket away.
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let ended = end(&mut child);
        if let Err(error) = ended {
            tracing::warn!(%error, folder = %self.folder.path().display(), "the profilerd of this trial was killed");
        }
    }
}

/// Where our own `profilerd` lies: beside the running program.
fn beside_us() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.with_file_name("profilerd");
    program.is_file().then_some(program)
}

fn end(child: &mut Child) -> io::Result<()> {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        kill_process(pid, Signal::TERM)?;
    }
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > ENDING {
            child.start_kill()?;
            return Err(io::Error::other("it did not end when it was told to"));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
