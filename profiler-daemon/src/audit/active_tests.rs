//! Evidence of small containers, and which filter is said to be in force.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Active, Installer, Source, active};
use crate::{
    audit::evidence::{Bundle, Evidence, FirstProcess},
    profile::{
        completeness::Completeness,
        identity::{Engine, Identity, Runtime},
        observation::Observation,
    },
    seccomp::filter::program::Instruction,
};

/// A filter that answers everything alike.
fn filter(answer: u32) -> Vec<Instruction> {
    vec![Instruction::plain(0x06, answer)]
}

fn evidence(filters: &[&str], copies: &[&str]) -> Evidence {
    let mut identity = Identity::unnamed("ab".repeat(32), Engine::Docker);
    identity.runtime = Some(Runtime {
        name: "runc".to_owned(),
        version: Some("1.1.5".to_owned()),
        libseccomp: Some("2.5.4".to_owned()),
    });
    let copies = copies.iter().zip(0x7fff_0000..);
    Evidence {
        identity,
        asked: None,
        observation: Observation {
            filters: filters.iter().map(|&hash| hash.to_owned()).collect(),
            runtime_filters: ["own".to_owned()].into(),
            start_seen: true,
            program_started: true,
            ..Observation::default()
        },
        completeness: Completeness::default(),
        copies: copies
            .map(|(hash, answer)| ((*hash).to_owned(), filter(answer)))
            .collect::<BTreeMap<_, _>>(),
        process: None,
        kernel: (6, 1),
    }
}

fn running(bundle: Result<Bundle, String>) -> FirstProcess {
    FirstProcess {
        pid: 7,
        filtered: Some(true),
        filters: Some(1),
        bundle,
        layers: None,
    }
}

fn asks_for(seccomp: serde_json::Value) -> Result<Bundle, String> {
    Ok(Bundle {
        seccomp: Some(seccomp),
        ..Bundle::default()
    })
}

fn by(found: &Active) -> Vec<(Option<&str>, Installer)> {
    let layers = found.layers.iter();
    layers
        .map(|layer| (layer.hash.as_deref(), layer.by))
        .collect()
}

#[test]
fn a_copy_goes_before_the_bundle_and_programs_stand_beside_it() {
    let mut evidence = evidence(&["own", "more"], &["own"]);
    evidence.process = Some(running(asks_for(json!({"defaultAction": "SCMP_ACT_LOG"}))));
    let found = active(&evidence);
    assert_eq!(found.source, Source::Copied);
    let layers = [
        (Some("more"), Installer::Program),
        (Some("own"), Installer::Runtime),
    ];
    assert_eq!(by(&found), layers);
    assert_eq!(found.layers[0].instructions, None);
    assert_eq!(found.programs().unwrap().len(), 1);
    assert_eq!(found.bundle, None);
}

#[test]
fn the_kernel_goes_before_all() {
    let mut evidence = evidence(&["own"], &["own"]);
    let mut process = running(asks_for(json!({"defaultAction": "SCMP_ACT_LOG"})));
    process.filtered = Some(false);
    evidence.process = Some(process);
    assert_eq!(active(&evidence).source, Source::None);
    assert_eq!(active(&evidence).programs(), Ok(Vec::new()));
    // The runtime is still at work, and has installed nothing yet.
    evidence.observation.program_started = false;
    assert_eq!(active(&evidence).source, Source::Unknown);
    assert!(active(&evidence).programs().is_err());
}

#[test]
fn the_bundle_tells_where_no_copy_is() {
    let mut evidence = evidence(&[], &[]);
    evidence.observation.start_seen = false;
    evidence.process = Some(running(asks_for(json!({"defaultAction": "SCMP_ACT_LOG"}))));
    let found = active(&evidence);
    assert_eq!(found.source, Source::Bundle);
    assert_eq!(by(&found), [(None, Installer::Runtime)]);
    assert!(
        found.told.contains("runc with libseccomp 2.5.4"),
        "{found:?}"
    );
    assert!(found.bundle.is_some());

    evidence.process = Some(running(Ok(Bundle::default())));
    assert_eq!(active(&evidence).source, Source::None);
    for bad in [
        json!(7),
        json!({"defaultAction": "SCMP_ACT_X"}),
        json!({"syscalls": 1}),
    ] {
        evidence.process = Some(running(asks_for(bad.clone())));
        let found = active(&evidence);
        assert_eq!(found.source, Source::Unknown, "{bad}");
        assert!(found.told.contains("cannot be foretold"), "{found:?}");
    }
    evidence.process = Some(running(Err("its OCI bundle is not found".to_owned())));
    let found = active(&evidence);
    assert_eq!(found.source, Source::Unknown);
    assert!(found.told.contains("not found"), "{found:?}");
    evidence.identity.unconfined = Some(true);
    evidence.process = None;
    assert_eq!(active(&evidence).source, Source::None);
}

#[test]
fn what_ptrace_reads_is_told_apart_by_its_copies() {
    let mut evidence = evidence(&["own", "more"], &["own", "more"]);
    let mut process = running(asks_for(json!({"defaultAction": "SCMP_ACT_LOG"})));
    process.layers = Some(Ok(vec![
        filter(0),
        filter(0x7fff_0001),
        filter(0x7fff_0000),
    ]));
    evidence.process = Some(process.clone());
    let found = active(&evidence);
    assert_eq!(found.source, Source::Ptrace);
    let layers = [
        (None, Installer::Program),
        (Some("more"), Installer::Program),
        (Some("own"), Installer::Runtime),
    ];
    assert_eq!(by(&found), layers);

    // Without copies the first is the runtime's, unless it was asked for none.
    evidence.copies.clear();
    evidence.observation.filters.clear();
    assert_eq!(by(&active(&evidence))[2].1, Installer::Runtime);
    process.bundle = Ok(Bundle::default());
    evidence.process = Some(process.clone());
    assert_eq!(by(&active(&evidence))[2].1, Installer::Program);

    process.layers = Some(Err("no permission".to_owned()));
    evidence.process = Some(process);
    let found = active(&evidence);
    assert_eq!(found.source, Source::None);
    assert!(found.told.contains("no permission"), "{found:?}");
}
