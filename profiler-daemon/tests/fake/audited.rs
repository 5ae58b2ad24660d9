//! What the fake daemon's containers are audited by: the same as it tells of them otherwise.

use std::collections::BTreeMap;

use profiler_daemon::{
    api::protocol::{Detail, InstalledFilter},
    audit::evidence::Evidence,
    profile::{
        abi::Abi,
        call::{Call, CallSet},
        observation::Observation,
    },
    seccomp::filter::program::Instruction,
};

use super::data;

pub(super) fn web(now: u64) -> Evidence {
    evidence(data::web(now), data::filters_web(), "00000000000000bb")
}

pub(super) fn job(now: u64) -> Evidence {
    evidence(data::job(now), data::filters_job(), "00000000000000aa")
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
