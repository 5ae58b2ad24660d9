//! Whether a container runtime can start a container under a profile at all.
//!
//! A runtime loads the filter first and executes the program after that. What each calls in
//! between is known to `profile::baseline`; here is which of it a start cannot do without. Judged
//! for a container that asks Docker for nothing special, on x86_64 and a current kernel.

use std::collections::BTreeMap;

use crate::{
    profile::{baseline, identity::Runtime},
    seccomp::{
        action::Action,
        arch::Arch,
        docker::{
            Profile,
            resolve::{Circumstances, Resolved, resolve},
        },
        finding::{Findings, Level},
        policy::Policy,
    },
};

/// A kernel under which every rule with a `minKernel` that is known today holds.
const KERNEL: (u32, u32) = (6, 18);

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

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    let usual = Circumstances::usual(Arch::X86_64, KERNEL);
    // What does not resolve is told by other lints.
    let Ok(Resolved::Filter(filter)) = resolve(profile, &usual) else {
        return;
    };
    let verdicts = Verdicts::of(&filter.policy);
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
    };
    let required = |name: &&str| STARTS.iter().any(|start| start.required.contains(name));
    baseline::of(&runc, None)
        .into_keys()
        .filter(move |name| !required(name) && !TOLERATED.contains(name))
        .filter(|name| *name != "execve" && !SPORADIC.contains(name))
}

/// What becomes of a call in the best case.
struct Verdicts<'p> {
    default: Action,
    /// Of calls with rules: true is of a rule without conditions, which is final.
    by_name: BTreeMap<&'p str, (bool, Action)>,
}

impl<'p> Verdicts<'p> {
    fn of(policy: &'p Policy) -> Self {
        let mut by_name: BTreeMap<&str, (bool, Action)> = BTreeMap::new();
        for rule in &policy.rules {
            if rule.action == policy.default {
                continue;
            }
            let plain = rule.conditions.is_empty();
            for name in &rule.names {
                let known = by_name.entry(name).or_insert((false, policy.default));
                if known.0 {
                    continue;
                }
                // The mildest of several conditional answers counts.
                if plain || rule.action.rank() > known.1.rank() {
                    *known = (plain, rule.action);
                }
            }
        }
        Self {
            default: policy.default,
            by_name,
        }
    }

    fn verdict(&self, name: &str) -> Action {
        self.by_name
            .get(name)
            .map_or(self.default, |(_, action)| *action)
    }

    /// A supervisor or tracer may let a call through.
    fn refuses(&self, name: &str) -> bool {
        let verdict = self.verdict(name);
        !verdict.lets_through() && !matches!(verdict, Action::Notify | Action::Trace(_))
    }

    fn kills(&self, name: &str) -> bool {
        matches!(
            self.verdict(name),
            Action::KillProcess | Action::KillThread | Action::Trap(_)
        )
    }

    fn refused_of(&self, names: &[&'static str]) -> Vec<&'static str> {
        names
            .iter()
            .copied()
            .filter(|name| self.refuses(name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{
        condition::{Condition, Operator},
        names,
        policy::Rule,
    };

    #[test]
    fn what_a_start_cannot_do_without_is_in_the_baseline() {
        for start in &STARTS {
            let runtime = Runtime {
                name: start.runtime.to_owned(),
                version: None,
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

    #[test]
    fn the_first_rule_without_conditions_counts_and_else_the_mildest() {
        let rule = |name: &str, action, conditional: bool| Rule {
            names: vec![name.to_owned()],
            action,
            conditions: vec![
                Condition {
                    index: 0,
                    operator: Operator::Equal,
                    value: 0,
                    value_two: 0
                };
                usize::from(conditional)
            ],
        };
        let errno = Action::Errno(38);
        let policy = Policy {
            default: Action::KillThread,
            native: Arch::X86_64,
            arches: vec![Arch::X86_64],
            rules: vec![
                rule("read", Action::Allow, true),
                rule("read", errno, true),
                rule("write", Action::Allow, true),
                rule("write", errno, false),
                rule("write", Action::Allow, false),
                rule("close", Action::KillThread, false),
                rule("close", Action::Notify, false),
            ],
        };
        let verdicts = Verdicts::of(&policy);
        assert_eq!(verdicts.verdict("read"), Action::Allow);
        assert_eq!(verdicts.verdict("write"), errno);
        assert_eq!(verdicts.verdict("close"), Action::Notify);
        assert!(verdicts.kills("open") && !verdicts.kills("write"));
        assert!(verdicts.refuses("write") && !verdicts.refuses("close"));
    }
}
