//! The seccomp language: how a profile is written down.
//!
//! Pure: values in, values out. Must not decide what a profile holds; that is `profile::compose`.

pub mod document;
