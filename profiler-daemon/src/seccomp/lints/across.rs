//! Traps between rules: of several for one call libseccomp does not take the first that holds.
//!
//! The first rule without conditions on arguments wins over every other of that call, whatever
//! their order; what does what the default does is dropped before. Rules that are not there in the
//! same containers are not compared.

use std::collections::BTreeMap;

use crate::seccomp::{
    action::Action,
    condition::Condition,
    dialects::{
        docker::{Argument, KernelVersion, Profile, Rule},
        placed::Placed,
    },
    finding::{Findings, Level},
};

/// What of a rule other rules are compared with. Long parts are numbered, equal ones alike, so that
/// to compare rules takes no longer for long ones.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// When it is there; [`NONE`] is always.
    presence: usize,
    /// On arguments; [`NONE`] is for every call.
    conditions: usize,
    action: Action,
    /// True if runtimes drop it, as it does what the default does.
    dropped: bool,
}

/// The number of what is empty.
const NONE: usize = 0;

/// One rule, as one call sees it.
type Say<'p> = (&'p Placed<String>, Kind);

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    let errno = |errno: &Option<Placed<u64>>| errno.as_ref().map(|errno| errno.value);
    let default = profile
        .default_action
        .as_ref()
        .map(|action| action.with(errno(&profile.default_errno_ret)));
    let mut presences = BTreeMap::from([(Presence::default(), NONE)]);
    let mut conditions = BTreeMap::from([(Vec::new(), NONE)]);
    let mut calls: BTreeMap<&str, Vec<Say<'_>>> = BTreeMap::new();
    for rule in &profile.syscalls {
        let action = rule.action.with(errno(&rule.errno_ret));
        let mut on_arguments: Vec<Condition> =
            rule.args.iter().filter_map(Argument::condition).collect();
        on_arguments.sort_unstable();
        let kind = Kind {
            presence: numbered(&mut presences, presence(rule)),
            conditions: numbered(&mut conditions, on_arguments),
            action,
            dropped: default == Some(action),
        };
        if kind.dropped && rule.args.is_empty() {
            same_as_default(rule, findings);
        }
        for name in rule.all_names() {
            calls.entry(name).or_default().push((name, kind));
        }
    }
    for says in calls.values().filter(|says| says.len() > 1) {
        within_one_call(says, findings);
    }
}

fn numbered<T: Ord>(numbers: &mut BTreeMap<T, usize>, value: T) -> usize {
    let next = numbers.len();
    *numbers.entry(value).or_insert(next)
}

type Presence<'p> = [(Vec<&'p str>, Vec<&'p str>, Option<KernelVersion>); 2];

fn presence(rule: &Rule) -> Presence<'_> {
    [&rule.includes, &rule.excludes].map(|conditions| {
        (
            texts(&conditions.caps),
            texts(&conditions.arches),
            conditions.min_kernel.as_ref().map(|version| version.value),
        )
    })
}

fn texts(words: &[Placed<String>]) -> Vec<&str> {
    let mut texts: Vec<&str> = words.iter().map(|word| word.value.as_str()).collect();
    texts.sort_unstable();
    texts
}

fn same_as_default(rule: &Rule, findings: &mut Findings) {
    findings.add(Level::Note, "same-as-default", rule.begins.place, || {
        (
            "the rule does what the default action does, so runtimes drop it; it still counts for \
             the newest call that runc knows of"
                .to_owned(),
            String::new(),
        )
    });
}

fn within_one_call(says: &[Say<'_>], findings: &mut Findings) {
    // By presence: the first rule without conditions, and the first of any kind.
    let mut plain: BTreeMap<usize, (usize, Action)> = BTreeMap::new();
    let mut any: BTreeMap<usize, Action> = BTreeMap::new();
    for (place, (_, kind)) in says.iter().enumerate() {
        if kind.dropped {
            continue;
        }
        any.entry(kind.presence).or_insert(kind.action);
        if kind.conditions == NONE {
            plain.entry(kind.presence).or_insert((place, kind.action));
        }
    }
    let mut exact: BTreeMap<(usize, usize), Action> = BTreeMap::new();
    for (place, (name, kind)) in says.iter().enumerate() {
        let there_too = [NONE, kind.presence];
        if kind.dropped {
            let other = there_too.iter().find_map(|presence| any.get(presence));
            if let Some(other) = other {
                no_exception(name, *other, findings);
            }
            continue;
        }
        let winner = there_too
            .iter()
            .filter_map(|presence| plain.get(presence))
            .find(|(winner, _)| *winner < place || kind.conditions != NONE);
        if let Some((_, winner)) = winner {
            outdone(name, kind.action, *winner, findings);
            continue;
        }
        if kind.conditions == NONE {
            continue;
        }
        let clash = there_too
            .iter()
            .filter_map(|presence| exact.get(&(*presence, kind.conditions)))
            .any(|action| *action != kind.action);
        if clash {
            same_condition(name, findings);
        }
        exact
            .entry((kind.presence, kind.conditions))
            .or_insert(kind.action);
    }
}

fn outdone(name: &Placed<String>, action: Action, winner: Action, findings: &mut Findings) {
    if winner == action {
        findings.add(Level::Note, "said-twice", name.place, || {
            (
                format!(
                    "another rule has {} already, for every argument",
                    name.value
                ),
                "remove it here".to_owned(),
            )
        });
        return;
    }
    findings.add(Level::Warning, "never-takes-effect", name.place, || {
        (
            format!(
                "for {} this rule ({action}) never takes effect: another ({winner}) has no \
                 conditions on arguments, and the first such wins, wherever it stands",
                name.value
            ),
            "keep the name in one of the two".to_owned(),
        )
    });
}

fn same_condition(name: &Placed<String>, findings: &mut Findings) {
    findings.add(Level::Error, "same-condition", name.place, || {
        (
            format!(
                "another rule does something else with {} on the same conditions; runc says \
                 \"error adding seccomp rule for syscall {}: file exists\"",
                name.value, name.value
            ),
            "keep one of the two".to_owned(),
        )
    });
}

/// A dropped rule looks like an exception from another.
fn no_exception(name: &Placed<String>, other: Action, findings: &mut Findings) {
    findings.add(Level::Warning, "no-exception", name.place, || {
        (
            format!(
                "the rule does what the default action does, so runtimes drop it: it takes \
                 nothing from the rule that has {} too ({other})",
                name.value
            ),
            "put the condition, turned round, into the other rule".to_owned(),
        )
    });
}
