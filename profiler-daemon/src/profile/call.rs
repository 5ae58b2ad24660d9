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

/// Maps keyed by calls, as lists of pairs: JSON has no other keys than strings.
pub(crate) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Call;

    pub(crate) fn serialize<V: Serialize, S: Serializer>(
        map: &BTreeMap<Call, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter())
    }

    pub(crate) fn deserialize<'de, V: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Call, V>, D::Error> {
        Ok(Vec::<(Call, V)>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}
