//! Traps of a profile's own fields.

use std::collections::BTreeSet;

use super::rule;
use crate::seccomp::{
    dialects::docker::{ActionName, Profile},
    finding::{Findings, Level},
};

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    default_action(profile, findings);
    architectures(profile, findings);
    flags(profile, findings);
    listener(profile, findings);
}

fn default_action(profile: &Profile, findings: &mut Findings) {
    let Some(action) = &profile.default_action else {
        if profile.syscalls.is_empty() {
            findings.add(Level::Error, "seccomp-off", None, || {
                (
                    "there is neither a \"defaultAction\" nor a rule, so Docker runs the container \
                     without any filter"
                        .to_owned(),
                    "add \"defaultAction\": \"SCMP_ACT_ERRNO\" and rules; if no filter is meant, \
                     say seccomp=unconfined"
                        .to_owned(),
                )
            });
        } else {
            findings.add(Level::Error, "no-default-action", None, || {
                (
                    "there is no \"defaultAction\"; runc says \"string  is not a valid action for \
                     seccomp\""
                        .to_owned(),
                    "add \"defaultAction\": \"SCMP_ACT_ERRNO\"".to_owned(),
                )
            });
        }
        return;
    };
    if action.value == ActionName::Notify {
        findings.add(Level::Error, "notify-default", action.place, || {
            (
                "runc says \"SCMP_ACT_NOTIFY cannot be used as default action\"".to_owned(),
                "name the calls to ask about in a rule".to_owned(),
            )
        });
    }
    rule::errno(
        action,
        profile.default_errno_ret.as_ref(),
        profile.default_errno.as_ref(),
        ["defaultErrnoRet", "defaultErrno"],
        findings,
    );
}

fn architectures(profile: &Profile, findings: &mut Findings) {
    if !profile.architectures.is_empty()
        && let Some(line) = profile.arch_map.first()
    {
        findings.add(
            Level::Error,
            "both-architectures",
            line.architecture.place,
            || {
                (
                    "Docker says \"both 'architectures' and 'archMap' are specified in the seccomp \
                     profile, use either 'architectures' or 'archMap'\""
                        .to_owned(),
                    "keep \"archMap\" if the profile is for several machines".to_owned(),
                )
            },
        );
    }
    let mut seen = BTreeSet::new();
    for line in &profile.arch_map {
        if !seen.insert(line.architecture.as_str()) {
            let word = &line.architecture;
            findings.add(Level::Warning, "arch-map-ignored", word.place, || {
                (
                    format!(
                        "of the lines of \"archMap\" for {} Docker takes the first, not this",
                        word.value
                    ),
                    "put all its \"subArchitectures\" into one line".to_owned(),
                )
            });
        }
    }
}

fn flags(profile: &Profile, findings: &mut Findings) {
    let Some(flags) = &profile.flags else { return };
    let Some(first) = flags.first() else {
        findings.add(Level::Note, "flags-empty", None, || {
            (
                "an empty list of \"flags\" is as none at all to Docker, so runc since 1.2 adds \
                 SECCOMP_FILTER_FLAG_SPEC_ALLOW; given to runc itself it adds no flag"
                    .to_owned(),
                "leave \"flags\" out, or name the flags".to_owned(),
            )
        });
        return;
    };
    findings.add(Level::Warning, "flags-need-runc-1.2", first.place, || {
        (
            "runc before 1.2 takes no flags: \"seccomp flags are not yet supported by runc\""
                .to_owned(),
            "leave \"flags\" out if the profile is for older hosts too".to_owned(),
        )
    });
    for flag in flags {
        if flag.as_str() == "SECCOMP_FILTER_FLAG_TSYNC" {
            findings.add(Level::Note, "flag-ignored", flag.place, || {
                (
                    "runc takes SECCOMP_FILTER_FLAG_TSYNC and does nothing with it".to_owned(),
                    "remove it".to_owned(),
                )
            });
        }
    }
}

fn listener(profile: &Profile, findings: &mut Findings) {
    let notify = profile
        .syscalls
        .iter()
        .find(|rule| rule.action.value == ActionName::Notify);
    match (notify, &profile.listener_path) {
        (Some(rule), None) => findings.add(
            Level::Error,
            "notify-without-listener",
            rule.action.place,
            || {
                (
                    "SCMP_ACT_NOTIFY asks a supervisor, and there is no \"listenerPath\" to reach \
                     it; runc says \"seccomp listenerPath is not set\""
                        .to_owned(),
                    "add \"listenerPath\", the supervisor's socket".to_owned(),
                )
            },
        ),
        (None, Some(path)) => findings.add(Level::Note, "listener-unused", path.place, || {
            (
                "no rule is SCMP_ACT_NOTIFY, so the listener is never asked".to_owned(),
                "remove \"listenerPath\"".to_owned(),
            )
        }),
        _ => {}
    }
}
