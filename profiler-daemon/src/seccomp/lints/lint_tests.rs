//! Every trap of a set of bad documents, against a golden file.

use std::fmt::Write;

use super::{Facts, check, linted};
use crate::seccomp::{
    arch::Arch,
    dialects::{
        docker::{self, docker_default},
        oci,
    },
    exported,
    finding::{Finding, Level},
};

const GOLDEN: &str = include_str!("../../../tests/golden/findings.txt");

/// Documents, one a line that begins with `#`, in the room between.
const DOCUMENTS: &str = include_str!("../../../tests/golden/bad-profiles.txt");

const FACTS: Facts<'static> = Facts {
    is_32_bit: &|arch, name, index| arch == Arch::X86_64 && name == "socket" && index < 3,
    is_new_to_libseccomp: &|name| name == "file_setattr",
};

fn shown(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let place = finding
        .place
        .map_or("-".to_owned(), |place| place.to_string());
    let mut text = format!("{place} {level} {}: {}\n", finding.code, finding.what);
    if !finding.mend.is_empty() {
        let _ = writeln!(text, "    {}", finding.mend);
    }
    text
}

fn findings(title: &str, text: &str) -> Vec<Finding> {
    let reading = if title.starts_with("oci") {
        oci::read(text.as_bytes())
    } else {
        docker::read(text.as_bytes())
    };
    linted(reading, &FACTS).findings
}

#[test]
fn bad_documents_are_told_what_is_wrong() {
    let mut all = String::new();
    let mut documents = 0;
    for document in DOCUMENTS.split("\n# ").skip(1) {
        let (title, text) = document.split_once('\n').unwrap();
        let _ = writeln!(all, "# {title}");
        let findings = findings(title, text);
        assert!(!findings.is_empty(), "{title}");
        for finding in findings {
            all.push_str(&shown(&finding));
        }
        documents += 1;
    }
    assert!(documents > 30, "{documents}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.txt");
        std::fs::write(file, &all).unwrap();
        return;
    }
    assert_eq!(all, GOLDEN, "run with UPDATE_GOLDEN=1 if this is meant");
}

#[test]
fn every_lint_has_a_document() {
    let sources = [
        include_str!("across.rs"),
        include_str!("multiplexed.rs"),
        include_str!("probes.rs"),
        include_str!("arguments.rs"),
        include_str!("rule.rs"),
        include_str!("start.rs"),
        include_str!("whole.rs"),
        include_str!("../dialects/docker/fields.rs"),
        include_str!("../dialects/docker/read.rs"),
        include_str!("../dialects/docker/words.rs"),
        include_str!("../dialects/json/mod.rs"),
        include_str!("../dialects/oci/mod.rs"),
    ];
    // A code is the only text of small letters and hyphens alone.
    let codes = sources
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2))
        .filter(|text| text.contains('-') && text.len() > 4)
        .filter(|text| {
            text.bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
    let mut missing: Vec<&str> = codes
        // Of bytes that no text file can hold, or too many of them; json has tests of its own.
        .filter(|code| !["too-deep", "too-long", "not-utf8"].contains(code))
        .filter(|code| !GOLDEN.contains(&format!(" {code}: ")))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn dockers_default_has_two_known_holes_and_else_nothing() {
    let findings = check(&docker_default(), &FACTS);
    let codes: Vec<_> = findings
        .iter()
        .map(|finding| (finding.level, finding.code))
        .collect();
    let holes = ["upper-bits-slip", "condition-lost-on-i386"];
    assert_eq!(codes, holes.map(|code| (Level::Warning, code)));
    assert!(findings[0].what.contains("a0 > 0x28"), "{findings:?}");
}

#[test]
fn what_is_exported_has_nothing_to_mend() {
    use crate::profile::{
        baseline::learned::LearnedBaseline,
        compose::{Inputs, Options, compose},
        observation::Observation,
    };
    let composed = compose(&Inputs {
        observation: &Observation::default(),
        learned: &LearnedBaseline::default(),
        options: Options::default(),
    });
    let facts = Facts {
        is_new_to_libseccomp: &|_| false,
        ..FACTS
    };
    assert_eq!(check(&exported::document(&composed), &facts), []);
}

#[test]
fn a_long_hostile_profile_is_linted_at_once() {
    let names = "\"read\",".repeat(30_000) + "\"read\"";
    let condition = r#"{"index":0,"value":1,"op":"SCMP_CMP_EQ"}"#;
    let conditions = format!("{condition},").repeat(6_000) + condition;
    let text = format!(
        r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
            {{"names":[{names}],"action":"SCMP_ACT_ALLOW","args":[{conditions}]}},
            {{"names":[{names}],"action":"SCMP_ACT_LOG","args":[{conditions}]}}]}}"#
    );
    let profile = docker::read(text.as_bytes()).value.unwrap();
    let findings = check(&profile, &FACTS);
    assert_eq!(findings.len(), 501);
}
