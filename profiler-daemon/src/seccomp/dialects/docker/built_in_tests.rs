//! The built-in profile against moby's file.

use std::collections::BTreeMap;

use super::docker_default;
use crate::seccomp::{
    arch::Arch,
    dialects::docker::{
        self, Indent, Profile, print, read,
        resolve::{Circumstances, Filter, Resolved, resolve},
        vocabulary::{CAPABILITIES, DOCKER_CAPABILITIES},
    },
    policy::Rule,
};

/// Where the work's shared copy of Docker's default profile lies; elsewhere it is absent.
const DOCKER_DEFAULT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared/data/docker-default.json"
);

/// What a profile says of each name under some circumstances, in the order of its rules.
fn meaning(
    profile: &Profile,
    circumstances: &Circumstances,
) -> (Filter, BTreeMap<String, Vec<Rule>>) {
    let Ok(Resolved::Filter(mut filter)) = resolve(profile, circumstances) else {
        panic!("it resolves to a filter");
    };
    let mut by_name: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for rule in std::mem::take(&mut filter.policy.rules) {
        for name in &rule.names {
            let rules = by_name.entry(name.clone()).or_default();
            let rule = Rule {
                names: Vec::new(),
                action: rule.action,
                conditions: rule.conditions.clone(),
            };
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    (filter, by_name)
}

#[test]
fn it_means_what_mobys_file_means_everywhere() {
    let Ok(text) = std::fs::read(DOCKER_DEFAULT) else {
        eprintln!("skipped: there is no {DOCKER_DEFAULT} here");
        return;
    };
    let reading = read(&text);
    let theirs = reading.value.expect("moby's file is read");
    let ours = docker_default();
    let mut capability_sets: Vec<Vec<&str>> = CAPABILITIES.iter().map(|cap| vec![*cap]).collect();
    capability_sets.push(Vec::new());
    capability_sets.push(CAPABILITIES.to_vec());
    capability_sets.push(DOCKER_CAPABILITIES.to_vec());
    let mut compared = 0;
    for caps in &capability_sets {
        for kernel in [(3, 10), (4, 7), (4, 8), (4, 19), (5, 4), (5, 15), (6, 18)] {
            for arch in [Arch::X86_64, Arch::X86, Arch::Aarch64, Arch::Arm] {
                let circumstances = Circumstances {
                    capabilities: caps.iter().map(|cap| (*cap).to_owned()).collect(),
                    arch,
                    kernel,
                };
                assert_eq!(
                    meaning(&ours, &circumstances),
                    meaning(&theirs, &circumstances),
                    "{circumstances:?}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 44 * 7 * 4);
    // What no circumstances above bring out: other machines' lines.
    assert_eq!(ours.arch_map, theirs.arch_map);
    let rules = |profile: &Profile| -> Vec<_> {
        let rules = profile.syscalls.iter().flat_map(|rule| {
            rule.all_names().map(|name| docker::Rule {
                names: vec![name.clone()],
                comment: String::new(),
                ..rule.clone()
            })
        });
        rules.collect()
    };
    let (ours, theirs) = (rules(&ours), rules(&theirs));
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().all(|rule| theirs.contains(rule)));
    assert!(theirs.iter().all(|rule| ours.contains(rule)));
}

#[test]
fn it_reads_back_what_it_prints_with_no_more_than_notes() {
    let profile = docker_default();
    for indent in [Indent::Spaces, Indent::Tab] {
        let reading = read(print(&profile, indent).as_bytes());
        assert_eq!(reading.value.as_ref(), Some(&profile));
        let codes: Vec<_> = reading
            .findings
            .iter()
            .map(|finding| finding.code)
            .collect();
        assert_eq!(codes, ["x32-never-native"; 2]);
    }
}
