//! What a container may do beside what it does: the comparison of a filter with what was seen.
//!
//! Pure. A filter is a diagram, so whether a call is allowed is not a guess. Of a call that the
//! filter judges by arguments no more can be said than which of their values were recorded. Must
//! not decide what a profile holds.

pub mod active;
mod asked_for;
pub mod candidate;
pub mod danger;
pub mod evidence;
pub mod fate;
pub mod loaded;
pub mod loader;
mod reason;
pub mod report;
pub mod rows;
pub mod shadow;

use self::fate::{Fate, fate_of_all};
use crate::{
    profile::{
        arguments::{Arguments, Values},
        call::{Call, CallSet},
    },
    seccomp::{
        action::Action,
        arch::Arch,
        diagram::{Diagrams, Node, TooLarge},
        filter::evaluate::passes_every_filter,
        summary::{Case, Standing, standing_of_call},
    },
};

/// How a filter in force and what a container does go together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Made and always let through.
    pub used: Vec<Call>,
    /// Always let through and never made, though a filter could refuse it; what is known from escapes first.
    pub unused: Vec<Unused>,
    /// Let through or not by their arguments.
    pub conditional: Vec<Conditional>,
    /// Made although the filter always refuses them: it is not the one in force, or was not then.
    pub contradicted: Vec<Break>,
}

/// A call that is open for no reason that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The call.
    pub call: Call,
    /// What it was used for in escapes and attacks, if it was.
    pub danger: Option<&'static str>,
}

/// A call that a filter judges by its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditional {
    /// The call.
    pub call: Call,
    /// It was made, and let through at least once.
    pub used: bool,
    /// Which arguments get which answer.
    pub cases: Vec<Case>,
}

/// What a profile would do to a container if it were enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// Made so far, and always refused from then on.
    pub breaks: Vec<Break>,
    /// Made so far, and from then on refused with some arguments.
    pub may_break: Vec<Conditional>,
    /// Still let through, and never made; what is known from escapes first.
    pub open: Vec<Unused>,
}

/// A call that a profile would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The call.
    pub call: Call,
    /// What its caller would get; the strictest of several answers.
    pub answer: Action,
    /// With these values of its arguments only; none if always.
    pub with: Option<Values>,
}

/// Compares a filter with the calls that got past it, for the calls of the ABIs given that have a
/// name, and all that were made.
///
/// # Errors
/// A call's conditions need more cases than a person could read.
pub fn compare(
    diagrams: &mut Diagrams,
    filter: Node,
    made: &CallSet,
    named: &CallSet,
) -> Result<Comparison, TooLarge> {
    let mut comparison = Comparison::default();
    for call in made | named {
        let used = made.contains(&call);
        // What no filter can close is no fault of this one.
        if !used && let_through_regardless(call) {
            continue;
        }
        match standing_of_call(diagrams, filter, call)? {
            Standing::Always(action) if action.lets_through() && used => {
                comparison.used.push(call);
            }
            Standing::Always(action) if action.lets_through() => {
                comparison.unused.push(Unused::of(call));
            }
            Standing::Always(answer) if used => {
                comparison.contradicted.push(Break {
                    call,
                    answer,
                    with: None,
                });
            }
            Standing::Always(_) => {}
            Standing::Conditional(cases) => {
                comparison
                    .conditional
                    .push(Conditional { call, used, cases });
            }
        }
    }
    rank(&mut comparison.unused);
    Ok(comparison)
}

/// What would come of enforcing a profile. Where the values of a call's arguments are known, they
/// decide; else a call that is judged by them may break.
///
/// # Errors
/// A call's conditions need more cases than a person could read.
pub fn foresee(
    diagrams: &mut Diagrams,
    candidate: Node,
    made: &CallSet,
    named: &CallSet,
    arguments: &Arguments,
) -> Result<Prospect, TooLarge> {
    let Comparison {
        unused,
        conditional,
        contradicted,
        ..
    } = compare(diagrams, candidate, made, named)?;
    let mut prospect = Prospect {
        breaks: contradicted,
        may_break: Vec::new(),
        open: unused,
    };
    for one in conditional {
        if !one.used {
            prospect.open.push(Unused::of(one.call));
            continue;
        }
        let Some(values) = arguments.of(one.call) else {
            prospect.may_break.push(one);
            continue;
        };
        match fate_of_all(diagrams, candidate, one.call, values) {
            (Fate::Through, _) => {}
            (Fate::Open, _) => prospect.may_break.push(one),
            (Fate::Refused(answer), refused) => prospect.breaks.push(Break {
                call: one.call,
                answer,
                with: Some(Values {
                    places: values.places.clone(),
                    seen: Some(refused),
                }),
            }),
        }
    }
    prospect.breaks.sort_by_key(|one| one.call);
    rank(&mut prospect.open);
    Ok(prospect)
}

fn let_through_regardless(call: Call) -> bool {
    let arch = Arch::from(call.abi);
    passes_every_filter(arch, arch.seen_by_filters(call.nr))
}

impl Unused {
    fn of(call: Call) -> Self {
        Self {
            call,
            danger: danger::of(call),
        }
    }
}

/// What is known from escapes first, in the order of the table; then by ABI and number.
fn rank(calls: &mut [Unused]) {
    calls.sort_by_key(|unused| (danger::rank(unused.call), unused.call));
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
