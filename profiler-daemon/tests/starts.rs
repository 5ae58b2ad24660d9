//! Containers start, work and stop under the profile that was exported for them, whichever runtime they
//! were recorded under; and that profile holds no more than it should.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "starts/exported.rs"]
mod exported;
#[path = "starts/least.rs"]
mod least;
#[path = "starts/loads.rs"]
mod loads;
#[path = "starts/matrix.rs"]
mod matrix;
#[path = "starts/pairs.rs"]
mod pairs;
#[path = "starts/services.rs"]
mod services;
#[path = "starts/side_by_side.rs"]
mod side_by_side;
#[path = "starts/twenty.rs"]
mod twenty;

#[allow(
    unreachable_pub,
    reason = "shared by several test files, in each of which it is a private module"
)]
mod testbed;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The runtimes that issue 2 asks for, by the testbed's names for them.
pub(crate) const RUNTIMES: [&str; 3] = ["runc11", "runc13", "crun"];

/// One test at a time: a daemon learns from every container on the host, so what a test starts under one
/// runtime would put into another test's profile what that one should have from the tables.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
