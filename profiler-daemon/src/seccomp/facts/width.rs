//! How wide the kernel takes an argument: which ones it cuts to 32 bits on a 64-bit architecture.
//!
//! A filter sees the whole register, and the kernel then drops the upper half of what it declares as
//! `int`: `socket(0x1_0000_0028, …)` opens a socket of family 40. So a rule on such an argument is
//! to be compared with the lower half. The facts are the kernel's own declarations
//! (`SYSCALL_DEFINE…`, Linux 6.18). Must not know what an argument means.
//!
//! The flags of `clone` are declared as a long, of which the kernel reads 32 bits; they count as
//! such. Not said here, for the declarations do not say it: a mode (`umode_t`) is cut to 16 bits, and
//! many flags declared as long have no meaning in their upper half.

use std::{collections::HashMap, sync::LazyLock};

use crate::seccomp::arch::Arch;

/// Arguments of 32 bits by their indices, with the calls that have just these. Calls that are not
/// here have none. x86_64 and aarch64 declare the calls that both have alike.
const NATIVE: &[(&str, &str)] = &[
    (
        "0",
        "accept alarm arch_prctl clock_adjtime clock_getres clock_gettime clock_settime close dup \
         epoll_create epoll_create1 eventfd exit exit_group fchdir fdatasync fgetxattr flistxattr \
         fremovexattr fstat fstatfs fsync ftruncate futimesat get_robust_list getgroups getitimer \
         getpeername getpgid getrlimit getrusage getsid getsockname inotify_init1 io_setup \
         io_uring_setup iopl keyctl memfd_secret migrate_pages mlockall modify_ldt mq_getsetattr \
         mq_notify mq_timedreceive openat2 personality pkey_free prctl pread64 process_vm_readv \
         process_vm_writev pselect6 pwrite64 read readahead rt_sigaction rt_sigprocmask \
         sched_get_priority_max sched_get_priority_min sched_getparam sched_getscheduler \
         sched_rr_get_interval sched_setparam select set_mempolicy setfsgid setfsuid setgid \
         setgroups setitimer setrlimit setuid signalfd syncfs sysfs timer_create timer_delete \
         timer_getoverrun timer_gettime timerfd_gettime umask userfaultfd ustat write",
    ),
    (
        "01",
        "clock_nanosleep dup2 eventfd2 fallocate fanotify_init fchmod fcntl flock getpriority \
         inotify_rm_watch ioctl ioprio_get kexec_file_load kill landlock_restrict_self listen \
         msgctl msgget pidfd_open prlimit64 process_mrelease rt_sigqueueinfo sched_getaffinity \
         sched_setaffinity sched_setscheduler seccomp sendfile setns setpgid setregid setreuid \
         shmctl shutdown timer_settime timerfd_create timerfd_settime tkill",
    ),
    (
        "012",
        "close_range dup3 epoll_ctl fchown fsmount getsockopt ioprio_set kcmp membarrier \
         pidfd_getfd quotactl_fd reboot rt_tgsigqueueinfo semctl semget setpriority setresgid \
         setresuid socket socketpair tgkill",
    ),
    ("0123", "io_uring_enter"),
    ("0124", "setsockopt"),
    (
        "013",
        "fanotify_mark io_uring_register landlock_add_rule pidfd_send_signal tee waitid",
    ),
    ("014", "fsconfig"),
    (
        "02",
        "bind bpf connect epoll_pwait2 faccessat fchmodat finit_module fspick getdents getdents64 \
         getxattrat inotify_add_watch listxattrat lseek mkdirat mount_setattr open_by_handle_at \
         open_tree open_tree_attr quotactl recvmsg removexattrat renameat sched_setattr semop \
         semtimedop sendmsg setxattrat shmat shmget syslog unlinkat wait4",
    ),
    (
        "023",
        "epoll_pwait epoll_wait faccessat2 fchmodat2 lsm_set_self_attr mknodat openat recvmmsg \
         sched_getattr sendmmsg statx",
    ),
    ("0234", "fchownat"),
    ("024", "linkat move_mount renameat2"),
    ("025", "copy_file_range splice"),
    (
        "03",
        "accept4 cachestat fadvise64 lsm_get_self_attr mq_timedsend msgsnd newfstatat readlinkat \
         recvfrom signalfd4 sync_file_range utimensat vmsplice",
    ),
    ("034", "process_madvise"),
    ("035", "sendto"),
    (
        "04",
        "execveat file_getattr file_setattr fsetxattr msgrcv name_to_handle_at",
    ),
    ("05", "move_pages"),
    (
        "1",
        "access chmod creat delete_module fsopen memfd_create mkdir pipe2 ppoll setdomainname \
         sethostname swapon symlinkat umount2",
    ),
    ("12", "chown lchown mknod mq_open open poll"),
    ("123", "futex_requeue perf_event_open rseq"),
    ("124", "futex_waitv"),
    ("125", "futex"),
    (
        "2",
        "getrandom ioperm landlock_create_ruleset lsm_list_modules madvise map_shadow_stack \
         mlock2 msync readlink",
    ),
    ("23", "futex_wake"),
    ("3", "listmount listns pkey_mprotect request_key statmount"),
    ("35", "futex_wait"),
    ("4", "add_key lsetxattr setxattr"),
    ("5", "mbind preadv2 pwritev2"),
];

/// The same for the calls that x32 has under a number of its own, and whose entry differs from that
/// of x86_64: there a `long` or a size has 32 bits too, and a pointer has not.
const X32: &[(&str, &str)] = &[
    ("", "preadv pwritev"),
    ("0", "io_setup"),
    ("01", "io_submit"),
    ("012", "ioctl"),
    ("0123", "ptrace"),
    ("013", "kexec_load"),
    ("023", "recvfrom"),
    ("03", "rt_sigaction"),
    ("1", "rt_sigpending set_robust_list"),
    ("3", "rt_sigtimedwait"),
    ("4", "preadv2 pwritev2"),
];

/// The calls of a table, each with a bit an argument.
fn bits(rows: &[(&str, &'static str)]) -> HashMap<&'static str, u8> {
    let mut bits = HashMap::new();
    for (indices, names) in rows {
        let set = indices
            .bytes()
            .fold(0, |set, digit| set | 1 << (digit - b'0'));
        for name in names.split(' ') {
            bits.insert(name, set);
        }
    }
    bits
}

static NATIVE_BITS: LazyLock<HashMap<&'static str, u8>> = LazyLock::new(|| bits(NATIVE));
static X32_BITS: LazyLock<HashMap<&'static str, u8>> = LazyLock::new(|| bits(X32));

/// Declared as `unsigned long`; `SYSCALL_DEFINE5(clone, …)` hands on `lower_32_bits` of it.
const FLAGS_OF_CLONE: (&str, u8) = ("clone", 0);

/// True if the kernel takes the lower half of an argument alone.
///
/// `name` is libseccomp's and `index` counts from 0. Of a call or an argument that is not known this
/// is false: then the whole register counts, as a filter by libseccomp has it. A call that is one of
/// x32's own and is not in its table has the entry of x86_64.
#[must_use]
pub fn is_32_bit(arch: Arch, name: &str, index: u8) -> bool {
    let own = || X32_BITS.get(name).filter(|_| arch == Arch::X32);
    arch.has_32_bit_arguments()
        || (name, index) == FLAGS_OF_CLONE
        || own()
            .or_else(|| NATIVE_BITS.get(name))
            .is_some_and(|bits| index < 8 && bits >> index & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow(arch: Arch, name: &str) -> Vec<u8> {
        (0..=7)
            .filter(|index| is_32_bit(arch, name, *index))
            .collect()
    }

    #[test]
    fn calls_of_every_kind_are_as_the_kernel_declares_them() {
        for (name, indices) in [
            ("socket", &[0, 1, 2][..]),
            ("ioctl", &[0, 1]),
            ("fcntl", &[0, 1]),
            ("prctl", &[0]),
            ("keyctl", &[0]),
            ("setsockopt", &[0, 1, 2, 4]),
            ("personality", &[0]),
            ("openat", &[0, 2, 3]),
            ("clone", &[0]),
            ("unshare", &[]),
            ("mmap", &[]),
            ("ptrace", &[]),
            ("readv", &[]),
            ("no_such_call", &[]),
        ] {
            assert_eq!(narrow(Arch::X86_64, name), indices, "{name}");
            assert_eq!(narrow(Arch::Aarch64, name), indices, "{name}");
        }
    }

    #[test]
    fn x32_cuts_a_long_in_the_entries_of_its_own_only() {
        assert_eq!(narrow(Arch::X32, "ioctl"), [0, 1, 2]);
        assert_eq!(narrow(Arch::X32, "preadv2"), [4]);
        assert_eq!(narrow(Arch::X86_64, "preadv2"), [5]);
        assert!(narrow(Arch::X32, "mmap").is_empty());
        assert_eq!(narrow(Arch::X32, "setsockopt"), [0, 1, 2, 4]);
        assert_eq!(narrow(Arch::X32, "move_pages"), [0, 5]);
    }

    #[test]
    fn of_32_bit_machines_every_argument_is_narrow() {
        assert_eq!(narrow(Arch::X86, "mmap2").len(), 8);
        assert!(is_32_bit(Arch::Arm, "clone", 0));
    }

    #[test]
    fn every_name_is_known_and_stands_once() {
        let known = |arches: &[Arch], name: &str| {
            // Younger than the tables.
            name == "listns" || arches.iter().any(|arch| arch.number(name).is_some())
        };
        for (rows, arches) in [
            (NATIVE, &[Arch::X86_64, Arch::Aarch64][..]),
            (X32, &[Arch::X32]),
        ] {
            let names: Vec<&str> = rows
                .iter()
                .flat_map(|(_, names)| names.split(' '))
                .collect();
            for name in &names {
                assert!(known(arches, name), "{name}");
            }
            assert_eq!(bits(rows).len(), names.len());
            assert!(rows.is_sorted());
        }
    }
}
