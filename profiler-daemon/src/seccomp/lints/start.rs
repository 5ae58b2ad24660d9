//! Whether a container runtime can start a container under a profile at all.
//!
//! A runtime loads the filter first and executes the program after that. What each calls in
//! between is known to `profile::baseline`; here is which of it a start cannot do without.

use super::verdicts::Verdicts;
use crate::{
    profile::{
        baseline::{
            self,
            needs::Family,
            starts::{REQUIRED, SPORADIC, TOLERATED},
        },
        identity::Runtime,
    },
    seccomp::{
        dialects::docker::Profile,
        finding::{Findings, Level},
    },
};

pub(super) fn check(profile: &Profile, verdicts: &Verdicts, findings: &mut Findings) {
    let place = profile.default_action.as_ref().and_then(|word| word.place);
    if verdicts.refuses("execve") {
        findings.add(Level::Error, "starts-nothing", place, || {
            (
                "no runtime can start under this: execve, by which it executes the container's \
                 program, is refused"
                    .to_owned(),
                format!(
                    "allow execve, and what runc and crun call before it: {}",
                    baseline::united()
                        .into_keys()
                        .filter(|name| *name != "execve" && verdicts.refuses(name))
                        .collect::<Vec<_>>()
                        .join(" ")
                ),
            )
        });
        return;
    }
    for start in &REQUIRED {
        let missing = verdicts.refused_of(start.names);
        if !missing.is_empty() {
            findings.add(Level::Warning, "cannot-start", place, || {
                (
                    format!(
                        "under this {} {}: it needs {}",
                        start.family.name(),
                        start.fails,
                        missing.join(" ")
                    ),
                    "allow what is refused".to_owned(),
                )
            });
        }
    }
    let sporadic = verdicts.refused_of(&SPORADIC);
    if !sporadic.is_empty() {
        findings.add(Level::Warning, "starts-by-chance", place, || {
            (
                format!(
                    "Go's runtime within runc calls {} as timing has it: refused, about one start \
                     in six fails",
                    sporadic.join(" and ")
                ),
                "allow what is refused".to_owned(),
            )
        });
    }
    let fatal: Vec<&str> = TOLERATED
        .into_iter()
        .chain(runcs_baseline())
        .filter(|name| verdicts.kills(name))
        .collect();
    if !fatal.is_empty() {
        findings.add(Level::Warning, "killed-at-start", place, || {
            (
                format!(
                    "runtimes try these and would do without, but the profile kills for them: {}",
                    fatal.join(" ")
                ),
                "answer them SCMP_ACT_ERRNO with errnoRet 38, or allow them".to_owned(),
            )
        });
    }
}

/// What runc may call and no row of [`REQUIRED`] has.
fn runcs_baseline() -> impl Iterator<Item = &'static str> {
    let runc = Runtime {
        name: Family::Runc.name().to_owned(),
        version: None,
        libseccomp: None,
    };
    let required = |name: &&str| REQUIRED.iter().any(|start| start.names.contains(name));
    baseline::of(&runc, None)
        .into_keys()
        .filter(move |name| !required(name) && !TOLERATED.contains(name))
        .filter(|name| *name != "execve" && !SPORADIC.contains(name))
}
