//! What somebody may have meant who wrote a system call's name wrong.

use std::collections::BTreeSet;

/// How many names are worth suggesting.
const MOST: usize = 3;

/// Names near to a wrong one, the nearest first.
pub(super) fn nearest(wrong: &str) -> Vec<&'static str> {
    let wrong = wrong.to_ascii_lowercase();
    let farthest = (wrong.chars().count() / 3).clamp(1, 3);
    let names: BTreeSet<&'static str> = syscalls::x86_64::Sysno::iter()
        .map(|call| call.name())
        .chain(syscalls::x86::Sysno::iter().map(|call| call.name()))
        .collect();
    let mut near: Vec<(usize, &'static str)> = names
        .into_iter()
        .map(|name| (strsim::osa_distance(&wrong, name), name))
        .filter(|(distance, _)| *distance <= farthest)
        .collect();
    near.sort_unstable();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name() {
        assert_eq!(nearest("opneat").first(), Some(&"openat"));
        assert_eq!(nearest("SOCKETCAL").first(), Some(&"socketcall"));
        assert!(nearest("frobnicate_everything").is_empty());
    }
}
