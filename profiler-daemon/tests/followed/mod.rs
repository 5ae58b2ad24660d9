//! A `profilectl` that goes on telling: its lines as they come, and its end.

#![allow(
    dead_code,
    reason = "every test file takes in the whole module and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::testbed::{Daemon, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// One that runs; it is killed with its guard.
pub(crate) struct Followed {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Followed {
    /// Starts `profilectl` with these words and `--format json`.
    pub(crate) fn start(daemon: &Daemon, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_profilectl"))
            .arg("--socket")
            .arg(daemon.socket())
            .args(words)
            .args(["--format", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("profilectl starts");
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (out, into) = (
            BufReader::new(child.stdout.take().expect("a pipe")),
            Arc::clone(&events),
        );
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("a line is JSON");
                into.lock().expect("a lock").push(event);
            }
        });
        Self { child, events }
    }

    /// `profilectl watch`, once it is listened to: what happens from then on is told.
    pub(crate) fn watch(daemon: &Daemon) -> Self {
        let watch = Self::start(daemon, &["watch"]);
        // Nothing says that a watch has begun but what it tells: this makes it tell something.
        eventually("the watch has begun", PATIENCE, || {
            let attached = Self::start(
                daemon,
                &[
                    "audit",
                    "image:none",
                    "--watch",
                    "--candidate",
                    "unconfined",
                ],
            );
            attached.once("it is attached", |event| event["event"] == "shadow");
            let told = |event: &Value| event["event"] == "shadow";
            watch.all().iter().any(told).then_some(())
        });
        watch
    }

    /// What was told so far.
    pub(crate) fn all(&self) -> Vec<Value> {
        self.events.lock().expect("a lock").clone()
    }

    /// What was told so far and is meant.
    pub(crate) fn those(&self, meant: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.all()
            .into_iter()
            .filter(|event| meant(event))
            .collect()
    }

    /// The first that is meant, once it is told.
    pub(crate) fn once(&self, what: &str, meant: impl Fn(&Value) -> bool) -> Value {
        self.at_least(1, what, meant).remove(0)
    }

    /// Those that are meant, once there are so many.
    pub(crate) fn at_least(
        &self,
        count: usize,
        what: &str,
        meant: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        eventually(&format!("{what}, {count} times"), PATIENCE, || {
            Some(self.those(&meant)).filter(|told| told.len() >= count)
        })
    }

    /// Ctrl-C; its exit status.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
        self.child.wait().expect("a child").code()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer to a request, as curl would have it: its status and body.
pub(crate) fn ask(daemon: &Daemon, method: &str, path: &str, body: &str) -> (u16, Value) {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(daemon.socket()).expect("a socket");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    (
        status.expect("a status"),
        serde_json::from_str(body).expect("a body of JSON"),
    )
}
