//! When a call is told of, and when the kernel is asked again.

use std::{collections::BTreeMap, sync::Arc};

use super::{Attachment, Foreseen, Shadows, Target};
use crate::{
    api::protocol::shadows::Origin,
    audit::shadow::{Forecast, Shadow},
    profile::{abi::Abi, call::Call},
    seccomp::action::Action,
};

const CALL: Call = Call::new(Abi::X86_64, 90);

fn foreseen(certain: bool) -> Foreseen {
    let forecast = Forecast {
        answer: Action::Errno(1),
        certain,
    };
    Foreseen::made_already(forecast, false, None)
}

fn holding(foreseen: Foreseen) -> Shadows {
    let mut shadows = Shadows::default();
    let attachment = Attachment {
        target: Target::Container("c".into()),
        profile: "p".into(),
        origin: Origin::Client,
        attached_ms: 0,
        shadow: Box::new(Shadow::of_programs(&[]).unwrap()),
        lease: None,
        containers: [("c".to_owned(), [(CALL, foreseen)].into())].into(),
    };
    shadows.attached.insert("s".into(), attachment);
    shadows
}

#[test]
fn a_frequent_call_is_told_of_once_a_second() {
    let mut call = foreseen(true);
    let told: Vec<u64> = (0..50)
        .map(|tenth| 5_000 + tenth * 100)
        .filter(|now| call.made(*now))
        .collect();
    assert_eq!(told, [5_000, 6_000, 7_000, 8_000, 9_000]);
    assert_eq!(call.reports, 5);
}

#[test]
fn the_kernel_is_asked_again_a_second_after_it_was_told_of() {
    let mut call = foreseen(true);
    assert!(call.made(5_000));
    let mut shadows = holding(call);
    assert!(shadows.due(5_999).is_empty());
    assert_eq!(shadows.due(6_000), [("c".to_owned(), [CALL].into())].into());
    assert!(shadows.due(7_000).is_empty(), "asked already");
}

#[test]
fn what_arguments_decide_is_told_of_once() {
    let mut call = foreseen(false);
    assert!(call.made(5_000));
    assert_eq!(holding(call).due(60_000), BTreeMap::new());
}

#[test]
fn news_that_was_asked_for_again_is_no_first_sighting() {
    let mut shadows = Shadows::default();
    assert!(!shadows.is_repeated(7, CALL, 10, None));
    shadows.note_asked(7, &[CALL].into(), 10);
    shadows.note_asked(7, &[CALL].into(), 20);
    assert!(shadows.is_repeated(7, CALL, 10, None));
    assert!(!shadows.is_repeated(7, CALL, 9, None), "under way by then");
    assert!(!shadows.is_repeated(8, CALL, 30, None), "another cgroup");
    assert!(shadows.is_repeated(7, CALL, 9, Some(8)), "known");
    assert!(!shadows.is_repeated(7, CALL, 9, Some(9)), "itself");
    shadows.forget_cgroup(7);
    assert!(!shadows.is_repeated(7, CALL, 30, None));
}

#[test]
fn an_earlier_daemon_may_have_asked() {
    let mut shadows = Shadows::default();
    shadows.take_up(7);
    assert!(
        !shadows.is_repeated(7, CALL, 30, None),
        "nothing known of it"
    );
    assert!(shadows.is_repeated(7, CALL, 30, Some(20)));
    assert!(!shadows.is_repeated(8, CALL, 30, Some(20)));
}

#[test]
fn a_clock_that_is_set_changes_nothing_of_who_is_told_and_asked() {
    let mut call = foreseen(true);
    assert!(call.made(1_000_000));
    let mut shadows = holding(call);
    shadows.note_asked(7, &[CALL].into(), 1_000_000);
    shadows.clock_set(-900_000);
    assert!(shadows.due(100_999).is_empty());
    assert_eq!(shadows.due(101_000).len(), 1);
    assert!(shadows.is_repeated(7, CALL, 100_000, None));
    assert!(!shadows.is_repeated(7, CALL, 99_999, None), "under way");
    let attached = shadows.attached.values().next().unwrap();
    assert_eq!(attached.attached_ms, 0, "never below zero");
}

#[test]
fn a_shadow_ends_with_whoever_holds_it() {
    let mut shadows = holding(foreseen(true));
    assert!(shadows.over().is_empty(), "nobody has to hold it");
    let held = Arc::new(());
    for one in shadows.attached.values_mut() {
        one.lease = Some(Arc::downgrade(&held));
    }
    assert!(shadows.over().is_empty());
    drop(held);
    assert_eq!(shadows.over(), ["s"]);
}
