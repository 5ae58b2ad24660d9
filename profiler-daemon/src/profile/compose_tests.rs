//! The rules of composing, case by case and over random observations.

use proptest::prelude::*;

use super::*;
use crate::profile::{
    baseline::forbidden::is_forbidden,
    baseline::learned::LearnedBaseline,
    observation::{Refusal, Sighting, Tally},
    origin::Origins,
};

const X64: Abi = Abi::X86_64;

fn call(abi: Abi, name: &str) -> Call {
    table::call(abi, name).unwrap()
}

fn set(abi: Abi, names: &[&str]) -> CallSet {
    names.iter().map(|name| call(abi, name)).collect()
}

fn refusal(call: Call, with: RefusedWith, by_runtime: bool) -> Refusal {
    Refusal {
        call,
        with,
        by_runtime,
        count: 1,
        first_ms: 1,
        last_ms: 1,
        exe: None,
        comm: "program".to_owned(),
        pid: 7,
    }
}

fn made(observation: &Observation) -> Composed {
    made_with(observation, &LearnedBaseline::default(), false)
}

fn made_with(
    observation: &Observation,
    learned: &LearnedBaseline,
    include_refused: bool,
) -> Composed {
    compose(&Inputs {
        observation,
        learned,
        options: Options {
            include_refused,
            ..Options::default()
        },
    })
}

fn observing(names: &[&str]) -> Observation {
    Observation {
        observed: set(X64, names),
        answered: set(X64, names),
        ..Observation::default()
    }
}

#[test]
fn what_comes_from_elsewhere_is_left_out_and_what_comes_from_nowhere_is_kept() {
    let mut observation = observing(&["read", "listen", "getrusage", "times", "sysfs"]);
    observation.origins = Origins {
        start: set(X64, &["read", "listen"]),
        run: set(X64, &["read"]),
        exec: set(X64, &["getrusage", "read"]),
        health: set(X64, &["times"]),
        ..Origins::default()
    };
    let select = |callers: &str, phases: &str| {
        compose(&Inputs {
            observation: &observation,
            learned: &LearnedBaseline::default(),
            options: Options {
                selection: Selection {
                    callers: callers.parse().unwrap(),
                    phases: phases.parse().unwrap(),
                },
                ..Options::default()
            },
        })
    };
    let own = select("own", "start,run,shutdown");
    assert_eq!(own.elsewhere, set(X64, &["getrusage", "times"]));
    assert_eq!(own.unknown_origin, set(X64, &["sysfs"]));
    assert_eq!(own.verdict(call(X64, "getrusage")), Verdict::Refuse);
    for kept in ["read", "listen", "sysfs"] {
        assert_eq!(own.verdict(call(X64, kept)), Verdict::Allow, "{kept}");
    }
    let run = select("own,health", "run");
    assert_eq!(run.elsewhere, set(X64, &["getrusage", "listen"]));
    assert_eq!(run.verdict(call(X64, "times")), Verdict::Allow);
    assert!(made(&observation).elsewhere.is_empty());
}

#[test]
fn what_was_observed_is_allowed_and_what_was_not_is_refused() {
    let composed = made(&observing(&["read", "socket"]));
    assert_eq!(composed.verdict(call(X64, "socket")), Verdict::Allow);
    assert_eq!(composed.reasons(call(X64, "socket")), [Reason::Observed]);
    assert_eq!(composed.verdict(call(X64, "connect")), Verdict::Refuse);
    assert_eq!(composed.verdict(call(Abi::I386, "read")), Verdict::Refuse);
    assert_eq!(composed.abis, BTreeSet::from([X64]));
    assert_eq!(composed.counts.observed, 2);
    assert_eq!(composed.counts.widened, 0);
    assert_eq!(
        composed.reasons(call(X64, "read")),
        [Reason::Observed, Reason::RuntimeTable]
    );
}

#[test]
fn an_empty_observation_gives_the_baseline_and_nothing_dangerous() {
    let composed = made(&Observation::default());
    for (name, verdict) in composed.names() {
        assert!(verdict != Verdict::Allow || !is_forbidden(name), "{name}");
    }
    for name in [
        "mount",
        "pivot_root",
        "unshare",
        "setns",
        "keyctl",
        "bpf",
        "ptrace",
    ] {
        assert_eq!(composed.verdict(call(X64, name)), Verdict::Refuse, "{name}");
    }
    assert_eq!(composed.counts.observed, 0);
    assert_eq!(composed.counts.baseline, composed.counts.allowed);
    assert_eq!(composed.verdict(call(X64, "exit_group")), Verdict::Allow);
    assert_eq!(composed.verdict(call(X64, "statx")), Verdict::Allow);
}

#[test]
fn calls_that_runtimes_do_without_are_answered_enosys() {
    let composed = made(&Observation::default());
    for name in [
        "openat2",
        "fsopen",
        "fsconfig",
        "fsmount",
        "open_tree",
        "close_range",
        "clone3",
        "rseq",
    ] {
        assert_eq!(
            composed.verdict(call(X64, name)),
            Verdict::Errno(ENOSYS),
            "{name}"
        );
    }
}

#[test]
fn a_probe_is_answered_as_before_and_an_answered_probe_is_allowed() {
    let mut observation = observing(&["read", "rseq"]);
    observation
        .observed
        .extend(set(X64, &["memfd_secret", "futex_waitv"]));
    observation.unsupported = set(X64, &["rseq", "memfd_secret", "futex_waitv"]);
    observation.in_flight = set(X64, &["futex_waitv"]);
    let composed = made(&observation);
    assert_eq!(composed.verdict(call(X64, "rseq")), Verdict::Allow);
    assert_eq!(
        composed.verdict(call(X64, "memfd_secret")),
        Verdict::Errno(ENOSYS)
    );
    assert!(
        composed
            .reasons(call(X64, "memfd_secret"))
            .contains(&Reason::Probe)
    );
    assert_eq!(composed.verdict(call(X64, "futex_waitv")), Verdict::Allow);
}

#[test]
fn refused_calls_keep_enosys_and_are_else_left_out_unless_asked_for() {
    let mut observation = observing(&["read", "clone"]);
    observation.refused = set(X64, &["clone3", "unshare", "keyctl", "clone"]);
    observation.refusals = vec![
        refusal(call(X64, "clone3"), RefusedWith::Errno(ENOSYS), false),
        refusal(call(X64, "unshare"), RefusedWith::Errno(1), false),
        refusal(call(X64, "clone"), RefusedWith::Errno(1), false),
        // keyctl: the news of it was lost.
    ];
    let composed = made(&observation);
    assert_eq!(
        composed.verdict(call(X64, "clone3")),
        Verdict::Errno(ENOSYS)
    );
    assert!(
        composed
            .reasons(call(X64, "clone3"))
            .contains(&Reason::KeptEnosys)
    );
    assert_eq!(composed.verdict(call(X64, "unshare")), Verdict::Refuse);
    assert_eq!(composed.verdict(call(X64, "clone")), Verdict::Allow);
    assert_eq!(composed.partly_refused, set(X64, &["clone"]));
    assert_eq!(composed.left_out, set(X64, &["unshare", "keyctl"]));
    assert_eq!(composed.counts.refused_left_out, 2);

    let composed = made_with(&observation, &LearnedBaseline::default(), true);
    assert_eq!(
        composed.reasons(call(X64, "unshare")),
        [Reason::IncludedRefused]
    );
    assert_eq!(composed.verdict(call(X64, "keyctl")), Verdict::Allow);
    assert_eq!(
        composed.verdict(call(X64, "clone3")),
        Verdict::Errno(ENOSYS)
    );
    assert_eq!(composed.counts.refused_left_out, 0);
}

#[test]
fn an_abi_is_listed_if_seen_and_names_allow_in_all_of_them() {
    let mut observation = observing(&["write"]);
    observation.observed.insert(call(Abi::I386, "statx"));
    observation.observed.insert(call(Abi::I386, "socketcall"));
    observation.observed.insert(call(X64, "fchmodat2"));
    observation.unsupported.insert(call(X64, "fchmodat2"));
    observation.observed.insert(call(Abi::I386, "fchmodat2"));
    let composed = made(&observation);
    assert_eq!(composed.abis, BTreeSet::from([X64, Abi::I386]));
    for abi in [X64, Abi::I386] {
        assert_eq!(composed.verdict(call(abi, "fchmodat2")), Verdict::Allow);
        assert_eq!(composed.verdict(call(abi, "exit")), Verdict::Allow);
    }
    // Never seen in i386, allowed there all the same.
    assert_eq!(composed.verdict(call(Abi::I386, "write")), Verdict::Allow);
    assert!(composed.reasons(call(Abi::I386, "write")).is_empty());
    assert!(composed.counts.widened > 0);
    assert_eq!(
        composed.reasons(call(Abi::I386, "sigreturn")),
        [Reason::Kernel]
    );
    assert_eq!(
        composed.verdict(call(Abi::I386, "clock_gettime64")),
        Verdict::Errno(ENOSYS)
    );
}

#[test]
fn the_baseline_learns_from_this_host_and_from_this_start() {
    let mut learned = LearnedBaseline::default();
    let identity = crate::profile::identity::Identity::unnamed(
        "cd".repeat(32),
        crate::profile::identity::Engine::Docker,
    );
    let mut start = Observation {
        start_seen: true,
        guarded: set(X64, &["personality", "mount"]),
        ..Observation::default()
    };
    learned.learn(&identity, &start);
    start.guarded = set(X64, &["dup3", "setns"]);
    let composed = made_with(&start, &learned, false);
    for name in ["personality", "dup3"] {
        assert_eq!(
            composed.reasons(call(X64, name)),
            [Reason::RuntimeSeen],
            "{name}"
        );
    }
    for name in ["mount", "setns"] {
        assert_eq!(composed.verdict(call(X64, name)), Verdict::Refuse);
    }
}

#[test]
fn what_the_program_did_is_allowed_though_no_baseline_may() {
    let composed = made(&observing(&["mount", "unshare"]));
    assert_eq!(composed.verdict(call(X64, "mount")), Verdict::Allow);
}

#[test]
fn a_number_without_a_name_is_reported_and_not_written() {
    let mut observation = observing(&["read"]);
    observation.observed.insert(Call::new(X64, 999));
    let composed = made(&observation);
    assert_eq!(composed.unnamed, CallSet::from([Call::new(X64, 999)]));
    assert_eq!(composed.verdict(Call::new(X64, 999)), Verdict::Refuse);
}

fn any_call() -> impl Strategy<Value = Call> {
    (0u32..3, 0u32..560).prop_map(|(abi, nr)| Call::new(Abi::from_index(abi).unwrap(), nr))
}

fn calls() -> impl Strategy<Value = CallSet> {
    proptest::collection::btree_set(any_call(), 0..12)
}

fn any_refusal() -> impl Strategy<Value = Refusal> {
    (
        any_call(),
        prop_oneof![
            Just(RefusedWith::Errno(1)),
            Just(RefusedWith::Errno(38)),
            Just(RefusedWith::Sigsys)
        ],
        any::<bool>(),
        1u64..4,
        0u64..4,
        1u32..4,
    )
        .prop_map(|(call, with, by_runtime, count, first_ms, pid)| Refusal {
            count,
            first_ms,
            last_ms: first_ms + count,
            pid,
            ..refusal(call, with, by_runtime)
        })
}

prop_compose! {
    fn any_observation()(
        observed in calls(),
        answered in calls(),
        unsupported in calls(),
        guarded in calls(),
        refused in calls(),
        in_flight in calls(),
        refusals in proptest::collection::vec(any_refusal(), 0..6),
        sighted in proptest::collection::vec((any_call(), 0u64..3, 1u32..3), 0..6),
        flags in any::<[bool; 3]>(),
        last_new_ms in proptest::option::of(0u64..9),
    ) -> Observation {
        let sightings = sighted
            .iter()
            .map(|(call, at_ms, pid)| {
                let sighting = Sighting {
                    at_ms: *at_ms,
                    exe: None,
                    comm: "program".to_owned(),
                    pid: *pid,
                    session: 1,
                };
                (*call, sighting)
            })
            .collect();
        let tallies = sighted
            .iter()
            .map(|(call, calls, _)| (*call, Tally { calls: *calls, errors: 0 }))
            .collect();
        // As the recorder gives it: one refusal for each call and errno.
        let refusals = Observation::united([Observation { refusals, ..Observation::default() },
            Observation::default()]).refusals;
        Observation {
            observed, answered, unsupported, guarded, refused, in_flight, refusals, sightings,
            tallies, last_new_ms,
            start_seen: flags[0], program_started: flags[1], stop_seen: flags[2],
            sessions: 1, first_ms: last_new_ms,
            ..Observation::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_order_of_absorbing_does_not_matter(
        one in any_observation(), two in any_observation(), three in any_observation(),
    ) {
        let forward = Observation::united([one.clone(), two.clone(), three.clone()]);
        let backward = Observation::united([three, two, one]);
        prop_assert_eq!(&forward, &backward);
        prop_assert_eq!(made(&forward), made(&backward));
    }

    #[test]
    fn every_rule_of_composing_holds(observation in any_observation(), include in any::<bool>()) {
        let composed = made_with(&observation, &LearnedBaseline::default(), include);
        let probes = observation.probes();
        for call in observation.observed.iter().chain(&observation.in_flight) {
            let named = table::name(*call).is_some();
            let probe = probes.contains(call) && !observation.in_flight.contains(call);
            match composed.verdict(*call) {
                Verdict::Allow => prop_assert!(named),
                Verdict::Errno(errno) => prop_assert!(probe && errno == ENOSYS),
                Verdict::Refuse => prop_assert!(!named),
            }
            prop_assert!(composed.abis.contains(&call.abi));
        }
        for (call, entry) in &composed.entries {
            prop_assert_eq!(entry.verdict, composed.verdict(*call));
            prop_assert!(!entry.reasons.is_empty());
        }
        for call in &composed.left_out {
            prop_assert!(composed.verdict(*call) != Verdict::Allow);
        }
        prop_assert_eq!(
            composed.names().filter(|(_, verdict)| *verdict == Verdict::Allow).count() as u64,
            composed.counts.allowed
        );
    }

    #[test]
    fn more_observed_never_allows_less(one in any_observation(), two in any_observation()) {
        // A call that never returned may turn out to be a probe; any other answered.
        let answered = &one.observed - &one.unsupported;
        let one = Observation { answered, ..one };
        let alone = made(&one);
        // A refusal never takes away, an observation never either.
        let both = made(&Observation::united([one, two]));
        for (name, verdict) in alone.names() {
            if verdict == Verdict::Allow {
                prop_assert!(both.names().any(|other| other == (name, Verdict::Allow)));
            }
        }
    }
}
