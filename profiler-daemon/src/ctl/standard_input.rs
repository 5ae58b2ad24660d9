//! What is read where `-` stands in a file's place.

/// What it is called.
pub(super) const STANDARD_INPUT: &str = "standard input";
