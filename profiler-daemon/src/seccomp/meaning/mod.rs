//! What a resolved profile means: the answer to each call, as a diagram.
//!
//! There are two meanings. [`exact`] is what the document says. [`as_runc`] is what runc and
//! libseccomp make of it, which differs where they drop, reorder or widen rules.

pub mod as_runc;
mod comparison;
pub mod exact;
mod layout;
pub mod libseccomp_tree;

use crate::seccomp::{
    diagram::{Diagrams, Node, TooLarge},
    policy::Policy,
};

pub use as_runc::{Host, Refused, Runtime};

/// Which meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What the document says.
    Exact,
    /// What a runtime and its libseccomp make of it.
    AsRunc(Host),
}

/// Why a profile has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeaningError {
    /// It is too intricate.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The runtime would not load it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The diagram of a profile's meaning.
///
/// # Errors
/// The runtime would refuse the profile, or it is too intricate to be decided exactly.
pub fn diagram(
    diagrams: &mut Diagrams,
    policy: &Policy,
    meaning: Meaning,
) -> Result<Node, MeaningError> {
    match meaning {
        Meaning::Exact => Ok(exact::diagram(diagrams, policy)?),
        Meaning::AsRunc(host) => as_runc::diagram(diagrams, policy, host),
    }
}
