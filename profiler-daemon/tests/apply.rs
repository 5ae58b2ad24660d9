//! `profilectl apply` on a real engine: what is kept, what is put back, and what being killed does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "apply/bad.rs"]
mod bad;
#[path = "apply/composed.rs"]
mod composed;
#[path = "apply/ground.rs"]
mod ground;
#[path = "apply/kept.rs"]
mod kept;
#[path = "apply/killed.rs"]
mod killed;
#[path = "apply/observed.rs"]
mod observed;
mod testbed;
