//! Clocks that are set ahead and back, by themselves and under a collector.

use super::{Clock, JUMP_MS, Moment, TRUSTED_MS};
use crate::{
    collector::{
        on_paper::{Ground, MINUTE, MOST_ENDED, TODAY, YEAR, call, id, told},
        reference,
    },
    profile::{call::CallSet, engine_news::SessionKind},
};

fn moment(wall_ms: u64, boot_ms: u64) -> Moment {
    Moment { wall_ms, boot_ms }
}

#[test]
fn a_clock_that_is_set_is_told_from_one_that_goes_a_little_wrong() {
    let mut clock = Clock::new(moment(TODAY, 0));
    assert_eq!(clock.look(moment(TODAY + 5_000, 5_000)), None);
    assert_eq!(clock.look(moment(TODAY + 10_002, 10_000)), None);
    // Asleep for an hour: the time since boot went on.
    assert_eq!(clock.look(moment(TODAY + 3_610_000, 3_610_000)), None);
    let set = TODAY + 3_610_000 + YEAR;
    assert_eq!(clock.look(moment(set, 3_610_000)), Some(YEAR as i64));
    assert_eq!(clock.look(moment(set, 3_610_000)), None, "told once");
    let back = clock.look(moment(set - JUMP_MS, 3_610_000));
    assert_eq!(back, Some(-(JUMP_MS as i64)));
    // To the epoch, and as far as numbers go.
    assert!(clock.look(moment(0, 3_610_000)).is_some_and(|by| by < 0));
    assert_eq!(clock.look(moment(u64::MAX, 3_610_000)), Some(i64::MAX));
    assert_eq!(clock.look(moment(u64::MAX, u64::MAX)), None);
}

#[test]
fn nothing_goes_for_its_age_before_a_day_of_an_even_clock() {
    let mut clock = Clock::new(moment(TODAY, 0));
    assert_eq!(clock.trusted_ms(), None);
    clock.look(moment(TODAY + TRUSTED_MS, TRUSTED_MS));
    assert_eq!(clock.trusted_ms(), Some(TODAY + TRUSTED_MS));
    // Ahead for a moment, and right again: another day.
    let at = TRUSTED_MS + 5_000;
    clock.look(moment(TODAY + at + 20 * YEAR, at));
    assert_eq!(clock.trusted_ms(), None);
    clock.look(moment(TODAY + at + 5_000, at + 5_000));
    clock.look(moment(TODAY + at + TRUSTED_MS, at + TRUSTED_MS));
    assert_eq!(clock.trusted_ms(), None);
    let at = at + TRUSTED_MS + 5_000;
    clock.look(moment(TODAY + at, at));
    assert_eq!(clock.trusted_ms(), Some(TODAY + at));
}

#[test]
fn what_is_written_later_has_the_later_time() {
    let mut clock = Clock::new(moment(TODAY, 0));
    clock.follow(TODAY + 20 * YEAR);
    let times: Vec<u64> = [TODAY, TODAY + 1, TODAY, 0]
        .map(|at| clock.ordered(at))
        .into();
    assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
    assert_eq!(times[0], TODAY + 20 * YEAR + 1);
    assert_eq!(clock.ordered(TODAY + 21 * YEAR), TODAY + 21 * YEAR);
    clock.follow(u64::MAX);
    assert_eq!(clock.ordered(TODAY), u64::MAX);
}

#[test]
fn records_are_looked_over_after_the_clock_was_set_back() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let begin = ground.paper().looked_over;
    ground.set_clock(TODAY - 20 * YEAR);
    collector.reconcile();
    assert_eq!(ground.paper().looked_over, begin, "not each time");
    ground.passes(MINUTE);
    collector.reconcile();
    assert_eq!(ground.paper().looked_over, begin + 1);
    ground.set_clock(TODAY + 20 * YEAR);
    collector.reconcile();
    assert_eq!(ground.paper().looked_over, begin + 1, "no time has passed");
}

#[test]
fn the_store_is_tidied_by_age_only_with_a_clock_that_is_trusted() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    ground.passes(MINUTE);
    ground.set_clock(TODAY + 20 * YEAR);
    collector.reconcile();
    ground.passes(TRUSTED_MS - 1);
    collector.reconcile();
    assert!(ground.paper().tidied.iter().all(Option::is_none));
    ground.passes(1);
    collector.reconcile();
    let last = ground.paper().tidied.last().copied();
    assert_eq!(last, Some(Some(TODAY + 20 * YEAR + TRUSTED_MS)));
}

#[test]
fn a_record_goes_for_its_age_only_by_a_clock_that_is_trusted() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    for (letter, cgroup) in [('a', 7), ('b', 8)] {
        ground.runs(&mut collector, &id(letter), cgroup, &[0]);
    }
    ground.ends(&mut collector, 7);
    // Set ahead for a moment, and so said to be old.
    ground.set_clock(TODAY + 20 * YEAR);
    collector.reconcile();
    ground.set_clock(TODAY + MINUTE);
    collector.reconcile();
    assert!(collector.containers.contains_key(&id('a')));
    ground.passes(TRUSTED_MS);
    collector.reconcile();
    assert!(collector.containers.contains_key(&id('a')), "it is young");
    ground.passes(YEAR);
    collector.reconcile();
    assert!(!collector.containers.contains_key(&id('a')));
    assert!(!ground.paper().kept.contains_key(&id('a')));
    assert!(collector.containers.contains_key(&id('b')), "it runs");
}

#[test]
fn the_oldest_are_forgotten_first_by_whatever_clock_they_were_met() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    for number in 0..MOST_ENDED {
        let id = format!("{number:064x}");
        ground.runs(&mut collector, &id, 1_000 + number as u64, &[0]);
        ground.ends(&mut collector, 1_000 + number as u64);
    }
    // By that clock these are twenty years older than the others; and by that of the next daemon too.
    ground.set_clock(TODAY - 20 * YEAR);
    for number in 0..3 {
        ground.runs(
            &mut collector,
            &id(['a', 'b', 'c'][number]),
            1 + number as u64,
            &[1],
        );
        ground.ends(&mut collector, 1 + number as u64);
    }
    let mut collector = ground.daemon();
    ground.runs(&mut collector, &id('d'), 9, &[1]);
    ground.ends(&mut collector, 9);
    collector.reconcile();
    let left: Vec<&String> = collector.containers.keys().collect();
    assert_eq!(left.len(), MOST_ENDED);
    for new in ['a', 'b', 'c', 'd'] {
        assert!(left.contains(&&id(new)), "{new} was forgotten");
    }
    assert!(!left.contains(&&format!("{:064x}", 0)));
    assert!(!left.contains(&&format!("{:064x}", 3)));
}

#[test]
fn a_session_that_never_came_is_given_up_whatever_the_clock_says() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    ground.runs(&mut collector, &web, 1, &[0]);
    collector.on_session(&web, SessionKind::Health);
    ground.passes(MINUTE);
    ground.set_clock(TODAY - YEAR);
    collector.on_session(&web, SessionKind::Exec);
    // Two kinds that are awaited at once could not be told apart.
    let expected = format!("{:?}", collector.containers[&web].phases);
    assert!(expected.contains("Some(Exec)"), "{expected}");
    assert!(!expected.contains("Health"), "{expected}");
}

#[test]
fn answers_of_the_future_and_the_past_are_given_all_the_same() {
    for wall in [0, 1, TODAY + 200 * YEAR, u64::MAX] {
        let ground = Ground::new();
        let mut collector = ground.daemon();
        let web = id('a');
        ground.runs(&mut collector, &web, 1, &[0, 1]);
        collector.on_engine_news(told(&web, "web", TODAY));
        ground.set_clock(wall);
        collector.look_at_clock();
        ground.runs(&mut collector, &web, 2, &[2]);
        ground.ends(&mut collector, 2);
        collector.reconcile();
        collector.move_phases();
        let now = ground.paper().wall_ms;
        let subject = crate::profile::version::Subject::Container(web.clone());
        let current = collector.current(&subject).expect("it was recorded");
        let all: CallSet = [0, 1, 2].map(call).into();
        assert_eq!(current.basis.made, all);
        assert!(current.discovery(now).is_some());
        collector.flush_versions();
        assert_eq!(ground.paper().versions[&subject].len(), 1);
        assert_eq!(reference::resolve(&collector.containers, "web"), Ok(web));
    }
}
