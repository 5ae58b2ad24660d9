//! What every fuzz target rests on: the pure rooms, and what holds for whatever is read.
//!
//! The rooms are taken in as modules by path. They need nothing else of the daemon, so a target is
//! built without eBPF, HTTP and Docker, and all of it carries coverage.

#[path = "../../profiler-daemon/src/profile/mod.rs"]
pub mod profile;
#[path = "../../profiler-daemon/src/seccomp/mod.rs"]
pub mod seccomp;

pub mod filter;
pub mod meanings;
pub mod random_profile;
pub mod reading;
