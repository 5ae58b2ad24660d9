//! What outlives the daemon and the containers: records of containers that ended, learned baselines.

pub mod files;
