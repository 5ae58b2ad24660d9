//! Calls that no baseline may bring into a profile: what breaks a container's walls.
//!
//! A runtime makes many of them while it builds the container, but before it loads the filter;
//! the few that newer ones try under it have a fallback. If the container's own program makes
//! one it is in the profile as observed. Must stay free of anything a runtime cannot do without.

/// Sorted.
const FORBIDDEN: [&str; 37] = [
    "add_key",
    "bpf",
    "chroot",
    "create_module",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_by_handle_at",
    "open_tree",
    "open_tree_attr",
    "perf_event_open",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "reboot",
    "request_key",
    "setns",
    "swapon",
    "umount",
    "umount2",
    "unshare",
    "userfaultfd",
];

/// Whether a baseline must not allow the call of this name.
#[must_use]
pub fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_the_seven_of_the_contract() {
        assert!(FORBIDDEN.is_sorted());
        for name in [
            "mount",
            "pivot_root",
            "unshare",
            "setns",
            "keyctl",
            "bpf",
            "ptrace",
        ] {
            assert!(is_forbidden(name));
        }
        assert!(!is_forbidden("execve"));
    }
}
