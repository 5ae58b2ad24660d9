//! What LXC itself calls under its profile before the container's program runs, and beside it.
//!
//! A profile without these starts nothing, whatever the program needs. The counterpart of
//! `profile::baseline::needs`, which speaks of OCI runtimes. *Measured* with LXC 5.0.2 of Debian 12
//! on x86_64: `strace -f lxc-execute` and `lxc-start`, with a static busybox as program, from the
//! filter's load on; then each name left out in turn under `errno 1` and under `kill`.

use crate::seccomp::{
    action::Action,
    policy::{Policy, Rule},
};

/// The version that was measured.
pub const VERSION: &str = "5.0.2";

/// Calls of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Why a profile has them.
    pub label: &'static str,
    /// True if no container starts without them even where the rest only fails with an errno.
    pub required: bool,
    /// True if they are only made by `lxc-execute`, whose own init stays in the container and is under
    /// the profile for as long as it lives. `lxc-start` executes the container's init in its stead.
    pub only_execute: bool,
    /// What.
    pub names: &'static [&'static str],
}

/// All that LXC was seen to call. Under a default of `kill` or `trap` every one is required.
pub const LXC_NEEDS: [Need; 4] = [
    Need {
        label: "LXC 5.0.2: starts no container without it",
        required: true,
        only_execute: false,
        // LXC takes itself for unprivileged if getuid fails where geteuid does not, and hangs for good
        // if sendto fails, by which it tells of network devices (unless lxc.net.0.type is none).
        names: &["execve", "getuid", "read", "sendto", "setgroups", "write"],
    },
    Need {
        label: "LXC 5.0.2: lxc-execute's init runs no program without it",
        required: true,
        only_execute: true,
        names: &[
            "clone",
            "close_range",
            "dup3",
            "exit_group",
            "rt_sigaction",
            "rt_sigreturn",
            "wait4",
        ],
    },
    Need {
        label: "LXC 5.0.2: called before the program starts; its session, user, console and open files depend on it",
        required: false,
        only_execute: false,
        names: &[
            "capget",
            "close",
            "fchmod",
            "fchown",
            "fcntl",
            "geteuid",
            "getgid",
            "newfstatat",
            "openat",
            "prctl",
            "setgid",
            "setresgid",
            "setresuid",
            "setsid",
            "setuid",
        ],
    },
    Need {
        label: "LXC 5.0.2: called by lxc-execute's init, which goes on without it",
        required: false,
        only_execute: true,
        names: &[
            "ioctl",
            "kill",
            "readlink",
            "rt_sigprocmask",
            "set_robust_list",
            "umount2",
        ],
    },
];

/// Every name of [`LXC_NEEDS`], for `lxc-execute` too if asked.
pub fn names(with_execute: bool) -> impl Iterator<Item = &'static str> {
    LXC_NEEDS
        .iter()
        .filter(move |need| with_execute || !need.only_execute)
        .flat_map(|need| need.names.iter().copied())
}

/// A policy with what LXC calls itself, and the names that were added; a name that has rules of
/// its own is left as it is.
#[must_use]
pub fn added(mut policy: Policy) -> (Policy, Vec<&'static str>) {
    if policy.default.lets_through() {
        return (policy, Vec::new());
    }
    let mut missing: Vec<&'static str> = names(true)
        .filter(|name| {
            !policy
                .rules
                .iter()
                .any(|rule| rule.names.iter().any(|own| own == name))
        })
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        policy.rules.push(Rule {
            names: missing.iter().map(|name| (*name).to_owned()).collect(),
            action: Action::Allow,
            conditions: Vec::new(),
        });
    }
    (policy, missing)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::seccomp::arch::Arch;

    #[test]
    fn every_name_is_a_call_and_there_once() {
        let mut seen = BTreeSet::new();
        for name in names(true) {
            assert!(Arch::X86_64.number(name).is_some(), "{name}");
            assert!(seen.insert(name), "{name} is there twice");
        }
        assert!(names(false).count() < seen.len());
    }
}
