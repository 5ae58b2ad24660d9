//! systemd's `SystemCallFilter=` and its neighbours, read from a unit or bare lines, and printed.
//!
//! systemd filters by name, for every architecture of the machine, and never by argument. What its
//! `@groups` hold is in [`groups`]. Must not judge anything else that a unit says.

mod assignment;
pub mod errno;
pub mod groups;
mod print;
mod read;

pub use print::print;
pub use read::read;

use crate::seccomp::{action::Action, arch::Arch};

/// What a filter does with a call in the place of letting it through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    /// `kill`: the whole process.
    Kill,
    /// An errno.
    Errno(u16),
}

impl Refusal {
    const fn action(self) -> Action {
        match self {
            Self::Kill => Action::KillProcess,
            Self::Errno(errno) => Action::Errno(errno),
        }
    }
}

/// The architectures that systemd filters on a machine when it is not told which.
fn local(native: Arch) -> Vec<Arch> {
    match native {
        Arch::X86_64 => vec![Arch::X86_64, Arch::X86, Arch::X32],
        Arch::Aarch64 => vec![Arch::Aarch64, Arch::Arm],
        alone => vec![alone],
    }
}

/// systemd's name of an architecture.
const fn arch_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86-64",
        Arch::X32 => "x32",
        Arch::X86 => "x86",
        Arch::Aarch64 => "arm64",
        Arch::Arm => "arm",
    }
}

/// systemd's names of architectures that have no table here. *Measured*: those that
/// `systemd-analyze verify` of systemd 252 takes, and the one that came after it.
const ARCHES_WITHOUT_TABLE: [&str; 15] = [
    "loongarch64",
    "mips",
    "mips-le",
    "mips64",
    "mips64-le",
    "mips64-le-n32",
    "mips64-n32",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64-le",
    "riscv64",
    "s390",
    "s390x",
];

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
