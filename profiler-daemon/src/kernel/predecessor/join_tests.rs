//! Joining in ordinary memory.

use profiler_common::{
    record::{BORN, CgroupRecord, FILTERS_OVERFLOW, GONE, RAN_BEFORE, STARTED},
    refusal::Refusal,
};
use proptest::prelude::*;

use super::{ground::empty, join::Live, layout::Record, tables::join_refusals};

fn old(flags: u32) -> Record {
    const NONE: profiler_common::record::CallBits = [0; 30];
    let mut ancestors = [0; 16];
    ancestors[..3].copy_from_slice(&[1, 20, 300]);
    Record {
        cgroup: 300,
        born_ns: if flags & BORN == 0 { 0 } else { 50 },
        first_ns: 60,
        last_new_ns: 90,
        gone_ns: 0,
        out_of_range: 2,
        entry_levels: 1,
        filters: [7, 8, 0, 0],
        ancestors,
        level: 2,
        flags,
        entries: 3,
        installs: 1,
        runtime_filters: 1,
        pad: 0,
        observed: [0b11; 30],
        reported: [0b01; 30],
        answered: NONE,
        unsupported: NONE,
        runtime: [0b100; 30],
        guarded: NONE,
        refused: NONE,
        runtime_refused: NONE,
    }
}

#[expect(unsafe_code, reason = "memory of this test's own stands for the map's")]
fn join_as(ours: &mut CgroupRecord, theirs: &Record, settled: bool) -> bool {
    // SAFETY: a record that nobody else has.
    unsafe { Live::new(std::ptr::from_mut(ours).cast()) }.join(theirs, settled)
}

fn join(ours: &mut CgroupRecord, theirs: &Record) -> bool {
    join_as(ours, theirs, true)
}

#[test]
fn what_was_recorded_is_there_and_what_was_not_is_unknown() {
    let mut ours = empty();
    assert!(join(&mut ours, &old(BORN | STARTED)));
    assert_eq!((ours.observed, ours.reported), ([0b11; 30], [0b01; 30]));
    assert_eq!(ours.runtime, [0b100; 30]);
    assert_eq!(
        (ours.level, &ours.ancestors[..4]),
        (2, &[1, 20, 300, 0][..])
    );
    assert_eq!(
        (ours.born_ns, ours.first_ns, ours.last_new_ns),
        (50, 60, 90)
    );
    assert_eq!((ours.filters, ours.runtime_filters), ([7, 8, 0, 0], 1));
    assert_eq!(ours.flags, BORN | STARTED);
    // Three processes of a runtime were one start.
    assert_eq!(ours.entries, 1);
    assert_eq!(ours.origins, [[0; 30]; 5], "origins are made up");
}

#[test]
fn a_start_that_both_saw_is_one() {
    let mut ours = empty();
    ours.flags = BORN | STARTED;
    (ours.entries, ours.born_ns, ours.filters) = (1, 51, [8, 0, 0, 0]);
    join(&mut ours, &old(BORN | STARTED));
    assert_eq!((ours.entries, ours.born_ns), (1, 50));
    assert_eq!((ours.filters, ours.runtime_filters), ([8, 7, 0, 0], 2));
}

#[test]
fn a_start_under_way_and_one_that_was_not_seen_are_not_called_seen() {
    let mut under_way = empty();
    join(&mut under_way, &old(BORN));
    assert_eq!(under_way.flags, 0);
    // The kernel met a task that it did not know.
    under_way.flags |= RAN_BEFORE;
    join(&mut under_way, &old(BORN | STARTED));
    assert_eq!(under_way.flags, RAN_BEFORE | STARTED);
    let mut older = empty();
    join(&mut older, &old(0));
    assert_eq!(older.flags, RAN_BEFORE);
    // A cgroup that a container's own program moved into is nobody's start.
    let mut within = empty();
    let nobody_came = Record {
        entry_levels: 0,
        ..old(BORN)
    };
    join(&mut within, &nobody_came);
    assert_eq!(within.flags, BORN);
}

#[test]
fn of_a_cgroup_that_nobody_entered_its_start_is_seen_once_nobody_can_have_come_unseen() {
    let nobody_came = Record {
        entry_levels: 0,
        first_ns: 0,
        last_new_ns: 0,
        ..old(BORN)
    };
    let mut ours = empty();
    join_as(&mut ours, &nobody_came, false);
    assert_eq!(ours.flags & BORN, 0);
    let mut entered = ours.clone();
    join(&mut ours, &nobody_came);
    assert_eq!(ours.flags, BORN);
    // Somebody came before our programs did: the kernel met a task that it did not know.
    entered.flags |= RAN_BEFORE;
    join(&mut entered, &old(BORN | STARTED));
    assert_eq!(entered.flags, RAN_BEFORE | STARTED);
}

#[test]
fn filters_beyond_the_room_are_told() {
    let mut ours = empty();
    ours.filters = [1, 2, 3, 7];
    join(&mut ours, &old(BORN | STARTED));
    assert_eq!(ours.filters, [1, 2, 3, 7]);
    assert_eq!(ours.flags & FILTERS_OVERFLOW, FILTERS_OVERFLOW);
    assert_eq!(ours.runtime_filters, 0b1000);
}

#[test]
fn a_refusal_that_both_counted_is_not_counted_twice() {
    let refusal = |count, first_ns, tgid| Refusal {
        count,
        first_ns,
        last_ns: first_ns + 10,
        told_ns: first_ns,
        exec_id: u64::from(tgid),
        tgid,
        pad: 0,
        comm: [0; 16],
    };
    let joined = join_refusals(refusal(3, 200, 2), refusal(5, 100, 1));
    assert_eq!((joined.count, joined.first_ns, joined.tgid), (5, 100, 1));
    assert_eq!((joined.last_ns, joined.told_ns), (210, 200));
    let again = join_refusals(joined, refusal(5, 100, 1));
    assert_eq!((again.count, again.first_ns, again.tgid), (5, 100, 1));
}

fn bytes(record: &CgroupRecord) -> String {
    format!("{record:?}")
}

proptest! {
    /// The old record grows meanwhile; whatever of it was joined before makes no difference.
    #[test]
    fn joining_is_the_same_however_often_it_is_done(
        words in proptest::collection::vec(any::<u64>(), 30),
        later in proptest::collection::vec(any::<u64>(), 30),
        filters in proptest::collection::vec(1_u64..6, 0..4),
        times in 1_usize..4,
        started in any::<bool>(),
        gone in any::<bool>(),
    ) {
        let mut early = old(BORN | STARTED);
        early.observed.copy_from_slice(&words);
        for (place, hash) in early.filters.iter_mut().zip(&filters) {
            *place = *hash;
        }
        let mut last = early;
        for (word, more) in last.observed.iter_mut().zip(&later) {
            *word |= more;
        }
        last.refused.copy_from_slice(&later);
        last.last_new_ns += 5;
        last.flags |= if gone { GONE } else { 0 };
        if !started {
            early.flags &= !STARTED;
        }
        let mut once = empty();
        join(&mut once, &last);
        let mut often = empty();
        for _ in 0..times {
            join(&mut often, &early);
        }
        join(&mut often, &last);
        prop_assert!(!join(&mut often, &last), "it does not come to rest");
        prop_assert_eq!(bytes(&once), bytes(&often));
    }
}
