//! How a verb prints its answer.

use clap::ValueEnum;

/// How a reading verb prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, at most 80 columns wide
    Table,
    /// For programs, with stable keys
    Json,
}
