//! The seccomp language: profiles in every dialect, what they mean, and filters for the kernel.
//!
//! Pure: values in, values out. Must not decide what a container's profile holds; that is
//! `profile::compose`.

pub mod action;
#[cfg(test)]
mod any_policy;
pub mod arch;
pub mod bitmap;
pub mod compile;
pub mod condition;
pub mod diagram;
pub mod dialect;
pub mod difference;
pub mod disassemble;
pub mod docker;
pub mod evaluate;
pub mod exported;
pub mod finding;
pub mod json;
pub mod libseccomp;
pub mod lints;
pub mod lxc;
pub mod meaning;
pub mod mkseccomp;
pub mod names;
pub mod oci;
pub mod placed;
pub mod policy;
pub mod printed;
pub mod program;
pub mod raw;
pub mod runtime_needs;
pub mod spelling;
pub mod spo;
pub mod strace;
pub mod summary;
pub mod symbolic;
pub mod systemd;
mod text;
pub mod width;
