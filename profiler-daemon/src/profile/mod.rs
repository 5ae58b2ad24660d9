//! What a profile is: calls, observations, the runtime's share, and the verdict.
//!
//! Pure: values in, values out. No files, no clock, no kernel.

pub mod abi;
pub mod call;
pub mod completeness;
pub mod engine_news;
pub mod identity;
pub mod observation;
