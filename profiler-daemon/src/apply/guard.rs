//! The process that puts a container back when the one that moves it is killed.
//!
//! It is started before the first step, in a session of its own so that no terminal's signal reaches
//! it, and holds the other end of a pipe. The kernel closes a dead process's end, whatever killed it;
//! if the word that the move is over has not come by then, it was not.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

/// What the guard says once it watches.
const READY: &str = "watching";
/// What it is told when there is nothing left to guard.
const FINISHED: &str = "finished";

/// A guard that watches this process.
#[derive(Debug)]
pub struct Guard {
    process: Child,
    pipe: ChildStdin,
}

impl Guard {
    /// Starts this program again with these arguments, and waits until it watches.
    ///
    /// # Errors
    /// It cannot be started, or ends at once.
    pub fn post(arguments: &[OsString]) -> io::Result<Self> {
        // Not by its path: the file may have been replaced since this process started.
        let mut process = Command::new("/proc/self/exe")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(pipe), Some(said)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("it was started without its pipes"));
        };
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        if line.trim_end() != READY {
            return Err(io::Error::other("it ended at once"));
        }
        Ok(Self { process, pipe })
    }

    /// Tells it that the move is over, and waits for its end.
    ///
    /// # Errors
    /// It is gone already, which makes no difference any more.
    pub fn dismiss(mut self) -> io::Result<()> {
        let told = writeln!(self.pipe, "{FINISHED}");
        drop(self.pipe);
        self.process.wait()?;
        told
    }
}

/// Watches the process at the other end of standard input. True if it died before the move was over.
///
/// # Errors
/// It can be no guard: it leads a process group, say, and so gets no session of its own.
pub fn stand() -> io::Result<bool> {
    rustix::process::setsid()?;
    let mut out = io::stdout().lock();
    writeln!(out, "{READY}")?;
    out.flush()?;
    drop(out);
    let mut said = String::new();
    // What breaks off is not the word.
    let read = io::stdin().lock().read_to_string(&mut said);
    Ok(read.is_err() || said.trim_end() != FINISHED)
}
