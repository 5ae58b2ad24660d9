//! The exported document: its golden, its grammar, and that it never depends on order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::profile::{
    baseline::learned::LearnedBaseline,
    call::{Call, CallSet},
    compose::{Inputs, Options, compose},
    observation::{Observation, Refusal, RefusedWith},
    table,
};

const GOLDEN: &str = include_str!("../../tests/golden/exported-profile.json");

fn document(observation: &Observation, include_refused: bool) -> Document {
    Document::of(&compose(&Inputs {
        observation,
        learned: &LearnedBaseline::default(),
        options: Options { include_refused },
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
    let text = document(&sample(), true).to_text().unwrap();
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
fn it_reads_back_what_it_prints_and_nothing_else() {
    let document = document(&sample(), false);
    assert_eq!(
        Document::parse(&document.to_text().unwrap()).unwrap(),
        document
    );
    assert_eq!(
        serde_json::from_value::<Document>(document.to_value().unwrap()).unwrap(),
        document
    );
    assert!(Document::parse(r#"{"defaultAction":"SCMP_ACT_ERRNO","archMap":[]}"#).is_err());
}

#[test]
fn it_lists_the_abis_seen_and_says_what_a_rule_covers() {
    let both = document(&sample(), false);
    assert_eq!(both.architectures, ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]);
    let of = |name: &str| {
        both.syscalls
            .iter()
            .find(|rule| rule.names.iter().any(|known| known == name))
            .unwrap()
    };
    assert!(of("socketcall").comment.contains("under i386;"));
    assert!(of("brk").comment.contains("under x86_64 and i386;"));
    assert_eq!(of("clone3").errno_ret, Some(38));
    let one = document(&Observation::default(), false);
    assert_eq!(one.architectures, ["SCMP_ARCH_X86_64"]);
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
        prop_assert_eq!(forward.to_text().unwrap(), backward.to_text().unwrap());
    }

    #[test]
    fn names_are_sorted_known_and_in_one_rule(
        observed in calls(), unsupported in calls(), refused in calls(), include in any::<bool>(),
    ) {
        let observation = Observation { observed, unsupported, refused, ..Observation::default() };
        let document = document(&observation, include);
        let mut seen = BTreeSet::new();
        for rule in &document.syscalls {
            prop_assert!(rule.names.is_sorted());
            prop_assert!(!rule.comment.is_empty());
            prop_assert_eq!(rule.errno_ret, (rule.action == Action::Errno).then_some(38));
            for name in &rule.names {
                prop_assert!(!table::find(name).is_empty());
                prop_assert!(seen.insert(name.clone()), "{} is in two rules", name);
            }
        }
        prop_assert!(document.architectures.is_sorted());
    }
}
