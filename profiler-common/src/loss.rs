//! Everything that could not be recorded, counted by its cause.

/// A first sighting whose news found no room in the ring; the set holds the call, and the next call tries again.
pub const RING_FULL: u32 = 0;
/// A call in a cgroup for which no slot was left: the call is not recorded.
pub const NO_SLOT: u32 = 1;
/// A call of a task whose state could not be kept: the call is not recorded.
pub const NO_TASK_STATE: u32 = 2;
/// A refused call that is in the set, but whose count and errno found no room.
pub const NO_REFUSAL_ROOM: u32 = 3;
/// A filter that could not be read from the installer's memory.
pub const FILTER_UNREADABLE: u32 = 4;
/// A filter that was read, but found no room.
pub const NO_FILTER_ROOM: u32 = 5;
/// A call that is in the set, but whose count found no room.
pub const NO_COUNT_ROOM: u32 = 6;
/// News other than of a first sighting (exec, cgroup life, filter) that found no room in the ring.
pub const NEWS_LOST: u32 = 7;
/// Values of arguments that found no room: the call counts as made with any.
pub const NO_ARGUMENT_ROOM: u32 = 8;
/// Number of causes.
pub const CAUSES: u32 = 9;
