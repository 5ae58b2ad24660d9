//! The seccomp language. Pure.
