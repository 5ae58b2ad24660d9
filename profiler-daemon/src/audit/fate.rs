//! What a filter does with a call whose arguments were seen, as far as those that were recorded tell.

use std::collections::BTreeSet;

use crate::{
    profile::{arguments::Values, call::Call, table},
    seccomp::{
        action::Action,
        arch::Arch,
        diagram::{Diagrams, Node, Word},
        facts::width,
    },
};

/// What becomes of a call with some values of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is let through, whatever else is in its arguments.
    Through,
    /// It gets this answer, the strictest that it can get, and is never let through.
    Refused(Action),
    /// That depends on what was not recorded.
    Open,
}

/// What a filter does with a call with these values of the arguments at `places`.
fn fate(diagrams: &Diagrams, filter: Node, call: Call, places: &[u8], values: &[u64]) -> Fate {
    let arch = Arch::from(call.abi);
    let node = diagrams.select_call(filter, arch, arch.seen_by_filters(call.nr));
    let mut known = Vec::new();
    for (place, value) in places.iter().zip(values) {
        known.push((Word::lower(*place), *value as u32));
        // Of an argument that the kernel cuts to 32 bits the upper half was not recorded.
        let narrow = table::name(call).is_some_and(|name| width::is_32_bit(arch, name, *place));
        if !narrow {
            known.push((Word::upper(*place), (*value >> 32) as u32));
        }
    }
    if arch == Arch::X86 {
        // There are no upper halves.
        known.extend((0..6).map(|place| (Word::upper(place), 0)));
    }
    let answers = diagrams.answers_where(node, &known);
    if answers.iter().all(|answer| answer.lets_through()) {
        return Fate::Through;
    }
    if answers.iter().any(|answer| answer.lets_through()) {
        return Fate::Open;
    }
    answers.into_iter().min().map_or(Fate::Open, Fate::Refused)
}

/// What a filter does with all values that a call was seen with, and with which of them it is
/// refused: the strictest answer, if there are any; else [`Fate::Open`] if there is one of which that
/// cannot be told.
#[must_use]
pub fn fate_of_all(
    diagrams: &Diagrams,
    filter: Node,
    call: Call,
    values: &Values,
) -> (Fate, BTreeSet<Vec<u64>>) {
    let mut refused = BTreeSet::new();
    let Some(seen) = &values.seen else {
        return (Fate::Open, refused);
    };
    let mut whole = Fate::Through;
    for combination in seen {
        match fate(diagrams, filter, call, &values.places, combination) {
            Fate::Through => {}
            Fate::Open => {
                if whole == Fate::Through {
                    whole = Fate::Open;
                }
            }
            Fate::Refused(answer) => {
                refused.insert(combination.clone());
                whole = Fate::Refused(match whole {
                    Fate::Refused(strictest) => strictest.min(answer),
                    Fate::Through | Fate::Open => answer,
                });
            }
        }
    }
    (whole, refused)
}
