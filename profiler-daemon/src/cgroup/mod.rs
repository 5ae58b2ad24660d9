//! The cgroup v2 tree: where it is mounted, ids and paths, and which container a path belongs to.
//!
//! Reads only. Names nobody: a path tells an engine and an id, a name is the engine's to tell.

pub mod handle;
pub mod mount;
pub mod path;
pub mod tree;
