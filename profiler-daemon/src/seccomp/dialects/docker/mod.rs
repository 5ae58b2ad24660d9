//! Docker's dialect: the profile as a document, before a container decides what of it holds.
//!
//! The type holds everything that Docker, podman and the OCI specification have a field for, so
//! the OCI form is read into it too. Words whose list is closed (actions, operators) are typed;
//! names that only a runtime or the kernel can judge are text. Must not judge; that is `lints`.

pub mod built_in;
pub mod capabilities;
pub mod edit;
pub(super) mod fields;
mod print;
mod read;
pub mod resolve;
mod rule;
pub mod vocabulary;
mod words;

pub use self::{
    built_in::docker_default,
    print::{Indent, print, to_value},
    read::read,
    rule::{Argument, Conditions, KernelVersion, Rule},
    vocabulary::ActionName,
};
pub(super) use self::{
    print::indented,
    read::{Dialect, read_object},
};
use crate::seccomp::{dialects::placed::Placed, policy::Policy};

/// A whole profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// For every call without a rule that holds. None is no profile at all if there are no rules
    /// either.
    pub default_action: Option<Placed<ActionName>>,
    /// The errno of the default action; without it EPERM.
    pub default_errno_ret: Option<Placed<u64>>,
    /// podman's: the errno by name or number; it goes before `default_errno_ret`, under podman.
    pub default_errno: Option<Placed<String>>,
    /// Names of architectures, `SCMP_ARCH_…`.
    pub architectures: Vec<Placed<String>>,
    /// Architectures by the machine's own; instead of `architectures`.
    pub arch_map: Vec<ArchMapping>,
    /// Names of filter flags. None is not the same as an empty list under every runtime.
    pub flags: Option<Vec<Placed<String>>>,
    /// The socket of the supervisor that `SCMP_ACT_NOTIFY` asks.
    pub listener_path: Option<Placed<String>>,
    /// What the supervisor is told.
    pub listener_metadata: Option<Placed<String>>,
    /// The rules.
    pub syscalls: Vec<Rule>,
}

/// One line of `archMap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchMapping {
    /// The machine's own architecture.
    pub architecture: Placed<String>,
    /// Others whose calls are judged on it.
    pub sub_architectures: Vec<Placed<String>>,
}

impl From<&Policy> for Profile {
    /// The document that resolves to this policy under all circumstances on its machine. Data of
    /// `SCMP_ACT_TRAP`, for which there is no field, is lost.
    fn from(policy: &Policy) -> Self {
        let (default, errno) = ActionName::of(policy.default);
        let rules = policy.rules.iter().map(|rule| {
            let (action, errno) = ActionName::of(rule.action);
            Rule {
                errno_ret: errno.map(Placed::from),
                args: rule
                    .conditions
                    .iter()
                    .copied()
                    .map(Argument::from)
                    .collect(),
                ..Rule::of(action, rule.names.iter().cloned())
            }
        });
        Self {
            default_action: Some(default.into()),
            default_errno_ret: errno.map(Placed::from),
            architectures: policy
                .arches
                .iter()
                .map(|arch| arch.scmp().into())
                .collect(),
            syscalls: rules.collect(),
            ..Self::default()
        }
    }
}
