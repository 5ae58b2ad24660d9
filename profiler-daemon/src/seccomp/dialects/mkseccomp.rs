//! The list that Docker's old script `mkseccomp.pl` took: one name a line, in groups, `//` comments.
//!
//! The script takes a line only if it begins with a letter, digit or underscore; the C preprocessor
//! then turns the name into this machine's number and cuts comments. What came of it was a profile of
//! LXC's version 1, so every other call kills.

use std::collections::BTreeSet;

use crate::seccomp::{
    action::Action,
    arch::Arch,
    dialects::{
        printed::{self, Leaning},
        text::{self, Line, lines},
    },
    facts::names,
    finding::{Findings, Reading},
    policy::{Policy, Rule},
};

/// Reads a list for a machine of `native`.
#[must_use]
pub fn read(text: &[u8], native: Arch) -> Reading<Policy> {
    let mut findings = Findings::default();
    let mut names: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut in_comment = false;
    for line in lines(text, &mut findings) {
        if let Some(name) = read_line(line, &mut in_comment, &mut findings)
            && seen.insert(name)
        {
            if native.number(name).is_none() && names::is_known(name) {
                findings.note(
                    line.place(name),
                    "other-architecture",
                    format!("{} has no call {name}", native.name()),
                    "",
                );
            }
            text::report_unknown(name, line, &mut findings);
            names.push(name.to_owned());
        }
    }
    let rules = if names.is_empty() {
        findings.warning(
            None,
            "empty-list",
            "the list names no call, so every call kills the thread",
            "write one name a line",
        );
        Vec::new()
    } else {
        vec![Rule {
            names,
            action: Action::Allow,
            conditions: Vec::new(),
        }]
    };
    findings.reading(Policy {
        default: Action::KillThread,
        native,
        arches: vec![native],
        rules,
    })
}

/// The name in a line, if the script takes the line.
fn read_line<'a>(
    line: Line<'a>,
    in_comment: &mut bool,
    findings: &mut Findings,
) -> Option<&'a str> {
    let text = line.text;
    if *in_comment {
        *in_comment = !text.contains("*/");
        return None;
    }
    if text.trim_start().starts_with("/*") {
        *in_comment = !text.contains("*/");
        return None;
    }
    let code = text.split("//").next().unwrap_or(text);
    let code = code.split("/*").next().unwrap_or(code);
    let first = code.chars().next()?;
    if !(first.is_ascii_alphanumeric() || first == '_') {
        if !code.trim().is_empty() {
            findings.warning(
                line.place(code.trim()),
                "ignored-text",
                "the script passes over a line that begins with anything but a letter, digit or underscore",
                "write the name at the beginning of the line",
            );
        }
        return None;
    }
    let mut words = code.split_ascii_whitespace();
    let name = words.next()?;
    if let Some(more) = words.next() {
        findings.warning(
            line.place(more),
            "ignored-text",
            "only the first name in a line counts",
            "write one name a line",
        );
    }
    Some(name)
}

/// Prints what a policy lets through as such a list, sorted.
///
/// The list has no default: the script makes it death, so other answers are reported as lost.
#[must_use]
pub fn print(policy: &Policy, leaning: Leaning) -> Reading<String> {
    let mut findings = Findings::default();
    if policy.default.lets_through() {
        findings.error(
            None,
            "list-of-denied",
            format!(
                "the policy's default is {}, and the list can only say what is allowed",
                policy.default
            ),
            "print another dialect",
        );
        return findings.reading(String::new());
    }
    if policy.default != Action::KillThread || policy.arches != [policy.native] {
        findings.warning(
            None,
            "default-lost",
            format!(
                "the script's profile kills the thread for every other call and architecture, where the policy says {}",
                policy.default
            ),
            "print another dialect",
        );
    }
    let mut text = String::new();
    for (name, verdict) in printed::verdicts(policy, &mut findings) {
        let action = printed::without_arguments(
            name,
            &verdict,
            policy.default,
            leaning,
            "the list",
            &mut findings,
        );
        match action {
            Action::Allow => {}
            Action::Log => findings.warning(
                None,
                "log-lost",
                format!("{name} is allowed without a record"),
                "",
            ),
            other if other == policy.default || other == Action::KillThread => continue,
            other => {
                findings.warning(
                    None,
                    "action-lost",
                    format!("{name} kills the thread, where the policy says {other}"),
                    "print another dialect",
                );
                continue;
            }
        }
        text.push_str(name);
        text.push('\n');
    }
    findings.reading(text)
}

#[cfg(test)]
#[path = "mkseccomp_tests.rs"]
mod tests;
