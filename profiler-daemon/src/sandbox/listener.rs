//! The kernel's side of supervision: calls that wait for an answer, one at a time.
//!
//! Must not decide anything.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use crate::seccomp::filter::evaluate::CallData;

/// A call that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    id: u64,
    /// The thread that made it.
    pub(super) thread: u32,
    /// The call.
    pub(super) call: CallData,
}

/// What a waiting call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is carried out.
    GoOn,
    /// It returns this errno; 0 pretends success.
    Errno(u16),
}

/// Where the calls are read from.
pub(super) struct Listener(OwnedFd);

impl Listener {
    pub(super) const fn of(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// The next call; nothing if it went away in between.
    #[expect(unsafe_code, reason = "the kernel writes a record")]
    pub(super) fn receive(&self) -> io::Result<Option<Waiting>> {
        let empty = libc::seccomp_data {
            nr: 0,
            arch: 0,
            instruction_pointer: 0,
            args: [0; 6],
        };
        // The kernel insists on zeros.
        let mut record = libc::seccomp_notif {
            id: 0,
            pid: 0,
            flags: 0,
            data: empty,
        };
        // SAFETY: the kernel writes one record of this type.
        let done = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV as _,
                &raw mut record,
            )
        };
        if done < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::ENOENT | libc::EINTR | libc::ENOTCONN) => Ok(None),
                _ => Err(error),
            };
        }
        Ok(Some(Waiting {
            id: record.id,
            thread: record.pid,
            call: CallData {
                nr: record.data.nr.cast_unsigned(),
                arch: record.data.arch,
                instruction_pointer: record.data.instruction_pointer,
                args: record.data.args,
            },
        }))
    }

    /// True if the call still waits: only then was what was read of its thread its thread's.
    #[expect(unsafe_code, reason = "the kernel reads a number")]
    pub(super) fn still_waits(&self, waiting: &Waiting) -> bool {
        // SAFETY: the kernel reads one number.
        unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _,
                &raw const waiting.id,
            ) == 0
        }
    }

    /// Answers a call. One that has gone needs no answer.
    #[expect(unsafe_code, reason = "the kernel reads a record")]
    pub(super) fn answer(&self, waiting: &Waiting, answer: Answer) {
        let (error, flags) = match answer {
            Answer::GoOn => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::Errno(errno) => (-i32::from(errno), 0),
        };
        let mut response = libc::seccomp_notif_resp {
            id: waiting.id,
            val: 0,
            error,
            flags,
        };
        // SAFETY: the kernel reads one record of this type.
        unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND as _,
                &raw mut response,
            );
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
