//! Putting the answers of each architecture together: which call is whose.
//!
//! The same for both meanings: calls of an architecture that is not listed kill the thread, as
//! libseccomp has it. x32 shares x86_64's audit number; if it is not listed, numbers from its bit
//! on count as another architecture's, but for −1, which is no call.

use std::collections::BTreeMap;

use crate::seccomp::{
    action::Action,
    arch::{Arch, X32_BIT},
    diagram::{Diagrams, Node, TooLarge, Word},
    policy::Policy,
};

/// The answers of one audit number: by call, else the default.
pub(super) type Answers = BTreeMap<u32, Node>;

/// What comes before a filter: numbers greater than these answer ENOSYS at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    /// For numbers without the x32 bit, where that means something; elsewhere for all.
    pub greatest: Option<u32>,
    /// For numbers with it; without this bound they are left to the filter.
    pub x32: Option<u32>,
}

/// The diagram of a whole filter. `answers` has an entry for each listed architecture.
///
/// # Errors
/// The diagram grows beyond its bound.
pub(super) fn whole(
    diagrams: &mut Diagrams,
    policy: &Policy,
    answers: &BTreeMap<Arch, Answers>,
    bounds: &BTreeMap<u32, Bound>,
) -> Result<Node, TooLarge> {
    let bad_arch = diagrams.answer(Action::KillThread);
    let default = diagrams.answer(policy.default);
    let mut audits: BTreeMap<u32, Node> = BTreeMap::new();
    for arch in &policy.arches {
        let audit = arch.audit();
        if audits.contains_key(&audit) {
            continue;
        }
        let mut calls = Answers::new();
        for (other, answers) in answers {
            if other.audit() == audit {
                calls.extend(answers);
            }
        }
        let mut table = Table::new(default);
        for (nr, node) in calls {
            table.set(nr, nr, node);
        }
        if audit == Arch::X86_64.audit() && !policy.arches.contains(&Arch::X32) {
            table.set(X32_BIT, u32::MAX - 1, bad_arch);
        }
        if let Some(bound) = bounds.get(&audit) {
            let enosys = diagrams.answer(Action::Errno(crate::profile::compose::ENOSYS));
            table.refuse_beyond(*bound, audit == Arch::X32.audit(), enosys);
        }
        audits.insert(audit, diagrams.ranges(Word::NR, &table.ranges())?);
    }
    let mut table = Table::new(bad_arch);
    for (audit, node) in audits {
        table.set(audit, audit, node);
    }
    diagrams.ranges(Word::ARCH, &table.ranges())
}

/// A function of a word, as the numbers at which it changes.
struct Table {
    changes: BTreeMap<u32, Node>,
}

impl Table {
    fn new(everywhere: Node) -> Self {
        Self {
            changes: BTreeMap::from([(0, everywhere)]),
        }
    }

    /// Sets all numbers from `first` to `last`.
    fn set(&mut self, first: u32, last: u32, node: Node) {
        if let Some(after) = last.checked_add(1) {
            let was = self
                .changes
                .range(..=after)
                .next_back()
                .map(|(_, was)| *was);
            self.changes.extend(was.map(|was| (after, was)));
        }
        let within: Vec<u32> = self
            .changes
            .range(first..=last)
            .map(|(at, _)| *at)
            .collect();
        for at in within {
            self.changes.remove(&at);
        }
        self.changes.insert(first, node);
    }

    /// `has_x32`: numbers with x32's bit are another architecture's.
    fn refuse_beyond(&mut self, bound: Bound, has_x32: bool, enosys: Node) {
        let mut beyond = |greatest: u32, first: u32, last: u32| {
            let from = greatest.saturating_add(1).max(first);
            if greatest < last {
                self.set(from, last, enosys);
            }
        };
        if !has_x32 {
            if let Some(greatest) = bound.greatest {
                beyond(greatest, 0, u32::MAX);
            }
            return;
        }
        // The x32 bit may be set in numbers from 2^31 on, too.
        for base in [0, 1 << 31] {
            if let Some(greatest) = bound.greatest {
                beyond(greatest, base, base | (X32_BIT - 1));
            }
            if let Some(greatest) = bound.x32 {
                beyond(greatest, base | X32_BIT, base | (X32_BIT | (X32_BIT - 1)));
            }
        }
    }

    fn ranges(&self) -> Vec<(u32, Node)> {
        self.changes.iter().map(|(at, node)| (*at, *node)).collect()
    }
}
