//! The system call interfaces of the machine.

use serde::{Deserialize, Serialize};

/// A system call interface: a call is named by its ABI and number, never by the number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Abi {
    /// 64-bit calls.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit calls with 32-bit pointers.
    #[serde(rename = "x32")]
    X32,
    /// 32-bit calls, also those that 64-bit code makes by `int 0x80`.
    #[serde(rename = "i386")]
    I386,
}

impl Abi {
    /// All of them, in the order of the kernel's record.
    pub const ALL: [Self; 3] = [Self::X86_64, Self::X32, Self::I386];

    /// The ABI at a place of the kernel's record.
    #[must_use]
    pub fn from_index(index: u32) -> Option<Self> {
        Self::ALL.get(index as usize).copied()
    }

    /// Its place in the kernel's record.
    #[must_use]
    pub const fn index(self) -> u32 {
        match self {
            Self::X86_64 => 0,
            Self::X32 => 1,
            Self::I386 => 2,
        }
    }

    /// Its name in messages and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::X32 => "x32",
            Self::I386 => "i386",
        }
    }

    /// The ABI of a name in messages and JSON.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|abi| abi.name() == name)
    }

    /// Its name in a seccomp profile's `architectures`.
    #[must_use]
    pub const fn scmp(self) -> &'static str {
        match self {
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::X32 => "SCMP_ARCH_X32",
            Self::I386 => "SCMP_ARCH_X86",
        }
    }
}
