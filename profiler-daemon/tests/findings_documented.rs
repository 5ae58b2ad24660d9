//! docs/language.md names the code of every finding, and no other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its ground gives way"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Words with dashes in the source that are no codes: architectures as systemd and libseccomp spell
/// them.
const OTHER_WORDS: [&str; 6] = [
    "mips-le",
    "mips64-le",
    "mips64-le-n32",
    "mips64-n32",
    "ppc64-le",
    "x86-64",
];

/// How long before a code its call begins, at most.
const REACH: usize = 120;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs")
            && !path.to_string_lossy().ends_with("tests.rs")
        {
            found.push(path);
        }
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// Codes in a source: literals with dashes, and what comes first in a call that adds a finding.
fn codes(source: &str, found: &mut BTreeSet<String>) {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let mut before = String::new();
    for (place, part) in code.split('"').enumerate() {
        if place % 2 == 1 && is_word(part) {
            let start = before.len().saturating_sub(REACH);
            let start = (start..=before.len())
                .find(|at| before.is_char_boundary(*at))
                .unwrap();
            let call = &before[start..];
            let adds = [
                "findings.error(",
                "findings.warning(",
                "findings.note(",
                "code: ",
            ];
            // The quote that opens this literal is the only one since the call began.
            let is_code = adds.iter().any(|add| {
                call.rfind(add).is_some_and(|at| {
                    call[at..].matches('"').count() == 1 && !call[at..].contains(';')
                })
            });
            if (part.contains('-') || is_code) && !OTHER_WORDS.contains(&part) {
                found.insert(part.to_owned());
            }
        }
        before.push_str(part);
        before.push('"');
    }
}

#[test]
fn every_code_is_documented_and_nothing_else_is() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&package.join("src/seccomp"), &mut files);
    files.push(package.join("src/ctl/check.rs"));
    let mut told = BTreeSet::new();
    for file in &files {
        codes(&fs::read_to_string(file).unwrap(), &mut told);
    }
    assert!(told.len() > 100, "only {} codes were found", told.len());

    let text = fs::read_to_string(package.join("../docs/language.md")).unwrap();
    let findings = text.split("\n## Findings\n").nth(1).expect("the section");
    let documented: BTreeSet<String> = findings
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();

    let missing: Vec<&String> = told.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/language.md lacks {missing:?}");
    let gone: Vec<&String> = documented.difference(&told).collect();
    assert!(gone.is_empty(), "no source has {gone:?}");
}
