//! What was told of a container as drift: each call once, and of its arguments each combination of values
//! once, up to a bound. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::call::{Call, CallSet};

/// Combinations of values of one call that are told. The version that is proposed has all.
const MOST_VALUES: usize = 8;

/// What was told of one container.
#[derive(Debug, Default)]
pub(super) struct Told {
    calls: CallSet,
    values: BTreeMap<Call, BTreeSet<Vec<u64>>>,
}

impl Told {
    /// A call is to be told now. False if it was already.
    pub(super) fn note(&mut self, call: Call) -> bool {
        self.calls.insert(call)
    }

    /// Of these values of a call's arguments, those that are to be told now: not told yet, and no more
    /// than there is room for.
    pub(super) fn note_values(
        &mut self,
        call: Call,
        values: &BTreeSet<Vec<u64>>,
    ) -> BTreeSet<Vec<u64>> {
        let told = self.values.entry(call).or_default();
        let room = MOST_VALUES.saturating_sub(told.len());
        let now: BTreeSet<Vec<u64>> = values.difference(told).take(room).cloned().collect();
        told.extend(now.iter().cloned());
        now
    }

    /// True if some of these values would be told.
    pub(super) fn lacks(&self, call: Call, values: &BTreeSet<Vec<u64>>) -> bool {
        self.values
            .get(&call)
            .is_none_or(|told| told.len() < MOST_VALUES && !values.is_subset(told))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{MOST_VALUES, Told};
    use crate::profile::{abi::Abi, call::Call};

    const SOCKET: Call = Call::new(Abi::X86_64, 41);
    const IOCTL: Call = Call::new(Abi::X86_64, 16);

    fn values(all: impl IntoIterator<Item = u64>) -> BTreeSet<Vec<u64>> {
        all.into_iter().map(|one| vec![one]).collect()
    }

    #[test]
    fn each_call_and_each_value_is_told_once() {
        let mut told = Told::default();
        assert!(told.note(SOCKET));
        assert!(!told.note(SOCKET));
        assert!(told.lacks(SOCKET, &values([1, 2])));
        assert_eq!(told.note_values(SOCKET, &values([1, 2])), values([1, 2]));
        assert_eq!(told.note_values(SOCKET, &values([2, 3])), values([3]));
        assert!(!told.lacks(SOCKET, &values([1, 3])));
        assert_eq!(told.note_values(SOCKET, &values([1, 3])), values([]));
        assert_eq!(told.note_values(IOCTL, &values([1])), values([1]));
    }

    #[test]
    fn of_a_call_with_ever_new_values_some_are_told() {
        let mut told = Told::default();
        let first = told.note_values(IOCTL, &values(0..5));
        let more = told.note_values(IOCTL, &values(0..30));
        assert_eq!(first.len() + more.len(), MOST_VALUES);
        assert!(!told.lacks(IOCTL, &values([99])));
        assert_eq!(told.note_values(IOCTL, &values([99])), values([]));
        assert!(told.lacks(SOCKET, &values([99])));
    }
}
