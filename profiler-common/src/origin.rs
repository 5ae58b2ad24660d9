//! Where a call of a container's own programs comes from: the sets of [`crate::record::CgroupRecord::origins`].

/// Sets of one cgroup, by the constants below.
pub const ORIGINS: usize = 5;

/// By what the container itself was started for, or whoever ran in it before the recording began,
/// while [`crate::record::CgroupRecord::phase`] said so: from the start until the daemon took it for started up.
pub const START: u32 = 0;
/// The same, from then on.
pub const RUN: u32 = 1;
/// The same, after it was told to stop.
pub const SHUTDOWN: u32 = 2;
/// By whoever came in later: `docker exec`, and whatever is not known to be anything else.
pub const EXEC: u32 = 3;
/// By whoever came in later for the container's health check. One that may be either is in both sets.
pub const HEALTH: u32 = 4;

/// What the daemon expects of the next that comes in, in [`crate::record::CgroupRecord::expects`]:
/// it cannot tell.
pub const EXPECTS_EITHER: u32 = 0;
/// A session that somebody asked for.
pub const EXPECTS_EXEC: u32 = 1;
/// The health check.
pub const EXPECTS_HEALTH: u32 = 2;
