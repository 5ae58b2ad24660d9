//! The daemon's face: HTTP and JSON over a unix socket.

pub mod protocol;
