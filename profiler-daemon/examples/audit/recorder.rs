//! A daemon with a state folder of ours, and no pins; it ends when this is dropped.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use profiler_daemon::api::client::Client;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Recorder {
    child: Child,
    pub(crate) socket: PathBuf,
    pub(crate) client: Client,
}

impl Recorder {
    /// Starts one and waits until it answers.
    pub(crate) async fn start(daemon: &str, folder: &Path, docker: &str) -> Result<Self> {
        let socket = folder.join("profilerd.sock");
        let child = Command::new(daemon)
            .args(["--no-pin", "--docker", docker])
            .arg("--socket")
            .arg(&socket)
            .arg("--state-dir")
            .arg(folder.join("state"))
            .stderr(Stdio::null())
            .spawn()
            .context("profilerd can't be started")?;
        let recorder = Self {
            child,
            client: Client::new(socket.clone()),
            socket,
        };
        let begin = Instant::now();
        while recorder.client.status().await.is_err() {
            ensure!(begin.elapsed() < PATIENCE, "profilerd does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(recorder)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
