//! Which names of system calls there are, on any architecture.
//!
//! The tables of `arch` have the names of the architectures that are compiled for. A profile may
//! name calls of others too, as libseccomp does. Must not decide what a name means.

use std::{collections::BTreeSet, sync::LazyLock};

use super::{
    libseccomp,
    spelling::{choice, nearest},
};
use crate::seccomp::arch::Arch;

/// Names of 32-bit ARM's own, which have no number of the usual kind.
const ARM_OWN: [&str; 6] = [
    "breakpoint",
    "cacheflush",
    "get_tls",
    "set_tls",
    "usr26",
    "usr32",
];

static ALL: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    Arch::ALL
        .into_iter()
        .flat_map(Arch::syscalls)
        .map(|(_, name)| name)
        .chain(libseccomp::names_without_table())
        .chain(ARM_OWN)
        .collect()
});

/// True if a system call of some architecture has this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    ALL.contains(name)
}

/// Known names near to an unknown one, the nearest first.
#[must_use]
pub fn near(wrong: &str) -> Vec<&'static str> {
    nearest(wrong, ALL.iter().copied())
}

/// `did you mean openat or open?`, or what else to do about an unknown name.
#[must_use]
pub fn suggestion(wrong: &str) -> String {
    match near(wrong).as_slice() {
        [] => "look the name up in syscalls(2), or remove it".to_owned(),
        near => format!("did you mean {}?", choice(near)),
    }
}

/// True if a name could be one of a call's: letters, digits and underscores, and no digit first.
#[must_use]
pub fn is_well_formed(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{ARM_OWN, is_known, is_well_formed, suggestion};

    #[test]
    fn what_could_be_a_name() {
        assert!(is_well_formed("_llseek"));
        for bad in ["", "3dnow", "[x86]", "a b", "é"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn knows_names_of_every_architecture() {
        for name in ["openat", "socketcall", "swapcontext", "set_tls", "recv"] {
            assert!(is_known(name), "{name}");
        }
        assert!(!is_known("fstatat"), "that is the C library's");
        assert!(!is_known("opennat"));
        assert!(!is_known(""));
        assert!(ARM_OWN.is_sorted());
    }

    #[test]
    fn suggests_what_was_meant() {
        assert_eq!(suggestion("chmdo"), "did you mean chmod?");
        assert!(suggestion("frobnicate_everything").contains("syscalls(2)"));
    }
}
