//! What every printer of a dialect shares: one verdict a name, and how to err when a dialect has no
//! words for it.
//!
//! Must not know any dialect.

use std::collections::BTreeMap;

use crate::seccomp::{
    action::Action,
    facts::{names, spelling::shortened},
    finding::Findings,
    policy::{Policy, Rule},
};

/// Which way to err where a dialect can't say what a policy says. Either is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaning {
    /// Refuse more than the policy; where even that can't be said, print nothing.
    Stricter,
    /// Let through more than the policy.
    Looser,
}

/// What a policy has in store for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// The same, whatever the arguments.
    Always(Action),
    /// Some of these rules, by the arguments, or else the default; at least one.
    Depends(Vec<&'a Rule>),
}

impl Verdict<'_> {
    /// One action in the place of all that may come, given the policy's default.
    pub(super) fn leaned(&self, default: Action, leaning: Leaning) -> Action {
        match self {
            Self::Always(action) => *action,
            Self::Depends(rules) => {
                let actions = rules.iter().map(|rule| rule.action).chain([default]);
                let one = match leaning {
                    Leaning::Stricter => actions.min_by_key(|action| action.rank()),
                    Leaning::Looser => actions.max_by_key(|action| action.rank()),
                };
                one.unwrap_or(default)
            }
        }
    }
}

/// What a policy has in store for each name it speaks of, sorted by name. A name that gets the
/// default anyhow is not there, and as with libseccomp a rule that says the default is none, and
/// the first rule without conditions stands for all. A name that can't be a call's is reported.
pub(super) fn verdicts<'a>(
    policy: &'a Policy,
    findings: &mut Findings,
) -> BTreeMap<&'a str, Verdict<'a>> {
    let mut verdicts = BTreeMap::new();
    for rule in &policy.rules {
        if rule.action == policy.default {
            continue;
        }
        for name in &rule.names {
            if !names::is_well_formed(name) {
                findings.warning(
                    None,
                    "left-out",
                    format!(
                        "\"{}\" can't be a call's name and is left out; no call has it",
                        shortened(name)
                    ),
                    "",
                );
                continue;
            }
            add(&mut verdicts, name, rule);
        }
    }
    verdicts
}

fn add<'a>(verdicts: &mut BTreeMap<&'a str, Verdict<'a>>, name: &'a str, rule: &'a Rule) {
    let verdict = verdicts
        .entry(name)
        .or_insert_with(|| Verdict::Depends(Vec::new()));
    if let Verdict::Depends(rules) = verdict {
        if rule.conditions.is_empty() {
            *verdict = Verdict::Always(rule.action);
        } else if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
}

/// Reports that a name's arguments are not looked at in the dialect; returns what it gets instead.
pub(super) fn without_arguments(
    name: &str,
    verdict: &Verdict<'_>,
    default: Action,
    leaning: Leaning,
    dialect: &str,
    findings: &mut Findings,
) -> Action {
    let action = verdict.leaned(default, leaning);
    if matches!(verdict, Verdict::Depends(_)) {
        findings.warning(
            None,
            "arguments-lost",
            format!("{dialect} can't tell calls of {name} apart by arguments: here it is {action} whatever they are"),
            match leaning {
                Leaning::Stricter => "lean to the looser side if the program needs it",
                Leaning::Looser => "lean to the stricter side if the program can do without it",
            },
        );
    }
    action
}

/// Words in lines that begin alike and are not too long; the same words give the same lines.
pub(super) fn wrapped(begin: &str, words: impl IntoIterator<Item = String>) -> String {
    const WIDTH: usize = 100;
    let mut text = String::new();
    let mut line = String::new();
    for word in words {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.clear();
        }
        line.push_str(if line.is_empty() { begin } else { " " });
        line.push_str(&word);
    }
    if !line.is_empty() {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{
        arch::Arch,
        condition::{Condition, Operator},
    };

    fn rule(name: &str, action: Action, conditional: bool) -> Rule {
        Rule {
            names: vec![name.to_owned()],
            action,
            conditions: conditional
                .then_some(Condition {
                    index: 0,
                    operator: Operator::Equal,
                    value: 1,
                    value_two: 0,
                })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn the_first_rule_without_conditions_stands_for_all() {
        let policy = Policy {
            default: Action::Errno(1),
            native: Arch::X86_64,
            arches: vec![Arch::X86_64],
            rules: vec![
                rule("a", Action::Errno(1), false),
                rule("a", Action::Allow, true),
                rule("b", Action::Allow, true),
                rule("b", Action::KillThread, false),
                rule("b", Action::Allow, false),
                rule("not a name", Action::Allow, false),
            ],
        };
        let mut findings = Findings::default();
        let verdicts = verdicts(&policy, &mut findings);
        assert_eq!(verdicts["b"], Verdict::Always(Action::KillThread));
        assert_eq!(
            verdicts["a"].leaned(policy.default, Leaning::Stricter),
            Action::Errno(1)
        );
        assert_eq!(
            verdicts["a"].leaned(policy.default, Leaning::Looser),
            Action::Allow
        );
        assert_eq!(verdicts.len(), 2);
        assert_eq!(findings.reading(()).findings[0].code, "left-out");
    }

    #[test]
    fn words_are_wrapped() {
        let words = (0..40).map(|number| format!("word{number:02}"));
        let text = wrapped("X=", words);
        assert!(
            text.lines()
                .all(|line| line.starts_with("X=w") && line.len() <= 100)
        );
        assert_eq!(text.lines().count(), 3);
        assert_eq!(wrapped("X=", []), "");
    }
}
