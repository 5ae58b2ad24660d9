//! The one task that owns all state; everybody else sends it messages.

pub mod command;
