//! Which names a reader knows for calls, and which known one a person may have meant.
//!
//! Wider than any one architecture: names of processors without a table here count as known when
//! systemd lists them. Must not know numbers.

use super::{arch::Arch, systemd::groups, text::Findings, text::Line};

/// How many letters may differ in a suggestion.
const NEAR: usize = 2;

/// True if some architecture has a call of that name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    Arch::ALL.iter().any(|arch| arch.number(name).is_some()) || groups::is_known_elsewhere(name)
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

/// The known name of this machine's tables that is nearest to an unknown one, if one is near.
#[must_use]
pub fn suggestion(unknown: &str) -> Option<&'static str> {
    if unknown.len() > 64 {
        return None;
    }
    [Arch::X86_64, Arch::X86]
        .into_iter()
        .flat_map(Arch::syscalls)
        .filter(|(_, name)| name.len().abs_diff(unknown.len()) <= NEAR)
        .map(|(_, name)| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| *distance <= NEAR && *distance < name.len())
        .map(|(_, name)| name)
}

/// Reports a name that no architecture has. It is kept all the same: a newer kernel may know it.
pub(super) fn report_unknown(name: &str, line: Line<'_>, findings: &mut Findings) {
    if is_known(name) {
        return;
    }
    let mend = findings
        .has_room()
        .then(|| suggestion(name))
        .flatten()
        .map_or_else(String::new, |near| {
            format!("write {near}, if that is meant")
        });
    findings.warning(
        line.place(name),
        "unknown-call",
        format!("no architecture has a call named {name:?}, so the line does nothing"),
        mend,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_known_and_near_misses_are_told() {
        for name in ["read", "socketcall", "cacheflush", "s390_pci_mmio_read"] {
            assert!(is_known(name), "{name}");
        }
        assert!(!is_known("opne"));
        assert_eq!(suggestion("opne"), Some("open"));
        assert_eq!(suggestion("zzzzzzzzzz"), None);
        assert!(is_well_formed("_llseek"));
        for bad in ["", "3dnow", "[x86]", "a b", "é"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
