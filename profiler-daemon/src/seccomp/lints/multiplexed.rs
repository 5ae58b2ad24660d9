//! Conditions that do not hold on i386, where a call can be made through another.
//!
//! `socketcall` and `ipc` take the call's number and a pointer to its arguments, which no filter
//! can look at. libseccomp puts the call's number in place of the condition on the first argument.

use std::collections::BTreeSet;

use crate::seccomp::{
    dialects::docker::{Profile, Rule},
    finding::{Findings, Level},
};

const I386: &str = "SCMP_ARCH_X86";

const BY_SOCKETCALL: [&str; 20] = [
    "accept",
    "accept4",
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "send",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socket",
    "socketpair",
];

const BY_IPC: [&str; 12] = [
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
];

pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    let mapped = profile
        .arch_map
        .iter()
        .flat_map(|line| &line.sub_architectures);
    if !profile
        .architectures
        .iter()
        .chain(mapped)
        .any(|word| word.value == I386)
    {
        return;
    }
    let mut told = BTreeSet::new();
    let conditional = |rule: &&Rule| !rule.args.is_empty();
    for rule in profile.syscalls.iter().filter(conditional) {
        for name in rule.all_names() {
            let through = if BY_SOCKETCALL.contains(&name.as_str()) {
                "socketcall"
            } else if BY_IPC.contains(&name.as_str()) {
                "ipc"
            } else {
                continue;
            };
            if !told.insert(name.as_str()) {
                continue;
            }
            findings.add(Level::Warning, "condition-lost-on-i386", name.place, || {
                (
                    format!(
                        "on i386 {} is also made through {through}, whose arguments are in memory, \
                         where no filter sees them: no condition on them holds there",
                        name.value
                    ),
                    format!("leave {I386} out if the container runs no 32-bit programs"),
                )
            });
        }
    }
}
