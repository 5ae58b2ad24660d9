//! What a daemon of the layout before pinned, as far as it differs from this build's: the record of a
//! cgroup. Its other maps have the same values still.
//!
//! Nothing here may change: it is what builds of that layout have written.

use profiler_common::record::{CallBits, FILTERS, LEVELS};

use super::super::pod::plain;

/// The layout before this build's.
pub(in super::super) const VERSION: u32 = 2;

/// One element of the map `RECORDS`, as [`profiler_common::record::CgroupRecord`] where nothing is said.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Record {
    pub(super) cgroup: u64,
    pub(super) born_ns: u64,
    pub(super) first_ns: u64,
    pub(super) last_new_ns: u64,
    pub(super) gone_ns: u64,
    pub(super) out_of_range: u64,
    pub(super) entry_levels: u64,
    pub(super) filters: [u64; FILTERS],
    pub(super) ancestors: [u64; LEVELS],
    pub(super) level: u32,
    /// `BORN`, `GONE`, `FILTERS_OVERFLOW`, `STARTED`.
    pub(super) flags: u32,
    /// How often a task came in from outside: each process of a runtime is counted.
    pub(super) entries: u32,
    pub(super) installs: u32,
    pub(super) runtime_filters: u32,
    pub(super) pad: u32,
    pub(super) observed: CallBits,
    pub(super) reported: CallBits,
    pub(super) answered: CallBits,
    pub(super) unsupported: CallBits,
    pub(super) runtime: CallBits,
    pub(super) guarded: CallBits,
    pub(super) refused: CallBits,
    pub(super) runtime_refused: CallBits,
}

/// Whoever makes a new layout says here what the one before was.
const _: () = {
    assert!(profiler_common::ABI_VERSION == VERSION + 1);
    assert!(size_of::<Record>() == 7 * 8 + 32 + 128 + 24 + 8 * 240);
};

plain!(Record);
