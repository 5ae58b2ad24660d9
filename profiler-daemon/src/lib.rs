//! The observation daemon and its client.
//!
//! ```text
//! eBPF programs → maps (the truth) + ring (news) → kernel/ → collector → store/ → api/ → ctl/
//!                       cgroup id → cgroup/ (path, container id) → docker/ (name, image) ↗
//! ```
//!
//! `profile`, `seccomp` and `audit` are pure; `kernel`, `cgroup`, `docker`, `store`, `sandbox` and `api` are
//! adapters that know the pure rooms and never one another; `collector` owns all state;
//! `daemon` alone knows every adapter. `tests/rooms.rs` guards this.

pub mod api;
pub mod apply;
pub mod audit;
pub mod cgroup;
pub mod claim;
pub mod collector;
pub mod config;
pub mod ctl;
pub mod daemon;
pub mod docker;
pub mod kernel;
pub mod profile;
pub mod recorder;
pub mod recording;
pub mod sandbox;
pub mod seccomp;
pub mod store;
pub mod telemetry;
pub mod trial;
