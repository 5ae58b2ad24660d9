//! What a promoted version is for: everything that its profile does not let through is drift.
//!
//! Pure. Holds calls against a version's profile; must not know who made them, nor who is told.

use std::collections::BTreeMap;

use super::{
    basis::Basis,
    call::{Call, CallSet},
    compose::{Composed, Verdict},
};

/// A promoted version, as calls are held against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    /// Its number.
    pub number: u64,
    /// What its profile was made from: calls that were made, and calls that were refused already.
    known: CallSet,
    /// Calls that its profile does not refuse though they were not made: the runtime's and the
    /// kernel's, and those it answers ENOSYS.
    tolerated: BTreeMap<Call, Verdict>,
}

impl Promoted {
    /// A version, by what it rests on and the profile that comes of it.
    #[must_use]
    pub fn of(number: u64, basis: &Basis, composed: &Composed) -> Self {
        let tolerated = composed
            .entries
            .keys()
            .map(|call| (*call, composed.verdict(*call)))
            .filter(|(_, verdict)| *verdict != Verdict::Refuse)
            .collect();
        Self {
            number,
            known: &(&basis.made | &basis.probes) | &basis.refused,
            tolerated,
        }
    }

    /// Whether a call that was just made, or refused, is drift. One that the profile answers ENOSYS
    /// may be a libc that asks: only its answer tells, see [`Promoted::drift_of`].
    #[must_use]
    pub fn is_drift(&self, call: Call) -> bool {
        !self.known.contains(&call) && !self.tolerated.contains_key(&call)
    }

    /// All of what something needs now that is drift.
    #[must_use]
    pub fn drift_of(&self, now: &Basis) -> CallSet {
        let lets_through = |call: &Call| matches!(self.tolerated.get(call), Some(Verdict::Allow));
        let made = now.made.iter().filter(|call| !lets_through(call));
        let refused = now.refused.iter().filter(|call| self.is_drift(**call));
        made.chain(refused)
            .filter(|call| !self.known.contains(call))
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{
        abi::Abi,
        baseline::learned::LearnedBaseline,
        compose::{Inputs, Options, compose},
        observation::Observation,
        table,
    };

    fn calls(names: &[&str]) -> CallSet {
        let call = |name: &&str| table::call(Abi::X86_64, name).unwrap();
        names.iter().map(call).collect()
    }

    fn basis(made: &[&str], refused: &[&str]) -> Basis {
        Basis::of(&Observation {
            observed: calls(made),
            answered: calls(made),
            refused: calls(refused),
            ..Observation::default()
        })
    }

    fn promoted(made: &[&str], refused: &[&str]) -> Promoted {
        let basis = basis(made, refused);
        let composed = compose(&Inputs {
            observation: &basis.observation(),
            learned: &LearnedBaseline::default(),
            options: Options::default(),
        });
        Promoted::of(3, &basis, &composed)
    }

    fn is_drift(promoted: &Promoted, name: &str) -> bool {
        promoted.is_drift(table::call(Abi::X86_64, name).unwrap())
    }

    #[test]
    fn what_the_profile_lets_through_is_no_drift_whoever_it_is_there_for() {
        let promoted = promoted(&["openat", "chmod"], &[]);
        for known in ["openat", "chmod", "execve", "rt_sigreturn", "capset"] {
            assert!(!is_drift(&promoted, known), "{known}");
        }
        for new in ["ptrace", "mkdir", "bpf"] {
            assert!(is_drift(&promoted, new), "{new}");
        }
        assert!(promoted.is_drift(Call::new(Abi::I386, 5)));
    }

    #[test]
    fn what_was_refused_already_is_known() {
        let promoted = promoted(&["openat"], &["keyctl"]);
        assert!(!is_drift(&promoted, "keyctl"));
        assert_eq!(
            promoted.drift_of(&basis(&["openat"], &["keyctl", "bpf"])),
            calls(&["bpf"])
        );
    }

    #[test]
    fn a_libc_that_asks_is_no_drift_until_it_is_answered() {
        let promoted = promoted(&["openat"], &[]);
        // The profile answers ENOSYS to it.
        assert!(!is_drift(&promoted, "clone3"));
        assert_eq!(
            promoted.drift_of(&basis(&["openat", "clone3", "capset"], &[])),
            calls(&["clone3"])
        );
    }
}
