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

/// Sets of calls as ranges of numbers, by ABI: `{"x86_64": "0-3,9"}`. A tenth of a list of pairs.
pub(crate) mod ranges {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Call, CallSet};
    use crate::profile::abi::Abi;

    pub(crate) fn serialize<S: Serializer>(
        set: &CallSet,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut texts: BTreeMap<&str, String> = BTreeMap::new();
        for abi in Abi::ALL {
            let mut numbers = set
                .iter()
                .filter(|call| call.abi == abi)
                .map(|call| call.nr);
            let Some(mut first) = numbers.next() else {
                continue;
            };
            let text = texts.entry(abi.name()).or_default();
            let mut last = first;
            for nr in numbers {
                if last.checked_add(1) != Some(nr) {
                    push(text, first, last);
                    first = nr;
                }
                last = nr;
            }
            push(text, first, last);
        }
        texts.serialize(serializer)
    }

    fn push(text: &mut String, first: u32, last: u32) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.to_string());
        if last > first {
            text.push('-');
            text.push_str(&last.to_string());
        }
    }

    /// No ABI has as many calls: a longer range would only use up memory.
    const MOST: u32 = 1 << 16;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<CallSet, D::Error> {
        let mut set = CallSet::new();
        for (name, text) in BTreeMap::<String, String>::deserialize(deserializer)? {
            let bad = || D::Error::custom(format!("no calls of {name}: {text:?}"));
            let abi = Abi::named(&name).ok_or_else(bad)?;
            for range in text.split(',') {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let number = |text: &str| text.parse::<u32>().ok();
                let (first, last) = number(first)
                    .zip(number(last))
                    .filter(|(first, last)| {
                        last.checked_sub(*first).is_some_and(|more| more < MOST)
                    })
                    .ok_or_else(bad)?;
                set.extend((first..=last).map(|nr| Call::new(abi, nr)));
            }
        }
        Ok(set)
    }
}
