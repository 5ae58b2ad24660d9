//! What a promoted version is for: everything that its profile does not let through is drift.
//!
//! Pure. Holds calls against a version's profile; must not know who made them, nor who is told.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    arguments::Values,
    basis::Basis,
    call::{Call, CallSet},
    compose::{Composed, Verdict},
    table,
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
    /// Values of the arguments of names that its profile may be narrowed to; all are known of these.
    narrowed: BTreeMap<&'static str, Values>,
}

impl Promoted {
    /// A version, by what it rests on and the profile that comes of it, narrowed by arguments.
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
            narrowed: composed.narrowed.clone(),
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

    /// Of the values that a call's arguments were seen with, those that the version does not have. Of
    /// a call that is drift itself there are none, nor where those of either side may not be all: what
    /// the profile lets through with any values, or what was made with any.
    #[must_use]
    pub fn values_beyond(&self, call: Call, now: &Values) -> BTreeSet<Vec<u64>> {
        let narrowed = table::name(call)
            .filter(|_| self.known.contains(&call))
            .and_then(|name| self.narrowed.get(name))
            .filter(|known| known.places == now.places);
        match (narrowed.and_then(|known| known.seen.as_ref()), &now.seen) {
            (Some(known), Some(now)) => now - known,
            _ => BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{
        abi::Abi,
        arguments::Arguments,
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
        promoted_of(&basis(made, refused))
    }

    fn promoted_of(basis: &Basis) -> Promoted {
        let composed = compose(&Inputs {
            observation: &basis.observation(),
            learned: &LearnedBaseline::default(),
            options: Options {
                arguments: true,
                ..Options::default()
            },
        });
        Promoted::of(3, basis, &composed)
    }

    fn values(places: &[u8], seen: Option<&[&[u64]]>) -> Values {
        Values {
            places: places.to_vec(),
            seen: seen.map(|all| all.iter().map(|one| one.to_vec()).collect()),
        }
    }

    /// All of these calls were made, and those of the second list with these values.
    fn promoted_with(made: &[Call], arguments: &[(Call, Values)]) -> Promoted {
        let mut known = Arguments::default();
        for (call, values) in arguments {
            known.insert(*call, values.clone());
        }
        let made: CallSet = made.iter().copied().collect();
        promoted_of(&Basis {
            made,
            arguments: known,
            ..Basis::default()
        })
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

    fn beyond(promoted: &Promoted, call: Call, now: &Values) -> Vec<Vec<u64>> {
        promoted.values_beyond(call, now).into_iter().collect()
    }

    #[test]
    fn values_that_the_version_does_not_have_are_drift() {
        let socket = table::call(Abi::X86_64, "socket").unwrap();
        let known = values(&[0, 1], Some(&[&[1, 2], &[2, 1]]));
        let promoted = promoted_with(&[socket], &[(socket, known.clone())]);
        assert!(!promoted.is_drift(socket));
        assert_eq!(beyond(&promoted, socket, &known), Vec::<Vec<u64>>::new());
        let now = values(&[0, 1], Some(&[&[2, 1], &[38, 5], &[16, 3]]));
        assert_eq!(beyond(&promoted, socket, &now), [[16, 3], [38, 5]]);
    }

    #[test]
    fn where_values_are_not_known_none_is_drift() {
        let socket = table::call(Abi::X86_64, "socket").unwrap();
        let now = values(&[0, 1], Some(&[&[38, 5]]));
        let any = values(&[0, 1], None);
        let known = values(&[0, 1], Some(&[&[1, 2]]));
        let none = Vec::<Vec<u64>>::new();
        // The version's are not known, or are too many.
        let promoted = promoted_with(&[socket], &[]);
        assert_eq!(beyond(&promoted, socket, &now), none);
        let promoted = promoted_with(&[socket], &[(socket, any.clone())]);
        assert_eq!(beyond(&promoted, socket, &now), none);
        // Those of now are too many, or of other arguments.
        let promoted = promoted_with(&[socket], &[(socket, known)]);
        assert_eq!(beyond(&promoted, socket, &any), none);
        let others = values(&[1], Some(&[&[38]]));
        assert_eq!(beyond(&promoted, socket, &others), none);
        // Of a call that the version does not have the call is the drift.
        let setns = table::call(Abi::X86_64, "setns").unwrap();
        assert_eq!(beyond(&promoted, setns, &others), none);
    }

    #[test]
    fn values_are_held_against_what_the_profile_lets_through() {
        let socket = table::call(Abi::X86_64, "socket").unwrap();
        let socket32 = table::call(Abi::I386, "socket").unwrap();
        let prctl = table::call(Abi::X86_64, "prctl").unwrap();
        let known = |value| values(&[0, 1], Some(&[&[value, 1]]));
        let promoted = promoted_with(
            &[socket, socket32, prctl],
            &[
                (socket, known(1)),
                (socket32, known(2)),
                (prctl, values(&[0], Some(&[&[15]]))),
            ],
        );
        // A rule is of a name, whatever the ABI.
        assert_eq!(beyond(&promoted, socket, &known(2)), Vec::<Vec<u64>>::new());
        assert_eq!(beyond(&promoted, socket32, &known(3)), [[3, 1]]);
        // A runtime needs it, so that it is let through with any.
        let now = values(&[0], Some(&[&[38]]));
        assert_eq!(beyond(&promoted, prctl, &now), Vec::<Vec<u64>>::new());
    }
}
