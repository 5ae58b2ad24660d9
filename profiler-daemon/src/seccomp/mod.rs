//! The seccomp language: profiles in every dialect, what they mean, and filters for the kernel.
//!
//! Pure: values in, values out. Must not decide what a container's profile holds; that is
//! `profile::compose`.

pub mod action;
pub mod arch;
pub mod condition;
pub mod document;
pub mod finding;
pub mod libseccomp;
pub mod policy;
pub mod width;
