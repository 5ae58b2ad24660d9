//! Docker's built-in profile, as it is in force when a container names none.
//!
//! By condition, as a table; equal in meaning to moby's `default.json` (a test says so for every
//! capability, architecture and kernel that it tells apart). Must be brought up to date when that
//! file changes.

use super::{ActionName, ArchMapping, Argument, Conditions, KernelVersion, Profile, Rule};
use crate::seccomp::{
    condition::{Condition, Operator},
    dialects::placed::Placed,
};

/// Allowed for every container.
const ALWAYS: &str = "_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset \
    chdir chmod chown chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 \
    clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range \
    connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl \
    epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve \
    execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate \
    fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 \
    fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 \
    fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait \
    futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents \
    getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 \
    getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid \
    getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid \
    gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init \
    inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents \
    io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill \
    landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr \
    link linkat listen listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr \
    lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir \
    mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify \
    mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink \
    mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at \
    nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 \
    pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 \
    prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read \
    readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg \
    remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall \
    riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo \
    rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo \
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr \
    sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 \
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp \
    select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg \
    sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 \
    setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority \
    setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 \
    setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget \
    shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice \
    stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs \
    sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime \
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime \
    timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 \
    ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes \
    vfork vmsplice wait4 waitid waitpid write writev";

/// Allowed with a capability.
const WITH_CAPABILITY: [(&str, &str); 14] = [
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie \
         lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount \
         open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog \
         umount umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module finit_module init_module"),
    ("CAP_SYS_PACCT", "acct"),
    (
        "CAP_SYS_PTRACE",
        "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    ),
    ("CAP_SYS_RAWIO", "ioperm iopl"),
    (
        "CAP_SYS_TIME",
        "clock_settime clock_settime64 settimeofday stime",
    ),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    (
        "CAP_SYS_NICE",
        "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    ),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"),
];

/// Allowed on machines of an architecture, in Docker's words.
const ON_ARCHITECTURE: [(&[&str], &str); 6] = [
    (&["ppc64le"], "swapcontext sync_file_range2"),
    (
        &["arm", "arm64"],
        "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
    ),
    (&["amd64", "x32"], "arch_prctl"),
    (&["amd64", "x32", "x86"], "modify_ldt"),
    (
        &["s390", "s390x"],
        "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
    ),
    (&["riscv64"], "riscv_flush_icache"),
];

/// Since Linux 4.8 a tracer can't get round the filter of what it traces.
const SINCE_4_8: &str = "process_vm_readv process_vm_writev ptrace";

/// What `socket` may open: not AF_ALG (38), nor AF_VSOCK (40), which reaches out of the container.
const SOCKET: [(Operator, u64); 3] = [
    (Operator::Less, 38),
    (Operator::Equal, 39),
    (Operator::Greater, 40),
];

/// What `personality` may set: PER_LINUX, PER_LINUX32, each with UNAME26; and to ask is harmless.
const PERSONALITY: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The flags of `clone` that make namespaces; without CAP_SYS_ADMIN none may be set.
const NAMESPACE_FLAGS: u64 = 0x7e02_0000;

/// The processors on which `clone` has its flags second.
const CLONE_BACKWARDS: [&str; 2] = ["s390", "s390x"];

/// An errno that makes C libraries use `clone` in place of `clone3`, whose flags no filter sees.
const ENOSYS: u64 = 38;

/// Machines and what else they can run.
const ARCH_MAP: [(&str, &[&str]); 9] = [
    ("X86_64", &["X86", "X32"]),
    ("AARCH64", &["ARM"]),
    ("MIPS64", &["MIPS", "MIPS64N32"]),
    ("MIPS64N32", &["MIPS", "MIPS64"]),
    ("MIPSEL64", &["MIPSEL", "MIPSEL64N32"]),
    ("MIPSEL64N32", &["MIPSEL", "MIPSEL64"]),
    ("S390X", &["S390"]),
    ("RISCV64", &[]),
    ("LOONGARCH64", &[]),
];

/// The profile.
#[must_use]
pub fn docker_default() -> Profile {
    let without_admin = || capability("CAP_SYS_ADMIN");
    let mut syscalls = vec![
        allow(ALWAYS),
        Rule {
            includes: Conditions {
                min_kernel: Some(
                    KernelVersion {
                        kernel: 4,
                        major: 8,
                    }
                    .into(),
                ),
                ..Conditions::default()
            },
            ..allow(SINCE_4_8)
        },
    ];
    for (operator, family) in SOCKET {
        syscalls.push(on_argument("socket", 0, operator, family));
    }
    for persona in PERSONALITY {
        syscalls.push(on_argument("personality", 0, Operator::Equal, persona));
    }
    for (arches, names) in ON_ARCHITECTURE {
        syscalls.push(Rule {
            includes: on(arches),
            ..allow(names)
        });
    }
    for (cap, names) in WITH_CAPABILITY {
        syscalls.push(Rule {
            includes: capability(cap),
            ..allow(names)
        });
    }
    syscalls.push(Rule {
        excludes: Conditions {
            arches: words(&CLONE_BACKWARDS),
            ..without_admin()
        },
        ..on_argument("clone", 0, Operator::MaskedEqual, NAMESPACE_FLAGS)
    });
    syscalls.push(Rule {
        includes: on(&CLONE_BACKWARDS),
        excludes: without_admin(),
        comment: "on s390 the flags of clone are its second argument".to_owned(),
        ..on_argument("clone", 1, Operator::MaskedEqual, NAMESPACE_FLAGS)
    });
    syscalls.push(Rule {
        errno_ret: Some(ENOSYS.into()),
        excludes: without_admin(),
        ..Rule::of(ActionName::Errno, ["clone3"])
    });
    Profile {
        default_action: Some(ActionName::Errno.into()),
        default_errno_ret: Some(1.into()),
        arch_map: ARCH_MAP
            .iter()
            .map(|(native, others)| ArchMapping {
                architecture: scmp(native),
                sub_architectures: others.iter().copied().map(scmp).collect(),
            })
            .collect(),
        syscalls,
        ..Profile::default()
    }
}

fn allow(names: &str) -> Rule {
    Rule::of(ActionName::Allow, names.split_ascii_whitespace())
}

fn on_argument(name: &str, index: u8, operator: Operator, value: u64) -> Rule {
    Rule {
        args: vec![Argument::from(Condition {
            index,
            operator,
            value,
            value_two: 0,
        })],
        ..allow(name)
    }
}

fn capability(cap: &str) -> Conditions {
    Conditions {
        caps: words(&[cap]),
        ..Conditions::default()
    }
}

fn on(arches: &[&str]) -> Conditions {
    Conditions {
        arches: words(arches),
        ..Conditions::default()
    }
}

fn words(words: &[&str]) -> Vec<Placed<String>> {
    words.iter().copied().map(Placed::from).collect()
}

fn scmp(arch: &str) -> Placed<String> {
    format!("SCMP_ARCH_{arch}").into()
}

#[cfg(test)]
#[path = "built_in_tests.rs"]
mod tests;
