//! `cargo xtask demo`: the product on a real container, from recording to running under the profile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::testbed::engine::Engine;
use crate::testbed::image;
use crate::{debian, doctor, program, testbed, workspace};

/// A call that the page server never makes, through a program that makes it.
const FOREIGN: [&str; 3] = ["mkdir", "/tmp/made", "-p"];

pub(crate) fn run() -> Result<()> {
    let obstacles = doctor::obstacles();
    if !obstacles.is_empty() {
        bail!(
            "this machine can't run the daemon:\n  {}",
            obstacles.join("\n  ")
        );
    }
    debian::install(&["busybox-static", "gcc", "libc6-dev"])?;
    // Unoptimized: a newcomer waits for one minute in place of several, and the kernel side is the same.
    say("building profilerd and profilectl");
    program::run(
        Command::new(workspace::cargo())
            .current_dir(workspace::root()?)
            .args([
                "build",
                "--quiet",
                "--locked",
                "--package",
                "profiler-daemon",
            ]),
    )?;
    let (engine, ours) = engine()?;
    let shown = show(&engine);
    if ours {
        testbed::down()?;
    } else if engine.socket == Path::new(Engine::HOST_SOCKET) {
        program::quietly(
            engine
                .docker()
                .args(["image", "rm", "--force", image::DEMO]),
        )?;
    }
    shown
}

/// The host's engine with the demo's image, or one of our own; and whether it is ours to end.
fn engine() -> Result<(Engine, bool)> {
    if let Some(engine) = Engine::of_host() {
        say(&format!("using this host's Docker {}", engine.version()?));
        let cache = workspace::target()?.join("testbed-cache");
        workspace::folder(&cache)?;
        image::make(&[image::DEMO], &engine, &cache)?;
        return Ok((engine, false));
    }
    let was_up = testbed::is_up()?;
    say("no Docker engine answers here: starting a private one");
    let up = testbed::up_for_demo()?;
    let engine = Engine {
        socket: up.docker_socket,
        cli: up.docker_cli,
    };
    Ok((engine, !was_up))
}

fn show(engine: &Engine) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("profiler-demo").tempdir()?;
    let daemon = Daemon::start(folder.path(), engine)?;
    let name = format!("demo-{}", std::process::id());
    let profile = folder.path().join("web.json");

    say("recording a web server in a container, from its first call");
    // Without the foreign call, which would become part of the profile.
    Visit::of(engine, &name, false, &[])?;
    program::run(
        daemon
            .ctl()
            .arg("export")
            .arg(&name)
            .arg("-o")
            .arg(&profile),
    )
    .context("the profile can't be exported")?;
    program::run(daemon.ctl().arg("show").arg(&name))?;

    say("running the same container again, under that profile");
    let option = format!("seccomp={}", profile.display());
    let options = ["--security-opt", option.as_str()];
    let after = Visit::of(engine, &format!("{name}-profiled"), true, &options)?;
    let before = Visit::of(engine, &format!("{name}-default"), true, &[])?;

    let names = allowed(&profile)?;
    let kept = workspace::target()?.join("demo-web.json");
    workspace::write(&kept, workspace::read(&profile)?)?;
    println!("\n{:<34} {:<22} its own profile", "", "Docker's default");
    for (what, left, right) in [
        ("the page", &before.page, &after.page),
        ("docker stop", &before.stopped, &after.stopped),
        ("a foreign call (mkdir)", &before.foreign, &after.foreign),
    ] {
        println!("{what:<34} {left:<22} {right}");
    }
    println!(
        "\nThe profile allows {names} system calls; it is kept in {}",
        kept.display()
    );
    daemon.stop()
}

/// One life of the container, and what was seen of it.
struct Visit {
    page: String,
    stopped: String,
    foreign: String,
}

impl Visit {
    fn of(engine: &Engine, name: &str, foreign: bool, options: &[&str]) -> Result<Self> {
        let mut run = engine.docker();
        run.args(["run", "--detach", "--name", name])
            .args(options)
            .arg(image::DEMO);
        program::quietly(&mut run)?;
        let visit = Self::look(engine, name, foreign);
        program::quietly(engine.docker().args(["rm", "--force", name]))?;
        visit
    }

    fn look(engine: &Engine, name: &str, foreign: bool) -> Result<Self> {
        let fetch = ["exec", name, "wget", "-q", "-O", "-", "http://127.0.0.1/"];
        let begin = Instant::now();
        let page = loop {
            match program::output(engine.docker().args(fetch)) {
                Ok(page) => break format!("{} bytes", page.len()),
                Err(error) if begin.elapsed() > Duration::from_secs(10) => {
                    return Err(error.context("the container serves no page"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        let foreign = if foreign {
            let tried = program::output(engine.docker().args(["exec", name]).args(FOREIGN));
            if tried.is_err() { "refused" } else { "allowed" }.to_owned()
        } else {
            String::new()
        };
        let begin = Instant::now();
        program::quietly(engine.docker().args(["stop", name]))?;
        let stopped = format!("{:.1} s", begin.elapsed().as_secs_f64());
        Ok(Self {
            page,
            stopped,
            foreign,
        })
    }
}

/// A daemon on a socket of its own; ended with its pins when dropped.
struct Daemon {
    child: Child,
    folder: PathBuf,
}

impl Daemon {
    fn start(folder: &Path, engine: &Engine) -> Result<Self> {
        let log = folder.join("profilerd.log");
        let mut command = Command::new(binary("profilerd")?);
        command
            .arg("--socket")
            .arg(folder.join("profilerd.sock"))
            .arg("--state-dir")
            .arg(folder.join("state"))
            .arg("--docker")
            .arg(format!("unix://{}", engine.socket.display()))
            .arg("--pin-dir")
            .arg(pins())
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&log)?);
        let child = command.spawn().context("profilerd can't be started")?;
        let mut daemon = Self {
            child,
            folder: folder.to_owned(),
        };
        let begin = Instant::now();
        while program::quietly(daemon.ctl().arg("status")).is_err() {
            let ended = daemon.child.try_wait()?;
            if ended.is_some() || begin.elapsed() > Duration::from_secs(20) {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("profilerd does not answer; it said:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(daemon)
    }

    fn ctl(&self) -> Command {
        let target = workspace::target().unwrap_or_default();
        let mut command = Command::new(target.join("debug/profilectl"));
        command
            .arg("--socket")
            .arg(self.folder.join("profilerd.sock"));
        command
    }

    fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            let pid = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
            self.child.wait()?;
        }
        program::quietly(
            Command::new(binary("profilerd")?)
                .arg("--unload")
                .arg("--pin-dir")
                .arg(pins()),
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("demo: the daemon was not cleaned up: {error:#}");
        }
    }
}

fn binary(name: &str) -> Result<PathBuf> {
    Ok(workspace::target()?.join("debug").join(name))
}

/// Pins of our own, so that a daemon that runs here keeps its recording.
fn pins() -> String {
    format!("/sys/fs/bpf/profiler-demo-{}", std::process::id())
}

/// How many system calls a profile allows.
fn allowed(profile: &Path) -> Result<usize> {
    let document: serde_json::Value = serde_json::from_slice(&workspace::read(profile)?)
        .with_context(|| format!("{} is not JSON", profile.display()))?;
    let rules = document["syscalls"]
        .as_array()
        .context("the profile has no syscalls")?;
    let mut names: Vec<&str> = rules
        .iter()
        .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
        .filter_map(|rule| rule["names"].as_array())
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.len())
}

fn say(what: &str) {
    eprintln!("demo: {what}");
}
