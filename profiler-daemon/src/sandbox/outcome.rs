//! What came of a run: how the command ended, and what was refused, or would have been.
//!
//! Values only. Bounded whatever a program tries: kinds of calls are counted up to a bound.

use rustc_hash::FxHashMap;

use crate::seccomp::action::Action;

/// Kinds of refused calls that are kept apart; a program can invent as many numbers as it likes.
const MOST_KINDS: usize = 1024;

/// A call that the profile refuses, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The audit number of its ABI.
    pub audit: u32,
    /// Its number, as filters see it.
    pub nr: u32,
    /// Its argument registers.
    pub args: [u64; 6],
    /// The thread that made it.
    pub thread: u32,
    /// What the profile answers.
    pub answer: Action,
    /// Who made it, and with which paths.
    pub details: Details,
}

/// What the registers do not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The file that was executed; nothing if it could not be asked for.
    pub executable: Option<String>,
    /// The arguments that are paths.
    pub paths: Vec<PathArgument>,
}

/// An argument that is a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathArgument {
    /// Which argument, 0 to 5.
    pub index: u8,
    /// What it said when it was read; nothing if it could not be read.
    pub text: Option<String>,
}

/// Calls of one number and answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The first of them.
    pub first: Attempt,
    /// How many there were.
    pub count: u64,
    /// How many of them were carried out all the same.
    pub allowed: u64,
}

/// All calls that the profile refuses, in the order in which their kinds were first seen.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    kinds: Vec<Kind>,
    places: FxHashMap<(u32, u32, u32), usize>,
    beyond: u64,
}

impl Refusals {
    /// The kinds.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Calls of further kinds, of which just the number is known.
    #[must_use]
    pub const fn beyond(&self) -> u64 {
        self.beyond
    }

    /// All calls that there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.count).sum::<u64>() + self.beyond
    }

    /// Calls that did not get through.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let refused = |kind: &Kind| kind.count - kind.allowed;
        self.kinds.iter().map(refused).sum::<u64>() + self.beyond
    }

    pub(super) fn knows(&self, audit: u32, nr: u32, answer: Action) -> bool {
        self.places.contains_key(&(audit, nr, answer.to_return()))
    }

    pub(super) fn add(&mut self, attempt: Attempt, allowed: bool) {
        let key = (attempt.audit, attempt.nr, attempt.answer.to_return());
        let known = self.places.get(&key).copied();
        if let Some(kind) = known.and_then(|place| self.kinds.get_mut(place)) {
            kind.count += 1;
            kind.allowed += u64::from(allowed);
        } else if self.kinds.len() < MOST_KINDS {
            self.places.insert(key, self.kinds.len());
            self.kinds.push(Kind {
                first: attempt,
                count: 1,
                allowed: u64::from(allowed),
            });
        } else {
            self.beyond += 1;
        }
    }
}

/// How a command ended that was started.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its exit status, if it exited.
    pub status: Option<i32>,
    /// The signal that ended it otherwise.
    pub signal: Option<i32>,
    /// What the profile refuses of what was tried; nothing is known if nobody watched.
    pub refusals: Option<Refusals>,
    /// Processes run on that nobody watches any more. What the profile refuses them is answered
    /// ENOSYS from here on.
    pub left_running: bool,
}

#[cfg(test)]
mod tests {
    use super::{Attempt, Details, MOST_KINDS, Refusals};
    use crate::seccomp::action::Action;

    #[test]
    fn kinds_are_counted_up_to_a_bound_and_nothing_is_lost() {
        let mut refusals = Refusals::default();
        let all = MOST_KINDS as u32 + 10;
        for round in 0..3 {
            for nr in 0..all {
                let attempt = Attempt {
                    audit: 1,
                    nr,
                    args: [round; 6],
                    thread: 7,
                    answer: Action::Errno(1),
                    details: Details::default(),
                };
                refusals.add(attempt, nr == 5);
            }
        }
        assert_eq!(refusals.kinds().len(), MOST_KINDS);
        assert_eq!(refusals.beyond(), 30);
        assert_eq!(refusals.total(), u64::from(all) * 3);
        assert_eq!(refusals.refused(), refusals.total() - 3);
        assert!(
            refusals
                .kinds()
                .iter()
                .all(|kind| kind.first.args == [0; 6])
        );
    }
}
