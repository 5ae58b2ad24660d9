//! Whether a container runtime can start a container under a profile at all.
//!
//! A runtime loads the filter first and executes the program after that. What each calls in
//! between is known to `profile::baseline`; here is which of it a start cannot do without.

use super::verdicts::Verdicts;
use crate::{
    profile::{baseline, identity::Runtime},
    seccomp::{
        dialects::docker::Profile,
        finding::{Findings, Level},
    },
};

/// Calls without which starts of one kind fail, each time. Measured with runc 1.1.5 and 1.3.6 by
/// leaving out one at a time; of crun as its code tells.
struct Start {
    /// The runtime, by a name that `profile::baseline` knows.
    runtime: &'static str,
    /// What it cannot do, and when.
    fails: &'static str,
    required: &'static [&'static str],
}

const STARTS: [Start; 4] = [
    Start {
        runtime: "runc",
        fails: "cannot start a container, with no-new-privileges or without",
        required: &["close", "fstatfs", "getdents64", "openat", "write"],
    },
    Start {
        runtime: "runc",
        fails: "cannot start a container without no-new-privileges",
        required: &[
            "capget",
            "capset",
            "chdir",
            "fstat",
            "getcwd",
            "getppid",
            "newfstatat",
            "prctl",
            "read",
            "setgid",
            "setgroups",
            "setuid",
        ],
    },
    Start {
        runtime: "runc",
        fails: "since 1.2.8 and 1.3.3 cannot start a container",
        required: &["statx"],
    },
    Start {
        runtime: "crun",
        fails: "cannot start a container without no-new-privileges",
        required: &["capset", "prctl", "read", "setresgid", "setresuid"],
    },
];

/// Calls of the Go runtime that a start makes or not, as timing has it. Measured: without them one
/// start in six fails.
const SPORADIC: [&str; 2] = ["futex", "rt_sigreturn"];

/// Calls that runtimes try and do without if they get an errno. A filter that kills for them kills
/// the start.
const TOLERATED: [&str; 12] = [
    "close_range",
    "epoll_ctl",
    "faccessat",
    "faccessat2",
    "fcntl",
    "fsconfig",
    "fsmount",
    "fsopen",
    "getpid",
    "open_tree",
    "openat2",
    "readlinkat",
];

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
    for start in &STARTS {
        let missing = verdicts.refused_of(start.required);
        if !missing.is_empty() {
            findings.add(Level::Warning, "cannot-start", place, || {
                (
                    format!(
                        "under this {} {}: it needs {}",
                        start.runtime,
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

/// What runc may call and no row of [`STARTS`] has.
fn runcs_baseline() -> impl Iterator<Item = &'static str> {
    let runc = Runtime {
        name: "runc".to_owned(),
        version: None,
        libseccomp: None,
    };
    let required = |name: &&str| STARTS.iter().any(|start| start.required.contains(name));
    baseline::of(&runc, None)
        .into_keys()
        .filter(move |name| !required(name) && !TOLERATED.contains(name))
        .filter(|name| *name != "execve" && !SPORADIC.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::facts::names;

    #[test]
    fn what_a_start_cannot_do_without_is_in_the_baseline() {
        for start in &STARTS {
            let runtime = Runtime {
                name: start.runtime.to_owned(),
                version: None,
                libseccomp: None,
            };
            let baseline = baseline::of(&runtime, Some(false));
            for name in start.required {
                assert!(baseline.contains_key(name), "{} {name}", start.runtime);
            }
        }
        for name in SPORADIC {
            assert!(baseline::united().contains_key(name));
        }
        assert!(TOLERATED.into_iter().all(names::is_known));
        assert!(TOLERATED.is_sorted());
    }
}
