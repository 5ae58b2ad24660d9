//! Running `profilectl` to its end, and what that took.

use std::{
    fmt,
    io::Read,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use assert_cmd::cargo::CommandCargoExt;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Waited {
    /// The exit status; nothing if a signal or our patience ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stderr: String,
    /// The most memory that was resident, in KiB.
    pub(crate) most_kib: i64,
    took: Duration,
}

impl fmt::Display for Waited {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said: String = self.stderr.chars().take(2000).collect();
        write!(
            out,
            "status {:?} after {:?}, {} KiB\n{said}",
            self.status, self.took, self.most_kib
        )
    }
}

/// Runs `profilectl` with these words; kills it when that takes longer than `patience`.
#[allow(
    clippy::zombie_processes,
    reason = "it is waited for by number, which tells what memory it took"
)]
pub(crate) fn run(words: &[&str], patience: Duration) -> Waited {
    let began = Instant::now();
    let mut child = Command::cargo_bin("profilectl")
        .unwrap()
        .args(words)
        .env("PROFILER_SOCKET", "/nowhere")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stderr.take().unwrap();
    let stderr = thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let (status, most_kib) = loop {
        if let Some(ended) = ended(child.id()) {
            break ended;
        }
        if began.elapsed() > patience {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    };
    let took = began.elapsed();
    if std::env::var_os("HOSTILE_FIGURES").is_some() {
        eprintln!("{took:?} {} MiB {words:?}", most_kib >> 10);
    }
    Waited {
        status,
        stderr: stderr.join().unwrap(),
        most_kib,
        took,
    }
}

/// The exit status of a child that has ended and the most memory it had; `None` if it runs.
#[allow(
    unsafe_code,
    reason = "no safe interface tells what memory one child took"
)]
fn ended(child: u32) -> Option<(Option<i32>, i64)> {
    let mut status = 0;
    // SAFETY: all zeros is a valid value of this structure of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let child = libc::pid_t::try_from(child).unwrap();
    // SAFETY: both pointers are to live values of the right types.
    let waited = unsafe { libc::wait4(child, &raw mut status, libc::WNOHANG, &raw mut usage) };
    assert!(waited >= 0, "{}", std::io::Error::last_os_error());
    (waited == child).then(|| {
        let status = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
        (status, usage.ru_maxrss)
    })
}
