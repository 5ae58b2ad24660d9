//! Changes what a profile says of calls, by name, and nothing else of it.
//!
//! The outcome is the same under every capability, architecture and kernel: a name may be in
//! several rules of which each holds for some containers, and all of them are seen to.

use std::collections::BTreeSet;

use super::{ActionName, Argument, Profile, Rule};
use crate::seccomp::{condition::Condition, facts::names};

/// What is wanted of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Calls to let through: always, or if a condition holds.
    pub allow: Vec<Allowed>,
    /// Calls to refuse, whatever their arguments.
    pub deny: Vec<String>,
}

/// A call to let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Its name.
    pub name: String,
    /// All of them must hold; empty is always.
    pub conditions: Vec<Condition>,
}

impl Allowed {
    /// Reads `chmod`, `socket:a0==40`, `clone:a0 & 0x7e020000 == 0 && a1 < 3`: a name, and
    /// conditions that must all hold, as [`Condition::parse`] reads them.
    ///
    /// # Errors
    /// A condition is none, or two are on one argument. The name is not looked at.
    pub fn parse(text: &str) -> Result<Self, EditError> {
        let Some((name, rest)) = text.split_once(':') else {
            return Ok(Self {
                name: text.to_owned(),
                conditions: Vec::new(),
            });
        };
        let conditions: Vec<Condition> = rest
            .split("&&")
            .map(|part| {
                Condition::parse(part).ok_or_else(|| EditError::Condition(part.trim().to_owned()))
            })
            .collect::<Result<_, _>>()?;
        let indices: BTreeSet<u8> = conditions.iter().map(|one| one.index).collect();
        if indices.len() < conditions.len() {
            return Err(EditError::OneArgumentTwice(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            conditions,
        })
    }
}

/// Why a profile is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A name that no system call has.
    #[error("no system call is called \"{name}\"; {suggestion}")]
    UnknownName {
        /// The name.
        name: String,
        /// What may have been meant.
        suggestion: String,
    },
    /// What follows a name is no condition.
    #[error(
        "\"{0}\" is no condition; write an argument from a0 to a5, ==, !=, <, <=, > or >= and a \
         number, as in socket:a0==40, or a mask too, as in clone:a0&0x7e020000==0; && joins two"
    )]
    Condition(String),
    /// Runtimes would let the call through if any of them held.
    #[error(
        "two conditions on one argument of \"{0}\": runtimes would take either; allow each by \
         itself if that is meant"
    )]
    OneArgumentTwice(String),
    /// A name to allow and to deny.
    #[error("\"{0}\" cannot be both allowed and denied")]
    Both(String),
}

/// One thing that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The call's name.
    pub name: String,
    /// What became of it.
    pub what: Changed,
}

/// What became of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was taken out of this many rules, of which the now empty ones are gone.
    Removed {
        /// How many rules had it.
        rules: usize,
    },
    /// It was put into a rule that lets it through, if these conditions hold.
    Allowed(Vec<Condition>),
    /// It was put into a rule that answers EPERM, for the default action would let it through.
    Refused,
}

/// A profile as wanted, and what was changed; nothing if it was so before.
///
/// # Errors
/// A name is unknown, or both wanted and unwanted.
pub fn edit(profile: &Profile, wanted: &Wanted) -> Result<(Profile, Vec<Change>), EditError> {
    let denied: BTreeSet<&str> = wanted.deny.iter().map(String::as_str).collect();
    let allowed = wanted.allow.iter().map(|allowed| allowed.name.as_str());
    for name in allowed.chain(wanted.deny.iter().map(String::as_str)) {
        if !names::is_known(name) {
            return Err(EditError::UnknownName {
                name: name.to_owned(),
                suggestion: names::suggestion(name),
            });
        }
    }
    if let Some(both) = wanted
        .allow
        .iter()
        .find(|allowed| denied.contains(allowed.name.as_str()))
    {
        return Err(EditError::Both(both.name.clone()));
    }
    let mut edit = Edit {
        profile: profile.clone(),
        changes: Vec::new(),
    };
    for name in denied {
        edit.deny(name);
    }
    for allowed in &wanted.allow {
        edit.allow(&allowed.name, &allowed.conditions);
    }
    Ok((edit.profile, edit.changes))
}

struct Edit {
    profile: Profile,
    changes: Vec<Change>,
}

impl Edit {
    fn deny(&mut self, name: &str) {
        if !self.default_may_let_through() {
            self.remove(name, may_let_through);
            return;
        }
        if self.first_is(name, |rule| !may_let_through(rule)) {
            return;
        }
        self.remove(name, |_| true);
        self.put(name, Rule::of(ActionName::Errno, [name]), Changed::Refused);
    }

    fn allow(&mut self, name: &str, conditions: &[Condition]) {
        let lets_through = |rule: &Rule| rule.action.value == ActionName::Allow;
        if self.first_is(name, lets_through) {
            return;
        }
        if conditions.is_empty() {
            // Under libseccomp the first rule without a condition wins, so no other may be left.
            self.remove(name, |_| true);
            if self.default_is(ActionName::Allow) {
                return;
            }
            self.put(
                name,
                Rule::of(ActionName::Allow, [name]),
                Changed::Allowed(Vec::new()),
            );
            return;
        }
        // A refusal without a condition on arguments would win over the new rule.
        self.remove(name, |rule| !lets_through(rule) && rule.args.is_empty());
        let args: Vec<Argument> = conditions.iter().copied().map(Argument::from).collect();
        let there = self.profile.syscalls.iter().any(|rule| {
            lets_through(rule) && rule.is_always_there() && rule.args == args && has(rule, name)
        });
        if there || self.default_is(ActionName::Allow) {
            return;
        }
        let rule = Rule {
            args,
            ..Rule::of(ActionName::Allow, [name])
        };
        self.put(name, rule, Changed::Allowed(conditions.to_vec()));
    }

    fn default_is(&self, action: ActionName) -> bool {
        let default = self.profile.default_action.as_ref();
        default.is_some_and(|default| default.value == action)
    }

    fn default_may_let_through(&self) -> bool {
        let default = self.profile.default_action.as_ref();
        default.is_none_or(|default| lets_through(default.value))
    }

    /// True if the only rule of a name, in every container, is without conditions and as wanted.
    fn first_is(&self, name: &str, wanted: impl Fn(&Rule) -> bool) -> bool {
        let mut rules = self.profile.syscalls.iter().filter(|rule| has(rule, name));
        rules
            .next()
            .is_some_and(|rule| wanted(rule) && rule.is_always_there() && rule.args.is_empty())
    }

    /// Takes a name out of the rules that are meant, and drops those that are empty then.
    fn remove(&mut self, name: &str, meant: impl Fn(&Rule) -> bool) {
        let mut rules = 0;
        self.profile.syscalls.retain_mut(|rule| {
            if !has(rule, name) || !meant(rule) {
                return true;
            }
            rules += 1;
            rule.names.retain(|known| known.value != name);
            if rule.name.as_ref().is_some_and(|known| known.value == name) {
                rule.name = None;
            }
            rule.all_names().next().is_some()
        });
        if rules > 0 {
            self.change(name, Changed::Removed { rules });
        }
    }

    /// Puts a name into the first rule that says the same for every container, or adds the rule.
    fn put(&mut self, name: &str, rule: Rule, changed: Changed) {
        let alike = self.profile.syscalls.iter_mut().find(|known| {
            known.is_always_there()
                && known.action == rule.action
                && known.args == rule.args
                && known.errno_ret.is_none()
                && known.errno.is_none()
                && known.name.is_none()
                // A rule on arguments is about its one call.
                && rule.args.is_empty()
        });
        match alike {
            Some(alike) => {
                let sorted = alike.names.is_sorted_by_key(|known| &known.value);
                let place = if sorted {
                    alike
                        .names
                        .partition_point(|known| known.value.as_str() < name)
                } else {
                    alike.names.len()
                };
                alike.names.insert(place, name.into());
            }
            None => self.profile.syscalls.push(rule),
        }
        self.change(name, changed);
    }

    fn change(&mut self, name: &str, what: Changed) {
        self.changes.push(Change {
            name: name.to_owned(),
            what,
        });
    }
}

fn has(rule: &Rule, name: &str) -> bool {
    rule.all_names().any(|known| known.value == name)
}

fn may_let_through(rule: &Rule) -> bool {
    lets_through(rule.action.value)
}

/// A supervisor or a tracer may let a call through too.
const fn lets_through(action: ActionName) -> bool {
    matches!(
        action,
        ActionName::Allow | ActionName::Log | ActionName::Notify | ActionName::Trace
    )
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
