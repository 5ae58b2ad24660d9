//! Moves with an engine whose client dies at every request, before it, after it, and during it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{
        facts::Facts,
        fake_engine::{Death, FakeEngine, Fate, Made},
        interrupt::Interrupt,
        names::Names,
        plan::{Plan, Step, Wishes},
        port::Port,
        undoing::{Undone, undo},
    },
    Order, Outcome, Told, perform,
};
use crate::docker::blueprint::Blueprint;

const PROFILE: &str = r#"{"defaultAction":"SCMP_ACT_ERRNO"}"#;

/// Of the two kinds of containers: those that hold something exclusive, and those that do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exclusive,
    Together,
}

const KINDS: [Kind; 2] = [Kind::Exclusive, Kind::Together];

fn body(kind: Kind) -> Value {
    let ports = match kind {
        Kind::Exclusive => json!({"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}),
        Kind::Together => json!({}),
    };
    json!({
        "Image": "img", "Env": ["A=b"], "Labels": {"x": "y"},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000_u64},
        "HostConfig": {"PortBindings": ports, "NetworkMode": "net", "SecurityOpt": null},
    })
}

/// A runtime for futures that wait for nothing but the fake engine.
fn done<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Moves `web`; what came of it, and the steps that were begun.
fn moved(
    engine: &FakeEngine,
    wishes: Wishes,
    stop_before: Option<usize>,
) -> (Outcome, Vec<Step>, Plan) {
    let container = done(engine.inspect("web")).unwrap().unwrap();
    let facts = Facts::read(&container, &[]);
    assert_eq!(facts.refusals, Vec::<String>::new());
    let plan = Plan::of(&facts, wishes);
    let blueprint = Blueprint::of(&container, "img", PROFILE);
    let order = Order {
        plan: &plan,
        facts: &facts,
        container: &container,
        blueprint: &blueprint,
        profile: PROFILE,
        watch: Duration::from_secs(3),
    };
    let interrupt = Interrupt::default();
    let mut begun = Vec::new();
    if stop_before == Some(0) {
        interrupt.raise(2);
    }
    let mut tell = |told: Told| {
        if let Told::Step(place) = told {
            begun.push(plan.steps[place]);
            if stop_before == Some(place + 1) {
                interrupt.raise(2);
            }
        }
    };
    let outcome = done(perform(engine, &order, &interrupt, &mut tell));
    (outcome, begun, plan)
}

const PLAIN: Wishes = Wishes {
    trial: true,
    keep: false,
};

fn recovered(engine: &FakeEngine) -> Undone {
    done(undo(engine, &Names::of("web"), true, &mut |_| {})).expect("it can be put in order")
}

/// One container runs and bears the name; others are gone, but for one that is kept.
fn in_order(engine: &FakeEngine, told: &str) -> Made {
    let all = engine.containers();
    let kept = |one: &&Made| one.name.contains("kept");
    let mut rest = all.iter().filter(|one| !kept(one));
    let bearer = rest
        .next()
        .unwrap_or_else(|| panic!("{told}: all are gone"));
    assert_eq!(rest.next().map(|one| &one.name), None, "{told}: {all:#?}");
    assert_eq!(bearer.name, "web", "{told}");
    assert!(bearer.running, "{told}: it does not run");
    assert!(all.iter().filter(kept).all(|one| !one.running), "{told}");
    bearer.clone()
}

#[test]
fn a_good_profile_is_moved_to() {
    for kind in KINDS {
        for keep in [false, true] {
            let engine = FakeEngine::with("web", body(kind), Fate::Well);
            let (outcome, begun, plan) = moved(&engine, Wishes { keep, ..PLAIN }, None);
            let told = format!("{kind:?} {keep}: {outcome:?}");
            let Outcome::Moved { id, kept } = outcome else {
                panic!("{told}");
            };
            assert_eq!(begun, plan.steps, "{told}");
            let bearer = in_order(&engine, &told);
            assert!(bearer.has_profile() && bearer.id == id, "{told}");
            assert_eq!(kept.is_some(), keep);
            assert_eq!(engine.containers().len(), 1 + usize::from(keep), "{told}");
            // Where both can run, one always does.
            assert_eq!(engine.gaps() == 0, kind == Kind::Together, "{told}");
        }
    }
}

#[test]
fn a_bad_profile_leaves_the_old_container_at_work() {
    for kind in KINDS {
        for (fate, reason) in [
            (
                Fate::NoStart,
                "it does not start: OCI runtime create failed",
            ),
            (Fate::Ends, "it ended with 159"),
            (Fate::Unhealthy, "its health check fails"),
            (Fate::Undecided, "its health check has not succeeded within"),
            (Fate::Differs, "the engine makes something else of it"),
            (Fate::Refused, "the profile refuses it calls"),
        ] {
            for trial in [true, false] {
                let engine = FakeEngine::with("web", body(kind), fate);
                let (outcome, begun, _) = moved(&engine, Wishes { trial, keep: false }, None);
                let told = format!("{kind:?} {fate:?} {trial}: {outcome:?}");
                let Outcome::NotMoved {
                    fault,
                    touched,
                    trouble,
                    ..
                } = outcome
                else {
                    panic!("{told}");
                };
                assert!(fault.reason.starts_with(reason), "{told}");
                assert_eq!(trouble, None, "{told}");
                let bearer = in_order(&engine, &told);
                assert!(bearer.id == "c1" && !bearer.has_profile(), "{told}");
                // What is found before the old one is stopped does not stop it.
                let early = fate == Fate::Differs || kind == Kind::Together;
                assert_eq!(engine.gaps() == 0, early, "{told}");
                let trial_found_it = trial && kind == Kind::Together;
                assert_eq!(touched, fate != Fate::Differs && !trial_found_it, "{told}");
                if trial && kind == Kind::Together && fate != Fate::Differs {
                    assert!(
                        !begun.contains(&Step::Make),
                        "{told}: the trial found nothing"
                    );
                }
            }
        }
    }
}

#[test]
fn evidence_names_what_is_known() {
    let engine = FakeEngine::with("web", body(Kind::Exclusive), Fate::Refused);
    let (outcome, _, _) = moved(&engine, PLAIN, None);
    let Outcome::NotMoved { fault, .. } = outcome else {
        panic!("{outcome:?}");
    };
    // keyctl is refused to the old one, too.
    assert_eq!(
        fault.evidence,
        [
            "refused: chmod (errno 1, once, by /bin/x)",
            "health check: ended with 1: no answer",
            "it wrote: last words"
        ]
    );
}

#[test]
fn a_signal_before_any_step_leaves_the_old_container_at_work() {
    for kind in KINDS {
        for keep in [false, true] {
            for place in 0.. {
                let engine = FakeEngine::with("web", body(kind), Fate::Well);
                let (outcome, begun, plan) = moved(&engine, Wishes { keep, ..PLAIN }, Some(place));
                let told = format!("{kind:?} {place} {begun:?}: {outcome:?}");
                let bearer = in_order(&engine, &told);
                let committed = matches!(outcome, Outcome::Moved { .. });
                assert_eq!(bearer.has_profile(), committed, "{told}");
                if place > plan.steps.len() {
                    break;
                }
                // Only what comes when the move has succeeded already changes nothing.
                assert_eq!(
                    committed,
                    place + 1 > plan.steps.len() - usize::from(!keep),
                    "{told}"
                );
            }
        }
    }
}

/// Every request that changes something, with every way to die at it, and whether the profile is good.
fn deaths(mut each: impl FnMut(&FakeEngine, &str)) -> usize {
    let mut count = 0;
    for kind in KINDS {
        for fate in [Fate::Well, Fate::Unhealthy] {
            for keep in [false, true] {
                for death in [Death::Before, Death::After, Death::Later] {
                    for request in 0.. {
                        let engine = FakeEngine::with("web", body(kind), fate);
                        engine.dies_at(request, death);
                        let (outcome, begun, _) = moved(&engine, Wishes { keep, ..PLAIN }, None);
                        if !engine.revive() {
                            break;
                        }
                        let told = format!(
                            "{kind:?} {fate:?} keep {keep}: death {death:?} request {request} of \
                             {begun:?}: {outcome:?}"
                        );
                        each(&engine, &told);
                        count += 1;
                    }
                }
            }
        }
    }
    count
}

#[test]
fn killed_at_any_request_a_container_runs_again_and_nothing_is_left() {
    let count = deaths(|engine, told| {
        let undone = recovered(engine);
        assert_eq!(undone.stuck, None, "{told}");
        // What was under way comes to its end, and changes nothing any more.
        done(engine.pause(Duration::from_secs(60)));
        in_order(engine, told);
        assert_eq!(recovered(engine).deeds, Vec::<String>::new(), "{told}");
    });
    assert!(count > 150, "{count}");
}

#[test]
fn killed_again_while_it_is_put_in_order() {
    let mut count = 0;
    for second in [Death::Before, Death::After, Death::Later] {
        for request in 0..6 {
            let mut number = 0;
            deaths(|engine, told| {
                // All pairs would take half a minute; those left out differ from their neighbours
                // in what was kept.
                number += 1;
                if number % 4 != request % 4 {
                    return;
                }
                engine.dies_at(request, second);
                // It dies in the middle, or was done before it came to that.
                drop(done(undo(engine, &Names::of("web"), true, &mut |_| {})));
                count += usize::from(engine.revive());
                let told = format!("{told}, and again {second:?} request {request}");
                assert_eq!(recovered(engine).stuck, None, "{told}");
                done(engine.pause(Duration::from_secs(60)));
                in_order(engine, &told);
            });
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn what_somebody_else_made_is_left_alone() {
    let engine = FakeEngine::with("web.profilectl-old", body(Kind::Exclusive), Fate::Well);
    let mut other = body(Kind::Together);
    other["Env"] = json!(["A=other"]);
    engine.intrude("web", other);
    let undone = recovered(&engine);
    assert!(
        undone
            .stuck
            .is_some_and(|told| told.contains("docker rm web.profilectl-old"))
    );
    assert_eq!(undone.deeds, Vec::<String>::new());
    assert_eq!(engine.containers().len(), 2);
}

#[test]
fn a_container_that_somebody_removed_does_not_come_back() {
    let engine = FakeEngine::with("web", body(Kind::Exclusive), Fate::Well);
    engine.intrude("web.profilectl-new", body(Kind::Exclusive));
    engine.lose("web");
    let undone = recovered(&engine);
    assert!(
        undone
            .stuck
            .is_some_and(|told| told.contains("somebody has removed it"))
    );
    assert_eq!(engine.containers().len(), 1);
}
