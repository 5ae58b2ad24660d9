//! What Docker tells of its containers. The only room that knows bollard.
//!
//! ```text
//! endpoint → client (one request, one answer) → session (one connection) → watch (for ever) → EngineNews
//!            convert, defaults, event (bollard's models → ours) order, memory (what outlives a connection)
//! ```

pub mod client;
pub mod convert;
pub mod defaults;
pub mod endpoint;
pub mod event;
mod memory;
mod order;
pub mod runtime;
mod session;
pub mod watch;
