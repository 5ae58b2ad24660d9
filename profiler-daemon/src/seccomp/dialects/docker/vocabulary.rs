//! The words of a profile whose lists are closed, and who knows which.

use std::fmt;

use crate::seccomp::{
    action::{Action, EPERM},
    arch::{Arch, WITHOUT_TABLE},
};

/// The word for an action. Two of them mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActionName {
    /// The older word for [`ActionName::KillThread`].
    Kill,
    /// Ends the calling thread.
    KillThread,
    /// Ends the process.
    KillProcess,
    /// Sends SIGSYS.
    Trap,
    /// Returns an errno.
    Errno,
    /// Asks a supervisor.
    Notify,
    /// Asks a tracer.
    Trace,
    /// Lets the call through and logs it.
    Log,
    /// Lets the call through.
    Allow,
}

impl ActionName {
    /// All of them. Source: the OCI runtime specification.
    pub const ALL: [Self; 9] = [
        Self::Kill,
        Self::KillThread,
        Self::KillProcess,
        Self::Trap,
        Self::Errno,
        Self::Notify,
        Self::Trace,
        Self::Log,
        Self::Allow,
    ];

    /// The word.
    #[must_use]
    pub const fn scmp(self) -> &'static str {
        match self {
            Self::Kill => "SCMP_ACT_KILL",
            Self::KillThread => "SCMP_ACT_KILL_THREAD",
            Self::KillProcess => "SCMP_ACT_KILL_PROCESS",
            Self::Trap => "SCMP_ACT_TRAP",
            Self::Errno => "SCMP_ACT_ERRNO",
            Self::Notify => "SCMP_ACT_NOTIFY",
            Self::Trace => "SCMP_ACT_TRACE",
            Self::Log => "SCMP_ACT_LOG",
            Self::Allow => "SCMP_ACT_ALLOW",
        }
    }

    /// Which word this is.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.scmp() == word)
    }

    /// True if an errno goes with it.
    #[must_use]
    pub const fn takes_errno(self) -> bool {
        matches!(self, Self::Errno | Self::Trace)
    }

    /// The action, with the errno that goes with it. Of the errno 16 bits count, as in runc.
    #[must_use]
    pub const fn with(self, errno: Option<u64>) -> Action {
        let errno = match errno {
            Some(errno) => (errno & 0xffff) as u16,
            None => EPERM,
        };
        match self {
            Self::Kill | Self::KillThread => Action::KillThread,
            Self::KillProcess => Action::KillProcess,
            Self::Trap => Action::Trap(0),
            Self::Errno => Action::Errno(errno),
            Self::Notify => Action::Notify,
            Self::Trace => Action::Trace(errno),
            Self::Log => Action::Log,
            Self::Allow => Action::Allow,
        }
    }

    /// The word for an action and the errno that goes with it, if it is not EPERM.
    #[must_use]
    pub fn of(action: Action) -> (Self, Option<u64>) {
        let errno = |errno: u16| (errno != EPERM).then_some(u64::from(errno));
        match action {
            Action::KillProcess => (Self::KillProcess, None),
            Action::KillThread => (Self::KillThread, None),
            Action::Trap(_) => (Self::Trap, None),
            Action::Errno(data) => (Self::Errno, errno(data)),
            Action::Notify => (Self::Notify, None),
            Action::Trace(data) => (Self::Trace, errno(data)),
            Action::Log => (Self::Log, None),
            Action::Allow => (Self::Allow, None),
        }
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.scmp())
    }
}

/// The architecture that libseccomp takes for the machine's own. runc does not know the word.
pub const ARCH_NATIVE: &str = "SCMP_ARCH_NATIVE";

/// Every word for an architecture.
pub fn arch_words() -> impl Iterator<Item = &'static str> {
    Arch::ALL
        .into_iter()
        .map(Arch::scmp)
        .chain(WITHOUT_TABLE)
        .chain([ARCH_NATIVE])
}

/// Architectures that store the greatest byte first.
pub const BIG_ENDIAN: [&str; 11] = [
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SHEB",
];

/// What Docker calls the machine's own architecture, in `includes` and `excludes`, by Go's name of
/// it. Source: moby, `goToNative`.
pub const NATIVE_ARCHES: [&str; 16] = [
    "amd64",
    "arm",
    "arm64",
    "loongarch64",
    "mips3l64n32",
    "mips64",
    "mips64n32",
    "mipsel",
    "mipsel64",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv64",
    "s390",
    "s390x",
    "x86",
];

/// What Docker calls an architecture when it is the machine's own. None is: a daemon is never x32.
#[must_use]
pub const fn native_arch(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 | Arch::X32 => "amd64",
        Arch::X86 => "x86",
        Arch::Aarch64 => "arm64",
        Arch::Arm => "arm",
    }
}

/// Flags that runc since 1.2, crun and youki take. Source: the OCI runtime specification.
pub const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

/// All capabilities. Source: include/uapi/linux/capability.h of Linux 6.18.
pub const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The capabilities that Docker gives a container that asks for none. Source: moby,
/// `daemon/pkg/oci/caps`.
pub const DOCKER_CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_lead_to_words_and_back() {
        for name in ActionName::ALL {
            assert_eq!(ActionName::named(name.scmp()), Some(name));
            let action = name.with(Some(38));
            assert_eq!(Action::named(name.scmp(), 38), Some(action));
            let (word, errno) = ActionName::of(action);
            assert_eq!(word.with(errno), action);
        }
        assert_eq!(ActionName::Errno.with(None), Action::Errno(1));
        assert_eq!(ActionName::Errno.with(Some(65574)), Action::Errno(38));
    }

    #[test]
    fn lists_agree_with_each_other() {
        assert!(BIG_ENDIAN.iter().all(|word| WITHOUT_TABLE.contains(word)));
        assert!(
            DOCKER_CAPABILITIES
                .iter()
                .all(|cap| CAPABILITIES.contains(cap))
        );
        for arch in Arch::ALL {
            assert!(NATIVE_ARCHES.contains(&native_arch(arch)));
        }
    }
}
