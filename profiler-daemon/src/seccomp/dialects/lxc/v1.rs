//! LXC's version 1: `1`, `allowlist`, then the numbers of the machine's own calls, one a line.
//!
//! Everything else kills the calling thread, calls of other architectures too. The old script
//! `mkseccomp.pl` of Docker's wrote this form, with `whitelist`, which LXC 5 no longer takes.

use std::collections::BTreeSet;

use crate::seccomp::{
    action::Action,
    arch::Arch,
    dialects::{
        printed::{self, Leaning},
        text::Line,
    },
    finding::{Findings, Reading},
    policy::{Policy, Rule},
};

/// Both words, for LXC looks for its own anywhere in the line: up to 4.0 `whitelist`, then the other.
const POLICY_LINE: &str = "allowlist whitelist";

/// What libseccomp's pseudo numbers look like: a sign before the digits.
const SIGNS: [char; 2] = ['-', '+'];

pub(super) fn read(lines: &[Line<'_>], native: Arch, mut findings: Findings) -> Reading<Policy> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    if let Some((policy, rest)) = lines.split_first() {
        read_policy_line(*policy, &mut findings);
        for line in rest {
            if let Some(name) = read_number(*line, native, &mut findings)
                && seen.insert(name)
            {
                names.push(name.to_owned());
            }
        }
    }
    findings.reading(Policy {
        default: Action::KillThread,
        native,
        arches: vec![native],
        rules: if names.is_empty() {
            Vec::new()
        } else {
            vec![Rule {
                names,
                action: Action::Allow,
                conditions: Vec::new(),
            }]
        },
    })
}

fn read_policy_line(line: Line<'_>, findings: &mut Findings) {
    if line.text.contains("debug") {
        findings.error(
            line.start(),
            "debug",
            "LXC knows the word debug and refuses it: it was never made",
            "leave the word out",
        );
    }
    if line.text.contains("allowlist") {
        return;
    }
    if line.text.contains("whitelist") {
        findings.warning(
            line.start(),
            "whitelist",
            "LXC 5 refuses whitelist in version 1; older ones know nothing else",
            format!("write \"{POLICY_LINE}\", which both take"),
        );
    } else {
        findings.error(
            line.start(),
            "bad-policy-line",
            "a version 1 profile can only list what is allowed",
            "write allowlist",
        );
    }
}

/// What LXC's `sscanf("%d")` makes of a line: blanks, digits, and the rest is not looked at.
fn read_number(line: Line<'_>, native: Arch, findings: &mut Findings) -> Option<&'static str> {
    let text = line.text.trim_start();
    let digits = text.trim_start_matches(|next: char| next.is_ascii_digit());
    let (number, rest) = text.split_at(text.len() - digits.len());
    if number.is_empty() {
        if text.starts_with(SIGNS) {
            findings.warning(
                line.place(text),
                "no-such-number",
                "no call has a signed number, so the line is left out",
                "",
            );
            return None;
        }
        findings.error(
            line.place(text),
            "not-a-number",
            "LXC refuses the whole profile for a line of version 1 without a number, be it blank or a comment",
            "leave the line out, or write version 2, which has names and comments",
        );
        return None;
    }
    if !rest.trim().is_empty() {
        findings.warning(
            line.place(rest),
            "ignored-text",
            "LXC does not look at what comes after the number",
            "",
        );
    }
    let name = number.parse().ok().and_then(|nr| native.syscall(nr));
    if name.is_none() {
        findings.warning(
            line.place(number),
            "no-such-number",
            format!(
                "{} has no call with this number that is known here, so the line is left out",
                native.name()
            ),
            "",
        );
    }
    name
}

/// Prints a policy as version 1; nothing if its default lets calls through.
///
/// Findings say what version 1 can't: other answers than death, arguments, other architectures.
#[must_use]
pub fn print(policy: &Policy, leaning: Leaning) -> Reading<String> {
    let mut findings = Findings::default();
    if policy.default.lets_through() {
        findings.error(
            None,
            "list-of-denied",
            format!(
                "the policy's default is {}, and version 1 can only list what is allowed",
                policy.default
            ),
            "print version 2",
        );
        return findings.reading(String::new());
    }
    if policy.default != Action::KillThread {
        findings.warning(
            None,
            "default-lost",
            format!(
                "version 1 kills the thread for every other call, where the policy says {}",
                policy.default
            ),
            "print version 2",
        );
    }
    for arch in policy.arches.iter().filter(|arch| **arch != policy.native) {
        findings.warning(
            None,
            "architecture-lost",
            format!(
                "version 1 kills the thread for every call of {}",
                arch.name()
            ),
            "print version 2",
        );
    }
    let mut numbers = BTreeSet::new();
    for (name, verdict) in printed::verdicts(policy, &mut findings) {
        let action = printed::without_arguments(
            name,
            &verdict,
            policy.default,
            leaning,
            "version 1",
            &mut findings,
        );
        if !action.lets_through() {
            if action != policy.default && action != Action::KillThread {
                killed(name, action, &mut findings);
            }
            continue;
        }
        if action == Action::Log {
            findings.warning(
                None,
                "log-lost",
                format!("version 1 has no word for log: {name} is allowed without a record"),
                "",
            );
        }
        match policy.native.number(name) {
            Some(number) => {
                numbers.insert(number);
            }
            None => findings.note(
                None,
                "left-out",
                format!("{} has no call {name}", policy.native.name()),
                "",
            ),
        }
    }
    let mut text = format!("1\n{POLICY_LINE}\n");
    for number in numbers {
        text.push_str(&number.to_string());
        text.push('\n');
    }
    findings.reading(text)
}

fn killed(name: &str, action: Action, findings: &mut Findings) {
    findings.warning(
        None,
        "action-lost",
        format!("version 1 kills the thread for {name}, where the policy says {action}"),
        "print version 2",
    );
}
