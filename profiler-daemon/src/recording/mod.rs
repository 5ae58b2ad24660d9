//! What the kernel side tells and is asked, as plain values: the port between `kernel` and the collector.
//!
//! Pure. Times are milliseconds since the Unix epoch.

pub mod news;
pub mod replay;
pub mod source;
