//! Values that the arguments of calls were seen with: a set for each call, up to a bound.
//!
//! A set is of use only if it is whole: whoever narrows a profile by it must be sure that no other
//! value was used. So a call of which that is not known has no set here, and what unites two sets
//! forgets one sooner than it invents one. Must not know how conditions are written down.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    call::{Call, CallSet, pairs},
    table,
};

/// Combinations of values of one call that are kept; one more, and any may have been used.
pub const LIMIT: usize = 32;

/// Which arguments decide what a call does, by its name: indices, at most three.
const DECIDING: [(&str, &[u8]); 21] = [
    // Family and type.
    ("socket", &[0, 1]),
    ("socketpair", &[0, 1]),
    // On i386, which of the socket calls.
    ("socketcall", &[0]),
    // Level and option.
    ("setsockopt", &[1, 2]),
    ("getsockopt", &[1, 2]),
    // Flags; clone3's lie in memory.
    ("clone", &[0]),
    ("unshare", &[0]),
    ("setns", &[1]),
    // Which of many calls it is.
    ("prctl", &[0]),
    ("arch_prctl", &[0]),
    ("ioctl", &[1]),
    ("fcntl", &[1]),
    ("fcntl64", &[1]),
    ("ptrace", &[0]),
    ("bpf", &[0]),
    ("keyctl", &[0]),
    ("personality", &[0]),
    // Protection of memory.
    ("mmap", &[2]),
    ("mmap2", &[2]),
    ("mprotect", &[2]),
    ("pkey_mprotect", &[2]),
];

/// Indices of the arguments that decide what a call does; empty where none is known to.
#[must_use]
pub fn deciding(call: Call) -> &'static [u8] {
    let Some(name) = table::name(call) else {
        return &[];
    };
    // The old call of i386 takes one pointer.
    if name == "mmap" && call.abi == super::abi::Abi::I386 {
        return &[];
    }
    DECIDING
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&[], |(_, places)| places)
}

/// An argument that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its index, 0 to 5.
    pub index: u8,
    /// It is a number of 64 bits; of others the kernel takes the lower 32, and so does a recording.
    pub wide: bool,
}

/// A call whose arguments are recorded, and which of them: three at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The call.
    pub call: Call,
    /// The arguments.
    pub places: Vec<Place>,
}

/// The values that a call's arguments were seen with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// Indices of the arguments, 0 to 5.
    pub places: Vec<u8>,
    /// Every combination, in the order of `places`; none where there were more than [`LIMIT`].
    pub seen: Option<BTreeSet<Vec<u64>>>,
}

/// Values by call. A call that is not here may have been made with any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arguments(#[serde(with = "pairs")] BTreeMap<Call, Values>);

impl Arguments {
    /// Notes all values of a call.
    pub fn insert(&mut self, call: Call, values: Values) {
        self.0.insert(call, values);
    }

    /// What is known of a call's arguments.
    #[must_use]
    pub fn of(&self, call: Call) -> Option<&Values> {
        self.0.get(&call)
    }

    /// Every call of which something is known, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Call, &Values)> {
        self.0.iter()
    }

    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These calls may have been made with other values.
    pub fn forget(&mut self, calls: &CallSet) {
        self.0.retain(|call, _| !calls.contains(call));
    }

    /// What is known of two records' arguments together, `mine` and `theirs` being the calls that
    /// each holds: of a call that both hold, both must know.
    #[must_use]
    pub fn united(self, mine: &CallSet, other: Self, theirs: &CallSet) -> Self {
        let mut united = BTreeMap::new();
        for (call, values) in &self.0 {
            if !theirs.contains(call) {
                united.insert(*call, values.clone());
            } else if let Some(more) = other.of(*call)
                && more.places == values.places
            {
                united.insert(*call, values.joined(more));
            }
        }
        for (call, values) in other.0 {
            if !mine.contains(&call) {
                united.insert(call, values);
            }
        }
        Self(united)
    }
}

impl Values {
    /// Those of both, with the same places.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let seen = match (&self.seen, &other.seen) {
            (Some(one), Some(two)) => Some(one | two).filter(|all| all.len() <= LIMIT),
            _ => None,
        };
        Self {
            places: self.places.clone(),
            seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Arguments, DECIDING, LIMIT, Values, deciding};
    use crate::profile::{
        abi::Abi,
        call::{Call, CallSet},
        table,
    };

    fn values(seen: &[u64]) -> Values {
        Values {
            places: vec![0],
            seen: Some(seen.iter().map(|value| vec![*value]).collect()),
        }
    }

    fn call(nr: u32) -> Call {
        Call::new(Abi::X86_64, nr)
    }

    #[test]
    fn every_name_is_a_call_and_stands_once() {
        let names: BTreeSet<&str> = DECIDING.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), DECIDING.len());
        for (name, places) in DECIDING {
            assert!(!table::find(name).is_empty(), "{name}");
            assert!((1..=3).contains(&places.len()), "{name}");
        }
        assert_eq!(
            deciding(table::call(Abi::X86_64, "socket").unwrap()),
            [0, 1]
        );
        assert_eq!(deciding(table::call(Abi::I386, "mmap").unwrap()), [0_u8; 0]);
    }

    #[test]
    fn a_call_that_one_side_made_with_unknown_values_is_unknown() {
        let mut mine = Arguments::default();
        mine.insert(call(1), values(&[1]));
        mine.insert(call(2), values(&[1]));
        let made = CallSet::from([call(1), call(2)]);
        // The other made call 1 too, and nothing is known of how.
        let united = mine.united(&made, Arguments::default(), &CallSet::from([call(1)]));
        assert_eq!(united.of(call(1)), None);
        assert_eq!(united.of(call(2)), Some(&values(&[1])));
    }

    #[test]
    fn beyond_the_bound_it_is_any() {
        let many: Vec<u64> = (0..LIMIT as u64).collect();
        let more = values(&many).joined(&values(&[1000]));
        assert_eq!(more.seen, None);
        assert_eq!(values(&many).joined(&values(&[3])), values(&many));
    }

    fn record() -> impl Strategy<Value = (Arguments, CallSet)> {
        let one = (0..6_u32, proptest::option::of(0..4_u64));
        proptest::collection::vec(one, 0..6).prop_map(|list| {
            let mut arguments = Arguments::default();
            let mut made = CallSet::new();
            for (nr, value) in list {
                // Each call once: known with a value, or unknown.
                if made.insert(call(nr))
                    && let Some(value) = value
                {
                    arguments.insert(call(nr), values(&[value]));
                }
            }
            (arguments, made)
        })
    }

    proptest! {
        #[test]
        fn uniting_knows_no_order(a in record(), b in record(), c in record()) {
            let unite = |(a, made): (Arguments, CallSet), (b, also): (Arguments, CallSet)| {
                (a.united(&made, b, &also), &made | &also)
            };
            prop_assert_eq!(unite(a.clone(), b.clone()), unite(b.clone(), a.clone()));
            prop_assert_eq!(
                unite(unite(a.clone(), b.clone()), c.clone()),
                unite(a.clone(), unite(b, c))
            );
            prop_assert_eq!(unite(a.clone(), a.clone()), a);
        }
    }
}
