//! Where profiles are verified: a folder for them, `profilectl` on the testbed's engine, and no daemon.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::testbed::{Ended, Testbed, run};

pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

pub(crate) struct Ground {
    pub(crate) testbed: Testbed,
    folder: tempfile::TempDir,
}

impl Ground {
    pub(crate) fn get() -> Option<Self> {
        Some(Self {
            testbed: Testbed::get()?,
            folder: tempfile::tempdir().expect("a temporary folder"),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A file of that content.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).expect("a file can be written");
        self.text(name)
    }

    /// `profilectl` with these words, which finds no daemon.
    pub(crate) fn profilectl(&self, words: &[&str]) -> Command {
        let nowhere = self.text("no-daemon.sock");
        self.profilectl_of(Path::new(env!("CARGO_BIN_EXE_profilectl")), &nowhere, words)
    }

    fn profilectl_of(&self, program: &Path, socket: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env("DOCKER_HOST", self.testbed.url())
            .env("PROFILER_SOCKET", socket)
            .args(words);
        command
    }

    pub(crate) fn ended(&self, words: &[&str]) -> Ended {
        run(&mut self.profilectl(words), PATIENCE)
    }

    /// The profile that `profilectl record` writes for a command.
    pub(crate) fn recorded(&self, name: &str, command: &[&str]) -> String {
        let file = self.text(name);
        let words = [&["record", "-o", &file, "--"], command].concat();
        let ended = self.ended(&words);
        assert!(ended.success(), "{ended}");
        file
    }

    /// Docker's default profile as a file.
    pub(crate) fn default_profile(&self, name: &str) -> String {
        let file = self.text(name);
        let ended = self.ended(&["convert", "docker-default", "-o", &file]);
        assert!(ended.success(), "{ended}");
        file
    }

    /// A profile without some calls, as `profilectl edit` writes it.
    pub(crate) fn without(&self, name: &str, profile: &str, calls: &[&str]) -> String {
        let file = self.text(name);
        let ended = self.ended(&["edit", profile, "--deny", &calls.join(","), "-o", &file]);
        assert!(ended.success(), "{ended}");
        file
    }

    /// The report of `verify`, and how it ended.
    pub(crate) fn verify(&self, profile: &str, words: &[&str]) -> (Value, Option<i32>) {
        self.verify_at(&self.text("no-daemon.sock"), profile, words)
    }

    pub(crate) fn verify_at(
        &self,
        socket: &str,
        profile: &str,
        words: &[&str],
    ) -> (Value, Option<i32>) {
        let program = Path::new(env!("CARGO_BIN_EXE_profilectl"));
        self.report(program, socket, profile, words)
    }

    /// The same by a `profilectl` that has no `profilerd` beside it.
    pub(crate) fn alone(&self, profile: &str, words: &[&str]) -> (Value, Option<i32>) {
        let program = self.path("profilectl");
        fs::copy(env!("CARGO_BIN_EXE_profilectl"), &program).expect("a copy");
        self.report(&program, &self.text("no-daemon.sock"), profile, words)
    }

    fn report(
        &self,
        program: &Path,
        socket: &str,
        profile: &str,
        words: &[&str],
    ) -> (Value, Option<i32>) {
        let all = [&["verify", profile, "--format", "json"], words].concat();
        let ended = run(&mut self.profilectl_of(program, socket, &all), PATIENCE);
        let report = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{all:?}: {error}: {ended}"));
        (report, ended.status)
    }

    /// No container of a trial, and no daemon of one.
    pub(crate) fn nothing_is_left(&self) {
        let names = self
            .testbed
            .docker_ok(&["ps", "--all", "--format", "{{.Names}}"]);
        assert!(!names.contains("profilectl-trial"), "{names}");
        let folder = std::env::temp_dir();
        let left: Vec<_> = fs::read_dir(folder)
            .expect("a folder for temporary files")
            .flatten()
            .map(|entry| entry.file_name())
            .filter(|name| name.to_string_lossy().starts_with("profilectl-trial-"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
