//! A resolved profile: what a runtime is given, when every include and exclude is decided.
//!
//! The common ground of all dialects that have rules. What it means is decided by `meaning`.

use crate::seccomp::{action::Action, arch::Arch, condition::Condition};

/// One rule: what to do with some calls if all conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Names of calls, in the order of the document, unknown ones too.
    pub names: Vec<String>,
    /// What to do.
    pub action: Action,
    /// On the arguments; empty if there are none.
    pub conditions: Vec<Condition>,
}

/// A whole resolved profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For every call of a listed architecture without a rule that holds.
    pub default: Action,
    /// The machine's own architecture.
    pub native: Arch,
    /// All architectures whose calls are judged, the native one first, each once. Calls of every
    /// other kill the thread, as under libseccomp.
    pub arches: Vec<Arch>,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}
