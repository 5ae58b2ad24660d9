//! A basis makes the profile that its observation makes, and is the same however often it is made.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Basis;
use crate::profile::{
    abi::Abi,
    arguments::{Arguments, Values},
    baseline::learned::LearnedBaseline,
    call::{Call, CallSet},
    compose::{Inputs, Options, compose},
    observation::{Observation, Refusal, RefusedWith},
};

fn calls() -> impl Strategy<Value = CallSet> {
    let call = (0_usize..3, prop_oneof![0_u32..460, 480_u32..520])
        .prop_map(|(abi, nr)| Call::new(Abi::ALL[abi], nr));
    proptest::collection::btree_set(call, 0..30)
}

prop_compose! {
    fn observations()(
        observed in calls(), answered in calls(), in_flight in calls(), guarded in calls(),
        refused in calls(), runtime_refused in calls(), values in 0_u64..4,
    ) -> Observation {
        let mut arguments = Arguments::default();
        for call in observed.iter().filter(|call| call.nr % 3 == 0) {
            let seen = (values > 0).then(|| BTreeSet::from([vec![values]]));
            arguments.insert(*call, Values { places: vec![0], seen });
        }
        let refusals = refused.iter().chain(&runtime_refused).map(|call| Refusal {
            call: *call,
            with: RefusedWith::Errno(if call.nr % 2 == 0 { 38 } else { 1 }),
            by_runtime: !refused.contains(call),
            count: 3,
            first_ms: 1,
            last_ms: 2,
            exe: None,
            comm: "x".into(),
            pid: 7,
        }).collect();
        Observation {
            answered: &answered & &observed,
            unsupported: &observed - &answered,
            observed, in_flight, guarded, refused, runtime_refused, refusals, arguments,
            first_ms: Some(1),
            ..Observation::default()
        }
    }
}

proptest! {
    #[test]
    fn a_basis_makes_the_same_profile(observation in observations()) {
        let basis = Basis::of(&observation);
        let learned = LearnedBaseline::default();
        for (include_refused, arguments) in [(false, false), (true, true)] {
            let options = Options { include_refused, arguments, ..Options::default() };
            let of = |observation: &Observation| {
                compose(&Inputs { observation, learned: &learned, options })
            };
            prop_assert_eq!(of(&observation), of(&basis.observation()));
        }
        prop_assert_eq!(&Basis::of(&basis.observation()), &basis);
    }

    #[test]
    fn it_comes_back_as_it_was_written_and_equal_ones_are_written_alike(
        observation in observations(),
    ) {
        let basis = Basis::of(&observation);
        let text = serde_json::to_string(&basis).unwrap();
        let back: Basis = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), text);
        prop_assert_eq!(back, basis);
    }

    #[test]
    fn what_is_united_does_not_depend_on_the_order(
        one in observations(), two in observations(), three in observations(),
    ) {
        let [one, two, three] = [one, two, three].map(|all| Basis::of(&all));
        prop_assert_eq!(one.clone().united(two.clone()), two.clone().united(one.clone()));
        prop_assert_eq!(
            one.clone().united(two.clone()).united(three.clone()),
            one.clone().united(two.clone().united(three))
        );
        prop_assert_eq!(one.clone().united(one.clone()), one.clone());
        prop_assert!(one.made.is_subset(&one.clone().united(two).made));
    }
}

#[test]
fn a_set_that_is_no_set_is_refused() {
    let read = |text: &str| {
        serde_json::from_str::<Basis>(&format!(
            r#"{{"made":{text},"probes":{{}},"guarded":{{}},"refused":{{}},"runtime_refused":{{}},"refusals":[],"arguments":[]}}"#
        ))
    };
    assert_eq!(read(r#"{"x86_64":"0-2,9"}"#).unwrap().made.len(), 4);
    for bad in [
        r#"{"x86_64":""}"#,
        r#"{"x86_64":"2-1"}"#,
        r#"{"x86_64":"0-4294967295"}"#,
        r#"{"vax":"1"}"#,
        r#"{"x86_64":"1,,2"}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
