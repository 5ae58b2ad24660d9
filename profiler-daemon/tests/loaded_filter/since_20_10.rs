//! What changed in Docker's default profile from the testbed's engine, 20.10.24, to ours: each difference between the
//! filters that are loaded, with its reason.
//!
//! Reasons are moby's commits to `profiles/seccomp`, but for where a change of the newest call that a profile names
//! moves the border beyond which runc answers ENOSYS.

use std::collections::BTreeSet;

use super::Row;

struct Change {
    /// Calls, or numbers without a name here.
    calls: &'static str,
    runtimes: &'static [&'static str],
    arches: &'static [&'static str],
    before: &'static str,
    after: &'static str,
    because: &'static str,
}

const RUNTIMES: &[&str] = &["runc11", "runc13", "crun"];
const ALL: &[&str] = &["x86_64", "i386", "x32"];
/// The border of x32 is its own calls', from 512 on: what is newer than a profile is below it.
const X32: &[&str] = &["x32"];
const NOT_X32: &[&str] = &["x86_64", "i386"];
/// Under crun nothing is answered but what the profile says.
const EVERY_LIBSECCOMP: &str = "cachestat fchmodat2 futex_requeue futex_wait futex_wake";
const LIBSECCOMP_2_6: &str =
    "getxattrat listmount listxattrat mseal removexattrat setxattrat statmount";

const KERNEL_6_7: &str = "4d0d5ee1 to d69729e0 (2024-02): the calls of Linux 6.5 to 6.7";
const KERNEL_6_13: &str = "6aa8288c, 0ec3278d (2025-05): the calls of Linux up to 6.13, of which libseccomp 2.5 knows none";
const SOCKET: &str = "57b22901 (2022-12): no AF_VSOCK, which reaches out of the container; d8b0c6a0 (2026-05): no AF_ALG";

const CHANGES: &[Change] = &[
    Change {
        calls: "io_uring_enter io_uring_register io_uring_setup",
        runtimes: RUNTIMES,
        arches: ALL,
        before: "allow",
        after: "errno 1",
        because: "891241e7 (2023-11): too many ways out of containers were found in io_uring",
    },
    Change {
        calls: "socket",
        runtimes: RUNTIMES,
        arches: &["x86_64"],
        before: "allow",
        after: "allow if a0 <= 37 or == 39 or >= 41; errno 1 if a0 == 38 or == 40",
        because: SOCKET,
    },
    Change {
        calls: "socket",
        runtimes: RUNTIMES,
        arches: &["i386", "x32"],
        before: "allow",
        after: "allow if low32(a0) <= 37 or == 39 or >= 41; errno 1 if low32(a0) == 38 or == 40",
        because: SOCKET,
    },
    Change {
        calls: "pkey_alloc pkey_free pkey_mprotect",
        runtimes: RUNTIMES,
        arches: ALL,
        before: "errno 1",
        after: "allow",
        because: "e258d66f (2022-04): memory protection keys",
    },
    Change {
        calls: "name_to_handle_at",
        runtimes: RUNTIMES,
        arches: ALL,
        before: "errno 1",
        after: "allow",
        because: "b335e3d3 (2023-06): harmless without open_by_handle_at",
    },
    Change {
        calls: "process_vm_readv process_vm_writev",
        runtimes: RUNTIMES,
        arches: ALL,
        before: "errno 1",
        after: "allow",
        because: "d39b0753 (2021-03): as ptrace, from Linux 4.8 on; never backported to 20.10",
    },
    Change {
        calls: EVERY_LIBSECCOMP,
        runtimes: RUNTIMES,
        arches: X32,
        before: "errno 1",
        after: "allow",
        because: KERNEL_6_7,
    },
    Change {
        calls: EVERY_LIBSECCOMP,
        runtimes: &["runc11", "runc13"],
        arches: NOT_X32,
        before: "errno 38",
        after: "allow",
        because: KERNEL_6_7,
    },
    Change {
        calls: EVERY_LIBSECCOMP,
        runtimes: &["crun"],
        arches: NOT_X32,
        before: "errno 1",
        after: "allow",
        because: KERNEL_6_7,
    },
    Change {
        calls: "map_shadow_stack",
        runtimes: &["runc11", "runc13"],
        arches: NOT_X32,
        before: "errno 38",
        after: "allow",
        because: KERNEL_6_7,
    },
    Change {
        calls: "map_shadow_stack",
        runtimes: &["crun"],
        arches: NOT_X32,
        before: "errno 1",
        after: "allow",
        because: KERNEL_6_7,
    },
    Change {
        calls: "set_mempolicy_home_node",
        runtimes: &["runc11", "runc13"],
        arches: NOT_X32,
        before: "errno 38",
        after: "errno 1",
        because: "1251982c (2024-02) names it for CAP_SYS_NICE; without, it is refused, and no longer beyond runc's border",
    },
    Change {
        calls: LIBSECCOMP_2_6,
        runtimes: &["runc13"],
        arches: NOT_X32,
        before: "errno 38",
        after: "allow",
        because: KERNEL_6_13,
    },
    Change {
        calls: LIBSECCOMP_2_6,
        runtimes: &["runc13"],
        arches: X32,
        before: "errno 1",
        after: "allow",
        because: KERNEL_6_13,
    },
    Change {
        calls: "lsm_get_self_attr lsm_list_modules lsm_set_self_attr",
        runtimes: &["runc13"],
        arches: NOT_X32,
        before: "errno 38",
        after: "errno 1",
        because: "148a19b6 (2025-05) names them for CAP_SYS_ADMIN; without, they are refused, and no longer beyond runc's border",
    },
    Change {
        calls: "uretprobe",
        runtimes: &["runc13"],
        arches: &["x86_64"],
        before: "errno 1",
        after: "allow",
        because: KERNEL_6_13,
    },
    Change {
        calls: "0x4000014f 0x400001c5",
        runtimes: &["runc13"],
        arches: X32,
        before: "errno 1",
        after: "allow",
        because: "uretprobe and map_shadow_stack, which libseccomp 2.6 gives to x32 too, and the kernel does not",
    },
];

/// The differences under a runtime.
pub(crate) fn expected(runtime: &str) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for change in CHANGES {
        assert!(!change.because.is_empty());
        if !change.runtimes.contains(&runtime) {
            continue;
        }
        for arch in change.arches {
            for call in change.calls.split_whitespace() {
                let row = [arch, call, change.before, change.after].map(str::to_owned);
                rows.insert(row.into());
            }
        }
    }
    rows
}
