//! What a compiler of filters is judged by, in its simplest form: an interpreter of programs, and what rules mean.

#![allow(
    dead_code,
    reason = "every test file takes in the whole module and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

pub(crate) mod accumulator;
pub(crate) mod interpreter;
pub(crate) mod order;
pub(crate) mod random;
pub(crate) mod reference;
