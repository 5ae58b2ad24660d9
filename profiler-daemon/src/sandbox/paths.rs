//! Which arguments of a call are paths. Source: the kernel's declarations, Linux 6.18.
//!
//! Must not read anything: that is `memory`.

/// Calls by the indices of their arguments that are paths.
const PATHS: &[(&[u8], &str)] = &[
    (
        &[0],
        "access acct chdir chmod chown chroot creat execve getxattr lchown lgetxattr listxattr \
         llistxattr lremovexattr lsetxattr lstat lstat64 mkdir mknod mq_open mq_unlink oldlstat oldstat \
         open readlink removexattr rmdir setxattr stat stat64 statfs statfs64 swapoff \
         swapon truncate truncate64 umount umount2 unlink uselib utime utimes chown32 lchown32",
    ),
    (&[0, 1], "link mount pivot_root rename symlink"),
    (
        &[1],
        "execveat faccessat faccessat2 fanotify_mark fchmodat fchmodat2 fchownat file_getattr \
         file_setattr fspick fstatat64 futimesat getxattrat inotify_add_watch listxattrat mkdirat mknodat \
         mount_setattr name_to_handle_at newfstatat open_tree open_tree_attr openat openat2 quotactl \
         readlinkat removexattrat setxattrat statx unlinkat utimensat",
    ),
    (&[0, 2], "symlinkat"),
    (&[1, 3], "linkat move_mount renameat renameat2"),
];

/// The indices of a call's arguments that are paths.
pub(super) fn of(name: &str) -> &'static [u8] {
    PATHS
        .iter()
        .find(|(_, names)| names.split_ascii_whitespace().any(|one| one == name))
        .map_or(&[], |(indices, _)| indices)
}

#[cfg(test)]
mod tests {
    use super::{PATHS, of};
    use crate::seccomp::arch::Arch;

    #[test]
    fn every_name_is_a_call_and_is_there_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (_, names) in PATHS {
            for name in names.split_ascii_whitespace() {
                assert!(
                    Arch::ALL.iter().any(|arch| arch.number(name).is_some()),
                    "{name} is no call"
                );
                assert!(seen.insert(name), "{name} twice");
            }
        }
        assert_eq!(of("mkdir"), [0]);
        assert_eq!(of("symlinkat"), [0, 2]);
        assert!(of("write").is_empty());
    }
}
