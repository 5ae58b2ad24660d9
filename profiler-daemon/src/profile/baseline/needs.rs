//! What runtimes are known to call under the filter, from their code and from measured starts.
//!
//! Each entry holds for a filter whose default is an errno. Calls that a runtime tries and does
//! without are left out, unless a start that goes on without them can end differently: those are
//! listed, with the reason. Nothing here is for a terminal (`-t`): runc and crun set it up before
//! they load the filter. Nothing is for `--init` or a health check either: their programs are the
//! container's own and are observed, and an entry by `docker exec` needs what a start needs.
//!
//! Tried: with these and nothing but its own calls, a static program started 12 times of 12 under
//! runc 1.1.5, runc 1.3.6 and crun 1.8.1 each, with and without no-new-privileges, as root and as
//! a user.

use super::version::Version;

/// A runtime whose code was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// runc: Go, several threads; only the one that executes the program is under the filter.
    Runc,
    /// crun: C, one thread.
    Crun,
    /// youki: Rust, one thread. No exported profile promises to start under it by itself.
    Youki,
}

impl Family {
    /// The family of an engine's name for a runtime: `runc`, `crun-1.14`, `io.containerd.runc.v2`.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [
            ("runc", Self::Runc),
            ("crun", Self::Crun),
            ("youki", Self::Youki),
        ]
        .into_iter()
        .find_map(|(part, family)| name.contains(part).then_some(family))
    }
}

impl Family {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Youki => "youki",
        }
    }
}

/// Calls that one runtime makes for one purpose.
pub struct Need {
    /// Who.
    pub family: Family,
    /// In which versions.
    pub(super) versions: fn(Version) -> bool,
    /// Only without no-new-privileges, where the filter is loaded before privileges are dropped.
    pub only_without_nnp: bool,
    /// Why, as a profile says it.
    pub label: &'static str,
    /// What.
    pub names: &'static [&'static str],
}

fn all(_: Version) -> bool {
    true
}

const RUNC: Need = Need {
    family: Family::Runc,
    versions: all,
    only_without_nnp: false,
    label: "",
    names: &[],
};

const CRUN: Need = Need {
    family: Family::Crun,
    ..RUNC
};

/// All that is known.
pub const NEEDS: &[Need] = &[
    Need {
        label: "runtime baseline: runc passes the start signal on, closes what must not be \
                inherited and executes the program",
        names: &[
            "close",
            "execve",
            "fstat",
            "fstatfs",
            "getdents64",
            "openat",
            "write",
        ],
        ..RUNC
    },
    // Timing decides which of these a start makes. Without futex or rt_sigreturn one start in six
    // fails (measured, 60 each); a refused mmap, munmap, sigaltstack or rt_sigprocmask is a crash
    // in Go's runtime, and a refused epoll_pwait a panic.
    Need {
        label: "runtime baseline: the Go runtime inside runc, where timing decides which of them a \
                start makes",
        names: &[
            "brk",
            "epoll_ctl",
            "epoll_pwait",
            "futex",
            "getpid",
            "gettid",
            "madvise",
            "mmap",
            "munmap",
            "nanosleep",
            "rt_sigprocmask",
            "rt_sigreturn",
            "sched_yield",
            "sigaltstack",
            // Go preempts threads by signal; glibc's setuid signals every thread.
            "tgkill",
        ],
        ..RUNC
    },
    Need {
        only_without_nnp: true,
        label: "runtime baseline: without no-new-privileges runc changes directory, user and \
                capabilities under the filter",
        names: &[
            "capget",
            "capset",
            "chdir",
            // Refused, Go judges by mode bits and user ids that it may not ask for: a program
            // that others may not execute would not be found.
            "faccessat2",
            "fchown",
            "getcwd",
            "getppid",
            "newfstatat",
            "prctl",
            "read",
            "setgid",
            "setgroups",
            "setuid",
        ],
        ..RUNC
    },
    Need {
        versions: |version| version.at_least(1, 2),
        label: "runtime baseline: runc since 1.2 duplicates descriptors under the filter",
        names: &["fcntl"],
        ..RUNC
    },
    // It also tries openat2, fsopen, fsconfig, fsmount and open_tree. ENOSYS turns it to these.
    Need {
        versions: Version::runc_opens_proc_safely,
        label: "runtime baseline: runc since 1.2.8 and 1.3.3 checks that its /proc is a real one",
        names: &["fcntl", "fstat", "fstatfs", "openat", "readlinkat", "statx"],
        ..RUNC
    },
    Need {
        label: "runtime baseline: crun waits for the start signal, closes what must not be \
                inherited and executes the program",
        names: &[
            "brk",
            "close",
            "execve",
            // With close_range refused it walks /proc/self/fd.
            "fcntl",
            "getdents64",
            "mmap",
            "munmap",
            "openat",
            "pselect6",
            "read",
            "select",
            "umask",
            "write",
        ],
        ..CRUN
    },
    Need {
        only_without_nnp: true,
        label: "runtime baseline: without no-new-privileges crun changes directory, user, \
                capabilities and signal handlers under the filter",
        names: &[
            // The search of PATH, again as the container's user.
            "access",
            "capset",
            "chdir",
            "fchown",
            "fstat",
            "newfstatat",
            "prctl",
            "rt_sigaction",
            "rt_sigprocmask",
            "setgroups",
            "setresgid",
            "setresuid",
            "statx",
        ],
        ..CRUN
    },
    Need {
        family: Family::Youki,
        label: "runtime baseline: youki reports to its parent, waits for the start signal and \
                executes the program",
        names: &[
            "accept4",
            "brk",
            "capget",
            "capset",
            "chdir",
            "close",
            "execve",
            "fstat",
            "getcwd",
            "getrandom",
            "lseek",
            "mmap",
            "munmap",
            "openat",
            "prctl",
            "read",
            "recvfrom",
            "sendmsg",
            "statx",
            "write",
        ],
        ..RUNC
    },
];
