//! A system call, and sets of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::abi::Abi;

/// One system call: an ABI and a number in its table, without the x32 bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Call {
    /// The table.
    pub abi: Abi,
    /// The number in it.
    pub nr: u32,
}

impl Call {
    /// A call of the given ABI.
    #[must_use]
    pub const fn new(abi: Abi, nr: u32) -> Self {
        Self { abi, nr }
    }
}

/// A set of calls, ordered by ABI and number.
pub type CallSet = BTreeSet<Call>;
