//! The meaning `as-runc`: what a runtime and its libseccomp make of a profile.

use crate::seccomp::{
    diagram::{Diagrams, Node},
    libseccomp::Version,
    policy::Policy,
};

use super::MeaningError;

/// The runtime's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// runc: answers ENOSYS beyond the newest call that a profile lists.
    Runc,
    /// crun: loads what libseccomp made.
    Crun,
}

/// What loads the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// The runtime.
    pub runtime: Runtime,
    /// Its libseccomp: names that this does not know are dropped.
    pub libseccomp: Version,
}

impl Default for Host {
    /// runc as Debian 12 has it.
    fn default() -> Self {
        Self {
            runtime: Runtime::Runc,
            libseccomp: Version::DEBIAN_12,
        }
    }
}

/// Why a runtime would not load a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Two rules of a call have the same conditions and different actions.
    #[error("two rules for {0} have the same conditions and different actions")]
    Conflict(String),
}

/// The diagram.
///
/// # Errors
/// See [`Refused`].
pub fn diagram(
    _diagrams: &mut Diagrams,
    _policy: &Policy,
    _host: Host,
) -> Result<Node, MeaningError> {
    Ok(Node::FALSE)
}
