//! What outlives the daemon and the containers, in one SQLite database: what is kept of containers
//! and images, learned baselines, filters, and every version of a profile.
//!
//! Alone knows SQL. What it is given to keep of a container is a text to it; `daemon::keeping` puts
//! it in and takes it out.

mod database;
mod import;
mod migrations;
mod read_only;
mod records;
mod retention;
mod versions;

pub use database::{Database, FILE, Facts, StoreError};
pub use read_only::has_no_room;
pub use records::ContainerRecord;
pub use retention::Retention;
