//! Reports on small containers.

use serde_json::json;

use super::{Report, ReportError, Source, report};
use crate::{
    audit::{
        candidate::{Candidate, WhichMeaning},
        evidence::Evidence,
    },
    profile::{
        abi::Abi,
        arguments::Values,
        call::Call,
        completeness::Completeness,
        identity::{Engine, Identity},
        observation::{Observation, Sighting},
        table,
    },
    seccomp::filter::program::Instruction,
};

fn call(name: &str) -> Call {
    table::call(Abi::X86_64, name).unwrap()
}

/// Under a filter that allows everything, it read, and opened sockets.
fn evidence() -> Evidence {
    let first = Sighting {
        at_ms: 7,
        exe: Some("/bin/x".to_owned()),
        comm: "x".to_owned(),
        pid: 1,
        session: 1,
    };
    let mut observation = Observation {
        observed: [call("read"), call("socket")].into(),
        sightings: [(call("read"), first)].into(),
        filters: vec!["own".to_owned()],
        runtime_filters: ["own".to_owned()].into(),
        ..Observation::default()
    };
    let values = Values {
        places: vec![0],
        seen: Some([vec![2]].into()),
    };
    observation.arguments.insert(call("socket"), values);
    let open = vec![Instruction::plain(0x06, 0x7fff_0000)];
    Evidence {
        identity: Identity::unnamed("ab".repeat(32), Engine::Docker),
        asked: None,
        observation,
        completeness: Completeness {
            complete: true,
            ..Completeness::default()
        },
        copies: [("own".to_owned(), open)].into(),
        process: None,
        kernel: (6, 1),
    }
}

fn candidate(profile: serde_json::Value) -> Candidate {
    Candidate {
        title: "mine".to_owned(),
        profile: Some(profile),
        ..Candidate::default()
    }
}

fn audited(profile: serde_json::Value) -> Report {
    report(&evidence(), Some(&candidate(profile))).unwrap()
}

#[test]
fn what_is_in_force_is_compared_with_what_was_made() {
    let report = report(&evidence(), None).unwrap();
    assert_eq!(report.source, Source::Copied);
    let active = report.active.as_ref().unwrap();
    assert_eq!(active.used.len(), 2);
    assert_eq!(active.used[0].named.call, "read");
    let exe = active.used[0].first.as_ref().unwrap().exe.as_deref();
    assert_eq!(exe, Some("/bin/x"));
    assert!(active.unused[0].danger.is_some());
    assert!(report.finds() && report.safe.is_none());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn a_candidate_is_read_in_any_dialect() {
    let safe = json!({"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_ERRNO"}]});
    for profile in [safe.clone(), json!(safe.to_string())] {
        let report = audited(profile);
        assert_eq!((report.safe, report.finds()), (Some(true), false));
        assert!(report.verdict.starts_with("safe to enforce: mine"));
    }
    let broken = audited(json!("// list\nsocket\n")).candidate.unwrap();
    assert_eq!(broken.breaks.len(), 1, "{broken:?}");
    assert_eq!(broken.breaks[0].named.call, "read");

    // The family was seen: 2. The protocol was not recorded.
    let conditional = |index: u8, value: u64| {
        let args = [json!({"index": index, "op": "SCMP_CMP_EQ", "value": value})];
        let rule = json!({"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": args});
        audited(json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
            .candidate
            .unwrap()
    };
    let other = conditional(0, 40);
    assert!(other.breaks.is_empty() && other.may_break.is_empty());
    let with = conditional(0, 2).breaks[0].with.clone().unwrap();
    assert_eq!(with.seen, Some([vec![2]].into()));
    let may = conditional(2, 6).may_break;
    assert_eq!((may.len(), may[0].cases.len()), (1, 2));
    let seen = may[0].seen.as_ref().unwrap();
    assert_eq!(seen.seen, Some([vec![2]].into()));
}

#[test]
fn a_candidate_may_be_programs_or_what_the_runtime_makes_of_a_document() {
    let program = |answer: u32| vec![(0x06, 0, 0, answer)];
    let of = |programs| Candidate {
        title: "mine".to_owned(),
        programs: Some(programs),
        ..Candidate::default()
    };
    let breaks = |programs| {
        let report = report(&evidence(), Some(&of(programs))).unwrap();
        report.candidate.unwrap().breaks.len()
    };
    assert_eq!(breaks(vec![]), 0);
    assert_eq!(breaks(vec![program(0x7fff_0000), program(0x0005_0001)]), 2);

    // The assumed libseccomp does not know mseal, which the container then cannot call.
    let mut evidence = evidence();
    evidence.observation.observed.insert(call("mseal"));
    let mut candidate = candidate(json!({"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read", "socket", "mseal"], "action": "SCMP_ACT_ALLOW"}]}));
    let breaks = |candidate: &Candidate| {
        let report = report(&evidence, Some(candidate)).unwrap();
        report.candidate.unwrap().breaks.len()
    };
    assert_eq!(breaks(&candidate), 0);
    candidate.meaning = WhichMeaning::AsRunc;
    assert_eq!(breaks(&candidate), 1);
}

#[test]
fn a_bad_candidate_is_refused_with_its_place() {
    for (bad, told) in [
        (candidate(json!("{\n  \"defaultAction\": 7}")), "2:"),
        (candidate(json!({})), ""),
        (Candidate::default(), "`profile` or `programs`"),
        (
            Candidate {
                programs: Some(vec![vec![], vec![(0, 0, 0, 0)]]),
                ..Candidate::default()
            },
            "programs[0]",
        ),
    ] {
        match report(&evidence(), Some(&bad)) {
            Err(ReportError::Candidate { why, .. }) => assert!(why.contains(told), "{why}"),
            // A profile that says nothing is one that turns seccomp off.
            Ok(report) => assert_eq!(bad.profile, Some(json!({})), "{report:?}"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn without_a_known_filter_a_candidate_is_judged_all_the_same() {
    let mut evidence = evidence();
    evidence.copies.clear();
    let all = candidate(json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["bpf"], "action": "SCMP_ACT_ERRNO"}]}));
    let report = report(&evidence, Some(&all)).unwrap();
    assert_eq!((report.source, report.safe), (Source::Unknown, Some(true)));
    assert!(report.active.is_none() && report.told.contains("own"));
}
