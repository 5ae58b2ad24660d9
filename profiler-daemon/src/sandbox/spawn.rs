//! The parent's side of the start: the fork, and how the listener comes to it.
//!
//! The child is forked with its parent's table of descriptors, not a copy. So the listener, which
//! the child gets when it loads its filter, is the parent's at the same moment: it need not be sent,
//! which the filter might refuse, nor fetched, which takes the right to trace. Executing the command
//! parts the tables, and what is to be closed at an execution is closed in the child's alone.

use std::{
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicI32, Ordering},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap_anonymous, munmap},
    process::{Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal, waitid},
};

use super::{
    SandboxError,
    child::{Script, Shared, Step, become_command},
    command::Command,
    confinement::Confinement,
    listener::Listener,
    user::User,
};

/// What is to be started.
pub(super) struct Start<'a> {
    pub(super) command: &'a Command,
    pub(super) confinement: &'a Confinement,
    pub(super) user: Option<User>,
    pub(super) drop_capabilities: bool,
    pub(super) signals_before: libc::sigset_t,
}

/// A child, from its fork until it is waited for. It does not outlive this.
pub(super) struct Running {
    pidfd: OwnedFd,
    listener: Option<Listener>,
    page: Page,
    ended: bool,
}

/// What failed in the child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    step: Step,
    errno: i32,
}

/// Starts the child, and waits until its listener is here, if it has one.
pub(super) fn spawn(start: &Start<'_>) -> Result<Running, SandboxError> {
    let page = Page::new().map_err(|errno| SandboxError::setup("share memory")(errno.into()))?;
    let mut filter: Vec<libc::sock_filter> = start
        .confinement
        .loaded()
        .instructions()
        .iter()
        .map(|instruction| libc::sock_filter {
            code: instruction.code,
            jt: instruction.jt,
            jf: instruction.jf,
            k: instruction.k,
        })
        .collect();
    let script = Script {
        execve: start.command.execve_arguments(),
        filter: libc::sock_fprog {
            len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
            filter: filter.as_mut_ptr(),
        },
        supervised: start.confinement.is_supervised(),
        user: start.user,
        drop_capabilities: start.drop_capabilities,
        mask: start.signals_before,
        parent: rustix::process::getpid().as_raw_nonzero().get(),
    };
    let pidfd = fork(&script, page.shared())
        .map_err(|errno| SandboxError::setup("start a process")(errno.into()))?;
    let mut running = Running {
        pidfd,
        listener: None,
        page,
        ended: false,
    };
    if script.supervised {
        running.listener = running.await_listener();
    }
    Ok(running)
}

#[expect(unsafe_code, reason = "a fork that no library offers")]
fn fork(script: &Script, shared: &Shared) -> Result<OwnedFd, Errno> {
    let mut pidfd: libc::c_int = -1;
    let flags = libc::CLONE_FILES | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: without CLONE_VM the child has a copy of our memory and returns from the same call;
    // it goes nowhere but into `become_command`. The kernel writes the descriptor here.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::c_long::from(flags),
            0_usize,
            &raw mut pidfd,
            0_usize,
            0_usize,
        )
    };
    match pid {
        // SAFETY: this is the child, right after the fork, and its memory is a copy of all that the
        // script points to.
        0 => unsafe { become_command(script, shared) },
        // SAFETY: the kernel made it for us, and nobody else has its number.
        1.. => Ok(unsafe { OwnedFd::from_raw_fd(pidfd) }),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::AGAIN)),
    }
}

impl Running {
    /// The listener, once the child has one; nothing if it ended without.
    ///
    /// Nothing tells when: after it has loaded its filter the child can make no call for it.
    #[expect(unsafe_code, reason = "a descriptor that the child got for us")]
    fn await_listener(&self) -> Option<Listener> {
        let shared = self.page.shared();
        let mut pause = Duration::from_micros(20);
        loop {
            let number = shared.listener.load(Ordering::Acquire);
            if number >= 0 {
                // SAFETY: the tables were one when the child got it; only we have this number now
                // or, until it executes, the child, which leaves it alone.
                return Some(Listener::of(unsafe { OwnedFd::from_raw_fd(number) }));
            }
            if shared.step.load(Ordering::Acquire) != 0 || self.has_ended() {
                return None;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    pub(super) fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref()
    }

    /// Passes a signal on. One that comes too late has nobody to reach.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// Waits for the end of the command.
    pub(super) fn wait(&mut self) -> rustix::io::Result<Option<WaitIdStatus>> {
        let status = rustix::io::retry_on_intr(|| {
            waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED)
        })?;
        self.ended = true;
        Ok(status)
    }

    /// Why there was no command, once the child has ended.
    pub(super) fn failure(&self) -> Option<Failure> {
        let shared = self.page.shared();
        Step::from_number(shared.step.load(Ordering::Acquire)).map(|step| Failure {
            step,
            errno: shared.errno.load(Ordering::Relaxed),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::KILL);
            let _ = self.wait();
        }
    }
}

impl Failure {
    /// In words, and what to do.
    pub(super) fn told(self, command: &Command) -> SandboxError {
        let error = std::io::Error::from_raw_os_error(self.errno);
        let setup = |action, hint: &str| SandboxError::Setup {
            action,
            reason: format!("{error}{hint}"),
        };
        match (self.step, self.errno) {
            (Step::Execute, errno) => SandboxError::CannotRun {
                command: command.name().to_owned(),
                reason: match errno {
                    libc::ENOEXEC => {
                        "it is neither a program for this machine nor a script that begins with #!"
                            .to_owned()
                    }
                    libc::ENOENT => {
                        "the interpreter or loader that it names is not there".to_owned()
                    }
                    _ => error.to_string(),
                },
            },
            (Step::User, libc::EPERM) => setup(
                "become the user",
                "; only root may run a command as somebody else",
            ),
            (Step::User, _) => setup("become the user", ""),
            (Step::Capabilities, _) => setup("drop the capabilities", ""),
            (Step::Parent, _) => setup("bind the command to this process", ""),
            (Step::Privileges, _) => setup("set no-new-privileges", ""),
            (Step::Signals, _) => setup("restore the signal mask", ""),
            (Step::Filter, libc::EBUSY) => setup(
                "load the filter",
                "; a supervisor watches this process already, and the kernel takes one: use --plain",
            ),
            (Step::Filter, libc::ENOSYS | libc::EINVAL) => setup(
                "load the filter",
                "; this kernel has no seccomp filters, or none with a supervisor (Linux 5.0 has)",
            ),
            (Step::Filter, libc::EPERM) => setup(
                "load the filter",
                "; a filter that is in force already refuses it",
            ),
            (Step::Filter, _) => setup("load the filter", ""),
        }
    }
}

/// A page of memory that parent and child have in common.
struct Page(NonNull<Shared>);

impl Page {
    const BYTES: usize = 4096;

    #[expect(unsafe_code, reason = "memory that a fork does not copy")]
    fn new() -> Result<Self, Errno> {
        // SAFETY: new memory, at no place that anybody has.
        let start = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                Self::BYTES,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
            )?
        };
        let page = NonNull::new(start.cast::<Shared>()).ok_or(Errno::NOMEM)?;
        // SAFETY: it is large enough, aligned to a page, and nobody else's yet.
        unsafe {
            page.write(Shared {
                listener: AtomicI32::new(-1),
                step: AtomicI32::new(0),
                errno: AtomicI32::new(0),
            });
        }
        Ok(Self(page))
    }

    #[expect(unsafe_code, reason = "memory that a fork does not copy")]
    fn shared(&self) -> &Shared {
        // SAFETY: it was written when it was made, and holds atomics alone.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Page {
    #[expect(unsafe_code, reason = "memory that a fork does not copy")]
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference to it outlives `self`.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), Self::BYTES) };
    }
}
