//! Merging knows no order and no repetition, and counts containers right.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::profile::{abi::Abi, arguments::Arguments, observation::RefusedWith};

fn call(nr: u32) -> Call {
    Call::new(Abi::X86_64, nr)
}

fn calls(numbers: &[u32]) -> CallSet {
    numbers.iter().map(|nr| call(*nr)).collect()
}

fn sighting(at_ms: u64) -> Sighting {
    Sighting {
        at_ms,
        exe: None,
        comm: "web".to_owned(),
        pid: 1,
        session: 1,
    }
}

fn values(seen: impl IntoIterator<Item = u64>) -> Values {
    Values {
        places: vec![0],
        seen: Some(seen.into_iter().map(|value| vec![value]).collect()),
    }
}

/// Made these calls, each at its number.
fn record(numbers: &[u32]) -> Observation {
    Observation {
        observed: calls(numbers),
        answered: calls(numbers),
        sightings: numbers
            .iter()
            .map(|nr| (call(*nr), sighting(u64::from(*nr))))
            .collect(),
        ..Observation::default()
    }
}

fn refusal(nr: u32, count: u64, at_ms: u64) -> Refusal {
    Refusal {
        call: call(nr),
        with: RefusedWith::Errno(1),
        by_runtime: false,
        count,
        first_ms: at_ms,
        last_ms: at_ms + 5,
        exe: None,
        comm: "web".to_owned(),
        pid: 1,
    }
}

fn merged(records: impl IntoIterator<Item = (&'static str, Observation)>) -> Merged {
    let mut merged = Merged::default();
    for (id, record) in records {
        merged.add(id.to_owned(), record);
    }
    merged
}

#[test]
fn a_call_is_told_by_how_many_made_it_and_when() {
    let mut late = record(&[1, 3]);
    late.sightings.insert(call(1), sighting(70));
    let all = merged([("a", record(&[1, 2])), ("b", late), ("c", record(&[1]))]);
    let by = |nr| {
        let one = all.coverage_of(call(nr));
        (one.made_by, one.of, one.first_ms, one.last_ms, one.made_in)
    };
    assert_eq!(by(1), (3, 3, Some(1), Some(70), vec![]));
    assert_eq!(by(2), (1, 3, Some(2), Some(2), vec!["a".to_owned()]));
    assert_eq!(by(9), (0, 3, None, None, vec![]));
    assert_eq!(
        all.coverage(),
        Coverage {
            containers: 3,
            calls: 3,
            by_all: 1,
            by_one: 2,
            conflicts: 0
        }
    );
    assert_eq!(all.union().observed, calls(&[1, 2, 3]));
}

#[test]
fn the_abi_is_part_of_the_call() {
    let mut other = Observation::default();
    other.observed.insert(Call::new(Abi::I386, 1));
    let all = merged([("a", record(&[1])), ("b", other)]);
    assert_eq!(all.coverage_of(call(1)).made_by, 1);
    assert_eq!(all.coverage_of(Call::new(Abi::I386, 1)).made_by, 1);
    assert_eq!(all.coverage().by_all, 0);
}

#[test]
fn a_container_counts_once_however_often_its_record_comes() {
    let early = Observation {
        refusals: vec![refusal(9, 2, 10)],
        sessions: 1,
        out_of_range: 3,
        tallies: BTreeMap::from([(
            call(1),
            Tally {
                calls: 4,
                errors: 1,
            },
        )]),
        ..record(&[1])
    };
    let late = Observation {
        refusals: vec![refusal(9, 7, 10)],
        sessions: 2,
        out_of_range: 3,
        tallies: BTreeMap::from([(
            call(1),
            Tally {
                calls: 9,
                errors: 1,
            },
        )]),
        stop_seen: true,
        ..record(&[1, 2])
    };
    let once = merged([("a", late.clone())]);
    assert_eq!(merged([("a", early.clone()), ("a", late.clone())]), once);
    assert_eq!(merged([("a", late.clone()), ("a", early)]), once);
    assert_eq!(once.count(), 1);
    let whole = once.union();
    assert_eq!((whole.sessions, whole.out_of_range), (2, 3));
    assert_eq!(whole.refusals, [refusal(9, 7, 10)]);
    assert_eq!(whole.tallies[&call(1)].calls, 9);
    // Two containers add up.
    assert_eq!(
        merged([("a", late.clone()), ("b", late)]).union().sessions,
        4
    );
}

#[test]
fn what_containers_do_not_agree_in_is_told() {
    let of = |one: Observation, other: Observation, nr| {
        merged([("a", one), ("b", other)])
            .coverage_of(call(nr))
            .conflicts
    };
    let refused = Observation {
        refused: calls(&[1]),
        ..Observation::default()
    };
    assert_eq!(
        of(record(&[1]), refused.clone(), 1),
        [Conflict::RefusedElsewhere]
    );
    let both = Observation {
        refused: calls(&[1]),
        ..record(&[1])
    };
    // A filter that looks at arguments refuses some and lets through others; that is one container's.
    assert_eq!(of(both, record(&[2]), 1), []);
    let probed = Observation {
        observed: calls(&[1]),
        unsupported: calls(&[1]),
        ..Observation::default()
    };
    assert_eq!(
        of(record(&[1]), probed.clone(), 1),
        [Conflict::ProbedElsewhere]
    );
    let probes = merged([("a", record(&[1])), ("b", probed)]).coverage_of(call(1));
    assert_eq!((probes.made_by, probes.probed_by), (1, 1));

    let with = |seen: Values| {
        let mut record = record(&[1]);
        record.arguments.insert(call(1), seen);
        record
    };
    assert_eq!(
        of(with(values([1])), record(&[1]), 1),
        [Conflict::ArgumentsUnknown]
    );
    // One that did not make it knows all of its values.
    assert_eq!(of(with(values([1])), record(&[2]), 1), []);
    assert_eq!(
        of(with(values(0..20)), with(values(20..40)), 1),
        [Conflict::ArgumentsBeyondBound]
    );
    assert_eq!(of(with(values(0..20)), with(values(5..25)), 1), []);
}

fn any_set() -> impl Strategy<Value = CallSet> {
    vec(0..6_u32, 0..5).prop_map(|numbers| calls(&numbers))
}

fn any_refusals() -> impl Strategy<Value = Vec<Refusal>> {
    vec(
        (0..4_u32, 1..4_u64, 0..4_u64).prop_map(|(nr, count, at_ms)| refusal(nr, count, at_ms)),
        0..4,
    )
}

fn any_record() -> impl Strategy<Value = Observation> {
    let times = (option::of(0..9_u64), option::of(0..9_u64), 0..3_u32);
    let sets = (any_set(), any_set(), any_set(), any_set(), any_set());
    let known = vec(option::of(vec(0..40_u64, 1..30)), 6);
    let more = (any_refusals(), vec(0..9_u64, 6), any::<[bool; 3]>());
    let filters = vec("[ab]", 0..3);
    (sets, times, known, more, filters).prop_map(
        |(sets, (first_ms, last_new_ms, sessions), known, (refusals, at, flags), filters)| {
            let (observed, answered, unsupported, refused, in_flight) = sets;
            let mut arguments = Arguments::default();
            for (nr, seen) in (0..).zip(known) {
                if let Some(seen) = seen.filter(|_| observed.contains(&call(nr))) {
                    let whole = values(seen);
                    arguments.insert(call(nr), whole);
                }
            }
            Observation {
                sightings: observed
                    .iter()
                    .map(|call| (*call, sighting(at[call.nr as usize])))
                    .collect(),
                tallies: answered
                    .iter()
                    .map(|call| {
                        (
                            *call,
                            Tally {
                                calls: at[call.nr as usize],
                                errors: 0,
                            },
                        )
                    })
                    .collect(),
                answered: &answered & &observed,
                unsupported: &unsupported & &observed,
                runtime_filters: filters.iter().cloned().collect::<BTreeSet<_>>(),
                observed,
                refused,
                in_flight,
                refusals,
                filters,
                arguments,
                start_seen: flags[0],
                program_started: flags[1],
                stop_seen: flags[2],
                sessions,
                first_ms,
                last_new_ms,
                ..Observation::default()
            }
        },
    )
}

fn any_merged() -> impl Strategy<Value = Merged> {
    vec(("[a-d]", any_record()), 0..5).prop_map(|records| {
        let mut merged = Merged::default();
        for (id, record) in records {
            merged.add(id, record);
        }
        merged
    })
}

fn both(one: &Merged, other: &Merged) -> Merged {
    let mut both = one.clone();
    both.merge(other.clone());
    both
}

proptest! {
    #[test]
    fn merging_is_commutative(a in any_merged(), b in any_merged()) {
        prop_assert_eq!(both(&a, &b), both(&b, &a));
    }

    #[test]
    fn merging_is_associative(a in any_merged(), b in any_merged(), c in any_merged()) {
        prop_assert_eq!(both(&both(&a, &b), &c), both(&a, &both(&b, &c)));
    }

    #[test]
    fn merging_is_idempotent(a in any_merged()) {
        prop_assert_eq!(both(&a, &a), a.clone());
        prop_assert_eq!(both(&a, &Merged::default()), a);
    }

    #[test]
    fn the_union_holds_what_each_holds_and_no_more(a in any_merged()) {
        let union = a.union();
        for call in a.calls() {
            let one = a.coverage_of(call);
            let made = union.observed.contains(&call) || union.in_flight.contains(&call);
            prop_assert_eq!(made, one.made_by + one.probed_by > 0);
            prop_assert!(one.made_by + one.probed_by <= one.of && one.refused_by <= one.of);
        }
    }
}
