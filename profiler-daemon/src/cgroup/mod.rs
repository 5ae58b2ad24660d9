//! The cgroup v2 tree: where it is mounted, ids and paths, and which container a path belongs to.
