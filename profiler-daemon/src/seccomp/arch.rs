//! The architectures of the filter language: the names, the kernel's audit numbers, the tables.
//!
//! Wider than `profile::abi`, which knows what this machine can record: a profile may also speak
//! of ARM. Architectures without a table here are known by name only.

use std::{collections::HashMap, sync::LazyLock};

use syscalls::{aarch64, arm};

use crate::profile::{abi::Abi, call::Call, table};

/// The bit that marks a number as x32's.
pub const X32_BIT: u32 = 0x4000_0000;

/// An architecture whose calls have names and numbers here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit x86 with 32-bit pointers; in a filter it is x86_64 with [`X32_BIT`] set.
    X32,
    /// 32-bit x86.
    X86,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM, EABI.
    Arm,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::X86_64, Self::X32, Self::X86, Self::Aarch64, Self::Arm];

    /// Its name in a profile's `architectures`.
    #[must_use]
    pub const fn scmp(self) -> &'static str {
        match self {
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::X32 => "SCMP_ARCH_X32",
            Self::X86 => "SCMP_ARCH_X86",
            Self::Aarch64 => "SCMP_ARCH_AARCH64",
            Self::Arm => "SCMP_ARCH_ARM",
        }
    }

    /// The architecture of a name in a profile.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.scmp() == name)
    }

    /// Its name for people: `x86_64`, `x32`, `i386`, `aarch64`, `arm`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X32 => "x32",
            Self::X86 => "i386",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
        }
    }

    /// What the kernel puts into `seccomp_data.arch`. Source: include/uapi/linux/audit.h.
    #[must_use]
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// True if arguments are 32 bits wide, so that their upper half is always 0 in a filter. x32 is
    /// not such: its registers are 64 bits wide.
    #[must_use]
    pub const fn has_32_bit_arguments(self) -> bool {
        matches!(self, Self::X86 | Self::Arm)
    }

    /// The number of a name as a filter sees it, with [`X32_BIT`] for x32.
    #[must_use]
    pub fn number(self, name: &str) -> Option<u32> {
        match self {
            Self::X86_64 => table::number(Abi::X86_64, name),
            Self::X32 => table::number(Abi::X32, name).map(|nr| nr | X32_BIT),
            Self::X86 => table::number(Abi::I386, name),
            Self::Aarch64 => AARCH64.numbers.get(name).copied(),
            Self::Arm => ARM.numbers.get(name).copied(),
        }
    }

    /// A number of the architecture's table as a filter sees it.
    #[must_use]
    pub const fn seen_by_filters(self, nr: u32) -> u32 {
        match self {
            Self::X32 => nr | X32_BIT,
            _ => nr,
        }
    }

    /// A number as a filter sees it, as the architecture's table has it.
    #[must_use]
    pub const fn in_table(self, nr: u32) -> u32 {
        match self {
            Self::X32 => nr & !X32_BIT,
            _ => nr,
        }
    }

    /// The name of a number as a filter sees it.
    #[must_use]
    pub fn syscall(self, nr: u32) -> Option<&'static str> {
        match self {
            Self::X86_64 => table::name(Call::new(Abi::X86_64, nr)),
            Self::X32 => table::name(Call::new(Abi::X32, nr.checked_sub(X32_BIT)?)),
            Self::X86 => table::name(Call::new(Abi::I386, nr)),
            Self::Aarch64 => AARCH64.names.get(&nr).copied(),
            Self::Arm => ARM.names.get(&nr).copied(),
        }
    }

    /// Every call with a name, by number as a filter sees it.
    #[must_use]
    pub fn syscalls(self) -> Vec<(u32, &'static str)> {
        let x86 = |abi, bit: u32| {
            table::calls(abi)
                .filter_map(|call| Some((call.nr | bit, table::name(call)?)))
                .collect()
        };
        match self {
            Self::X86_64 => x86(Abi::X86_64, 0),
            Self::X32 => x86(Abi::X32, X32_BIT),
            Self::X86 => x86(Abi::I386, 0),
            Self::Aarch64 => AARCH64.sorted(),
            Self::Arm => ARM.sorted(),
        }
    }
}

impl From<Abi> for Arch {
    fn from(abi: Abi) -> Self {
        match abi {
            Abi::X86_64 => Self::X86_64,
            Abi::X32 => Self::X32,
            Abi::I386 => Self::X86,
        }
    }
}

struct Table {
    numbers: HashMap<&'static str, u32>,
    names: HashMap<u32, &'static str>,
}

impl Table {
    fn of(calls: impl Iterator<Item = (u32, &'static str)>) -> Self {
        let mut table = Self {
            numbers: HashMap::new(),
            names: HashMap::new(),
        };
        for (nr, name) in calls {
            table.numbers.insert(name, nr);
            table.names.insert(nr, name);
        }
        table
    }

    fn sorted(&self) -> Vec<(u32, &'static str)> {
        let mut calls: Vec<_> = self.names.iter().map(|(nr, name)| (*nr, *name)).collect();
        calls.sort_unstable();
        calls
    }
}

/// A call that the crate has for x86 alone, and the kernel for all.
const NEWEST: (u32, &str) = (469, "file_setattr");

static AARCH64: LazyLock<Table> = LazyLock::new(|| {
    let calls = aarch64::Sysno::iter().filter_map(|call| {
        let nr = call.id().cast_unsigned();
        match call.name() {
            // The kernel's and libseccomp's name for it.
            "fstatat" => Some((nr, "newfstatat")),
            // Calls of 32-bit machines, which the crate gives to this one too.
            _ if (403..424).contains(&nr) => None,
            name => Some((nr, name)),
        }
    });
    Table::of(calls.chain([NEWEST]))
});

static ARM: LazyLock<Table> = LazyLock::new(|| {
    let calls = arm::Sysno::iter().map(|call| (call.id().cast_unsigned(), call.name()));
    Table::of(calls.chain([NEWEST]))
});

/// Architectures that runtimes know and that have no table here. Source: the OCI runtime
/// specification and runc 1.3.
pub const WITHOUT_TABLE: [&str; 17] = [
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SHEB",
];

#[cfg(test)]
mod tests {
    use super::Arch;

    #[test]
    fn every_name_leads_back_to_its_number() {
        for arch in Arch::ALL {
            let calls = arch.syscalls();
            assert!(calls.len() > 280, "{arch:?}");
            for (nr, name) in calls {
                assert_eq!(arch.number(name), Some(nr), "{arch:?} {name}");
                assert_eq!(arch.syscall(nr), Some(name));
            }
        }
        assert_eq!(Arch::X32.number("rt_sigaction"), Some(0x4000_0200));
        assert_eq!(Arch::Aarch64.number("openat"), Some(56));
        assert_eq!(Arch::Aarch64.number("newfstatat"), Some(79));
        assert_eq!(Arch::Aarch64.number("clock_gettime64"), None);
    }
}
