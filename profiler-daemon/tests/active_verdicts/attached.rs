//! The filters that are attached to a process, as the kernel gives them to a tracer.
//!
//! The process is stopped for a moment, which a recorder must never do to it; a test may. Needs CAP_SYS_ADMIN, and a
//! kernel with CONFIG_CHECKPOINT_RESTORE.

#![allow(
    unsafe_code,
    reason = "no safe interface has PTRACE_SECCOMP_GET_FILTER"
)]

use std::{io, ptr};

use super::kernel_oracle::Instruction;

/// PTRACE_SECCOMP_GET_FILTER, which the crate libc lacks. Source: include/uapi/linux/ptrace.h.
const GET_FILTER: libc::c_uint = 0x420c;
const NOTHING: *mut libc::c_void = ptr::null_mut();

/// All of them, the oldest first; none if the process has no filter.
pub(crate) fn filters(pid: i32) -> Vec<Vec<Instruction>> {
    let stopped = Stopped::seize(pid).unwrap_or_else(|error| panic!("ptrace of {pid}: {error}"));
    let mut filters = Vec::new();
    while let Some(filter) = stopped
        .filter(filters.len())
        .unwrap_or_else(|error| panic!("filter {} of {pid}: {error}", filters.len()))
    {
        filters.push(filter);
    }
    filters
}

/// A process that is stopped, and goes on when this is dropped.
struct Stopped(libc::pid_t);

impl Stopped {
    fn seize(pid: libc::pid_t) -> io::Result<Self> {
        // SAFETY: takes no memory of ours.
        if unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, NOTHING, NOTHING) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let stopped = Self(pid);
        // SAFETY: as above.
        if unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, pid, NOTHING, NOTHING) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut status = 0;
        // SAFETY: `status` is ours. `__WALL`: it is no child of ours, but traced by us.
        if unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } != pid {
            return Err(io::Error::last_os_error());
        }
        assert!(
            libc::WIFSTOPPED(status),
            "{pid} did not stop, status {status:#x}"
        );
        Ok(stopped)
    }

    /// The filter with this index, 0 being the oldest; nothing beyond the newest.
    fn filter(&self, index: usize) -> io::Result<Option<Vec<Instruction>>> {
        // SAFETY: without an address the kernel writes nothing, and tells the length.
        let length = unsafe { libc::ptrace(GET_FILTER, self.0, index, NOTHING) };
        let Ok(length) = usize::try_from(length) else {
            let error = io::Error::last_os_error();
            // EINVAL: there is no filter at all. ENOENT: there are as many as the index.
            return match error.raw_os_error() {
                Some(libc::ENOENT) => Ok(None),
                Some(libc::EINVAL) if index == 0 => Ok(None),
                _ => Err(error),
            };
        };
        let none = libc::sock_filter {
            code: 0,
            jt: 0,
            jf: 0,
            k: 0,
        };
        let mut filter = vec![none; length];
        // SAFETY: there is room for all instructions; the filter can't grow while its process is stopped.
        let written = unsafe { libc::ptrace(GET_FILTER, self.0, index, filter.as_mut_ptr()) };
        if usize::try_from(written) != Ok(length) {
            return Err(io::Error::last_os_error());
        }
        let instructions = filter
            .into_iter()
            .map(|one| (one.code, one.jt, one.jf, one.k));
        Ok(Some(instructions.collect()))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // SAFETY: takes no memory of ours. A process that is gone needs no detaching.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, NOTHING, NOTHING) };
    }
}
