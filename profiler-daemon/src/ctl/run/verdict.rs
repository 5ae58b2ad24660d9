//! Who failed, as far as it can be told. Pure.

/// Who failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody.
    Succeeded,
    /// The program failed, and nothing was refused to it.
    Program,
    /// The program failed or was ended, and the profile refused it something.
    Profile,
    /// The program failed, and nobody watched whether anything was refused.
    Unknown,
}

impl Verdict {
    /// Of a command that succeeded or not, was ended by SIGSYS or not, and was refused so many calls,
    /// if that is known.
    pub(super) fn of(succeeded: bool, sigsys: bool, refused: Option<u64>) -> Self {
        if succeeded {
            Self::Succeeded
        } else if sigsys || refused.is_some_and(|count| count > 0) {
            Self::Profile
        } else if refused.is_some() {
            Self::Program
        } else {
            Self::Unknown
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Program => "program",
            Self::Profile => "profile",
            Self::Unknown => "unknown",
        }
    }
}
