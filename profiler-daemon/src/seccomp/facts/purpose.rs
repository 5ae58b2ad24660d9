//! What each system call is for, in a few words: for a person who reads a difference and does not know
//! every name in it.
//!
//! The words are in `purposes.txt`, a line a name. Must not judge: how dangerous a call is, is said in
//! `audit`.

use std::{collections::HashMap, sync::LazyLock};

/// `name<TAB>purpose`, sorted by name.
const TEXT: &str = include_str!("purposes.txt");

static ALL: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| TEXT.lines().filter_map(entry).collect());

fn entry(line: &'static str) -> Option<(&'static str, &'static str)> {
    line.split_once('\t')
}

/// What a call of this name is for: at most 56 characters, without a full stop. None for a name that no
/// architecture has.
#[must_use]
pub fn purpose(name: &str) -> Option<&'static str> {
    ALL.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::{TEXT, entry, purpose};
    use crate::seccomp::{
        arch::Arch,
        facts::{libseccomp, names},
    };

    const LONGEST: usize = 56;

    #[test]
    fn every_call_of_every_table_has_one() {
        let tables = Arch::ALL.into_iter().flat_map(Arch::syscalls);
        let names = tables.map(|(_, name)| name);
        for name in names.chain(libseccomp::names_without_table()) {
            assert!(purpose(name).is_some(), "{name}");
        }
        assert_eq!(
            purpose("ptrace"),
            Some("look into and change another process")
        );
        assert_eq!(purpose("opennat"), None);
    }

    #[test]
    fn each_line_is_a_known_name_once_and_a_few_words() {
        let mut before = "";
        for line in TEXT.lines() {
            let (name, words) = entry(line).unwrap();
            assert!(names::is_known(name), "{name} is no call");
            assert!(before < name, "{name} stands after {before}");
            assert!(words.chars().count() <= LONGEST, "{name} is too long");
            assert!(
                words.starts_with(|first: char| first.is_ascii_lowercase()),
                "{line}"
            );
            assert!(!words.ends_with(['.', ' ']), "{line}");
            assert!(!words.contains(char::is_control), "{line}");
            before = name;
        }
    }
}
