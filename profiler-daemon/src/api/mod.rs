//! The daemon's face: HTTP and JSON over a unix socket.
//!
//! `protocol` is what travels, `listen` owns the socket file, `server` the connections, `router`
//! and `handlers` the endpoints, `client` the other end. Knows nothing of how answers are found: it asks the
//! collector.

mod audit;
mod body;
pub mod client;
mod handlers;
pub mod listen;
mod observations;
mod peer;
pub mod protocol;
mod router;
pub mod server;
mod shadows;
mod versions;
