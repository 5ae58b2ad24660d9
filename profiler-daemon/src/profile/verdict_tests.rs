//! The verdict, shortfall by shortfall.

use super::*;
use crate::profile::{abi::Abi, observation::Refusal};

fn whole() -> Observation {
    Observation {
        observed: CallSet::from([Call::new(Abi::X86_64, 0)]),
        answered: CallSet::from([Call::new(Abi::X86_64, 0)]),
        start_seen: true,
        program_started: true,
        stop_seen: true,
        last_new_ms: Some(10_000),
        ..Observation::default()
    }
}

fn stopped() -> Facts {
    Facts {
        lost_calls: 0,
        now_ms: 75_000,
        running: false,
        recorded: true,
        quiet_threshold_ms: 60_000,
    }
}

fn codes(observation: &Observation, facts: Facts) -> Vec<String> {
    let verdict = judge(observation, facts);
    assert_eq!(verdict.complete, verdict.shortfalls.is_empty());
    for shortfall in &verdict.shortfalls {
        assert!(shortfall.text.ends_with('.'), "{}", shortfall.text);
        assert!(!shortfall.text.contains("  "), "{}", shortfall.text);
    }
    verdict
        .shortfalls
        .into_iter()
        .map(|shortfall| shortfall.code)
        .collect()
}

fn refused(name: &str, with: RefusedWith, by_runtime: bool) -> Observation {
    let call = table::call(Abi::X86_64, name).unwrap();
    let mut observation = whole();
    if by_runtime {
        observation.runtime_refused.insert(call);
    } else {
        observation.refused.insert(call);
    }
    observation.refusals.push(Refusal {
        call,
        with,
        by_runtime,
        count: 1,
        first_ms: 1,
        last_ms: 1,
        exe: None,
        comm: "program".to_owned(),
        pid: 1,
    });
    observation
}

#[test]
fn a_whole_run_is_complete() {
    let verdict = judge(&whole(), stopped());
    assert!(verdict.complete);
    assert_eq!(verdict.quiet_s, Some(65));
}

#[test]
fn each_lack_has_its_word() {
    let mut late = whole();
    late.start_seen = false;
    assert_eq!(codes(&late, stopped()), ["start_not_seen"]);
    let mut idle = whole();
    idle.program_started = false;
    assert_eq!(codes(&idle, stopped()), ["no_program"]);
    let mut strange = whole();
    strange.out_of_range = 2;
    assert_eq!(codes(&strange, stopped()), ["unknown_numbers"]);
    let mut newer = whole();
    newer.observed.insert(Call::new(Abi::X86_64, 480));
    assert_eq!(codes(&newer, stopped()), ["unknown_numbers"]);
    newer.unsupported.insert(Call::new(Abi::X86_64, 480));
    assert!(codes(&newer, stopped()).is_empty());
    let mut cut = whole();
    cut.stop_seen = false;
    assert_eq!(codes(&cut, stopped()), ["stop_not_seen"]);
    let lossy = Facts {
        lost_calls: 1,
        ..stopped()
    };
    assert_eq!(codes(&whole(), lossy), ["calls_lost"]);
    let absent = Facts {
        recorded: false,
        ..stopped()
    };
    assert_eq!(codes(&whole(), absent), ["not_recorded"]);
}

#[test]
fn a_running_container_has_not_shown_its_stop() {
    let running = Facts {
        running: true,
        ..stopped()
    };
    assert_eq!(codes(&whole(), running), ["stop_not_seen"]);
    let busy = Facts {
        now_ms: 20_000,
        ..running
    };
    assert_eq!(
        codes(&whole(), busy),
        ["still_discovering", "stop_not_seen"]
    );
}

#[test]
fn refusals_count_unless_they_only_say_enosys_or_are_the_runtimes() {
    let lacks = |observation: &Observation| codes(observation, stopped());
    let enosys = RefusedWith::Errno(ENOSYS);
    assert!(lacks(&refused("clone3", enosys, false)).is_empty());
    assert!(lacks(&refused("unshare", RefusedWith::Errno(1), true)).is_empty());
    assert_eq!(
        lacks(&refused("unshare", RefusedWith::Errno(1), false)),
        ["calls_refused"]
    );
    assert_eq!(
        lacks(&refused("unshare", RefusedWith::Sigsys, false)),
        ["calls_refused"]
    );
    let mut untold = refused("clone3", enosys, false);
    untold.refused.insert(Call::new(Abi::X86_64, 272));
    let verdict = judge(&untold, stopped());
    assert!(verdict.shortfalls[0].text.contains("refused unshare;"));
}

#[test]
fn a_union_lacks_what_any_part_lacks() {
    let good = judge(&whole(), stopped());
    let bad = judge(
        &whole(),
        Facts {
            running: true,
            ..stopped()
        },
    );
    assert!(judge_together([("a", good.clone()), ("b", good.clone())]).complete);
    let together = judge_together([("web-2", bad.clone()), ("web-1", bad), ("web-3", good)]);
    assert!(!together.complete);
    assert_eq!(together.shortfalls.len(), 1);
    assert!(
        together.shortfalls[0]
            .text
            .starts_with("web-1 and web-2: It")
    );
    assert_eq!(judge_together([]).shortfalls[0].code, "not_recorded");
}

#[test]
fn long_lists_are_cut() {
    let names = |count: usize| listed((0..count).map(|n| format!("c{n}")));
    assert_eq!(names(1), "c0");
    assert_eq!(names(3), "c0, c1 and c2");
    assert_eq!(names(8), "c0, c1, c2, c3, c4 and 3 more");
}
