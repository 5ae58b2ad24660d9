//! The exported document: its golden, its grammar, and that it never depends on order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Abi, ActionName, Profile};
use crate::{
    profile::{
        baseline::learned::LearnedBaseline,
        call::{Call, CallSet},
        compose::{Inputs, Options, compose},
        observation::{Observation, Refusal, RefusedWith},
        table,
    },
    seccomp::dialects::docker::{Indent, print, read},
};

const GOLDEN: &str = include_str!("../../tests/golden/exported-profile.json");

fn document(observation: &Observation, include_refused: bool) -> Profile {
    super::document(&compose(&Inputs {
        observation,
        learned: &LearnedBaseline::default(),
        options: Options {
            include_refused,
            ..Options::default()
        },
    }))
}

fn call(abi: Abi, name: &str) -> Call {
    table::call(abi, name).unwrap()
}

/// A small program under Docker's default, with a 32-bit helper.
fn sample() -> Observation {
    let x64 = |name| call(Abi::X86_64, name);
    let mut observation = Observation {
        observed: ["execve", "brk", "arch_prctl", "socket", "exit_group"]
            .map(x64)
            .into(),
        unsupported: CallSet::from([x64("memfd_secret")]),
        refused: CallSet::from([x64("clone3"), x64("unshare")]),
        guarded: CallSet::from([x64("personality"), x64("mount")]),
        ..Observation::default()
    };
    observation.observed.insert(x64("memfd_secret"));
    observation.observed.insert(call(Abi::I386, "socketcall"));
    observation.observed.insert(call(Abi::I386, "brk"));
    for (name, errno) in [("clone3", 38), ("unshare", 1)] {
        observation.refusals.push(Refusal {
            call: x64(name),
            with: RefusedWith::Errno(errno),
            by_runtime: false,
            count: 1,
            first_ms: 1,
            last_ms: 1,
            exe: None,
            comm: "sh".to_owned(),
            pid: 1,
        });
    }
    observation
}

#[test]
fn an_exported_profile_is_the_golden_one() {
    let text = print(&document(&sample(), true), Indent::Spaces);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/exported-profile.json"
        );
        std::fs::write(file, &text).unwrap();
        return;
    }
    assert_eq!(text, GOLDEN, "run with UPDATE_GOLDEN=1 if this is meant");
}

#[test]
fn it_reads_back_what_it_prints_with_nothing_to_say_of_it() {
    let document = document(&sample(), false);
    let reading = read(print(&document, Indent::Spaces).as_bytes());
    assert_eq!(reading.findings, []);
    assert_eq!(reading.value, Some(document));
}

#[test]
fn it_lists_the_abis_seen_and_says_what_a_rule_covers() {
    let both = document(&sample(), false);
    let arches = |document: &Profile| -> Vec<String> {
        let words = document.architectures.iter();
        words.map(|word| word.value.clone()).collect()
    };
    assert_eq!(arches(&both), ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]);
    let of = |name: &str| {
        both.syscalls
            .iter()
            .find(|rule| rule.names.iter().any(|known| known.value == name))
            .unwrap()
    };
    assert!(of("socketcall").comment.contains("under i386;"));
    assert!(of("brk").comment.contains("under x86_64 and i386;"));
    assert_eq!(of("clone3").errno_ret, Some(38.into()));
    let one = document(&Observation::default(), false);
    assert_eq!(arches(&one), ["SCMP_ARCH_X86_64"]);
}

fn calls() -> impl Strategy<Value = CallSet> {
    let call =
        (0u32..3, 0u32..560).prop_map(|(abi, nr)| Call::new(Abi::from_index(abi).unwrap(), nr));
    proptest::collection::btree_set(call, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_bytes_depend_on_the_observations_alone(
        one in calls(), two in calls(), unsupported in calls(), refused in calls(),
    ) {
        let one = Observation { observed: one, unsupported, ..Observation::default() };
        let two = Observation { observed: two, refused, ..Observation::default() };
        let forward = document(&Observation::united([one.clone(), two.clone()]), false);
        let backward = document(&Observation::united([two, one]), false);
        prop_assert_eq!(print(&forward, Indent::Spaces), print(&backward, Indent::Spaces));
    }

    #[test]
    fn names_are_sorted_known_and_in_one_rule(
        observed in calls(), unsupported in calls(), refused in calls(), include in any::<bool>(),
    ) {
        let observation = Observation { observed, unsupported, refused, ..Observation::default() };
        let document = document(&observation, include);
        let mut seen = BTreeSet::new();
        for rule in &document.syscalls {
            prop_assert!(rule.names.is_sorted_by_key(|name| &name.value));
            prop_assert!(!rule.comment.is_empty());
            let errno = rule.errno_ret.as_ref().map(|errno| errno.value);
            prop_assert_eq!(errno, (rule.action.value == ActionName::Errno).then_some(38));
            for name in &rule.names {
                prop_assert!(!table::find(name).is_empty());
                prop_assert!(seen.insert(name.value.clone()), "{} is in two rules", name.value);
            }
        }
        prop_assert!(document.architectures.is_sorted_by_key(|arch| &arch.value));
    }
}
