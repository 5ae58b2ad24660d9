//! Profiles narrowed to values of arguments: what they allow, and that a runtime makes the same of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Abi, document};
use crate::{
    profile::{
        arguments::{Arguments, LIMIT, Values, deciding},
        baseline::learned::LearnedBaseline,
        call::{Call, CallSet},
        compose::{Composed, Inputs, Options, compose},
        observation::Observation,
        table,
    },
    seccomp::{
        action::Action,
        arch::Arch,
        diagram::Diagrams,
        dialects::docker::resolve::{Circumstances, Resolved, resolve},
        facts::libseccomp::Version,
        filter::evaluate::CallData,
        meaning::{Host, Meaning, Runtime, diagram},
        policy::Policy,
    },
};

fn call(abi: Abi, name: &str) -> Call {
    table::call(abi, name).unwrap()
}

fn values(places: &[u8], seen: &[&[u64]]) -> Values {
    Values {
        places: places.to_vec(),
        seen: Some(seen.iter().map(|values| values.to_vec()).collect()),
    }
}

/// A container that made these calls, each with values or with unknown ones.
fn composed(made: &[(Call, Option<Values>)]) -> Composed {
    let calls: CallSet = made.iter().map(|(call, _)| *call).collect();
    let mut arguments = Arguments::default();
    for (call, values) in made {
        if let Some(values) = values {
            arguments.insert(*call, values.clone());
        }
    }
    compose(&Inputs {
        observation: &Observation {
            observed: calls.clone(),
            answered: calls,
            arguments,
            ..Observation::default()
        },
        learned: &LearnedBaseline::default(),
        options: Options {
            arguments: true,
            ..Options::default()
        },
    })
}

fn policy(composed: &Composed) -> Policy {
    match resolve(
        &document(composed),
        &Circumstances::usual(Arch::X86_64, (6, 1)),
    ) {
        Ok(Resolved::Filter(filter)) => filter.policy,
        other => panic!("{other:?}"),
    }
}

/// The answer that a profile has for a call of x86_64 with these arguments.
fn answer(policy: &Policy, call: Call, args: [u64; 6]) -> Action {
    let mut diagrams = Diagrams::new();
    let root = diagram(&mut diagrams, policy, Meaning::Exact).unwrap();
    let asked = CallData::new(Arch::X86_64, call.nr, args);
    diagrams.answer_to(root, &asked)
}

#[test]
fn only_the_combinations_that_were_seen_are_allowed() {
    let socket = call(Abi::X86_64, "socket");
    let composed = composed(&[(socket, Some(values(&[0, 1], &[&[2, 1], &[1, 2]])))]);
    assert_eq!(composed.counts.narrowed, 1);
    let policy = policy(&composed);
    for (family, kind, allowed) in [
        (2, 1, true),
        (1, 2, true),
        // The kernel drops these bits, so they must not decide.
        (0x7_0000_0002, 1, true),
        (2, 2, false),
        (1, 1, false),
        (40, 1, false),
    ] {
        let args = [family, kind, 0, 0, 0, 0];
        let got = answer(&policy, socket, args);
        assert_eq!(got.lets_through(), allowed, "{family:#x} {kind}");
    }
}

#[test]
fn what_a_runtime_needs_or_is_not_wholly_known_stays_wide() {
    let of = |abi, name| call(abi, name);
    let one = |place| Some(values(&[place], &[&[1]]));
    let composed = composed(&[
        // runc calls it under the filter.
        (of(Abi::X86_64, "prctl"), one(0)),
        (of(Abi::X86_64, "ioctl"), None),
        (
            of(Abi::X86_64, "keyctl"),
            Some(Values {
                places: vec![0],
                seen: None,
            }),
        ),
        // One rule holds for both ABIs, and of one nothing is known.
        (of(Abi::X86_64, "unshare"), one(0)),
        (of(Abi::I386, "unshare"), None),
        (of(Abi::X86_64, "personality"), one(0)),
        (of(Abi::I386, "personality"), Some(values(&[0], &[&[7]]))),
    ]);
    let narrowed: BTreeSet<&str> = composed.narrowed.keys().copied().collect();
    assert_eq!(narrowed, BTreeSet::from(["personality"]));
    let both = composed.narrowed["personality"].seen.as_ref().unwrap();
    assert_eq!(both.len(), 2);
}

fn seen(places: usize) -> impl Strategy<Value = BTreeSet<Vec<u64>>> {
    let value = prop_oneof![
        0..4_u64,
        Just(0xffff_ffff_u64),
        any::<u32>().prop_map(u64::from)
    ];
    let combination = proptest::collection::vec(value, places..=places);
    proptest::collection::btree_set(combination, 1..LIMIT)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// libseccomp answers some rule sets wrongly; those that are written here must be none of them.
    #[test]
    fn runtimes_make_of_it_what_it_says(
        name in prop_oneof![Just("socket"), Just("ioctl"), Just("ptrace"), Just("setsockopt")],
        several in any::<bool>(),
        two in seen(2),
    ) {
        let native = call(Abi::X86_64, name);
        let places = deciding(native);
        let seen: BTreeSet<Vec<u64>> = two
            .into_iter()
            .map(|values| values.into_iter().take(places.len()).collect())
            .collect();
        let known = Values { places: places.to_vec(), seen: Some(seen.clone()) };
        let mut made = vec![(native, Some(known.clone()))];
        if several {
            made.push((call(Abi::I386, name), Some(known)));
        }
        let policy = policy(&composed(&made));
        for (runtime, libseccomp) in [
            (Runtime::Runc, Version::DEBIAN_12),
            (Runtime::Runc, Version::new(2, 6, 1)),
            (Runtime::Crun, Version::DEBIAN_12),
        ] {
            let meaning = Meaning::AsRunc(Host { runtime, libseccomp });
            let mut diagrams = Diagrams::new();
            let exact = diagram(&mut diagrams, &policy, Meaning::Exact).unwrap();
            let loaded = diagram(&mut diagrams, &policy, meaning).unwrap();
            for (made, _) in &made {
                let arch = Arch::from(made.abi);
                let nr = arch.seen_by_filters(made.nr);
                prop_assert!(
                    diagrams.select_call(exact, arch, nr) == diagrams.select_call(loaded, arch, nr),
                    "{name} under {runtime:?} with {libseccomp:?}: {seen:x?}"
                );
            }
        }
    }
}
