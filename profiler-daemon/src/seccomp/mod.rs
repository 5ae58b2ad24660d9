//! The seccomp language: profiles in every dialect, what they mean, and filters for the kernel.
//!
//! Pure: values in, values out. Must not decide what a container's profile holds; that is
//! `profile::compose`.

pub mod action;
pub mod arch;
pub mod condition;
pub mod deciding;
pub mod diagram;
pub mod dialects;
pub mod difference;
pub mod exported;
pub mod facts;
pub mod filter;
pub mod finding;
pub mod lints;
pub mod meaning;
pub mod policy;
pub mod preflight;
pub mod runtime_needs;
pub mod summary;
pub mod union;
