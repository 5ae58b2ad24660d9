//! Prints a policy as lines for a unit.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, arch_name, errno, groups, local};
use crate::seccomp::{
    action::{Action, EPERM},
    dialects::printed::{self, Leaning, wrapped},
    finding::{Findings, Reading},
    policy::Policy,
};

/// ENOSYS, which a call gets that asks a tracer or supervisor where there is none.
const ENOSYS: u16 = 38;

/// How a line of names begins.
const FILTER: &str = "SystemCallFilter=";

/// Prints a policy as bare settings, to be put under `[Service]`.
///
/// systemd lets a unit that lists what is allowed make the calls of `@default` in any case, so those
/// that the policy refuses are taken out again by lines that begin with `~`.
#[must_use]
pub fn print(policy: &Policy, leaning: Leaning) -> Reading<String> {
    let mut findings = Findings::default();
    let mut text = architectures(policy, &mut findings);
    let otherwise = otherwise(policy.default, &mut findings);
    let mut refused: BTreeMap<Refusal, BTreeSet<&str>> = BTreeMap::new();
    let mut allowed = BTreeSet::new();
    let mut logged = BTreeSet::new();
    for (name, verdict) in printed::verdicts(policy, &mut findings) {
        let action = printed::without_arguments(
            name,
            &verdict,
            policy.default,
            leaning,
            "systemd",
            &mut findings,
        );
        match refusal(action, name, &mut findings) {
            // What is refused as everything is needs no word.
            Some(refusal) if Some(refusal) == otherwise => {}
            Some(refusal) => {
                refused.entry(refusal).or_default().insert(name);
            }
            None => {
                allowed.insert(name);
                if action == Action::Log {
                    logged.insert(name);
                }
            }
        }
    }
    if let Some(otherwise) = otherwise {
        text.push_str(&format!("SystemCallErrorNumber={}\n", said(otherwise)));
        text.push_str(&allow_list(&allowed, &refused, &mut findings));
    }
    for (refusal, names) in &refused {
        let names = names
            .iter()
            .map(|name| format!("{name}:{}", said(*refusal)));
        text.push_str(&wrapped(&format!("{FILTER}~"), names));
    }
    if policy.default == Action::Log {
        findings.warning(
            None,
            "log-lost",
            "the default is log: here other calls are let through without a record",
            "",
        );
    }
    text.push_str(&wrapped(
        "SystemCallLog=",
        logged.into_iter().map(str::to_owned),
    ));
    findings.reading(text)
}

/// What is allowed, and what of `@default` is not and has no answer of its own.
fn allow_list(
    allowed: &BTreeSet<&str>,
    refused: &BTreeMap<Refusal, BTreeSet<&str>>,
    findings: &mut Findings,
) -> String {
    let default = groups::members(groups::DEFAULT).unwrap_or_default();
    if !allowed.contains("execve") {
        findings.warning(
            None,
            "no-start",
            "the policy refuses execve, by which systemd starts the program under the filter",
            "allow execve",
        );
    }
    let mut text = if allowed.is_empty() {
        format!("{FILTER}{}\n", groups::DEFAULT)
    } else {
        wrapped(FILTER, allowed.iter().map(|name| (*name).to_owned()))
    };
    let surplus = default
        .into_iter()
        .filter(|name| {
            !allowed.contains(name) && !refused.values().any(|names| names.contains(name))
        })
        .map(str::to_owned);
    text.push_str(&wrapped(&format!("{FILTER}~"), surplus));
    text
}

fn architectures(policy: &Policy, findings: &mut Findings) -> String {
    let local = local(policy.native);
    for arch in policy.arches.iter().filter(|arch| !local.contains(arch)) {
        findings.warning(
            None,
            "architecture-lost",
            format!("systemd does not filter {} on this machine", arch.name()),
            "",
        );
    }
    // In the order in which they are read back, so that what was read prints the same.
    let listed = local
        .iter()
        .filter(|arch| policy.arches.contains(arch))
        .map(|arch| arch_name(*arch).to_owned());
    wrapped("SystemCallArchitectures=", listed)
}

/// How a call without a rule is refused, or `None` if it is let through.
fn otherwise(default: Action, findings: &mut Findings) -> Option<Refusal> {
    let otherwise = refusal(default, "the default", findings)?;
    if otherwise != Refusal::Errno(0) {
        return Some(otherwise);
    }
    findings.warning(
        None,
        "action-lost",
        "systemd takes no errno 0 as default: it is EPERM here",
        "",
    );
    Some(Refusal::Errno(EPERM))
}

/// How a call is refused, or `None` if it is let through.
fn refusal(action: Action, what: &str, findings: &mut Findings) -> Option<Refusal> {
    let refusal = match action {
        Action::Allow | Action::Log => return None,
        Action::KillProcess | Action::KillThread | Action::Trap(_) => Refusal::Kill,
        Action::Errno(errno) => Refusal::Errno(errno.min(errno::MAX)),
        Action::Notify | Action::Trace(_) => Refusal::Errno(ENOSYS),
    };
    if refusal.action() != action {
        findings.warning(
            None,
            "action-lost",
            format!(
                "systemd has no word for {action}: {what} is {} here",
                refusal.action()
            ),
            "",
        );
    }
    Some(refusal)
}

fn said(refusal: Refusal) -> String {
    match refusal {
        Refusal::Kill => "kill".to_owned(),
        Refusal::Errno(errno) => errno::print(errno),
    }
}
