//! Ids and names that mean another container than before, or the same one once more.

use tokio::sync::oneshot;

use super::{Collector, SAME_MS};
use crate::{
    api::protocol::Event,
    collector::{
        command::versions::{Of, VersionCommand},
        on_paper::{Ground, MINUTE, TODAY, YEAR, call, id, told},
        ports::KeptContainer,
        reference,
    },
    profile::{
        call::CallSet,
        identity::{Engine, Identity, Origin},
        observation::Observation,
        origin::Phase,
        version::Subject,
    },
};

fn of(numbers: &[u32]) -> CallSet {
    numbers.iter().map(|nr| call(*nr)).collect()
}

/// What is known to have been made under an id.
fn made(collector: &mut Collector, id: &str) -> CallSet {
    collector.observed(id).unwrap_or_default().observed
}

/// The id under which the record of an earlier one goes on.
fn aside(collector: &Collector, later: &str) -> String {
    let ids: Vec<&String> = collector.containers.keys().collect();
    let others: Vec<&&String> = ids.iter().filter(|id| **id != later).collect();
    assert_eq!(others.len(), 1, "{ids:?}");
    others[0].to_string()
}

#[test]
fn a_cgroups_id_means_another_container_after_a_reboot() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let (web, db) = (id('a'), id('b'));
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    collector.on_engine_news(told(&web, "web", TODAY));
    collector.reconcile();
    drop(collector);
    ground.reboot();
    // The clock is behind, as after a reboot without a battery: the record seems to be of now.
    ground.set_clock(TODAY - 20 * YEAR);
    ground.begins(&db, 7, &[2]);
    ground.begins(&web, 8, &[3]);
    let mut collector = ground.daemon();
    assert_eq!(made(&mut collector, &db), of(&[2]));
    assert!(!made(&mut collector, &web).contains(&call(2)));
    assert!(made(&mut collector, &web).contains(&call(3)));
    assert_eq!(collector.containers[&web].cgroups, [8].into());
}

#[test]
fn a_record_that_waits_is_its_containers_though_the_clock_was_set_back() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    ground.set_clock(TODAY - 20 * YEAR);
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    collector.reconcile();
    drop(collector);
    // It ends while no daemon runs: no path and no engine tells any more whose it was.
    ground.ends_unheard(7);
    let mut collector = ground.daemon();
    assert_eq!(ground.paper().nameless, Vec::<u64>::new());
    assert_eq!(made(&mut collector, &web), of(&[0, 1]));
}

#[test]
fn a_container_that_is_started_again_is_one_container() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    collector.on_engine_news(told(&web, "web", TODAY));
    let mut news = collector.watch();
    ground.paper().lost = 2;
    collector.reconcile();
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    ground.paper().lost = 5;
    collector.reconcile();
    ground.ends(&mut collector, 7);
    ground.paper().lost = 100;
    collector.reconcile();
    ground.runs(&mut collector, &web, 8, &[2]);
    assert!(
        collector.containers[&web].identity.running,
        "no engine had to tell"
    );
    ground.paper().lost = 101;
    collector.reconcile();
    assert_eq!(made(&mut collector, &web), of(&[0, 1, 2]));
    // While it did not run, nothing of it was lost.
    assert_eq!(collector.containers[&web].lost_calls(101), 5 + 1);
    let mut changes = Vec::new();
    while let Ok(event) = news.try_recv() {
        if let Event::Container { name, change, .. } = event {
            changes.push(format!("{name} {change}"));
        }
    }
    assert_eq!(changes, ["web started", "web stopped", "web started"]);
    // A list tells to the second when it was made, and it is the same all the same.
    collector.on_engine_news(told(&web, "web", TODAY - SAME_MS + 1));
    assert_eq!(collector.containers.len(), 1);
}

#[test]
fn an_id_that_was_given_anew_begins_with_nothing() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    collector.on_engine_news(told(&web, "web", TODAY));
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    ground.ends(&mut collector, 7);
    let subject = Subject::Container(web.clone());
    ground.paper().promoted.insert(subject.clone(), 1);
    collector.flush_versions();
    let image = ground.paper().versions.len();
    collector.on_engine_news(told(&web, "web", TODAY + MINUTE));
    assert_eq!(made(&mut collector, &web), of(&[]));
    let earlier = aside(&collector, &web);
    assert_eq!(earlier.len(), 64, "it can go wherever ids go");
    ground.runs(&mut collector, &web, 8, &[2]);
    ground.ends(&mut collector, 8);

    // The next daemon finds it so.
    for mut collector in [collector, ground.daemon()] {
        assert_eq!(aside(&collector, &web), earlier);
        assert_eq!(made(&mut collector, &web), of(&[2]));
        assert_eq!(made(&mut collector, &earlier), of(&[0, 1]));
        let resolved = reference::resolve(&collector.containers, "web");
        assert_eq!(resolved, Ok(web.clone()), "the later one has the name");
        collector.flush_versions();
    }
    let paper = ground.paper();
    let of_earlier = Subject::Container(earlier);
    assert_eq!(
        paper.versions[&of_earlier].len(),
        1,
        "its history goes with it"
    );
    assert_eq!(paper.versions[&subject].len(), 1);
    assert_ne!(paper.versions[&of_earlier], paper.versions[&subject]);
    assert_eq!(paper.promoted.keys().collect::<Vec<_>>(), [&of_earlier]);
    assert_eq!(paper.versions.len(), image + 1, "the image is one");
}

#[test]
fn what_runs_when_the_engine_tells_that_it_was_made_anew_is_the_later_ones() {
    for full_disk in [false, true] {
        what_runs_is_the_later_ones(full_disk);
    }
}

fn what_runs_is_the_later_ones(full_disk: bool) {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    collector.on_engine_news(told(&web, "web", TODAY));
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    // Its end is not heard of, nor who the next one is.
    ground.ends_unheard(7);
    ground.paper().fails = full_disk;
    ground.passes(MINUTE);
    ground.runs(&mut collector, &web, 8, &[1, 2]);
    collector.on_engine_news(told(&web, "web", TODAY + MINUTE));
    let earlier = aside(&collector, &web);
    assert_eq!(made(&mut collector, &web), of(&[1, 2]));
    assert_eq!(made(&mut collector, &earlier), of(&[0, 1]));
    let seen = |collector: &Collector, id: &str| -> Vec<String> {
        let sightings = collector.containers[id].sightings.sightings();
        sightings.into_values().map(|one| one.comm).collect()
    };
    assert_eq!(seen(&collector, &web), ["in 8"]);
    assert_eq!(seen(&collector, &earlier), ["in 7", "in 7"]);
    assert!(collector.containers[&web].identity.running);
    assert!(!collector.containers[&earlier].identity.running);
    ground.paper().fails = false;
    collector.reconcile();
    assert_eq!(ground.paper().kept[&earlier].cgroups, [].into());
    assert_eq!(made(&mut collector, &earlier), of(&[0, 1]));
}

#[test]
fn an_imported_record_gives_way_and_is_kept() {
    let ground = Ground::new();
    let web = id('a');
    let imported = KeptContainer {
        identity: Identity {
            origin: Some(Box::new(Origin {
                host: "ci".into(),
                file: None,
                imported_ms: TODAY,
            })),
            running: false,
            ..Identity::unnamed(web.clone(), Engine::Docker)
        },
        asked: None,
        observation: Observation {
            observed: of(&[5]),
            first_ms: Some(1),
            ..Observation::default()
        },
        cgroup: None,
        cgroups: [].into(),
        boot: None,
        met_ms: 0,
        lost_calls: 3,
        changed_ms: TODAY,
        bytes: 0,
    };
    ground.paper().kept.insert(web.clone(), imported);
    let mut collector = ground.daemon();
    ground.runs(&mut collector, &web, 7, &[0]);
    let other = aside(&collector, &web);
    assert_eq!(made(&mut collector, &web), of(&[0]));
    assert_eq!(collector.containers[&web].lost_calls(0), 0);
    assert_eq!(made(&mut collector, &other), of(&[5]));
    assert!(collector.is_imported(&other) && !collector.is_imported(&web));
    assert!(ground.paper().kept.contains_key(&other));
}

#[test]
fn a_name_is_the_newest_ones_and_the_older_is_there_by_its_id() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let (first, second) = (id('f'), id('a'));
    collector.on_engine_news(told(&first, "web", TODAY));
    ground.runs(&mut collector, &first, 7, &[0]);
    // It is removed, and its record is found late; the clock was set back meanwhile.
    ground.ends_unheard(7);
    ground.set_clock(TODAY - 20 * YEAR);
    collector.on_engine_news(told(&second, "web", TODAY - 20 * YEAR));
    ground.runs(&mut collector, &second, 8, &[1]);
    ground.ends(&mut collector, 8);
    ground.passes(MINUTE);
    collector.reconcile();
    assert!(collector.containers[&first].cgroups.is_empty());
    for collector in [collector, ground.daemon()] {
        let named = |name: &str| reference::resolve(&collector.containers, name);
        assert_eq!(named("web"), Ok(second.clone()));
        assert_eq!(named("fff"), Ok(first.clone()));
    }
}

#[test]
fn what_could_not_be_set_aside_is_once_it_can_be() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    collector.on_engine_news(told(&web, "web", TODAY));
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    ground.ends(&mut collector, 7);
    let subject = Subject::Container(web.clone());
    ground.paper().promoted.insert(subject.clone(), 1);
    collector.promoted(&subject, 1).unwrap();
    let history = ground.paper().versions[&subject].clone();

    ground.paper().fails = true;
    collector.on_engine_news(told(&web, "web", TODAY + MINUTE));
    let earlier = aside(&collector, &web);
    ground.runs(&mut collector, &web, 8, &[2]);
    collector.reconcile();
    // The later one is not held against what was promoted, nor can the earlier one's be promoted as its.
    let of_earlier = Subject::Container(earlier.clone());
    assert_eq!(collector.drift.promoted(&of_earlier), Some(1));
    assert_eq!(collector.drift.promoted(&subject), None);
    let (reply, mut answer) = oneshot::channel();
    collector.answer_version(VersionCommand::Promote {
        of: Of::Container(web.clone()),
        number: 1,
        by: None,
        reply,
    });
    let told = answer.try_recv().unwrap().unwrap_err();
    assert_eq!(told.message, "the disk is full");
    // Versions could be kept, and would go on in the earlier one's history.
    collector.flush_versions();
    {
        let paper = ground.paper();
        assert_eq!(paper.kept.keys().collect::<Vec<_>>(), [&web]);
        assert_eq!(paper.kept[&web].observation.observed, of(&[0, 1]));
        assert_eq!(paper.versions[&subject], history);
    }
    ground.paper().fails = false;
    collector.reconcile();
    {
        let paper = ground.paper();
        assert_eq!(paper.kept[&web].identity.created_ms, Some(TODAY + MINUTE));
        assert_eq!(paper.versions.get(&of_earlier), Some(&history));
        assert_eq!(paper.versions.get(&subject), None);
    }
    ground.ends(&mut collector, 8);
    collector.reconcile();

    for mut collector in [collector, ground.daemon()] {
        assert_eq!(aside(&collector, &web), earlier);
        assert_eq!(made(&mut collector, &earlier), of(&[0, 1]));
        assert_eq!(made(&mut collector, &web), of(&[2]));
        collector.flush_versions();
    }
    let paper = ground.paper();
    assert_eq!(paper.versions[&of_earlier], history);
    assert_eq!(paper.versions[&subject].len(), 1);
    assert_ne!(paper.versions[&subject], history);
    assert_eq!(paper.promoted.keys().collect::<Vec<_>>(), [&of_earlier]);
}

#[test]
fn an_id_that_is_given_anew_twice_while_nothing_can_be_kept_keeps_histories_apart() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    collector.on_engine_news(told(&web, "web", TODAY));
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    ground.ends(&mut collector, 7);
    let subject = Subject::Container(web.clone());
    let history = ground.paper().versions[&subject].clone();
    ground.paper().fails = true;
    for (minutes, cgroup) in [(1, 8), (2, 9)] {
        collector.on_engine_news(told(&web, "web", TODAY + minutes * MINUTE));
        ground.runs(&mut collector, &web, cgroup, &[cgroup as u32]);
        // Its record waits, and stays its own.
        ground.ends(&mut collector, cgroup);
        ground.passes(MINUTE);
    }
    assert_eq!(made(&mut collector, &web), of(&[9]));
    ground.paper().fails = false;
    collector.reconcile();
    collector.flush_versions();
    let mut collector = ground.daemon();
    let ids: Vec<String> = collector.containers.keys().cloned().collect();
    let mut calls = Vec::new();
    for id in ids {
        let created_ms = collector.containers[&id].identity.created_ms.unwrap();
        calls.push((created_ms - TODAY, made(&mut collector, &id)));
        let versions = &ground.paper().versions[&Subject::Container(id)];
        assert_eq!(versions.len(), 1);
        assert_eq!(*versions == history, created_ms == TODAY);
    }
    calls.sort_by_key(|(created_ms, _)| *created_ms);
    let expected = [(0, of(&[0, 1])), (MINUTE, of(&[8])), (2 * MINUTE, of(&[9]))];
    assert_eq!(calls, expected);
    assert_eq!(ground.paper().nameless, Vec::<u64>::new());
}

#[test]
fn nothing_is_dropped_under_an_id_that_another_is_still_kept_under() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    collector.on_engine_news(told(&web, "web", TODAY));
    ground.runs(&mut collector, &web, 7, &[0, 1]);
    ground.ends(&mut collector, 7);
    ground.paper().fails = true;
    collector.on_engine_news(told(&web, "web", TODAY + MINUTE));
    let earlier = aside(&collector, &web);
    ground.paper().fails = false;
    collector.bounds.most = 0;
    collector.forget_oldest();
    assert!(!collector.containers.contains_key(&earlier));
    assert_eq!(ground.paper().kept.len(), 0, "nothing comes back");
}

#[test]
fn a_container_that_is_started_again_while_its_record_waits_for_a_full_disk() {
    let ground = Ground::new();
    let mut collector = ground.daemon();
    let web = id('a');
    collector.on_engine_news(told(&web, "web", TODAY));
    let mut news = collector.watch();
    ground.runs(&mut collector, &web, 7, &[0]);
    ground.passes(MINUTE);
    collector.move_phases();
    let phase = |cgroup: u64| ground.paper().records[&cgroup].phase;
    assert_eq!(phase(7), Phase::Run);
    let lose = |collector: &mut Collector, more: u64| {
        ground.paper().lost += more;
        collector.reconcile();
    };
    ground.paper().fails = true;
    ground.ends(&mut collector, 7);
    assert!(!collector.containers[&web].identity.running);
    lose(&mut collector, 100);
    ground.runs(&mut collector, &web, 8, &[1]);
    assert!(collector.containers[&web].identity.running);
    collector.move_phases();
    assert_eq!(phase(8), Phase::Start, "it starts up as it did before");
    ground.passes(MINUTE);
    collector.move_phases();
    assert_eq!(phase(8), Phase::Run);
    lose(&mut collector, 3);
    // Now the records of two runs wait.
    ground.ends(&mut collector, 8);
    assert!(!collector.containers[&web].identity.running);
    lose(&mut collector, 100);
    ground.runs(&mut collector, &web, 9, &[2]);
    lose(&mut collector, 4);
    ground.paper().fails = false;
    ground.ends(&mut collector, 9);
    ground.passes(MINUTE);
    lose(&mut collector, 100);
    assert_eq!(made(&mut collector, &web), of(&[0, 1, 2]));
    let kept = ground.paper().kept[&web].clone();
    assert_eq!(kept.lost_calls, 3 + 4, "while it did not run none was its");
    assert!(!kept.identity.running && kept.cgroups.is_empty());
    let mut changes = Vec::new();
    while let Ok(event) = news.try_recv() {
        if let Event::Container { change, .. } = event {
            changes.push(change);
        }
    }
    assert_eq!(changes, ["started", "started", "started", "stopped"]);
}
