//! What libseccomp makes of a name: facts about its tables, by version.
//!
//! A runtime drops rules on names that its libseccomp does not know, and says nothing. The facts are
//! those of the library's own tables (`src/syscalls.csv` at each release), and
//! `tests/libseccomp.rs` asks the real library the same. Must not know what a rule does.

use std::fmt;

use crate::seccomp::arch::{Arch, X32_BIT};

/// A release of libseccomp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// 2 in 2.5.4.
    pub major: u16,
    /// 5 in 2.5.4.
    pub minor: u16,
    /// 4 in 2.5.4.
    pub patch: u16,
}

impl Version {
    /// A version from its three numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// The release whose tables Debian 12 has: its package calls itself 2.5.4, and carries the
    /// tables of 2.5.5.
    pub const DEBIAN_12: Self = Self::new(2, 5, 5);
}

impl fmt::Display for Version {
    /// `2.5.5`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What the library answers when it is asked for the number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// A number as a filter sees it, with x32's bit.
    Number(u32),
    /// A call that 32-bit x86 makes through `socketcall` or `ipc`. Rules on it become rules on these,
    /// and on its own number too if it has one. As a number it is `-100 - call` or `-200 - call`.
    Multiplexed {
        /// `socketcall` or `ipc`.
        through: &'static str,
        /// What its first argument is then.
        call: u8,
    },
    /// A name of another architecture: a negative number, and no code.
    Elsewhere,
    /// No name at all to this version.
    Unknown,
}

/// Names that came after 2.5.1, by the first release that has them.
const NEWER: &[(Version, &str)] = &[
    (
        Version::new(2, 5, 2),
        "close_range epoll_pwait2 landlock_add_rule landlock_create_ruleset \
         landlock_restrict_self memfd_secret mount_setattr process_madvise quotactl_fd",
    ),
    (Version::new(2, 5, 3), "process_mrelease"),
    (Version::new(2, 5, 4), "futex_waitv set_mempolicy_home_node"),
    (
        Version::new(2, 5, 5),
        "cachestat fchmodat2 futex_requeue futex_wait futex_wake map_shadow_stack",
    ),
    (
        Version::new(2, 5, 6),
        "getxattrat listmount listxattrat lsm_get_self_attr lsm_list_modules lsm_set_self_attr \
         mseal removexattrat riscv_hwprobe setxattrat statmount uretprobe",
    ),
    (
        Version::new(2, 6, 0),
        "atomic_barrier atomic_cmpxchg_32 getpagesize",
    ),
    (
        Version::new(2, 6, 1),
        "file_getattr file_setattr listns open_tree_attr rseq_slice_yield uprobe",
    ),
];

/// Names without a number on every architecture of [`Arch`].
const ELSEWHERE: &str = "atomic_barrier atomic_cmpxchg_32 cachectl getpagesize multiplexer \
     riscv_flush_icache riscv_hwprobe rtas s390_guarded_storage s390_pci_mmio_read \
     s390_pci_mmio_write s390_runtime_instr s390_sthyi spu_create spu_run subpage_prot swapcontext \
     switch_endian sync_file_range2 sys_debug_setcontext syscall sysmips timerfd";

/// Numbers that are younger than this crate's tables; the same on every architecture.
const YOUNGER: [(&str, u32); 2] = [("listns", 470), ("rseq_slice_yield", 471)];

/// Calls of 64-bit processes alone, which the library gives to x32 too since 2.5.6.
const X32_TOO: [(&str, u32); 3] = [
    ("uretprobe", 335),
    ("uprobe", 336),
    ("map_shadow_stack", 453),
];

/// The calls of `socketcall`, from 1.
const SOCKETCALL: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// The calls of `ipc`.
const IPC: [(&str, u8); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// Names that the library has beside those of the tables of [`Arch`].
pub(super) fn names_without_table() -> impl Iterator<Item = &'static str> {
    let younger = YOUNGER.into_iter().map(|(name, _)| name);
    ELSEWHERE
        .split_whitespace()
        .chain(younger)
        .chain(SOCKETCALL)
}

fn has(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|known| known == name)
}

/// The first release that knows a name; releases before 2.5.2 are not told apart.
fn first(name: &str) -> Version {
    NEWER
        .iter()
        .find(|(_, names)| has(names, name))
        .map_or(Version::new(0, 0, 0), |(version, _)| *version)
}

fn number(version: Version, arch: Arch, name: &str) -> Option<u32> {
    let find = |rows: &[(&str, u32)]| {
        rows.iter()
            .find(|(known, _)| *known == name)
            .map(|row| row.1)
    };
    let younger = find(&YOUNGER);
    if arch == Arch::X32 {
        let too = find(&X32_TOO).filter(|_| version >= Version::new(2, 5, 6));
        let nr = younger.or(too).map(|nr| nr | X32_BIT);
        nr.or_else(|| arch.number(name))
    } else {
        younger.or_else(|| arch.number(name))
    }
}

fn multiplexed(arch: Arch, name: &str) -> Option<Resolved> {
    if arch != Arch::X86 {
        return None;
    }
    let socket = (1..).zip(SOCKETCALL).find(|(_, known)| *known == name);
    if let Some((call, _)) = socket {
        let through = "socketcall";
        return Some(Resolved::Multiplexed { through, call });
    }
    let (_, call) = IPC.into_iter().find(|(known, _)| *known == name)?;
    let through = "ipc";
    Some(Resolved::Multiplexed { through, call })
}

/// What a release answers for a name of an architecture, as `seccomp_syscall_resolve_name_arch` does.
/// Right from 2.5.1 on.
#[must_use]
pub fn resolve(version: Version, arch: Arch, name: &str) -> Resolved {
    if version < first(name) {
        return Resolved::Unknown;
    }
    if let Some(multiplexed) = multiplexed(arch, name) {
        return multiplexed;
    }
    if let Some(nr) = number(version, arch, name) {
        return Resolved::Number(nr);
    }
    let named = has(ELSEWHERE, name)
        || Arch::ALL
            .into_iter()
            .any(|arch| number(version, arch, name).is_some())
        || multiplexed(Arch::X86, name).is_some();
    if named {
        Resolved::Elsewhere
    } else {
        Resolved::Unknown
    }
}

/// True if a name is a call's, and came after this release.
#[must_use]
pub fn is_older_than(version: Version, name: &str) -> bool {
    version < first(name)
}

/// True if a rule on the name becomes code for the architecture.
#[must_use]
pub fn knows(version: Version, arch: Arch, name: &str) -> bool {
    matches!(
        resolve(version, arch, name),
        Resolved::Number(_) | Resolved::Multiplexed { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_their_release() {
        let knows = |patch, name| knows(Version::new(2, 5, patch), Arch::X86_64, name);
        assert!(knows(1, "faccessat2"));
        assert!(!knows(1, "close_range"));
        assert!(knows(2, "close_range"));
        assert!(!knows(4, "fchmodat2"));
        assert!(knows(5, "fchmodat2"));
        assert!(!knows(5, "mseal"));
        assert!(knows(6, "mseal"));
        assert!(!knows(6, "no_such_call"));
    }

    #[test]
    fn a_name_of_another_architecture_is_known_and_makes_no_code() {
        let of = |arch, name| resolve(Version::DEBIAN_12, arch, name);
        assert_eq!(of(Arch::X86_64, "socketcall"), Resolved::Elsewhere);
        assert_eq!(of(Arch::Aarch64, "open"), Resolved::Elsewhere);
        assert_eq!(of(Arch::X86_64, "s390_sthyi"), Resolved::Elsewhere);
        assert_eq!(of(Arch::X32, "map_shadow_stack"), Resolved::Elsewhere);
        assert_eq!(of(Arch::X32, "read"), Resolved::Number(0x4000_0000));
        assert_eq!(
            resolve(Version::new(2, 6, 1), Arch::X86, "listns"),
            Resolved::Number(470)
        );
        assert!(!knows(Version::DEBIAN_12, Arch::X86_64, "socketcall"));
    }

    #[test]
    fn i386_makes_socket_and_ipc_calls_through_one() {
        let of = |name| resolve(Version::DEBIAN_12, Arch::X86, name);
        let through = "socketcall";
        assert_eq!(of("socket"), Resolved::Multiplexed { through, call: 1 });
        assert_eq!(of("sendmmsg"), Resolved::Multiplexed { through, call: 20 });
        let through = "ipc";
        assert_eq!(of("shmctl"), Resolved::Multiplexed { through, call: 24 });
        assert!(knows(Version::DEBIAN_12, Arch::X86, "semtimedop"));
    }
}
