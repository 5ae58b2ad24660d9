//! Whether a runtime would start a container under a filter, told before it is tried.
//!
//! Judges a filter as it is loaded, for the one runtime that is to load it; `lints::start` looks at
//! a profile, for all. Which calls a start takes is `profile::baseline`'s to know. A call that a
//! filter judges by its arguments counts as let through if it may be: with which arguments a
//! runtime makes it is not known well enough to say more.

use serde::{Deserialize, Serialize};

use super::{
    action::Action,
    diagram::{Diagrams, Node, TooLarge},
    summary::{Standing, standing_of_call},
};
use crate::profile::{
    abi::Abi,
    baseline::{
        self,
        needs::Family,
        starts::{REQUIRED, SPORADIC, TOLERATED},
    },
    call::Call,
    identity::Runtime,
    table,
};

/// What an obstacle does to starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Every one fails.
    Fails,
    /// Every one fails, if the runtime is of a kind that is not known to be excluded.
    MayFail,
    /// Some fail, as timing has it.
    ByChance,
}

/// Something that keeps a runtime from starting a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What it does.
    pub effect: Effect,
    /// What happens, in a sentence without a full stop.
    pub what: String,
    /// The calls that are refused.
    pub calls: Vec<String>,
}

/// What keeps a runtime from starting a container under a filter, the worst first.
///
/// # Errors
/// The filter is too intricate to be decided.
pub fn obstacles(
    diagrams: &mut Diagrams,
    filter: Node,
    runtime: &Runtime,
    no_new_privileges: bool,
) -> Result<Vec<Obstacle>, TooLarge> {
    let mut answers = Answers { diagrams, filter };
    let title = match &runtime.version {
        Some(version) => format!("{} {version}", runtime.name),
        None => runtime.name.clone(),
    };
    let mut found = Vec::new();
    let mut add = |effect, what: String, calls: Vec<&str>| {
        if !calls.is_empty() {
            let calls = calls.into_iter().map(str::to_owned).collect();
            found.push(Obstacle {
                effect,
                what,
                calls,
            });
        }
    };
    add(
        Effect::Fails,
        format!("{title} cannot execute the container's program"),
        answers.refused(&["execve"])?,
    );
    for required in &REQUIRED {
        let effect = match required.concerns(runtime, no_new_privileges) {
            Some(true) => Effect::Fails,
            Some(false) => continue,
            None => Effect::MayFail,
        };
        let what = match effect {
            Effect::Fails => format!("{title} cannot start a container without these calls"),
            _ => format!(
                "which version {title} is was not found out, and {} {}",
                required.family.name(),
                required.fails
            ),
        };
        add(effect, what, answers.refused(required.names)?);
    }
    let family = Family::of(&runtime.name);
    if family.is_none_or(|family| family == Family::Runc) {
        add(
            Effect::ByChance,
            "Go's runtime within runc makes these calls as timing has it: refused, about one \
             start in six fails"
                .to_owned(),
            answers.refused(&SPORADIC)?,
        );
    }
    let baseline = baseline::of(runtime, Some(no_new_privileges));
    let mut tried: Vec<&'static str> = TOLERATED.into_iter().chain(baseline.into_keys()).collect();
    tried.sort_unstable();
    tried.dedup();
    let mut fatal = Vec::new();
    for name in tried {
        if matches!(
            answers.to(name)?,
            Action::KillProcess | Action::KillThread | Action::Trap(_)
        ) {
            fatal.push(name);
        }
    }
    add(
        Effect::Fails,
        format!("{title} tries these calls, and the profile kills for them"),
        fatal,
    );
    found.sort_by_key(|obstacle| obstacle.effect);
    Ok(found)
}

/// What a filter answers to calls of the machine's own ABI.
struct Answers<'a> {
    diagrams: &'a mut Diagrams,
    filter: Node,
}

impl Answers<'_> {
    /// The mildest answer over all arguments.
    fn to(&mut self, name: &str) -> Result<Action, TooLarge> {
        let Some(nr) = table::number(Abi::X86_64, name) else {
            return Ok(Action::Allow);
        };
        let call = Call::new(Abi::X86_64, nr);
        Ok(match standing_of_call(self.diagrams, self.filter, call)? {
            Standing::Always(action) => action,
            Standing::Conditional(cases) => cases
                .into_iter()
                .map(|case| case.action)
                .max_by_key(|action| action.rank())
                .unwrap_or(Action::Allow),
        })
    }

    /// Those that never get through. A supervisor or tracer may let a call through, so theirs are
    /// not among them.
    fn refused<'n>(&mut self, names: &[&'n str]) -> Result<Vec<&'n str>, TooLarge> {
        let mut refused = Vec::new();
        for name in names {
            let answer = self.to(name)?;
            if !answer.lets_through() && !matches!(answer, Action::Notify | Action::Trace(_)) {
                refused.push(*name);
            }
        }
        Ok(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{
        arch::Arch,
        condition::{Condition, Operator},
        meaning::exact,
        policy::{Policy, Rule},
        runtime_needs,
    };

    fn runtime(name: &str, version: &str) -> Runtime {
        Runtime {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            libseccomp: None,
        }
    }

    /// Everything that runtimes need, without some calls.
    fn policy(default: Action, without: &[&str]) -> Policy {
        let empty = Policy {
            default,
            native: Arch::X86_64,
            arches: vec![Arch::X86_64],
            rules: Vec::new(),
        };
        let (mut policy, _) = runtime_needs::added(empty);
        for rule in &mut policy.rules {
            rule.names.retain(|name| !without.contains(&name.as_str()));
        }
        policy
    }

    fn found(policy: &Policy, runtime: &Runtime, nnp: bool) -> Vec<(Effect, Vec<String>)> {
        let mut diagrams = Diagrams::new();
        let filter = exact::diagram(&mut diagrams, policy).unwrap();
        obstacles(&mut diagrams, filter, runtime, nnp)
            .unwrap()
            .into_iter()
            .map(|obstacle| (obstacle.effect, obstacle.calls))
            .collect()
    }

    const EPERM: Action = Action::Errno(1);

    #[test]
    fn a_runtime_starts_under_what_it_needs() {
        for runtime in [runtime("runc", "1.3.6"), runtime("crun", "1.8.1")] {
            for nnp in [false, true] {
                assert_eq!(found(&policy(EPERM, &[]), &runtime, nnp), []);
            }
        }
    }

    #[test]
    fn statx_is_an_obstacle_to_a_current_runc_and_to_no_older_one() {
        let policy = policy(EPERM, &["statx"]);
        let calls = vec!["statx".to_owned()];
        for (version, expected) in [
            ("1.3.6", vec![(Effect::Fails, calls.clone())]),
            ("1.1.5+ds1", Vec::new()),
            ("unknown", vec![(Effect::MayFail, calls)]),
        ] {
            assert_eq!(
                found(&policy, &runtime("runc", version), true),
                expected,
                "{version}"
            );
        }
        assert_eq!(found(&policy, &runtime("crun", "1.8.1"), false), []);
    }

    #[test]
    fn chance_kills_and_a_refused_execve_are_told() {
        let runc = runtime("runc", "1.1.5");
        let sporadic = found(&policy(EPERM, &["futex", "rt_sigreturn"]), &runc, false);
        assert_eq!(sporadic[0].0, Effect::ByChance);
        assert_eq!(sporadic[0].1, ["futex", "rt_sigreturn"]);
        let killed = found(&policy(Action::KillProcess, &["epoll_ctl"]), &runc, true);
        assert!(killed[0].0 == Effect::Fails && killed[0].1.contains(&"epoll_ctl".to_owned()));
        let nothing = found(&policy(EPERM, &["execve"]), &runc, true);
        assert_eq!(nothing, [(Effect::Fails, vec!["execve".to_owned()])]);
    }

    #[test]
    fn a_call_that_may_get_through_is_no_obstacle() {
        let mut policy = policy(EPERM, &["execve"]);
        policy.rules.push(Rule {
            names: vec!["execve".to_owned()],
            action: Action::Allow,
            conditions: vec![Condition {
                index: 3,
                operator: Operator::Equal,
                value: 0,
                value_two: 0,
            }],
        });
        assert_eq!(found(&policy, &runtime("runc", "1.1.5"), true), []);
    }
}
