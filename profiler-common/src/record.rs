//! What is recorded of one cgroup: the truth, only ever OR-ed (but for what was reported).

use crate::{
    abi::{ABIS, WORDS},
    origin::ORIGINS,
};

/// A set of calls of all ABIs: word `abi * WORDS + nr / 64`, bit `nr % 64`.
pub type CallBits = [u64; ABIS * WORDS];

/// How many levels of the cgroup tree are kept of a cgroup's ancestry.
pub const LEVELS: usize = 16;
/// How many different filters are kept of a cgroup, the oldest first.
pub const FILTERS: usize = 4;

/// The cgroup's making was seen: nothing that ran in it was missed.
pub const BORN: u32 = 1;
/// The cgroup has been removed: nothing can be added any more.
pub const GONE: u32 = 2;
/// More filters were installed in it than [`FILTERS`].
pub const FILTERS_OVERFLOW: u32 = 4;
/// A program has been executed in it by whoever came in from outside.
pub const STARTED: u32 = 8;
/// Somebody ran in it before the recording began.
pub const RAN_BEFORE: u32 = 16;

/// One element of the map `RECORDS`. Times are nanoseconds since boot, 0 for never.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CgroupRecord {
    /// The cgroup v2 id, 0 while the slot is free.
    pub cgroup: u64,
    /// When the cgroup was made, if that was seen.
    pub born_ns: u64,
    /// When the first call was recorded.
    pub first_ns: u64,
    /// When a call was last seen for the first time.
    pub last_new_ns: u64,
    /// When the cgroup was removed.
    pub gone_ns: u64,
    /// Calls with a number that is in no table.
    pub out_of_range: u64,
    /// Bit `n`: a task came in from a cgroup with which this one shares its
    /// ancestors up to level `n`, and was taken for the runtime.
    pub entry_levels: u64,
    /// Hashes of the filters installed in it, the oldest first, 0 for none.
    pub filters: [u64; FILTERS],
    /// Ids of its ancestors by level; its own id at `level`.
    pub ancestors: [u64; LEVELS],
    /// Its depth: 0 is the root.
    pub level: u32,
    /// [`BORN`], [`GONE`], [`FILTERS_OVERFLOW`], [`STARTED`], [`RAN_BEFORE`].
    pub flags: u32,
    /// How often whoever came in from outside executed a program there: once for the start, and once
    /// for each exec session and health check.
    pub entries: u32,
    /// How many filter installs by tasks of the runtime were seen.
    pub installs: u32,
    /// Bit `n`: the runtime installed the n-th of `filters`.
    pub runtime_filters: u32,
    /// [`crate::origin::START`], [`crate::origin::RUN`], [`crate::origin::SHUTDOWN`]: which set a call
    /// of the container's own start goes to. Moved on by the daemon; by the kernel when a signal tells
    /// the container to stop.
    pub phase: u32,
    /// Entered by the container's own programs.
    pub observed: CallBits,
    /// Observed, and the news of it is in the ring. The daemon takes a bit away, atomically, to be
    /// told of the call again.
    pub reported: CallBits,
    /// Observed, and returned something other than ENOSYS at least once.
    pub answered: CallBits,
    /// Observed, and returned ENOSYS at least once.
    pub unsupported: CallBits,
    /// Entered by the runtime before it executed the container's program.
    pub runtime: CallBits,
    /// The part of `runtime` that was called under the filter it had installed.
    pub guarded: CallBits,
    /// Turned away by a filter from the container's own programs.
    pub refused: CallBits,
    /// Turned away from the runtime under its own filter.
    pub runtime_refused: CallBits,
    /// The calls in `observed` by where they come from: [`crate::origin`]. One may be in several.
    pub origins: [CallBits; ORIGINS],
    /// [`crate::origin::EXPECTS_EITHER`] and its siblings. Written by the daemon.
    pub expects: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<CallBits>() == 240);
    assert!(size_of::<CgroupRecord>() == 7 * 8 + 32 + 128 + 24 + (8 + ORIGINS) * 240 + 8);
    assert!(align_of::<CgroupRecord>() == 8);
};
