//! The real daemon on a socket, a state folder and pins of its own; gone with all its pins when its guard is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Ended, Testbed, run};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// How a daemon is to be started.
#[derive(Clone, Debug, Default)]
pub(crate) struct DaemonOptions {
    /// The value of `--docker`.
    pub(crate) docker: String,
    /// Further words of its command line.
    pub(crate) words: Vec<String>,
}

/// A running daemon, or one that a test has ended and may start again.
pub(crate) struct Daemon {
    child: Option<Child>,
    options: DaemonOptions,
    folder: TempDir,
    pins: PathBuf,
}

impl Daemon {
    /// Starts one on the testbed's engine.
    pub(crate) fn start(testbed: &Testbed) -> Self {
        Self::start_with(testbed, &[])
    }

    /// The same with further words on its command line.
    pub(crate) fn start_with(testbed: &Testbed, words: &[&str]) -> Self {
        Self::start_as(DaemonOptions {
            docker: testbed.url(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        })
    }

    /// Starts one and waits until it answers.
    pub(crate) fn start_as(options: DaemonOptions) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let mut daemon = Self {
            child: None,
            options,
            folder: tempfile::Builder::new()
                .prefix("pb-daemon")
                .tempdir()
                .expect("a temporary folder"),
            pins: PathBuf::from(format!(
                "/sys/fs/bpf/profiler-test-{}-{number}",
                std::process::id()
            )),
        };
        daemon.launch();
        daemon
    }

    fn launch(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("a log file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_profilerd"));
        command
            .arg("--socket")
            .arg(self.socket())
            .arg("--state-dir")
            .arg(self.state_dir())
            .arg("--pin-dir")
            .arg(&self.pins)
            .args(["--docker", &self.options.docker])
            .args(&self.options.words)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        self.child = Some(command.spawn().expect("profilerd starts"));
        let begin = Instant::now();
        // 3 is "the daemon can't be reached"; anything else is an answer.
        while self
            .ctl(&["status"])
            .status
            .is_none_or(|status| status == 3)
        {
            let ended = self
                .child
                .as_mut()
                .expect("just started")
                .try_wait()
                .expect("a child");
            assert!(
                ended.is_none() && begin.elapsed() < Duration::from_secs(30),
                "profilerd does not answer (ended: {ended:?}); it said:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("profilerd.sock")
    }

    /// Where it keeps its state.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where its pins are.
    pub(crate) fn pin_dir(&self) -> &Path {
        &self.pins
    }

    /// A file of that name in the daemon's temporary folder, for profiles and the like.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has logged so far, over all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        let child = self.child.as_ref().expect("the daemon runs");
        i32::try_from(child.id()).expect("a pid")
    }

    /// `kill -9`: its maps stay pinned.
    pub(crate) fn kill9(&mut self) {
        self.end(Signal::KILL);
    }

    /// SIGTERM; its exit status.
    pub(crate) fn term(&mut self) -> Option<i32> {
        self.end(Signal::TERM)
    }

    /// Starts it again with the same options, state and pins; ends it first if it runs.
    pub(crate) fn restart(&mut self) {
        if self.child.is_some() {
            self.term();
        }
        self.launch();
    }

    /// Starts it again with other words on its command line; ends it first if it runs.
    pub(crate) fn restart_with(&mut self, words: &[&str]) {
        self.options.words = words.iter().map(|word| (*word).to_owned()).collect();
        self.restart();
    }

    /// SIGINT; its exit status.
    pub(crate) fn interrupt(&mut self) -> Option<i32> {
        self.end(Signal::INT)
    }

    /// Runs `profilectl` on its socket.
    pub(crate) fn ctl(&self, words: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profilectl"));
        command.arg("--socket").arg(self.socket()).args(words);
        run(&mut command, Duration::from_secs(60))
    }

    /// The same for a verb that has to succeed; what it wrote to stdout.
    pub(crate) fn ctl_ok(&self, words: &[&str]) -> String {
        let ended = self.ctl(words);
        assert!(
            ended.success(),
            "profilectl {}: {ended}\nprofilerd said:\n{}",
            words.join(" "),
            self.log()
        );
        ended.stdout
    }

    /// The same with `--format json`, parsed.
    pub(crate) fn ctl_json(&self, words: &[&str]) -> Value {
        let mut all = words.to_vec();
        all.extend(["--format", "json"]);
        serde_json::from_str(&self.ctl_ok(&all)).expect("profilectl prints JSON")
    }

    /// Exports a container's or an image's profile into a file of that name.
    pub(crate) fn export(&self, container: &str, name: &str) -> PathBuf {
        let file = self.file(name);
        self.ctl_ok(&["export", container, "-o", &file.display().to_string()]);
        file
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("profilerd.log")
    }

    fn end(&mut self, signal: Signal) -> Option<i32> {
        let mut child = self.child.take().expect("the daemon runs");
        if child.try_wait().expect("a child").is_none() {
            kill_process(Pid::from_child(&child), signal).expect("the daemon can be signalled");
        }
        let begin = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                return status.code();
            }
            if begin.elapsed() > Duration::from_secs(15) {
                child.kill().expect("the daemon can be killed");
                child.wait().expect("a child");
                panic!(
                    "profilerd did not end within 15 s of {signal:?}; it said:\n{}",
                    self.log()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take()
            && child.try_wait().is_ok_and(|ended| ended.is_none())
        {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let begin = Instant::now();
            while child.try_wait().is_ok_and(|ended| ended.is_none()) {
                if begin.elapsed() > Duration::from_secs(10) {
                    drop(child.kill());
                    drop(child.wait());
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if std::thread::panicking() {
            eprintln!("profilerd said:\n{}", self.log());
        }
        let mut unload = Command::new(env!("CARGO_BIN_EXE_profilerd"));
        unload.arg("--unload").arg("--pin-dir").arg(&self.pins);
        run(&mut unload, Duration::from_secs(20));
    }
}
