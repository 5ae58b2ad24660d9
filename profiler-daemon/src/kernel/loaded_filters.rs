//! The filters of a running process, read from the kernel by ptrace: only on request.
//!
//! The process is stopped for a moment, and one call that it is blocked in may return EINTR for
//! it. Must never leave it stopped: the thread that traces ends in any case, and with it the trace.

#![expect(
    unsafe_code,
    reason = "ptrace and waitpid of a traced process have no safe wrapper in rustix or std"
)]

use std::{
    io, ptr, thread,
    time::{Duration, Instant},
};

/// `PTRACE_SECCOMP_GET_FILTER` of <linux/ptrace.h>, which libc does not have.
const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;
/// How long a process may take to stop. A blocked one stops at once; one in the midst of slow
/// input and output does not.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is asked whether it has stopped.
const PAUSE: Duration = Duration::from_micros(200);
/// Filters of one process that are read; the kernel allows no more instructions than 32 of the
/// longest have.
const MOST_LAYERS: u64 = 512;
/// The longest program that the kernel takes, in instructions.
const MOST_INSTRUCTIONS: usize = 4096;

/// The filters in force for a process, the newest first, each as the words of its instructions.
///
/// # Errors
/// It is gone or traced by another, it did not stop in time, or this process may not read filters:
/// that takes `CAP_SYS_ADMIN`, and being under no filter itself.
pub fn loaded_filters(pid: u32) -> io::Result<Vec<Vec<u64>>> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // ptrace belongs to a thread: one of its own, whose end lets the process go whatever happens.
    thread::Builder::new()
        .name("ptrace".to_owned())
        .spawn(move || read(pid))?
        .join()
        .map_err(|_| io::Error::other("the thread that reads filters failed"))?
}

fn read(pid: libc::pid_t) -> io::Result<Vec<Vec<u64>>> {
    ptrace(libc::PTRACE_SEIZE, pid, 0, ptr::null_mut())?;
    ptrace(libc::PTRACE_INTERRUPT, pid, 0, ptr::null_mut())?;
    let signal = stopped(pid)?;
    let filters = layers(pid);
    // A signal that stopped it in our stead is handed on.
    let signal: *mut libc::c_void = ptr::without_provenance_mut(signal);
    ptrace(libc::PTRACE_DETACH, pid, 0, signal)?;
    filters
}

/// Waits until the process stops; the signal that it is to get when it goes on, or 0.
fn stopped(pid: libc::pid_t) -> io::Result<usize> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let mut status = 0;
        let flags = libc::WNOHANG | libc::__WALL | libc::__WNOTHREAD;
        // SAFETY: `status` is valid for writing, and only what this thread traces is waited for.
        match unsafe { libc::waitpid(pid, &raw mut status, flags) } {
            0 => thread::sleep(PAUSE),
            -1 => return Err(io::Error::last_os_error()),
            _ if libc::WIFSTOPPED(status) => {
                let by_us = status >> 16 == libc::PTRACE_EVENT_STOP;
                let signal = if by_us { 0 } else { libc::WSTOPSIG(status) };
                return Ok(usize::try_from(signal).unwrap_or_default());
            }
            _ => return Err(io::Error::other("the process ended")),
        }
    }
    Err(io::Error::other(
        "the process did not stop within half a second: is it paused, or waiting for a disk?",
    ))
}

/// The kernel counts from the oldest.
fn layers(pid: libc::pid_t) -> io::Result<Vec<Vec<u64>>> {
    let mut filters = Vec::new();
    for index in 0..MOST_LAYERS {
        let index = usize::try_from(index).unwrap_or_default();
        match layer(pid, index) {
            Ok(filter) => filters.push(filter),
            // Beyond the last one; and of a process without any filter.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT)) => break,
            Err(error) if index == 0 && error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    filters.reverse();
    Ok(filters)
}

fn layer(pid: libc::pid_t, index: usize) -> io::Result<Vec<u64>> {
    let mut words = vec![0_u64; MOST_INSTRUCTIONS];
    // An instruction has eight bytes; the kernel writes no more than a program may have.
    let length = ptrace(
        PTRACE_SECCOMP_GET_FILTER,
        pid,
        index,
        words.as_mut_ptr().cast(),
    )?;
    words.truncate(usize::try_from(length).unwrap_or_default());
    Ok(words)
}

fn ptrace(
    request: libc::c_uint,
    pid: libc::pid_t,
    address: usize,
    data: *mut libc::c_void,
) -> io::Result<libc::c_long> {
    let address: *mut libc::c_void = ptr::without_provenance_mut(address);
    // SAFETY: of the requests made here only PTRACE_SECCOMP_GET_FILTER writes to memory, and its
    // `data` is a buffer for the longest program that the kernel takes.
    let answer = unsafe { libc::ptrace(request, pid, address, data) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::loaded_filters;

    #[test]
    fn a_process_without_a_filter_has_none_and_goes_on() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: needs root");
            return;
        }
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let filters = loaded_filters(child.id());
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        assert_eq!(filters.unwrap(), Vec::<Vec<u64>>::new());
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(loaded_filters(u32::MAX).is_err());
        assert!(loaded_filters(i32::MAX as u32).is_err());
    }
}
