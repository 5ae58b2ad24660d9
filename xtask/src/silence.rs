//! Running a program that has to say something now and then, and ending it with all that it started
//! when it falls silent: a test that hangs must not take all the others with it.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long nothing may be said. No test takes half as long, nor does compiling all of them.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Runs a program to its end with its standard output shown as it comes, and each whole line given to
/// `line`. Whether it succeeded.
///
/// # Errors
/// It said nothing for [`LIMIT`], and was killed.
pub(crate) fn run(command: &mut Command, line: impl FnMut(&str)) -> Result<bool> {
    run_within(command, LIMIT, line)
}

fn run_within(command: &mut Command, limit: Duration, mut line: impl FnMut(&str)) -> Result<bool> {
    // Its own process group, so that what it started can be ended with it.
    let mut child = command
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo can't be started")?;
    let mut out = child.stdout.take().context("it has no standard output")?;
    let (send, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(bytes) = out.read(&mut piece) {
            if bytes == 0 || send.send(piece[..bytes].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut unfinished = Vec::new();
    loop {
        match pieces.recv_timeout(limit) {
            Ok(piece) => {
                let mut shown = std::io::stdout().lock();
                shown.write_all(&piece)?;
                shown.flush()?;
                for byte in piece {
                    if byte == b'\n' {
                        line(&String::from_utf8_lossy(&unfinished));
                        unfinished.clear();
                    } else {
                        unfinished.push(byte);
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?.success()),
            Err(RecvTimeoutError::Timeout) => {
                println!();
                end(&mut child)?;
                bail!(
                    "nothing was said for {} s, so it was killed",
                    limit.as_secs()
                );
            }
        }
    }
}

/// Says what runs, and kills the whole group.
fn end(child: &mut Child) -> Result<()> {
    eprintln!("xtask: nothing is said any more; what runs:");
    // It only helps to find the cause.
    let words = [
        "-eo",
        "pid,ppid,pgid,etimes,stat,wchan:20,args",
        "--forest",
        "--cols",
        "160",
    ];
    if let Ok(running) = Command::new("ps").args(words).output() {
        eprintln!("{}", String::from_utf8_lossy(&running.stdout));
    }
    if let Some(group) = Pid::from_raw(i32::try_from(child.id())?) {
        kill_process_group(group, Signal::KILL).context("it can't be killed")?;
    }
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> (Result<bool>, String) {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ended = run_within(&mut command, limit, |line| lines.push(line.to_owned()));
        (ended, lines.join(" "))
    }

    #[test]
    fn a_silent_program_is_ended_with_what_it_started() {
        // The pipe is held by a grandchild, too.
        let script = "echo one; printf two; sleep 600 & wait";
        let (ended, lines) = shell(script, Duration::from_secs(1));
        assert_eq!(lines, "one");
        assert!(ended.unwrap_err().to_string().contains("for 1 s"));
    }

    #[test]
    fn one_that_talks_may_take_its_time() {
        let script = "for i in 1 2 3; do sleep 0.4; echo $i; done";
        let (ended, lines) = shell(script, Duration::from_secs(10));
        assert_eq!((ended.unwrap(), lines.as_str()), (true, "1 2 3"));
        assert!(!shell("exit 3", Duration::from_secs(10)).0.unwrap());
    }
}
