//! LXC's version 2: a policy line with a default, then names, each with an action and conditions.

use std::collections::HashMap;

use super::{arches, v2_line};
use crate::seccomp::{
    action::Action,
    arch::Arch,
    dialects::text::Line,
    facts::spelling::shortened,
    finding::{Findings, Reading},
    policy::{Policy, Rule},
};

pub use super::v2_print::print;

/// Sections of architectures that LXC knows, without brackets and in lower case; those with an
/// [`Arch`] first.
const SECTIONS: [(&str, Option<Arch>); 19] = [
    ("x86", Some(Arch::X86)),
    ("x32", Some(Arch::X32)),
    ("x86_64", Some(Arch::X86_64)),
    ("arm", Some(Arch::Arm)),
    ("arm64", Some(Arch::Aarch64)),
    ("ppc64le", None),
    ("ppc64", None),
    ("ppc", None),
    ("mips64", None),
    ("mips64n32", None),
    ("mips", None),
    ("mipsel64", None),
    ("mipsel64n32", None),
    ("mipsel", None),
    ("s390x", None),
    ("s390", None),
    ("loongarch64", None),
    ("riscv64", None),
    ("all", None),
];

pub(super) fn read(lines: &[Line<'_>], native: Arch, mut findings: Findings) -> Reading<Policy> {
    let mut policy = Policy {
        default: Action::KillThread,
        native,
        arches: arches(native),
        rules: Vec::new(),
    };
    if let Some((first, rest)) = lines.split_first()
        && let Some((default, usual)) = read_policy_line(*first, &mut findings)
    {
        policy.default = default;
        read_rules(rest, usual, &mut policy, &mut findings);
    }
    findings.reading(policy)
}

/// The default, and what a rule does that does not say.
fn read_policy_line(line: Line<'_>, findings: &mut Findings) -> Option<(Action, Action)> {
    if line.text.contains("debug") {
        findings.error(
            line.start(),
            "debug",
            "LXC knows the word debug and refuses it: it was never made",
            "leave the word out",
        );
        return None;
    }
    let begins = |words: [&str; 2]| words.into_iter().any(|word| line.text.starts_with(word));
    let (default, usual) = if begins(["denylist", "blacklist"]) {
        (Action::Allow, Action::KillThread)
    } else if begins(["allowlist", "whitelist"]) {
        (Action::KillThread, Action::Allow)
    } else {
        findings.error(
            line.start(),
            "bad-policy-line",
            "the line after the version says neither allowlist nor denylist",
            "write allowlist or denylist, and what becomes of all other calls: allowlist errno 1",
        );
        return None;
    };
    let said = line
        .text
        .split_once(' ')
        .map_or("", |(_, rest)| rest.trim());
    if said.is_empty() {
        return Some((default, usual));
    }
    Some((v2_line::read_action(line, said, findings)?, usual))
}

fn read_rules(lines: &[Line<'_>], usual: Action, policy: &mut Policy, findings: &mut Findings) {
    // Rules of a section for a machine of another kind are passed over.
    let mut relevant = true;
    let mut said = HashMap::new();
    for line in lines {
        if line.text.starts_with('#') {
            continue;
        }
        if line.text.starts_with('[') {
            match read_section(*line, policy.native, findings) {
                Some(section) => relevant = section,
                None => return,
            }
            continue;
        }
        if !relevant {
            continue;
        }
        let Some(rule) = v2_line::read(*line, usual, findings) else {
            continue;
        };
        if rule.action == policy.default {
            findings.error(
                line.start(),
                "action-is-default",
                format!(
                    "the rule says {}, which is the default: LXC refuses such a profile",
                    rule.action
                ),
                "leave the rule out",
            );
        }
        let mut conditions = rule.conditions.clone();
        conditions.sort_unstable();
        let earlier = said.insert((rule.names.clone(), conditions), rule.action);
        if earlier.is_some_and(|action| action != rule.action) && !rule.conditions.is_empty() {
            findings.error(
                line.start(),
                "conflict",
                "an earlier line gives the same calls another action: LXC refuses such a profile",
                "leave one of the two out",
            );
        }
        add(rule, policy, line, findings);
    }
}

/// Adds a rule. Neighbours that differ by name only become one.
fn add(rule: Rule, policy: &mut Policy, line: &Line<'_>, findings: &mut Findings) {
    if let Some(last) = policy.rules.last_mut() {
        if *last == rule {
            findings.note(
                line.start(),
                "said-twice",
                "the line above says the same",
                "",
            );
            return;
        }
        if last.action == rule.action && last.conditions == rule.conditions {
            last.names.extend(rule.names);
            return;
        }
    }
    policy.rules.push(rule);
}

/// Whether the lines after this one count on this machine; `None` if LXC refuses the profile.
fn read_section(line: Line<'_>, native: Arch, findings: &mut Findings) -> Option<bool> {
    let name = line
        .text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    // LXC knows all lower case and all upper case.
    let known = name.and_then(|name| {
        SECTIONS
            .into_iter()
            .find(|(known, _)| name == *known || name == known.to_uppercase())
    });
    let Some((name, arch)) = known else {
        findings.error(
            line.start(),
            "unknown-architecture",
            format!("LXC has no section {} and refuses the profile", line.text),
            "write [all], [x86_64], [x86], [x32], [arm64] or [arm], with nothing after it",
        );
        return None;
    };
    if name == "all" {
        return Some(true);
    }
    let counts = arch.is_some_and(|arch| arches(native).contains(&arch));
    if counts {
        findings.warning(
            line.start(),
            "section-does-not-narrow",
            format!("LXC 5.0 holds the rules of [{}] for every architecture of the machine, as under [all]", shortened(name)),
            "write [all], or other rules",
        );
    } else {
        findings.note(
            line.start(),
            "section-passed-over",
            format!(
                "the rules of [{}] are not for {}",
                shortened(name),
                native.name()
            ),
            "",
        );
    }
    Some(counts)
}
