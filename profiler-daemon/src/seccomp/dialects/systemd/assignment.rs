//! A unit's lines: sections, assignments, continued lines, comments. Only what systemd's grammar
//! says of the four settings that are read; all others are passed over.

use crate::seccomp::{
    dialects::text::{At, Line},
    finding::{Findings, Place},
};

/// A word of a value, with its place.
#[derive(Clone, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) line: Line<'a>,
}

impl<'a> Word<'a> {
    pub(super) fn place(&self) -> At<'a> {
        self.line.place(self.text)
    }
}

/// A setting and its value.
#[derive(Debug)]
pub(super) struct Assignment<'a> {
    pub(super) key: Key,
    /// True if the value begins with `~`, which is not among the words.
    pub(super) inverted: bool,
    /// None for an empty value, which resets the setting.
    pub(super) words: Vec<Word<'a>>,
    /// Where it begins.
    pub(super) place: Place,
}

/// The settings that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Filter,
    ErrorNumber,
    Architectures,
    Log,
}

impl Key {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "SystemCallFilter" => Self::Filter,
            "SystemCallErrorNumber" => Self::ErrorNumber,
            "SystemCallArchitectures" => Self::Architectures,
            "SystemCallLog" => Self::Log,
            _ => return None,
        })
    }
}

/// Sections whose units run a program.
const SECTIONS: [&str; 4] = ["[Service]", "[Socket]", "[Mount]", "[Swap]"];

/// The assignments of a unit or of bare lines, in order.
pub(super) fn read<'a>(lines: &[Line<'a>], findings: &mut Findings) -> Vec<Assignment<'a>> {
    let mut assignments = Vec::new();
    let mut counts = true;
    let mut lines = lines.iter().copied();
    while let Some(line) = lines.next() {
        let text = line.text.trim();
        if text.is_empty() || is_comment(text) {
            continue;
        }
        if text.starts_with('[') {
            counts = SECTIONS.contains(&text);
            continue;
        }
        let Some((name, value)) = text.split_once('=') else {
            report_no_assignment(line, text, findings);
            continue;
        };
        let name = name.trim();
        let key = Key::named(name);
        if key.is_none() {
            report_near(line, name, findings);
        }
        let mut parts = vec![(line, value)];
        while parts.last().is_some_and(|(_, part)| part.ends_with('\\')) {
            // A comment between continued lines is not part of them, and does not end them.
            match lines.find(|line| !is_comment(line.text.trim())) {
                Some(next) => parts.push((next, next.text.trim())),
                None => break,
            }
        }
        let Some(key) = key else { continue };
        if !counts {
            findings.warning(
                line.place(name),
                "wrong-section",
                format!("{name} does nothing in this section"),
                "write it under [Service]",
            );
            continue;
        }
        assignments.push(assignment(key, line.place(name).into(), &parts));
    }
    assignments
}

fn assignment<'a>(key: Key, place: Place, parts: &[(Line<'a>, &'a str)]) -> Assignment<'a> {
    let mut inverted = false;
    let mut words = Vec::new();
    for (at, (line, part)) in parts.iter().enumerate() {
        let mut part = part.strip_suffix('\\').unwrap_or(part).trim();
        if at == 0
            && let Some(rest) = part.strip_prefix('~')
        {
            inverted = true;
            part = rest;
        }
        words.extend(part.split_ascii_whitespace().map(|word| Word {
            text: word,
            line: *line,
        }));
    }
    Assignment {
        key,
        inverted,
        words,
        place,
    }
}

fn is_comment(text: &str) -> bool {
    text.starts_with(['#', ';'])
}

fn report_no_assignment(line: Line<'_>, text: &str, findings: &mut Findings) {
    findings.warning(
        line.place(text),
        "no-assignment",
        "the line is neither an assignment nor a section nor a comment, and systemd passes it over",
        "write SystemCallFilter= before the names; a line that goes on ends with a backslash",
    );
}

/// Other settings are no concern of a filter's, unless their name looks like one of the four.
fn report_near(line: Line<'_>, name: &str, findings: &mut Findings) {
    /// As many letters as `sys` lacks of `system`.
    const NEAR: usize = 3;
    const NAMES: [&str; 4] = [
        "SystemCallFilter",
        "SystemCallErrorNumber",
        "SystemCallArchitectures",
        "SystemCallLog",
    ];
    if name.len() > 64 || !findings.has_room() {
        return;
    }
    let near = NAMES.into_iter().find(|known| {
        strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()) <= NEAR
    });
    if let Some(near) = near {
        findings.warning(
            line.place(name),
            "unknown-setting",
            format!("systemd has no setting {name}, so the line does nothing"),
            format!("write {near}"),
        );
    }
}
