//! Which arguments a filter looks at to judge a call: those whose values are worth recording.

use std::collections::{BTreeMap, BTreeSet};

use super::standing_of;
use crate::{
    profile::call::{Call, CallSet},
    seccomp::{
        diagram::{Diagrams, TooLarge},
        filter::{program::Program, symbolic},
        summary::Standing,
    },
};

/// The indices of the arguments by which a filter judges each of these calls; calls that it judges
/// without are left out.
///
/// # Errors
/// The filter is too intricate to be decided.
pub fn deciding(
    program: &Program,
    named: &CallSet,
) -> Result<BTreeMap<Call, BTreeSet<u8>>, TooLarge> {
    let mut diagrams = Diagrams::new();
    let root = symbolic::diagram(&mut diagrams, program)?;
    let mut found = BTreeMap::new();
    for call in named {
        if let Standing::Conditional(cases) = standing_of(&mut diagrams, root, *call)? {
            let clauses = cases.iter().flat_map(|case| &case.when);
            let places = clauses.filter_map(crate::seccomp::summary::Clause::argument);
            found.insert(*call, places.collect());
        }
    }
    Ok(found)
}
