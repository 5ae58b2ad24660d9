//! What changed in Docker's default profile from the testbed's engine, 20.10.24, to ours.

use std::collections::BTreeSet;

use super::Row;

/// The differences under a runtime.
pub(crate) fn expected(_runtime: &str) -> BTreeSet<Row> {
    BTreeSet::new()
}
