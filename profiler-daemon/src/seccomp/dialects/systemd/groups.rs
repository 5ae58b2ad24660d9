//! systemd's groups of calls: which names, and which other groups, an `@name` stands for.
//!
//! The facts are in `groups.txt`: what `systemd-analyze syscall-filter` of systemd 262 (Debian
//! package 262-1) lists, each group followed by its members. Must not hold more than that.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// The version of systemd that was asked.
pub const VERSION: &str = "262";

/// What systemd lets a unit with a list of allowed calls make in any case.
pub const DEFAULT: &str = "@default";

static GROUPS: LazyLock<BTreeMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut group = "";
    for line in include_str!("groups.txt").lines() {
        if line.starts_with('@') {
            group = line;
        } else {
            groups
                .entry(group)
                .or_default()
                .extend(line.split_ascii_whitespace());
        }
    }
    groups
});

/// The names of a group, those of the groups in it too; `None` if there is no such group.
#[must_use]
pub fn members(group: &str) -> Option<BTreeSet<&'static str>> {
    let mut names = BTreeSet::new();
    let mut reached = BTreeSet::new();
    let mut waiting = vec![GROUPS.get_key_value(group)?];
    while let Some((group, members)) = waiting.pop() {
        if !reached.insert(group) {
            continue;
        }
        for member in members {
            if !member.starts_with('@') {
                names.insert(*member);
            } else if let Some(inner) = GROUPS.get_key_value(member) {
                waiting.push(inner);
            }
        }
    }
    Some(names)
}

/// All groups, sorted.
pub fn all() -> impl Iterator<Item = &'static str> {
    GROUPS.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_within_groups_are_opened() {
        let default = members(DEFAULT).unwrap();
        assert!(default.contains("execve") && default.contains("seccomp"));
        assert!(default.iter().all(|name| !name.starts_with('@')));
        let service = members("@system-service").unwrap();
        assert!(default.is_subset(&service));
        assert!(service.contains("openat") && !service.contains("mount"));
        assert_eq!(members("@no-such"), None);
        assert_eq!(all().count(), 30);
    }

    #[test]
    fn every_group_that_is_named_is_there() {
        for (group, members) in GROUPS.iter() {
            for member in members.iter().filter(|member| member.starts_with('@')) {
                assert!(GROUPS.contains_key(member), "{group} names {member}");
            }
        }
    }
}
