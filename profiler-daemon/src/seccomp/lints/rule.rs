//! Traps of one rule but for its conditions on arguments.

use std::collections::BTreeSet;

use super::Facts;
use crate::seccomp::{
    dialects::{
        docker::{ActionName, Rule},
        placed::Placed,
    },
    finding::{Findings, Level},
};

/// The smallest errno that libseccomp refuses.
const REFUSED_ERRNO: u64 = 4095;

pub(super) fn check(rule: &Rule, facts: &Facts<'_>, findings: &mut Findings) {
    if let Some(name) = &rule.name
        && !rule.names.is_empty()
    {
        findings.add(Level::Error, "both-names", name.place, || {
            (
                "Docker says \"both 'name' and 'names' are specified in the seccomp profile, use \
                 either 'name' or 'names'\""
                    .to_owned(),
                format!("put \"{}\" into \"names\"", name.value),
            )
        });
    }
    if rule.all_names().next().is_none() {
        findings.add(Level::Warning, "no-names", rule.begins.place, || {
            (
                "the rule names no call, so it does nothing".to_owned(),
                "add \"names\", or remove the rule".to_owned(),
            )
        });
    }
    never_there(rule, findings);
    errno(
        &rule.action,
        rule.errno_ret.as_ref(),
        rule.errno.as_ref(),
        ["errnoRet", "errno"],
        findings,
    );
    for name in rule.all_names() {
        if rule.action.value == ActionName::Notify && name.as_str() == "write" {
            findings.add(Level::Error, "notify-write", name.place, || {
                (
                    "runc says \"SCMP_ACT_NOTIFY cannot be used for the write syscall\", for it \
                     writes itself before the supervisor listens"
                        .to_owned(),
                    "remove \"write\"".to_owned(),
                )
            });
        }
    }
    let new: Vec<&Placed<String>> = rule
        .all_names()
        .filter(|name| (facts.is_new_to_libseccomp)(name))
        .collect();
    if let Some(first) = new.first() {
        findings.add(Level::Note, "new-to-libseccomp", first.place, || {
            let names: Vec<&str> = new.iter().map(|name| name.value.as_str()).collect();
            let what = format!(
                "newer than the host's libseccomp, which passes over the name, so that the call \
                 meets the default action: {}",
                names.join(", ")
            );
            (what, String::new())
        });
    }
}

/// What includes a rule must not exclude it too.
fn never_there(rule: &Rule, findings: &mut Findings) {
    let (includes, excludes) = (&rule.includes, &rule.excludes);
    let excluded: BTreeSet<&str> = excludes.caps.iter().map(|cap| cap.as_str()).collect();
    let cap = includes
        .caps
        .iter()
        .find(|cap| excluded.contains(cap.as_str()));
    let excluded: BTreeSet<&str> = excludes.arches.iter().map(|arch| arch.as_str()).collect();
    let on_no_arch = !includes.arches.is_empty()
        && includes
            .arches
            .iter()
            .all(|arch| excluded.contains(arch.as_str()));
    let in_no_kernel = match (&includes.min_kernel, &excludes.min_kernel) {
        (Some(least), Some(most)) => least.value >= most.value,
        _ => false,
    };
    if cap.is_none() && !on_no_arch && !in_no_kernel {
        return;
    }
    let place = cap.map_or(rule.begins.place, |cap| cap.place);
    findings.add(Level::Warning, "never-there", place, || {
        (
            "what \"includes\" asks for \"excludes\" rules out: the rule is there for no container"
                .to_owned(),
            "remove one of the two, or the rule".to_owned(),
        )
    });
}

/// Traps of an errno and the action that it goes with; `fields` are its two fields' names.
pub(super) fn errno(
    action: &Placed<ActionName>,
    number: Option<&Placed<u64>>,
    word: Option<&Placed<String>>,
    fields: [&str; 2],
    findings: &mut Findings,
) {
    let number_field = fields[0];
    if let Some(word) = word {
        podmans(action, number, word, fields, findings);
    }
    let Some(number) = number else { return };
    let place = number.place;
    if !action.takes_errno() {
        // Every default has one in some files, and there crun takes it.
        let level = if number_field == "errnoRet" {
            Level::Warning
        } else {
            Level::Note
        };
        findings.add(level, "errno-without-effect", place, || {
            (
                format!(
                    "{} takes no errno: runc ignores \"{number_field}\", and crun refuses such a \
                     rule",
                    action.value
                ),
                format!("remove \"{number_field}\""),
            )
        });
        return;
    }
    let taken = number.value & 0xffff;
    if action.value == ActionName::Errno && taken >= REFUSED_ERRNO {
        findings.add(Level::Error, "errno-too-great", place, || {
            (
                format!(
                    "libseccomp takes errnos below {REFUSED_ERRNO}; runc fails with \"{}\"",
                    if number_field == "errnoRet" {
                        "two checks on same syscall argument"
                    } else {
                        "error creating filter: could not create filter"
                    }
                ),
                "write an errno of errno(3): 1 is EPERM, 38 is ENOSYS".to_owned(),
            )
        });
    } else if taken != number.value {
        findings.add(Level::Warning, "errno-truncated", place, || {
            (
                format!(
                    "runc takes 16 bits of an errno: {} is {taken} to it",
                    number.value
                ),
                format!("write {taken}, if that is meant"),
            )
        });
    }
    if action.value == ActionName::Errno && taken == 0 {
        findings.add(Level::Warning, "errno-zero", place, || {
            (
                "with errno 0 the call is not carried out and pretends that it was".to_owned(),
                "write 1 for EPERM, unless that is meant".to_owned(),
            )
        });
    }
}

fn podmans(
    action: &Placed<ActionName>,
    number: Option<&Placed<u64>>,
    word: &Placed<String>,
    [number_field, word_field]: [&str; 2],
    findings: &mut Findings,
) {
    let said = match number {
        Some(number) => number.value.to_string(),
        None => "EPERM".to_owned(),
    };
    // podman's own tools write both fields, of one mind.
    let agrees = matches!(word.as_str(), "EPERM" | "1") && matches!(said.as_str(), "EPERM" | "1")
        || word.value == said
        || (word.as_str() == "ENOSYS" && said == "38");
    if agrees || !action.takes_errno() {
        return;
    }
    findings.add(Level::Warning, "podman-errno", word.place, || {
        (
            format!(
                "\"{word_field}\" is podman's: there it is {}, but Docker and runtimes give {said}",
                word.value
            ),
            format!("write the number into \"{number_field}\", which all understand"),
        )
    });
}
