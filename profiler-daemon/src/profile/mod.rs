//! What a profile is: calls, observations, the runtime's share, and the verdict.
//!
//! Pure: values in, values out. No files, no clock, no kernel.

pub mod abi;
pub mod arguments;
pub mod asked;
pub mod baseline;
pub mod basis;
pub mod call;
pub mod completeness;
pub mod compose;
pub mod discovery;
pub mod drift;
pub mod engine_news;
pub mod identity;
pub mod kernel_calls;
pub mod libc_probes;
pub mod merge;
pub mod observation;
pub mod origin;
pub mod reason;
pub mod sound;
pub mod table;
pub mod verdict;
pub mod version;
pub mod workload;
