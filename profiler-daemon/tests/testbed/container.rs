//! A container that is gone when its guard is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{Ended, Testbed, eventually};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A container of the testbed's engine.
pub(crate) struct Container {
    testbed: Testbed,
    /// Its name, which no other container has.
    pub(crate) name: String,
    /// Its full id.
    pub(crate) id: String,
}

impl Container {
    /// `docker run --detach` with a name of ours; `words` are options, image and command.
    pub(crate) fn run(testbed: &Testbed, words: &[&str]) -> Self {
        Self::try_run(testbed, words)
            .unwrap_or_else(|ended| panic!("docker run {}: {ended}", words.join(" ")))
    }

    /// The same where the start may fail; what is left of a container that failed is removed.
    pub(crate) fn try_run(testbed: &Testbed, words: &[&str]) -> Result<Self, Ended> {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("pb-test-{}-{number}", std::process::id());
        let mut all = vec!["run", "--detach", "--name", &name];
        all.extend(words);
        let ended = testbed.docker(&all);
        let container = Self {
            testbed: testbed.clone(),
            id: ended.stdout.trim().to_owned(),
            name,
        };
        if ended.success() {
            Ok(container)
        } else {
            Err(ended)
        }
    }

    /// Waits for its end and returns its exit status.
    pub(crate) fn wait(&self) -> i32 {
        let status = self.testbed.docker_ok(&["wait", &self.name]);
        status.trim().parse().expect("docker wait prints a number")
    }

    /// `docker stop` with the engine's ten seconds; how long it took.
    pub(crate) fn stop(&self) -> Duration {
        let begin = Instant::now();
        self.testbed.docker_ok(&["stop", &self.name]);
        begin.elapsed()
    }

    /// `docker exec` in it.
    pub(crate) fn exec(&self, words: &[&str]) -> Ended {
        let mut all = vec!["exec", self.name.as_str()];
        all.extend(words);
        self.testbed.docker(&all)
    }

    /// Tries a command in it until it succeeds, for at most 20 seconds; what it wrote to stdout.
    pub(crate) fn exec_until_ok(&self, words: &[&str]) -> String {
        eventually(
            &format!("{} in {}", words.join(" "), self.name),
            Duration::from_secs(20),
            || {
                let ended = self.exec(words);
                ended.success().then_some(ended.stdout)
            },
        )
    }

    /// What its program wrote, stdout and stderr.
    pub(crate) fn logs(&self) -> String {
        let ended = self.testbed.docker(&["logs", &self.name]);
        ended.stdout + &ended.stderr
    }

    /// A field of `docker inspect`, such as `{{.State.Health.Status}}`.
    pub(crate) fn inspect(&self, format: &str) -> String {
        self.testbed
            .docker_ok(&["inspect", "--format", format, &self.name])
    }

    /// The host's pid of its first process.
    pub(crate) fn pid(&self) -> i32 {
        self.inspect("{{.State.Pid}}").parse().expect("a pid")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.testbed
            .docker(&["rm", "--force", "--volumes", &self.name]);
    }
}
