//! Running a program that has to say something now and then, and ending it with all that it started
//! when it falls silent: a test that hangs must not take all the others with it.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

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
    // Not in a process group of its own: Ctrl-C is to reach the tests too.
    let mut child = command
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

/// Says what runs, and kills it with all that it started.
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
    for pid in started_by(i32::try_from(child.id())?) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::KILL);
    }
    child.wait()?;
    Ok(())
}

/// A process and all that descend from it, as far as their parents live.
fn started_by(root: i32) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(i32, i32)> = processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name before it may hold anything.
            let (_, rest) = stat.rsplit_once(')')?;
            Some((pid, rest.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let mut found = vec![root];
    let mut looked_at = 0;
    while let Some(&parent) = found.get(looked_at) {
        looked_at += 1;
        let children = parents.iter().filter(|(_, of)| *of == parent);
        found.extend(children.map(|(pid, _)| *pid));
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
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
