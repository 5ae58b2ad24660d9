//! Signals that are sent to us while the command runs: taken in turn, never by a handler, and passed
//! on so that the command decides.
//!
//! What the terminal sends reaches the command by itself: we are in one process group.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr,
};

use rustix::process::Signal;

/// Signals that are passed on.
const PASSED_ON: [libc::c_int; 6] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

/// Signals that would stop us for asking at a terminal that the command has taken.
const OF_TERMINALS: [libc::c_int; 2] = [libc::SIGTTIN, libc::SIGTTOU];

/// The signals, held back from their usual effect for as long as this lives.
pub(super) struct Signals {
    fd: OwnedFd,
    before: libc::sigset_t,
}

impl Signals {
    #[expect(unsafe_code, reason = "signal masks are C's")]
    pub(super) fn block() -> io::Result<Self> {
        let passed_on = set(&PASSED_ON);
        let all: Vec<libc::c_int> = PASSED_ON.into_iter().chain(OF_TERMINALS).collect();
        let mut before = MaybeUninit::uninit();
        // SAFETY: the sets are whole; C writes the mask before it says that all went well.
        let before = unsafe {
            if libc::sigprocmask(libc::SIG_BLOCK, &set(&all), before.as_mut_ptr()) < 0 {
                return Err(io::Error::last_os_error());
            }
            before.assume_init()
        };
        // SAFETY: a whole set, and no descriptor to be reused.
        let fd = unsafe {
            libc::signalfd(
                -1,
                &raw const passed_on,
                libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
            )
        };
        if fd < 0 {
            let error = io::Error::last_os_error();
            restore(&before);
            return Err(error);
        }
        // SAFETY: C made it for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, before })
    }

    /// The mask that there was before.
    pub(super) const fn before(&self) -> libc::sigset_t {
        self.before
    }

    /// The next one that is to be passed on; nothing if none has come.
    #[expect(unsafe_code, reason = "the record is plain bytes")]
    pub(super) fn next(&self) -> Option<Signal> {
        loop {
            let mut bytes = [0_u8; size_of::<libc::signalfd_siginfo>()];
            let read = rustix::io::read(&self.fd, &mut bytes).ok()?;
            if read != bytes.len() {
                return None;
            }
            // SAFETY: a whole record, of numbers alone.
            let sent: libc::signalfd_siginfo =
                unsafe { ptr::read_unaligned(bytes.as_ptr().cast()) };
            let by_terminal = sent.ssi_code == libc::SI_KERNEL;
            let signal = i32::try_from(sent.ssi_signo)
                .ok()
                .and_then(Signal::from_named_raw);
            if signal.is_some() && !by_terminal {
                return signal;
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        restore(&self.before);
    }
}

#[expect(unsafe_code, reason = "signal masks are C's")]
fn restore(mask: &libc::sigset_t) {
    // SAFETY: a whole mask, which C only reads.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
}

#[expect(unsafe_code, reason = "signal sets are C's")]
fn set(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: C makes the set whole by emptying it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}
