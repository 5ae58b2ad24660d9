//! Prints a policy as LXC's version 2.

use std::collections::BTreeMap;

use super::{MAX_ERRNO, arches};
use crate::seccomp::{
    action::Action,
    condition::{Condition, Operator},
    dialects::printed::{self, Leaning, Verdict},
    finding::{Findings, Reading},
    policy::{Policy, Rule},
};

/// ENOSYS, which a call gets that asks a tracer where there is none.
const ENOSYS: u16 = 38;

/// Prints a policy as version 2, for the container to be started by LXC 5.
///
/// LXC judges all architectures of a machine by the same names ([`arches`]). A policy that kills
/// calls of one of them can't be said: that is an error on the stricter side, and a warning on the
/// looser one.
#[must_use]
pub fn print(policy: &Policy, leaning: Leaning) -> Reading<String> {
    let mut findings = Findings::default();
    check_arches(policy, leaning, &mut findings);
    let default = sayable(policy.default, "the default", &mut findings);
    // What a line says after its name, by name.
    let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, verdict) in printed::verdicts(policy, &mut findings) {
        let said = match &verdict {
            Verdict::Always(action) => vec![(*action, String::new())],
            Verdict::Depends(rules) => match conditional(rules, default) {
                Some(said) => said,
                None => vec![(
                    printed::without_arguments(
                        name,
                        &verdict,
                        policy.default,
                        leaning,
                        "LXC",
                        &mut findings,
                    ),
                    String::new(),
                )],
            },
        };
        for (action, conditions) in said {
            let action = sayable(action, name, &mut findings);
            // LXC refuses a profile with a rule that says the default.
            if action != default {
                lines
                    .entry(name)
                    .or_default()
                    .push(format!("{}{conditions}", word(action)));
            }
        }
    }
    let style = if default.lets_through() {
        "denylist"
    } else {
        "allowlist"
    };
    let mut text = format!("2\n{style} {}\n[all]\n", word(default));
    for (name, said) in lines {
        for action in said {
            text.push_str(name);
            text.push(' ');
            text.push_str(&action);
            text.push('\n');
        }
    }
    findings.reading(text)
}

fn check_arches(policy: &Policy, leaning: Leaning, findings: &mut Findings) {
    let judged = arches(policy.native);
    for arch in judged.iter().filter(|arch| !policy.arches.contains(arch)) {
        let what = format!(
            "LXC judges calls of {} by the same names, where the policy kills every one of them",
            arch.name()
        );
        match leaning {
            Leaning::Stricter => findings.error(
                None,
                "architecture-too-many",
                what,
                "print version 1, which has the machine's own architecture alone, or lean to the looser side",
            ),
            Leaning::Looser => findings.warning(
                None,
                "architecture-too-many",
                what,
                "print version 1, which has the machine's own architecture alone",
            ),
        }
    }
    for arch in policy.arches.iter().filter(|arch| !judged.contains(arch)) {
        findings.warning(
            None,
            "architecture-lost",
            format!("LXC kills the thread for every call of {}", arch.name()),
            "",
        );
    }
}

/// The action in LXC's language that comes nearest and lets no more through.
fn nearest(action: Action) -> Action {
    match action {
        Action::KillProcess => Action::KillThread,
        Action::Trap(_) => Action::Trap(0),
        Action::Errno(errno) => Action::Errno(errno.min(MAX_ERRNO)),
        Action::Trace(_) => Action::Errno(ENOSYS),
        Action::Log => Action::Allow,
        same => same,
    }
}

/// The nearest action, and a finding if it is another.
fn sayable(action: Action, what: &str, findings: &mut Findings) -> Action {
    let said = nearest(action);
    if said != action {
        findings.warning(
            None,
            "action-lost",
            format!("LXC has no word for {action}: {what} is {said} here"),
            "",
        );
    }
    said
}

fn word(action: Action) -> String {
    match action {
        Action::KillProcess | Action::KillThread => "kill".to_owned(),
        Action::Trap(_) => "trap".to_owned(),
        Action::Errno(errno) => format!("errno {errno}"),
        Action::Trace(_) => format!("errno {ENOSYS}"),
        Action::Notify => "notify".to_owned(),
        Action::Log | Action::Allow => "allow".to_owned(),
    }
}

/// The rules as LXC writes them; nothing if it refuses one of them: two conditions on one argument,
/// or the same conditions with two answers. Nothing either if one of several would be left out for
/// saying what is LXC's default, for then the others would hold where it did.
fn conditional(rules: &[&Rule], default: Action) -> Option<Vec<(Action, String)>> {
    let says_default = |rule: &&Rule| nearest(rule.action) == default;
    if rules.iter().any(says_default) && !rules.iter().all(says_default) {
        return None;
    }
    let mut said: Vec<(Action, String)> = Vec::new();
    for rule in rules
        .iter()
        .filter(|rule| !rule.conditions.iter().any(never_holds))
    {
        let mut indices: Vec<u8> = rule.conditions.iter().map(|one| one.index).collect();
        indices.sort_unstable();
        indices.dedup();
        if indices.len() < rule.conditions.len()
            || indices
                .last()
                .is_some_and(|last| *last > Condition::MAX_INDEX)
        {
            return None;
        }
        let mut conditions = rule.conditions.clone();
        conditions.sort_unstable();
        let text: String = conditions.into_iter().map(condition).collect();
        if said.iter().any(|(_, other)| *other == text) {
            return None;
        }
        said.push((rule.action, text));
    }
    Some(said)
}

/// A masked argument can't be what the mask takes away. libseccomp would mask that too and so hold
/// such a condition for another.
fn never_holds(one: &Condition) -> bool {
    one.operator == Operator::MaskedEqual && one.value_two & !one.value != 0
}

fn condition(one: Condition) -> String {
    let Condition {
        index,
        operator,
        value,
        value_two,
    } = one;
    match operator {
        Operator::MaskedEqual => format!(" [{index},{value_two},{},{value}]", operator.scmp()),
        _ => format!(" [{index},{value},{}]", operator.scmp()),
    }
}
