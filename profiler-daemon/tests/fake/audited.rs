//! What the fake daemon's containers are audited by: the same as it tells of them otherwise.

use std::collections::BTreeMap;

use profiler_daemon::{
    api::protocol::{Detail, InstalledFilter},
    audit::evidence::{Bundle, Evidence, FirstProcess},
    profile::{
        abi::Abi,
        arguments::Values,
        asked::{Asked, AskedProfile},
        call::{Call, CallSet},
        completeness::Completeness,
        observation::Observation,
    },
    seccomp::filter::program::Instruction,
};
use serde_json::json;

use super::data;

pub(super) fn web(now: u64) -> Evidence {
    evidence(data::web(now), data::filters_web(), "00000000000000bb")
}

pub(super) fn job(now: u64) -> Evidence {
    evidence(data::job(now), data::filters_job(), "00000000000000aa")
}

/// Older than the daemon, under a profile of which the engine passed on less, and the library knows
/// less.
pub(super) fn strange() -> Evidence {
    let profile = |names: &[&str]| {
        json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
            "syscalls": [
                {"names": names, "action": "SCMP_ACT_ALLOW"},
                {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]}
            ]
        })
    };
    let asked = profile(&["read", "write", "mseal"]).to_string();
    let socket = Call::new(Abi::X86_64, 41);
    let mut observation = Observation {
        observed: [Call::new(Abi::X86_64, 0), socket].into(),
        program_started: true,
        ..Observation::default()
    };
    let seen = Some([vec![1, 1], vec![2, 0x80002]].into());
    let places = vec![0, 1];
    observation
        .arguments
        .insert(socket, Values { places, seen });
    let mut identity = data::identity(&"5e".repeat(32), "strange", "busybox:latest");
    identity.pid = Some(4712);
    Evidence {
        identity,
        asked: Some(Asked {
            profile: AskedProfile::of(Some(&asked)),
            engine_default: Some("default".to_owned()),
            privileged: false,
            cap_add: vec!["CAP_NET_ADMIN".to_owned()],
            cap_drop: Vec::new(),
        }),
        observation,
        completeness: Completeness::default(),
        copies: BTreeMap::new(),
        process: Some(FirstProcess {
            pid: 4712,
            filtered: Some(true),
            filters: Some(1),
            bundle: Ok(Bundle {
                seccomp: Some(profile(&["read", "mseal"])),
                ..Bundle::default()
            }),
            layers: None,
        }),
        kernel: (6, 1),
    }
}

fn evidence(detail: Detail, filters: Vec<InstalledFilter>, own: &str) -> Evidence {
    let call = |abi: &str, nr| Call::new(Abi::named(abi).unwrap(), nr);
    let observed: CallSet = detail
        .calls
        .iter()
        .filter(|one| one.observed)
        .map(|one| call(&one.abi, one.nr))
        .collect();
    let sightings = detail
        .calls
        .iter()
        .filter_map(|one| Some((call(&one.abi, one.nr), one.first.clone()?)))
        .collect();
    let observation = Observation {
        observed,
        sightings,
        refusals: detail.refusals,
        filters: filters.iter().map(|filter| filter.hash.clone()).collect(),
        runtime_filters: [own.to_owned()].into(),
        start_seen: detail.start_seen,
        program_started: true,
        ..Observation::default()
    };
    let copies: BTreeMap<String, Vec<Instruction>> = filters
        .into_iter()
        .filter_map(|filter| {
            let words = filter.instructions?.into_iter();
            let list = words.map(|(code, jt, jf, k)| Instruction { code, jt, jf, k });
            Some((filter.hash, list.collect()))
        })
        .collect();
    Evidence {
        identity: detail.summary.identity,
        asked: None,
        observation,
        completeness: detail.summary.completeness,
        copies,
        process: None,
        kernel: (6, 1),
    }
}
