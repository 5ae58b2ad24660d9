//! What the child does between the fork and the command: it gives up what it is to give up, loads
//! the filter, and executes the command.
//!
//! System calls only: no allocation, no locks, no destructors, for whatever another thread held at
//! the fork is held for ever. After the filter is loaded there is one call, execve; if that fails,
//! the way out does not depend on the filter either.

use std::sync::atomic::{AtomicI32, Ordering};

use super::user::User;

/// What parent and child tell one another. It is in memory that both have, so that telling takes no
/// call that the filter could refuse.
#[repr(C)]
pub(super) struct Shared {
    /// The listener's descriptor, or -1 while there is none. The two share their descriptors until
    /// the command is executed, so that it is the parent's too.
    pub(super) listener: AtomicI32,
    /// What failed, as a [`Step`]; 0 while nothing did.
    pub(super) step: AtomicI32,
    /// Why, as an errno.
    pub(super) errno: AtomicI32,
}

/// What can fail in the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Step {
    User = 1,
    Capabilities = 2,
    Parent = 3,
    Privileges = 4,
    Signals = 5,
    Filter = 6,
    Execute = 7,
}

impl Step {
    pub(super) fn from_number(number: i32) -> Option<Self> {
        [
            Self::User,
            Self::Capabilities,
            Self::Parent,
            Self::Privileges,
            Self::Signals,
            Self::Filter,
            Self::Execute,
        ]
        .into_iter()
        .find(|step| *step as i32 == number)
    }
}

/// Everything that the child needs, ready before the fork.
pub(super) struct Script {
    /// The registers of the command's execve.
    pub(super) execve: [u64; 6],
    pub(super) filter: libc::sock_fprog,
    /// Whether somebody is to be told of what the filter hands over.
    pub(super) supervised: bool,
    pub(super) user: Option<User>,
    pub(super) drop_capabilities: bool,
    /// The signal mask that the command is to have.
    pub(super) mask: libc::sigset_t,
    /// The process that the child ends with.
    pub(super) parent: libc::pid_t,
}

/// Goes through the script. What fails is told in `shared`.
///
/// # Safety
/// To be called in a child alone, right after the fork; what the script points to must live.
#[expect(
    unsafe_code,
    reason = "system calls, in a child that shares nothing but its descriptors"
)]
pub(super) unsafe fn become_command(script: &Script, shared: &Shared) -> ! {
    // SAFETY: the caller's promise is passed on; the addresses are the script's own.
    unsafe {
        let (step, errno) = match prepare(script, shared) {
            Ok(()) => {
                let [path, argv, envp, a3, a4, a5] = script.execve;
                libc::syscall(libc::SYS_execve, path, argv, envp, a3, a4, a5);
                (Step::Execute, errno())
            }
            Err(failed) => failed,
        };
        shared.errno.store(errno, Ordering::Relaxed);
        shared.step.store(step as i32, Ordering::Release);
        libc::syscall(libc::SYS_exit_group, 125);
        libc::syscall(libc::SYS_exit, 125);
        // The filter refuses even that; no filter judges an instruction that there is not.
        std::arch::asm!("ud2", options(noreturn));
    }
}

/// Up to and with the filter.
///
/// # Safety
/// As [`become_command`].
#[expect(unsafe_code, reason = "system calls")]
unsafe fn prepare(script: &Script, shared: &Shared) -> Result<(), (Step, i32)> {
    // SAFETY: every call gets numbers, or addresses of values that outlive it.
    unsafe {
        if script.drop_capabilities {
            forgo_bounding();
        }
        if let Some(user) = script.user {
            let group = user.gid;
            done(
                libc::syscall(libc::SYS_setgroups, 1_usize, &raw const group),
                Step::User,
            )?;
            done(
                libc::syscall(libc::SYS_setresgid, group, group, group),
                Step::User,
            )?;
            done(
                libc::syscall(libc::SYS_setresuid, user.uid, user.uid, user.uid),
                Step::User,
            )?;
        }
        if script.drop_capabilities {
            let header = [0x2008_0522_u32, 0];
            let none = [0_u32; 6];
            done(
                libc::syscall(libc::SYS_capset, &raw const header, &raw const none),
                Step::Capabilities,
            )?;
        }
        // Last of these, for a change of user forgets it.
        done(
            libc::syscall(
                libc::SYS_prctl,
                libc::PR_SET_PDEATHSIG,
                libc::SIGKILL,
                0,
                0,
                0,
            ),
            Step::Parent,
        )?;
        if libc::syscall(libc::SYS_getppid) != libc::c_long::from(script.parent) {
            return Err((Step::Parent, libc::ESRCH));
        }
        done(
            libc::syscall(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            Step::Privileges,
        )?;
        // Rust ignores SIGPIPE, which a command would inherit.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        done(
            libc::c_long::from(libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const script.mask,
                std::ptr::null_mut(),
            )),
            Step::Signals,
        )?;
        load(script, shared)
    }
}

/// Loads the filter, and tells the listener's number.
///
/// # Safety
/// As [`become_command`].
#[expect(unsafe_code, reason = "a system call")]
unsafe fn load(script: &Script, shared: &Shared) -> Result<(), (Step, i32)> {
    let install = |flags: libc::c_ulong| {
        // SAFETY: the program is the script's and lives.
        unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const script.filter,
            )
        }
    };
    if !script.supervised {
        return done(install(0), Step::Filter);
    }
    let listening = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // Of Linux 5.19: a call that waits for its answer is not begun anew for each signal.
    let mut listener = install(listening | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    if listener < 0 && errno() == libc::EINVAL {
        listener = install(listening);
    }
    done(listener, Step::Filter)?;
    shared
        .listener
        .store(i32::try_from(listener).unwrap_or(-1), Ordering::Release);
    Ok(())
}

/// Gives up what an execution could bring back. Who may not has nothing to lose there.
#[expect(unsafe_code, reason = "system calls with numbers alone")]
fn forgo_bounding() {
    // SAFETY: numbers alone.
    unsafe {
        for capability in 0..64 {
            if libc::syscall(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 {
                break;
            }
        }
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        );
    }
}

fn done(returned: libc::c_long, step: Step) -> Result<(), (Step, i32)> {
    if returned < 0 {
        return Err((step, errno()));
    }
    Ok(())
}

#[expect(unsafe_code, reason = "errno is C's")]
fn errno() -> i32 {
    // SAFETY: the address is this thread's and always valid.
    unsafe { *libc::__errno_location() }
}
