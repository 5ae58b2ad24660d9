//! The seccomp language: profiles in every dialect, what they mean, and filters for the kernel.
//!
//! Pure: values in, values out. Must not decide what a container's profile holds; that is
//! `profile::compose`.

pub mod action;
pub mod arch;
pub mod condition;
pub mod document;
pub mod finding;
pub mod lxc;
pub mod mkseccomp;
pub mod names;
pub mod policy;
pub mod printed;
pub mod raw;
pub mod spo;
pub mod strace;
pub mod systemd;
mod text;

#[cfg(test)]
mod any_policy;
