//! What the daemon costs a host whose containers sleep, as `cargo xtask bench` prints it:
//! `idle PROFILERD SECONDS`. The cgroups and the processes in them are real, the engine is a script.

#![allow(clippy::print_stdout, reason = "the figures are what this is for")]
#![allow(
    clippy::expect_used,
    dead_code,
    reason = "the engine is shared with the tests, which use more of it"
)]

#[path = "../../tests/fake_docker/mod.rs"]
mod fake_docker;
mod sleepers;
mod usage;

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use self::{fake_docker::FakeDocker, sleepers::Sleepers, usage::Usage};

const CONTAINERS: usize = 200;
/// Until it has seen every container and asked the engine for each.
const SETTLING: Duration = Duration::from_secs(12);

/// Ends the daemon however we end.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [daemon, seconds] = words.as_slice() else {
        bail!("usage: idle PROFILERD SECONDS");
    };
    let seconds = Duration::from_secs(seconds.parse().context("SECONDS is a number")?);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(watch(daemon, seconds))
}

async fn watch(daemon: &str, length: Duration) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("profiler-idle-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let sleepers = Sleepers::make(CONTAINERS)?;
    let engine = FakeDocker::running(&folder);
    for (number, id) in sleepers.ids().enumerate() {
        engine.add(id, &format!("idle-{number}"));
    }
    let daemon = Daemon(
        Command::new(daemon)
            .arg("--no-pin")
            .arg("--socket")
            .arg(folder.join("profilerd.sock"))
            .arg("--state-dir")
            .arg(folder.join("state"))
            .arg("--docker")
            .arg(format!("unix://{}", engine.socket().display()))
            .stderr(Stdio::null())
            .spawn()
            .context("profilerd can't be started")?,
    );
    tokio::time::sleep(SETTLING).await;
    let before =
        Usage::of(daemon.0.id()).context("profilerd has ended; run it by hand to see why")?;
    tokio::time::sleep(length).await;
    let after = Usage::of(daemon.0.id()).context("profilerd has ended")?;
    drop(daemon);
    println!(
        "profilerd beside {CONTAINERS} idle containers, over {} s",
        length.as_secs()
    );
    println!(
        "  resident      {:>7.1} MB   aim: under 25",
        after.resident as f64 / 1e6
    );
    println!("    of its own  {:>7.1} MB", after.anonymous as f64 / 1e6);
    println!("    at its peak {:>7.1} MB", after.peak as f64 / 1e6);
    println!(
        "  processor     {:>7.3} %    aim: under 0.2, of one core",
        100.0 * after.busy.saturating_sub(before.busy).as_secs_f64() / length.as_secs_f64()
    );
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
