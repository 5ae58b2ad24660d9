//! Calls that were used to get out of containers, or to get at the kernel: which to close first.
//!
//! A list to begin with, not a verdict: a call may be in it and be needed. The facts are public
//! advisories, named where one call stands for one.

use crate::profile::{call::Call, table};

/// What each call was used for, the gravest first.
const DANGERS: [(&str, &str); 46] = [
    ("init_module", "loads code into the kernel"),
    ("finit_module", "loads code into the kernel"),
    ("kexec_load", "replaces the running kernel"),
    ("kexec_file_load", "replaces the running kernel"),
    (
        "open_by_handle_at",
        "opens files of the host by handle (the \"shocker\" escape)",
    ),
    (
        "bpf",
        "loads programs into the kernel (CVE-2020-8835, CVE-2021-3490)",
    ),
    ("mount", "mounts the host's devices and file systems"),
    ("move_mount", "mounts the host's file systems"),
    ("open_tree", "mounts the host's file systems"),
    (
        "fsopen",
        "parses mount options in the kernel (CVE-2022-0185)",
    ),
    (
        "fsconfig",
        "parses mount options in the kernel (CVE-2022-0185)",
    ),
    ("fsmount", "mounts the host's file systems"),
    ("mount_setattr", "changes how file systems are mounted"),
    ("umount2", "uncovers what a mount hides"),
    ("pivot_root", "changes the root directory"),
    ("setns", "enters the host's namespaces"),
    (
        "unshare",
        "makes user namespaces, the first step of many kernel exploits (CVE-2022-0492)",
    ),
    (
        "clone3",
        "makes namespaces by a structure that no filter can look into",
    ),
    ("ptrace", "takes over other processes"),
    ("process_vm_writev", "writes into other processes"),
    ("process_vm_readv", "reads from other processes"),
    ("pidfd_getfd", "takes open files from other processes"),
    ("kcmp", "tells addresses of the kernel apart"),
    (
        "io_uring_setup",
        "does calls that no filter sees (many CVEs)",
    ),
    (
        "io_uring_enter",
        "does calls that no filter sees (many CVEs)",
    ),
    (
        "io_uring_register",
        "does calls that no filter sees (many CVEs)",
    ),
    (
        "userfaultfd",
        "stops the kernel at will, which makes races sure",
    ),
    ("keyctl", "reaches keys beyond namespaces (CVE-2016-0728)"),
    ("add_key", "reaches keys beyond namespaces"),
    ("request_key", "reaches keys beyond namespaces"),
    (
        "perf_event_open",
        "measures and probes the kernel (CVE-2013-2094)",
    ),
    ("iopl", "reaches devices' ports"),
    ("ioperm", "reaches devices' ports"),
    ("modify_ldt", "old x86 code of the kernel (CVE-2015-5157)"),
    ("vm86", "old x86 code of the kernel"),
    ("vm86old", "old x86 code of the kernel"),
    ("personality", "switches protections of memory off"),
    ("reboot", "stops the host"),
    ("swapon", "uses the host's devices"),
    ("quotactl", "changes the host's quotas"),
    (
        "syslog",
        "reads the kernel's messages, addresses among them",
    ),
    ("lookup_dcookie", "tells paths beyond the container"),
    (
        "name_to_handle_at",
        "makes the handles that open_by_handle_at opens",
    ),
    ("vmsplice", "writes into pipes' pages (CVE-2008-0600)"),
    (
        "splice",
        "wrote into files through pipes (CVE-2022-0847, \"Dirty Pipe\")",
    ),
    ("mknod", "makes devices"),
];

/// What a call was used for; none if nothing is known here.
#[must_use]
pub fn of(call: Call) -> Option<&'static str> {
    DANGERS.get(rank(call)).map(|(_, danger)| *danger)
}

/// How grave a call is: smaller is graver.
#[must_use]
pub fn rank(call: Call) -> usize {
    table::name(call)
        .and_then(|name| DANGERS.iter().position(|(known, _)| *known == name))
        .unwrap_or(DANGERS.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{DANGERS, of, rank};
    use crate::profile::{abi::Abi, table};

    #[test]
    fn every_name_is_a_call_and_stands_once() {
        let names: BTreeSet<&str> = DANGERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), DANGERS.len());
        for name in names {
            assert!(!table::find(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn the_gravest_come_first() {
        let call = |name| table::call(Abi::X86_64, name).unwrap();
        assert!(rank(call("bpf")) < rank(call("splice")));
        assert!(rank(call("splice")) < rank(call("read")));
        assert!(of(call("read")).is_none());
    }
}
