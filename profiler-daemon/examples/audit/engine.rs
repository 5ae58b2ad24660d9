//! The testbed's engine, by its command line.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::SystemTime,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Serves pages, and stops when it is told to.
const IMAGE: &str = "pb-nginx";

pub(crate) struct Engine {
    cli: String,
    pub(crate) url: String,
}

/// A container that goes when this is dropped.
pub(crate) struct Container<'a> {
    engine: &'a Engine,
    pub(crate) id: String,
}

impl Engine {
    pub(crate) fn of(testbed: &Path) -> Result<Self> {
        let text = fs::read(testbed)
            .with_context(|| format!("{}: run `cargo xtask testbed up`", testbed.display()))?;
        let value: Value = serde_json::from_slice(&text)?;
        let text = |key: &str| value[key].as_str().with_context(|| format!("no {key}"));
        Ok(Self {
            cli: text("docker_cli")?.to_owned(),
            url: format!("unix://{}", text("docker_socket")?),
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.cli);
        command.args(["--host", &self.url]).args(words);
        command
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        let output = self.command(words).output()?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("docker {}: {told}", words.join(" "));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    pub(crate) fn create(&self, number: usize) -> Result<Container<'_>> {
        let name = format!("profiler-bench-{}-{number}", std::process::id());
        let id = self.ask(&["create", "--name", &name, IMAGE])?;
        Ok(Container { engine: self, id })
    }

    /// Begins a start, and does not wait for it.
    pub(crate) fn start(&self, id: &str) -> Result<Child> {
        let mut command = self.command(&["start", id]);
        Ok(command.stdout(Stdio::null()).spawn()?)
    }

    /// When the engine says that it started.
    pub(crate) fn started(&self, id: &str) -> Result<SystemTime> {
        let text = self.ask(&["inspect", "--format", "{{.State.StartedAt}}", id])?;
        Ok(OffsetDateTime::parse(&text, &Rfc3339)?.into())
    }
}

impl Container<'_> {
    pub(crate) fn stop(&self) -> Result<()> {
        self.engine.ask(&["stop", &self.id]).map(drop)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.engine.ask(&["rm", "--force", &self.id]) {
            eprintln!("a container is left: {error:#}");
        }
    }
}
