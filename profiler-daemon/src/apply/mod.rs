//! Moving a running container to its profile, so that a container that works bears its name at all
//! times but while one is stopped and the other starts.
//!
//! ```text
//! what the engine tells → facts → plan (steps) → moving ─ a fault, a signal ─→ undoing ← recovery
//!                                                  │                             ↑ names of what there is
//!                                              guard: another process, should this one be killed
//! ```
//!
//! `facts`, `written`, `plan`, `names` and `recovery` are pure; `moving`, `watching` and `undoing` know the world
//! by the trait in `port` only; `real` is that world. Compose's containers are not moved by hand:
//! `compose` says what to write in place of it.

pub mod compose;
pub mod facts;
pub mod guard;
pub mod hold;
pub mod interrupt;
pub mod moving;
pub mod names;
pub mod plan;
pub mod port;
pub mod real;
pub mod recovery;
pub mod undoing;
pub mod watching;
pub mod written;

#[cfg(test)]
mod fake_engine;
