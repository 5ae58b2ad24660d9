//! The rows of an audit's lists, as they travel: a call and the evidence about it.

use serde::{Deserialize, Serialize};

use super::{Break, Conditional, Unused};
use crate::profile::{
    abi::Abi,
    arguments::Values,
    call::Call,
    observation::{Observation, Sighting},
    table,
};

/// A call, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its name, with its ABI where that is not `x86_64`: `open (i386)`.
    pub call: String,
    /// Its ABI.
    pub abi: Abi,
    /// Its number in the ABI's table.
    pub nr: u32,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Which.
    #[serde(flatten)]
    pub named: Named,
    /// Who made it first, and when, if the news of it arrived.
    pub first: Option<Sighting>,
}

/// A call that a candidate would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Which.
    #[serde(flatten)]
    pub named: Named,
    /// What its caller would get: `errno 1`.
    pub answer: String,
    /// With these values of its arguments only, of those that it was made with; none if always.
    pub with: Option<Values>,
    /// Who made it first, and when, if the news of it arrived.
    pub first: Option<Sighting>,
}

/// A call that is let through and was never made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Which.
    #[serde(flatten)]
    pub named: Named,
    /// What it was used for in escapes and attacks, if it was.
    pub danger: Option<String>,
}

/// A call that is judged by its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Which.
    #[serde(flatten)]
    pub named: Named,
    /// It was made, and let through at least once.
    pub used: bool,
    /// Which arguments get which answer; every call is in exactly one case.
    pub cases: Vec<AnsweredCase>,
    /// The values that its arguments were seen with, where they were recorded from its start.
    pub seen: Option<Values>,
    /// Who made it first, and when, if the news of it arrived.
    pub first: Option<Sighting>,
}

/// Some calls with the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredCase {
    /// The answer: `allow`, `errno 1`.
    pub answer: String,
    /// What all hold: `a0 == 40`.
    pub when: Vec<String>,
}

impl Named {
    fn of(call: Call) -> Self {
        let name = table::display_name(call);
        Self {
            call: match call.abi {
                Abi::X86_64 => name,
                abi => format!("{name} ({})", abi.name()),
            },
            abi: call.abi,
            nr: call.nr,
        }
    }
}

fn first(call: Call, observation: &Observation) -> Option<Sighting> {
    observation.sightings.get(&call).cloned()
}

impl Made {
    pub(super) fn of(call: Call, observation: &Observation) -> Self {
        Self {
            named: Named::of(call),
            first: first(call, observation),
        }
    }
}

impl Broken {
    pub(super) fn of(one: Break, observation: &Observation) -> Self {
        Self {
            named: Named::of(one.call),
            answer: one.answer.to_string(),
            first: first(one.call, observation),
            with: one.with,
        }
    }
}

impl From<Unused> for Open {
    fn from(one: Unused) -> Self {
        Self {
            named: Named::of(one.call),
            danger: one.danger.map(str::to_owned),
        }
    }
}

impl Judged {
    pub(super) fn of(one: Conditional, observation: &Observation) -> Self {
        let cases = one.cases.iter().map(|case| AnsweredCase {
            answer: case.action.to_string(),
            when: case.when.iter().map(ToString::to_string).collect(),
        });
        Self {
            named: Named::of(one.call),
            used: one.used,
            cases: cases.collect(),
            seen: observation.arguments.of(one.call).cloned(),
            first: first(one.call, observation),
        }
    }
}
