//! Copies of the seccomp filters that were installed.

/// Instructions of one filter at most; the kernel's own bound.
pub const FILTER_LIMIT: usize = 4096;

/// Value of the map `FILTERS`, keyed by [`Filter::hash`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Filter {
    /// FNV-1a over the instruction words and the length.
    pub hash: u64,
    /// Instructions.
    pub len: u32,
    /// Flags of seccomp(2), 0 for prctl(2).
    pub flags: u32,
    /// `struct sock_filter`, 8 bytes each, in the host's byte order.
    pub instructions: [u64; FILTER_LIMIT],
}

/// The hash that keys a filter; both sides compute it the same way.
#[must_use]
pub const fn step(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3)
}

/// What [`step`] starts from.
pub const HASH_SEED: u64 = 0xcbf2_9ce4_8422_2325;

const _: () = assert!(size_of::<Filter>() == 16 + 8 * FILTER_LIMIT);
