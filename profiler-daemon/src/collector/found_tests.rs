//! What is kept is found only while the daemon works, and meets what it has recorded since.

use crate::{
    collector::{
        Collector,
        on_paper::{Ground, MINUTE, Reached, TODAY, call, id, told},
    },
    profile::{call::CallSet, workload::Entrypoint},
};

fn of(numbers: &[u32]) -> CallSet {
    numbers.iter().map(|nr| call(*nr)).collect()
}

fn made(collector: &mut Collector, id: &str) -> CallSet {
    collector.observed(id).unwrap_or_default().observed
}

/// A container that an earlier daemon kept, and that has ended; five calls were lost meanwhile.
fn kept_before(ground: &Ground, id: &str) {
    let mut collector = ground.daemon();
    collector.on_engine_news(told(id, "web", TODAY));
    ground.runs(&mut collector, id, 7, &[0]);
    ground.paper().lost = 5;
    collector.reconcile();
    ground.ends(&mut collector, 7);
    collector.reconcile();
    assert!(ground.paper().kept.contains_key(id));
}

/// The same container runs again while nothing kept can be read.
fn met_without(ground: &Ground, id: &str) -> Collector {
    ground.paper().reached = Reached::Not;
    ground.paper().fails = true;
    let mut collector = ground.daemon();
    ground.passes(MINUTE);
    ground.runs(&mut collector, id, 8, &[1]);
    assert_eq!(made(&mut collector, id), of(&[1]));
    collector
}

fn found(ground: &Ground, collector: &mut Collector) {
    ground.paper().fails = false;
    ground.paper().reached = Reached::Just;
    collector.reconcile();
}

#[test]
fn what_is_found_of_a_container_is_joined_with_what_was_seen_since() {
    let ground = Ground::new();
    let web = id('a');
    kept_before(&ground, &web);
    let entrypoint: Entrypoint = vec!["sh".to_owned()].try_into().unwrap();
    if let Some(kept) = ground.paper().kept.get_mut(&web) {
        kept.identity.entrypoint = Some(entrypoint.clone());
    }
    let mut collector = met_without(&ground, &web);
    // The image can be asked no more.
    collector.on_engine_news(told(&web, "web", TODAY));
    ground.paper().lost = 7;
    found(&ground, &mut collector);
    assert_eq!(collector.containers.len(), 1);
    assert_eq!(made(&mut collector, &web), of(&[0, 1]));
    let joined = &collector.containers[&web];
    assert_eq!(joined.identity.entrypoint, Some(entrypoint));
    assert!(joined.lost_calls(7) >= 5, "{}", joined.lost_calls(7));
    // After its end nothing more is lost of it.
    ground.ends(&mut collector, 8);
    let lost = collector.containers[&web].lost_calls(7);
    assert_eq!(collector.containers[&web].lost_calls(100), lost);
}

#[test]
fn what_is_found_of_an_earlier_container_of_that_id_goes_on_apart() {
    let ground = Ground::new();
    let web = id('a');
    kept_before(&ground, &web);
    let mut collector = met_without(&ground, &web);
    collector.on_engine_news(told(&web, "web", TODAY + MINUTE));
    found(&ground, &mut collector);
    let ids: Vec<String> = collector.containers.keys().cloned().collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let other = ids.into_iter().find(|id| *id != web).unwrap();
    assert_eq!(made(&mut collector, &web), of(&[1]));
    assert_eq!(made(&mut collector, &other), of(&[0]));
    collector.reconcile();
    let kept: Vec<String> = ground.paper().kept.keys().cloned().collect();
    assert!(kept.contains(&web) && kept.contains(&other), "{kept:?}");
}
