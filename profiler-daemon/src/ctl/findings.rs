//! Findings about a text, as lines for people and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    printable::{printable, wrapped},
    table::WIDTH,
};
use crate::seccomp::finding::{Finding, Level};

/// `file:3:7: error: …` for each finding at least as grave as `least`.
pub(super) fn lines(title: &str, findings: &[Finding], least: Level) -> String {
    let mut text = String::new();
    for finding in findings.iter().filter(|finding| finding.level <= least) {
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
        let _ = writeln!(text, "{}", wrapped(&line, 2, WIDTH));
        if !finding.mend.is_empty() {
            let mend = format!("  → {}", printable(&finding.mend));
            let _ = writeln!(text, "  {}", wrapped(&mend, 4, WIDTH));
        }
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
