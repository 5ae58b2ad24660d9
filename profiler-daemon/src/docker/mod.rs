//! What Docker tells of its containers. The only room that knows bollard.
//!
//! ```text
//! endpoint → client (one request, one answer) → session (one connection) → watch (for ever)
//! bollard's models into our words: convert, defaults, event, entrypoint (against the image's own)
//! what outlives a connection: order, received, memory
//! what is done to containers: fresh (a new one) → lifecycle (requests) → condition (how it is)
//! a container made again: blueprint → verbatim (requests that lose no field) → sameness
//! ```

pub mod blueprint;
pub mod client;
pub mod condition;
pub mod convert;
pub mod defaults;
pub mod endpoint;
pub mod entrypoint;
pub mod event;
pub mod fresh;
pub mod lifecycle;
mod memory;
mod order;
mod received;
pub mod runtime;
pub mod sameness;
mod session;
pub mod verbatim;
pub mod watch;
