//! From a unit's settings to a policy, as systemd applies them one after the other.
//!
//! Source: systemd 262, systemd.exec(5) and the behaviour of its parser: the first filter that is set
//! decides whether it lists what is allowed, which then includes `@default`, or what is refused.

use std::collections::BTreeMap;

use super::{
    ARCHES_WITHOUT_TABLE, Refusal, arch_name,
    assignment::{self, Assignment, Key, Word},
    errno, groups, local,
};
use crate::seccomp::{
    action::Action,
    arch::Arch,
    dialects::text::{self, lines},
    facts::spelling::shortened,
    finding::{Findings, Reading},
    policy::{Policy, Rule},
};

/// A filter or a log, as it stands after some assignments.
#[derive(Default)]
struct List {
    /// Whether it names what is let through; `None` before the first assignment.
    allows: Option<bool>,
    names: BTreeMap<String, Option<Refusal>>,
    /// How many groups were opened so far.
    opened: usize,
}

/// How many groups a unit may name: a few bytes open hundreds of names each.
const MOST_GROUPS: usize = 1000;

/// What a unit says, setting by setting.
#[derive(Default)]
struct Unit {
    filter: List,
    log: List,
    refusal: Option<Refusal>,
    arches: Option<Vec<Arch>>,
}

/// Reads a unit, or bare lines of the four settings, for a machine of `native`.
#[must_use]
pub fn read(text: &[u8], native: Arch) -> Reading<Policy> {
    let mut findings = Findings::default();
    let lines = lines(text, &mut findings);
    let mut unit = Unit::default();
    for assignment in assignment::read(&lines, &mut findings) {
        match assignment.key {
            Key::Filter => unit.filter.assign(&assignment, true, &mut findings),
            Key::Log => unit.log.assign(&assignment, false, &mut findings),
            Key::ErrorNumber => read_error_number(&assignment, &mut unit, &mut findings),
            Key::Architectures => read_arches(&assignment, native, &mut unit, &mut findings),
        }
    }
    if unit.filter.allows.is_none() {
        findings.note(
            None,
            "no-filter",
            "no SystemCallFilter= is in force, so every call is let through",
            "",
        );
    }
    let policy = unit.policy(native, &mut findings);
    findings.reading(policy)
}

impl List {
    fn assign(&mut self, assignment: &Assignment<'_>, is_filter: bool, findings: &mut Findings) {
        if assignment.words.is_empty() && !assignment.inverted {
            self.allows = None;
            self.names.clear();
            return;
        }
        if self.allows.is_none() {
            self.allows = Some(!assignment.inverted);
            if !assignment.inverted && is_filter {
                for name in groups::members(groups::DEFAULT).unwrap_or_default() {
                    self.names.insert(name.to_owned(), None);
                }
            }
        }
        for word in &assignment.words {
            self.word(word, assignment.inverted, is_filter, findings);
        }
    }

    fn word(&mut self, word: &Word<'_>, inverted: bool, with_errno: bool, findings: &mut Findings) {
        let (name, refusal) = match word.text.split_once(':') {
            None => (word.text, None),
            Some(_) if !with_errno => {
                findings.warning(
                    word.place(),
                    "bad-errno",
                    "a log has no errnos, and systemd passes the word over",
                    "write the name alone",
                );
                return;
            }
            Some((name, said)) => match read_refusal(said) {
                Some(refusal) => (name, Some(refusal)),
                None => {
                    findings.warning(
                        word.line.place(said),
                        "bad-errno",
                        format!(
                            "systemd knows no errno \"{}\" and passes the word over",
                            shortened(said)
                        ),
                        "write a name such as EPERM, a number up to 4095, or kill",
                    );
                    return;
                }
            },
        };
        if refusal.is_some() && !inverted {
            findings.warning(
                word.place(),
                "errno-on-allowed",
                "systemd takes an errno only in a line that begins with ~, and passes the word over",
                format!("write SystemCallFilter=~{} on a line of its own", shortened(word.text)),
            );
            return;
        }
        if name.starts_with('@') {
            self.opened += 1;
            if self.opened > MOST_GROUPS {
                findings.error(
                    word.place(),
                    "too-many-groups",
                    format!("more than {MOST_GROUPS} groups are more than anybody means"),
                    "name each group once",
                );
                return;
            }
            match groups::members(name) {
                Some(members) => {
                    for member in members {
                        self.put(member, refusal, inverted);
                    }
                }
                None => findings.warning(
                    word.place(),
                    "unknown-group",
                    format!(
                        "systemd {} has no group {} and passes it over",
                        groups::VERSION,
                        shortened(name)
                    ),
                    "",
                ),
            }
            return;
        }
        text::report_unknown(name, word.line, findings);
        self.put(name, refusal, inverted);
    }

    /// A name joins the list if it is meant as the list is, leaves it if it is meant otherwise; with
    /// an errno of its own a name that is refused stays in a list of allowed ones.
    fn put(&mut self, name: &str, refusal: Option<Refusal>, inverted: bool) {
        let allows = self.allows == Some(true);
        if inverted != allows || (allows && refusal.is_some()) {
            self.names.insert(name.to_owned(), refusal);
        } else {
            self.names.remove(name);
        }
    }
}

fn read_refusal(text: &str) -> Option<Refusal> {
    if text == "kill" {
        return Some(Refusal::Kill);
    }
    errno::parse(text).map(Refusal::Errno)
}

fn read_error_number(assignment: &Assignment<'_>, unit: &mut Unit, findings: &mut Findings) {
    let Some(word) = assignment.words.first() else {
        unit.refusal = None;
        return;
    };
    match read_refusal(word.text) {
        Some(refusal)
            if assignment.words.len() == 1
                && !assignment.inverted
                && refusal != Refusal::Errno(0) =>
        {
            unit.refusal = Some(refusal);
        }
        _ => findings.warning(
            assignment.place,
            "bad-errno",
            "systemd wants one errno here, and passes the line over",
            "write a name such as EPERM, a number from 1 to 4095, or kill",
        ),
    }
}

fn read_arches(
    assignment: &Assignment<'_>,
    native: Arch,
    unit: &mut Unit,
    findings: &mut Findings,
) {
    if assignment.inverted {
        findings.warning(
            assignment.place,
            "unknown-architecture",
            "architectures can only be listed, so systemd passes the word with the ~ over",
            "list those whose calls are to be let through",
        );
        return;
    }
    if assignment.words.is_empty() {
        unit.arches = None;
        return;
    }
    let listed = unit.arches.get_or_insert_with(Vec::new);
    for word in &assignment.words {
        let arch = if word.text == "native" {
            Some(native)
        } else {
            Arch::ALL
                .into_iter()
                .find(|arch| arch_name(*arch) == word.text)
        };
        match arch {
            Some(arch) if listed.contains(&arch) => {}
            Some(arch) => listed.push(arch),
            None if ARCHES_WITHOUT_TABLE.contains(&word.text) => findings.note(
                word.place(),
                "other-architecture",
                format!("calls of {} are not judged here", word.text),
                "",
            ),
            None => findings.warning(
                word.place(),
                "unknown-architecture",
                format!(
                    "systemd knows no architecture \"{}\" and passes it over",
                    shortened(word.text)
                ),
                "write native, x86-64, x86, x32, arm64 or arm",
            ),
        }
    }
}

impl Unit {
    fn policy(self, native: Arch, findings: &mut Findings) -> Policy {
        let refusal = self.refusal.unwrap_or(Refusal::Kill).action();
        let (default, usual) = match self.filter.allows {
            Some(true) => (refusal, Action::Allow),
            Some(false) => (Action::Allow, refusal),
            None => (Action::Allow, Action::Allow),
        };
        let mut actions: BTreeMap<String, Action> = self
            .filter
            .names
            .into_iter()
            .map(|(name, own)| (name, own.map_or(usual, Refusal::action)))
            .collect();
        let default = log(&self.log, default, &mut actions, findings);
        let mut rules: Vec<Rule> = Vec::new();
        for (name, action) in actions {
            match rules.iter_mut().find(|rule| rule.action == action) {
                Some(rule) => rule.names.push(name),
                None => rules.push(Rule {
                    names: vec![name],
                    action,
                    conditions: Vec::new(),
                }),
            }
        }
        // What is let through comes first, and what is refused by errno.
        rules.sort_by_key(|rule| (-i64::from(rule.action.rank()), rule.action));
        Policy {
            default,
            native,
            arches: arches(self.arches, native),
            rules,
        }
    }
}

/// The machine's own architecture is always among those that are judged, and first.
fn arches(listed: Option<Vec<Arch>>, native: Arch) -> Vec<Arch> {
    let Some(listed) = listed else {
        return local(native);
    };
    let mut arches = vec![native];
    arches.extend(
        local(native)
            .into_iter()
            .filter(|arch| *arch != native && listed.contains(arch)),
    );
    arches
}

/// `SystemCallLog=` turns letting through into letting through with a record. Returns the default.
fn log(
    list: &List,
    default: Action,
    actions: &mut BTreeMap<String, Action>,
    findings: &mut Findings,
) -> Action {
    let logged = |name: &str| list.names.contains_key(name) == (list.allows == Some(true));
    match list.allows {
        None => default,
        Some(allows) => {
            for name in list.names.keys() {
                actions.entry(name.clone()).or_insert(default);
            }
            for (name, action) in actions.iter_mut() {
                if *action == Action::Allow && logged(name) {
                    *action = Action::Log;
                }
            }
            let default = if !allows && default == Action::Allow {
                Action::Log
            } else {
                default
            };
            actions.retain(|_, action| *action != default);
            findings.note(
                None,
                "log",
                "SystemCallLog= is a filter of its own; here it is one with SystemCallFilter=",
                "",
            );
            default
        }
    }
}
