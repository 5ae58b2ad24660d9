//! Which containers are moved how, and which are not.

use serde_json::{Value, json};

use super::*;
use crate::apply::plan::{Plan, Step, Wishes};

fn running(more: Value) -> Value {
    let mut told = json!({"Id": "abcdef", "Name": "/web", "State": {"Running": true},
        "Config": {}, "HostConfig": {}, "Mounts": [], "NetworkSettings": {"Networks": {}}});
    for (part, fields) in more.as_object().expect("parts") {
        match (told[part].as_object_mut(), fields.as_object()) {
            (Some(into), Some(fields)) => into.extend(fields.clone()),
            _ => told[part] = fields.clone(),
        }
    }
    told
}

fn read(more: Value) -> Facts {
    Facts::read(&running(more), &[])
}

#[test]
fn what_only_one_can_have_keeps_two_from_running_together() {
    for (more, told) in [
        (
            json!({"HostConfig": {"PortBindings": {"80/tcp": []}}}),
            "publishes 80/tcp",
        ),
        (
            json!({"HostConfig": {"NetworkMode": "host"}}),
            "uses the host's network",
        ),
        (
            json!({"HostConfig": {"NetworkMode": "container:x"}}),
            "uses another container's network",
        ),
        (json!({"HostConfig": {"Devices": [{}]}}), "uses devices"),
        (
            json!({"Config": {"MacAddress": "02:42:ac:12:00:77"}}),
            "has a fixed MAC address",
        ),
        (
            json!({"Mounts": [{"Type": "volume", "RW": true, "Destination": "/d"}]}),
            "writes to /d",
        ),
        (
            json!({"NetworkSettings": {"Networks": {"n": {"IPAMConfig": {"IPv4Address": "1"}}}}}),
            "has a fixed address",
        ),
    ] {
        let facts = read(more.clone());
        assert_eq!(facts.exclusive, [told], "{more}");
        let wishes = Wishes {
            trial: true,
            keep: false,
        };
        let plan = Plan::of(&facts, wishes);
        assert_eq!(plan.steps.first(), Some(&Step::Make), "{more}");
        let place = |step| plan.steps.iter().position(|&other| other == step);
        assert!(place(Step::StopOld) < place(Step::StartNew), "{more}");
    }
    for more in [
        json!({}),
        json!({"Mounts": [{"Type": "bind", "RW": false, "Destination": "/d"}]}),
        json!({"Mounts": [{"Type": "tmpfs", "RW": true, "Destination": "/d"}]}),
        json!({"NetworkSettings": {"Networks": {"n": {"IPAMConfig": {}}}}}),
    ] {
        let facts = read(more.clone());
        assert_eq!(facts.exclusive, Vec::<String>::new(), "{more}");
        for (trial, first) in [(true, Step::StartTrial), (false, Step::Make)] {
            let plan = Plan::of(&facts, Wishes { trial, keep: true });
            assert_eq!(plan.steps.first(), Some(&first));
            assert_eq!(plan.steps.last(), Some(&Step::KeepOld));
            let place = |step| plan.steps.iter().position(|&other| other == step);
            assert!(place(Step::WatchNew) < place(Step::StopOld), "{more}");
        }
    }
}

#[test]
fn nothing_is_stopped_before_the_new_one_was_made_and_compared() {
    for exclusive in [vec![], vec!["x".to_owned()]] {
        for (trial, keep) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut facts = read(json!({}));
            facts.exclusive.clone_from(&exclusive);
            let steps = Plan::of(&facts, Wishes { trial, keep }).steps;
            let place = |step| {
                steps
                    .iter()
                    .position(|&other| other == step)
                    .expect("it is there")
            };
            assert!(place(Step::Make) < place(Step::Compare));
            for later in [Step::StopOld, Step::NameOld, Step::StartNew] {
                assert!(place(Step::Compare) < place(later), "{steps:?}");
            }
        }
    }
}

#[test]
fn containers_that_must_not_be_moved_are_refused_with_the_reason() {
    for (more, told) in [
        (json!({"State": {"Running": false}}), "it is not running"),
        (json!({"State": {"Paused": true}}), "it is paused"),
        (json!({"State": {"Restarting": true}}), "it keeps ending"),
        (
            json!({"HostConfig": {"AutoRemove": true}}),
            "it was started with --rm",
        ),
        (
            json!({"HostConfig": {"Privileged": true}}),
            "it is privileged",
        ),
        (
            json!({"Config": {"Labels": {"io.kubernetes.container.name": "c"}}}),
            "it belongs to Kubernetes",
        ),
    ] {
        let refusals = read(more.clone()).refusals;
        assert!(
            refusals.len() == 1 && refusals[0].starts_with(told),
            "{more}: {refusals:?}"
        );
    }
    assert_eq!(read(json!({})).refusals, Vec::<String>::new());
}

#[test]
fn containers_that_depend_on_it_are_named() {
    for (host, told) in [
        (
            json!({"NetworkMode": "container:abcdef"}),
            Some("guest lives in its network"),
        ),
        (
            json!({"NetworkMode": "container:web"}),
            Some("guest lives in its network"),
        ),
        (
            json!({"PidMode": "container:abc"}),
            Some("guest lives in its PID namespace"),
        ),
        (
            json!({"IpcMode": "container:abcdef"}),
            Some("guest lives in its IPC namespace"),
        ),
        (
            json!({"Links": ["/web:/guest/w"]}),
            Some("guest is linked to it"),
        ),
        (
            json!({"Links": ["/website:/guest/w"], "NetworkMode": "container:other"}),
            None,
        ),
        (json!({"NetworkMode": "container:"}), None),
    ] {
        let guest = json!({"Id": "fff", "Name": "/guest", "HostConfig": host});
        let refusals = Facts::read(&running(json!({})), &[guest]).refusals;
        let found = refusals.first().map(String::as_str).unwrap_or_default();
        assert_eq!(refusals.len(), usize::from(told.is_some()), "{host}");
        assert!(
            found.starts_with(told.unwrap_or_default()),
            "{host}: {found}"
        );
    }
}

#[test]
fn a_health_check_is_waited_for_as_long_as_it_takes_to_fail() {
    let bound = |check: Value| read(json!({"Config": {"Healthcheck": check}})).health;
    let second = 1_000_000_000_u64;
    assert_eq!(bound(json!(null)), None);
    assert_eq!(bound(json!({"Test": ["NONE"]})), None);
    let check = json!({"Test": ["CMD", "x"], "Interval": second, "Timeout": 2 * second,
        "Retries": 4, "StartPeriod": 10 * second});
    assert_eq!(bound(check), Some(Duration::from_secs(10 + 4 * 3 + 5)));
    assert_eq!(
        bound(json!({"Test": ["CMD", "x"]})),
        Some(Duration::from_secs(185))
    );
}
