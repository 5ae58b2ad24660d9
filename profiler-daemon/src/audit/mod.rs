//! What a container may do beside what it does: the comparison of a filter with what was seen.
//!
//! Pure. A filter is a diagram, so whether a call is allowed is not a guess. Of a call that it judges
//! by arguments only that much is said, unless all values were recorded that these had. Must not
//! decide what a profile holds.

pub mod active;
mod asked_for;
pub mod candidate;
pub mod danger;
pub mod decided;
pub mod evidence;
pub mod loaded;
pub mod loader;
mod reason;
pub mod report;
pub mod rows;
pub mod shadow;

use self::decided::decided;
use crate::{
    profile::{
        arguments::Arguments,
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
    /// Made so far, and refused from then on; with arguments that it was made with, at least.
    pub breaks: Vec<Break>,
    /// Made so far, and from then on refused with some arguments; with which it was made, is not
    /// known.
    pub may_break: Vec<Conditional>,
    /// Still let through, and never made; what is known from escapes first.
    pub open: Vec<Unused>,
}

/// A call that a profile would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// The call.
    pub call: Call,
    /// What its caller would get.
    pub answer: Action,
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
                comparison.contradicted.push(Break { call, answer });
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

/// What would come of enforcing a profile, for a container whose calls had these arguments.
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
        mut unused,
        conditional,
        contradicted: mut breaks,
        ..
    } = compare(diagrams, candidate, made, named)?;
    let mut may_break = Vec::new();
    for one in conditional {
        let values = arguments.of(one.call);
        let answers = values.and_then(|values| decided(diagrams, candidate, one.call, values));
        match answers {
            _ if !one.used => unused.push(Unused::of(one.call)),
            Some(answers) => {
                let refusals = answers.into_iter().filter(|answer| !answer.lets_through());
                breaks.extend(refusals.min().map(|answer| Break {
                    call: one.call,
                    answer,
                }));
            }
            None => may_break.push(one),
        }
    }
    breaks.sort_by_key(|one| one.call);
    rank(&mut unused);
    Ok(Prospect {
        breaks,
        may_break,
        open: unused,
    })
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
