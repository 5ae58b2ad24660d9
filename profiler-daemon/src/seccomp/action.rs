//! What a filter does with a call: the nine actions, their numbers and which one wins.

use std::fmt;

/// The errno of an `SCMP_ACT_ERRNO` or `SCMP_ACT_TRACE` that names none.
pub const EPERM: u16 = 1;

/// The greatest errno that the kernel hands out; it lowers greater ones to this.
pub const MAX_ERRNO: u16 = 4095;

/// What a filter answers. `SCMP_ACT_KILL` is [`Action::KillThread`] by another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Ends the whole process, as by an uncaught SIGSYS.
    KillProcess,
    /// Ends the calling thread.
    KillThread,
    /// Sends SIGSYS; the data is its `si_errno`.
    Trap(u16),
    /// The call does nothing and returns this errno; 0 pretends success.
    Errno(u16),
    /// Asks a supervisor. Without one the call returns ENOSYS.
    Notify,
    /// Asks a tracer, and gives it this data. Without one the call returns ENOSYS.
    Trace(u16),
    /// Lets the call through and writes an audit record.
    Log,
    /// Lets the call through.
    Allow,
}

const KILL_PROCESS: u32 = 0x8000_0000;
const KILL_THREAD: u32 = 0;
const TRAP: u32 = 0x0003_0000;
const ERRNO: u32 = 0x0005_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const TRACE: u32 = 0x7ff0_0000;
const LOG: u32 = 0x7ffc_0000;
const ALLOW: u32 = 0x7fff_0000;

impl Action {
    /// What the kernel does when a filter returns `value`. Source: kernel/seccomp.c,
    /// `__seccomp_filter`: an action it does not know ends the process.
    #[must_use]
    pub const fn from_return(value: u32) -> Self {
        let data = (value & 0xffff) as u16;
        match value & 0xffff_0000 {
            KILL_THREAD => Self::KillThread,
            TRAP => Self::Trap(data),
            ERRNO => Self::Errno(if data > MAX_ERRNO { MAX_ERRNO } else { data }),
            NOTIFY => Self::Notify,
            TRACE => Self::Trace(data),
            LOG => Self::Log,
            ALLOW => Self::Allow,
            _ => Self::KillProcess,
        }
    }

    /// What a filter returns for this action.
    #[must_use]
    pub const fn to_return(self) -> u32 {
        match self {
            Self::KillProcess => KILL_PROCESS,
            Self::KillThread => KILL_THREAD,
            Self::Trap(data) => TRAP | data as u32,
            Self::Errno(errno) => ERRNO | errno as u32,
            Self::Notify => NOTIFY,
            Self::Trace(data) => TRACE | data as u32,
            Self::Log => LOG,
            Self::Allow => ALLOW,
        }
    }

    /// How the kernel ranks answers of stacked filters: the smallest wins.
    #[must_use]
    pub const fn rank(self) -> i32 {
        (self.to_return() & 0xffff_0000).cast_signed()
    }

    /// True if the call is carried out.
    #[must_use]
    pub const fn lets_through(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }

    /// Its name in a profile.
    #[must_use]
    pub const fn scmp(self) -> &'static str {
        match self {
            Self::KillProcess => "SCMP_ACT_KILL_PROCESS",
            Self::KillThread => "SCMP_ACT_KILL_THREAD",
            Self::Trap(_) => "SCMP_ACT_TRAP",
            Self::Errno(_) => "SCMP_ACT_ERRNO",
            Self::Notify => "SCMP_ACT_NOTIFY",
            Self::Trace(_) => "SCMP_ACT_TRACE",
            Self::Log => "SCMP_ACT_LOG",
            Self::Allow => "SCMP_ACT_ALLOW",
        }
    }

    /// The action of a name in a profile, with the errno that goes with it if it takes one. TRAP
    /// takes none: libseccomp gives it the data 0.
    #[must_use]
    pub fn named(name: &str, errno: u16) -> Option<Self> {
        Some(match name {
            "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Self::KillThread,
            "SCMP_ACT_KILL_PROCESS" => Self::KillProcess,
            "SCMP_ACT_TRAP" => Self::Trap(0),
            "SCMP_ACT_ERRNO" => Self::Errno(errno),
            "SCMP_ACT_NOTIFY" => Self::Notify,
            "SCMP_ACT_TRACE" => Self::Trace(errno),
            "SCMP_ACT_LOG" => Self::Log,
            "SCMP_ACT_ALLOW" => Self::Allow,
            _ => return None,
        })
    }
}

impl fmt::Display for Action {
    /// `allow`, `errno 38`, `kill process`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillProcess => out.write_str("kill process"),
            Self::KillThread => out.write_str("kill thread"),
            Self::Trap(0) => out.write_str("trap"),
            Self::Trap(data) => write!(out, "trap {data}"),
            Self::Errno(errno) => write!(out, "errno {errno}"),
            Self::Notify => out.write_str("notify"),
            Self::Trace(data) => write!(out, "trace {data}"),
            Self::Log => out.write_str("log"),
            Self::Allow => out.write_str("allow"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    const ALL: [Action; 8] = [
        Action::KillProcess,
        Action::KillThread,
        Action::Trap(7),
        Action::Errno(38),
        Action::Notify,
        Action::Trace(1),
        Action::Log,
        Action::Allow,
    ];

    #[test]
    fn numbers_lead_back_and_rank_as_in_the_kernel() {
        for action in ALL {
            assert_eq!(Action::from_return(action.to_return()), action);
        }
        assert!(ALL.is_sorted_by_key(|action| action.rank()));
        assert_eq!(Action::from_return(0x0005_ffff), Action::Errno(4095));
        assert_eq!(Action::from_return(0x1234_0000), Action::KillProcess);
    }

    #[test]
    fn names_lead_back() {
        for action in ALL {
            let errno = match action {
                Action::Errno(data) | Action::Trace(data) => data,
                _ => 0,
            };
            let named = Action::named(action.scmp(), errno).unwrap();
            assert_eq!(named.rank(), action.rank());
        }
        assert_eq!(Action::named("SCMP_ACT_KILL", 0), Some(Action::KillThread));
        assert_eq!(Action::named("ALLOW", 0), None);
    }
}
