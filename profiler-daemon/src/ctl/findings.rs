//! Findings about a text, as lines for people and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    printable::{printable, wrapped},
    standard_input::STANDARD_INPUT,
    table::WIDTH,
};
use crate::seccomp::finding::{Finding, Level};

/// `file:3:7: error: …` for each finding at least as grave as `least`.
pub(super) fn lines(title: &str, findings: &[Finding], least: Level) -> String {
    findings
        .iter()
        .filter(|finding| finding.level <= least)
        .map(|finding| line(title, finding))
        .collect()
}

fn line(title: &str, finding: &Finding) -> String {
    let place = finding
        .place
        .map_or_else(String::new, |place| format!(":{place}"));
    let line = format!(
        "{}{place}: {}: {} [{}]",
        printable(title),
        word(finding.level),
        printable(&finding.what),
        finding.code
    );
    let mut text = wrapped(&line, 2, WIDTH);
    text.push('\n');
    if !finding.mend.is_empty() {
        let mend = format!("  → {}", printable(&finding.mend));
        let _ = writeln!(text, "  {}", wrapped(&mend, 4, WIDTH));
    }
    text
}

/// Findings that a verb tells which was asked for something else.
const MOST_ASIDE: usize = 20;

/// As [`lines`], for a verb that was asked for something else: not more than people read.
pub(super) fn aside(title: &str, findings: &[Finding], least: Level) -> String {
    let told: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.level <= least)
        .collect();
    let mut text: String = told
        .iter()
        .take(MOST_ASIDE)
        .map(|finding| line(title, finding))
        .collect();
    let left = told.len().saturating_sub(MOST_ASIDE);
    if left > 0 {
        let title = printable(title);
        let name = if title == STANDARD_INPUT { "-" } else { &title };
        let more = format!("{title}: and {left} more: `profilectl check {name}` lists them");
        let _ = writeln!(text, "{}", wrapped(&more, 2, WIDTH));
    }
    text
}

/// `error`, `warning`, `note`.
pub(super) const fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

/// A finding with stable keys.
pub(super) fn value(finding: &Finding) -> Value {
    json!({
        "level": word(finding.level),
        "code": finding.code,
        "line": finding.place.map(|place| place.line),
        "column": finding.place.map(|place| place.column),
        "what": finding.what,
        "mend": finding.mend,
    })
}
