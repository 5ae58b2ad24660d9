//! Running a program for so long and no longer, and waiting for a thing to become true.

use std::fmt;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status; nothing if a signal or our patience ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Whether it exited with 0.
    pub(crate) fn success(&self) -> bool {
        self.status == Some(0)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(out, "exit status {status}")?,
            None => write!(out, "no exit status")?,
        }
        write!(
            out,
            "\nstdout: {}\nstderr: {}",
            self.stdout.trim_end(),
            self.stderr.trim_end()
        )
    }
}

/// How long what a program left behind may hold its pipes open after its own end.
const LINGERING: Duration = Duration::from_secs(20);

/// Runs a program to its end; kills it when that takes longer than `patience`. What it left behind
/// is not waited for without end: then what was written so far is all there is.
pub(crate) fn run(command: &mut Command, patience: Duration) -> Ended {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = Drain::of(child.stdout.take());
    let stderr = Drain::of(child.stderr.take());
    let status = ended_within(&mut child, patience).and_then(|status| status.code());
    let until = Instant::now() + LINGERING;
    Ended {
        status,
        stdout: stdout.text(until),
        stderr: stderr.text(until),
    }
}

/// Waits for a child's end; kills it when that takes longer than `patience`, and tells nothing then.
pub(crate) fn ended_within(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if begin.elapsed() > patience {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What comes out of a pipe, as it comes.
struct Drain {
    read: Arc<Mutex<Vec<u8>>>,
    closed: mpsc::Receiver<()>,
}

impl Drain {
    fn of(mut pipe: Option<impl Read + Send + 'static>) -> Self {
        let read = Arc::new(Mutex::new(Vec::new()));
        let (close, closed) = mpsc::channel();
        let so_far = Arc::clone(&read);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Some(pipe) = &mut pipe {
                match pipe.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(bytes) => so_far.lock().expect("a buffer").extend(&piece[..bytes]),
                }
            }
            drop(close);
        });
        Self { read, closed }
    }

    /// All of it, or what there is by then.
    fn text(self, until: Instant) -> String {
        // Nothing is ever sent: either the pipe is closed, or it is too late.
        let _ = self
            .closed
            .recv_timeout(until.saturating_duration_since(Instant::now()));
        let bytes = self.read.lock().expect("a buffer");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Asks again and again until there is an answer; panics after `patience`.
pub(crate) fn eventually<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Option<T>,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begin.elapsed() < patience,
            "waited {patience:?} in vain for: {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
