//! Which arguments are worth recording: those that decide what a call does, and those that a filter
//! looks at to judge one.

use std::collections::BTreeSet;

use crate::{
    profile::{
        abi::Abi,
        arguments::{Place, Recorded, deciding},
        call::Call,
        table,
    },
    seccomp::{
        arch::Arch,
        diagram::{Diagrams, TooLarge},
        facts::width,
        filter::{program::Program, symbolic},
        summary::{Clause, Standing, standing_of_call},
    },
};

/// Arguments of one call that can be recorded.
const MOST: usize = 3;

fn recorded(call: Call, indices: impl IntoIterator<Item = u8>) -> Recorded {
    let narrow = |index| {
        table::name(call).is_some_and(|name| width::is_32_bit(Arch::from(call.abi), name, index))
    };
    let places = indices.into_iter().map(|index| Place {
        index,
        wide: !narrow(index),
    });
    Recorded {
        call,
        places: places.collect(),
    }
}

fn named() -> impl Iterator<Item = Call> {
    Abi::ALL.into_iter().flat_map(table::calls)
}

/// The calls of which the arguments decide what they do.
#[must_use]
pub fn usual() -> Vec<Recorded> {
    named()
        .filter(|call| !deciding(*call).is_empty())
        .map(|call| recorded(call, deciding(call).iter().copied()))
        .collect()
}

/// The calls that a filter judges by their arguments. One that it judges by more of them than can
/// be recorded is left out.
///
/// # Errors
/// The filter is too intricate to be decided.
pub fn judged(program: &Program) -> Result<Vec<Recorded>, TooLarge> {
    let mut diagrams = Diagrams::new();
    let root = symbolic::diagram(&mut diagrams, program)?;
    let mut found = Vec::new();
    for call in named() {
        if let Standing::Conditional(cases) = standing_of_call(&mut diagrams, root, call)? {
            let clauses = cases.iter().flat_map(|case| &case.when);
            let indices: BTreeSet<u8> = clauses.filter_map(Clause::argument).collect();
            if indices.len() <= MOST {
                found.push(recorded(call, indices));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::usual;
    use crate::profile::{abi::Abi, arguments::Place, table};

    #[test]
    fn places_say_which_arguments_and_how_wide() {
        let usual = usual();
        let of = |name| {
            let call = table::call(Abi::X86_64, name).unwrap();
            usual
                .iter()
                .find(|one| one.call == call)
                .unwrap()
                .places
                .clone()
        };
        let place = |index, wide| Place { index, wide };
        assert_eq!(of("socket"), [place(0, false), place(1, false)]);
        assert_eq!(of("ioctl"), [place(1, false)]);
        assert_eq!(of("ptrace"), [place(0, true)]);
    }
}
