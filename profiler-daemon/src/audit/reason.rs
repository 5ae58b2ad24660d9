//! Why a runtime and its libseccomp load another filter than a profile says, for one call.

use super::loader::Loader;
use crate::seccomp::{
    arch::Arch,
    facts::libseccomp::{Resolved, Version, resolve},
    meaning::as_runc::repeats,
    policy::Policy,
};

/// What makes the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// The library does not know the name.
    NameTooNew,
    /// An argument occurs twice in a rule.
    DuplicateIndex,
    /// 32-bit x86 makes it through `socketcall` or `ipc`.
    Multiplexed,
    /// How the library joins the rules on one call, and which words it compares.
    Rules,
    /// runc answers ENOSYS beyond the newest call that is named.
    EnosysBound,
}

/// The reason for one number of an architecture; `is_bound` says that runc's bound is at work.
pub(super) fn reason(
    policy: &Policy,
    libseccomp: Version,
    arch: Option<Arch>,
    nr: u32,
    is_bound: bool,
) -> Reason {
    let name = arch.and_then(|arch| arch.syscall(nr));
    let Some((arch, name)) = arch.zip(name) else {
        return if is_bound {
            Reason::EnosysBound
        } else {
            Reason::Rules
        };
    };
    let on_it = |rule: &&crate::seccomp::policy::Rule| rule.names.iter().any(|one| one == name);
    let mut rules = policy.rules.iter().filter(on_it).peekable();
    let is_named = rules.peek().is_some();
    if is_named && resolve(libseccomp, policy.native, name) == Resolved::Unknown {
        Reason::NameTooNew
    } else if is_bound {
        Reason::EnosysBound
    } else if rules.any(|rule| repeats(&rule.conditions)) {
        Reason::DuplicateIndex
    } else if matches!(name, "socketcall" | "ipc")
        || matches!(
            resolve(libseccomp, arch, name),
            Resolved::Multiplexed { .. }
        )
    {
        Reason::Multiplexed
    } else {
        Reason::Rules
    }
}

impl Reason {
    /// The finding's stable word.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::NameTooNew => "name_too_new",
            Self::DuplicateIndex => "duplicate_index",
            Self::Multiplexed => "multiplexed",
            Self::Rules => "rules_joined",
            Self::EnosysBound => "enosys_bound",
        }
    }

    /// The reason in a sentence.
    pub(super) fn text(self, loader: &Loader) -> String {
        let Loader {
            name, libseccomp, ..
        } = loader;
        match self {
            Self::NameTooNew => format!(
                "libseccomp {libseccomp} does not know the name, and the rule on it is dropped"
            ),
            Self::DuplicateIndex => "a rule has two conditions on one argument, and libseccomp \
                                     takes them for a rule each: one is enough"
                .to_owned(),
            Self::Multiplexed => "32-bit x86 can make it through socketcall or ipc, where its \
                                  conditions are not looked at"
                .to_owned(),
            Self::Rules => format!(
                "libseccomp {libseccomp} joins the rules on one call, and compares words, \
                 otherwise than the profile says"
            ),
            Self::EnosysBound => format!(
                "{name} answers ENOSYS to every call newer than the newest that the profile names"
            ),
        }
    }
}
