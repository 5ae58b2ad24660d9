//! Fields of kernel structures, read by direct loads through typed pointers.
//!
//! Works under lockdown=confidentiality, where `bpf_probe_read_kernel` does not.
//! The offsets come from the running kernel's BTF.

use aya_ebpf::{Global, bindings::task_struct, helpers::generated::bpf_get_current_task_btf};

use crate::globals::{
    OFF_CGROUP_KN, OFF_CGROUPS, OFF_DFL_CGRP, OFF_KN_ID, OFF_MNT_NS, OFF_NS_INUM, OFF_NSPROXY,
    OFF_SECCOMP_MODE, OFF_STATUS,
};

/// Reads a field of type `T` at an offset that is constant once loaded.
#[inline(always)]
pub unsafe fn field<T: Copy>(base: *const u8, offset: &Global<u32>) -> T {
    *base.add(offset.load() as usize).cast::<T>()
}

/// Inode of the current task's mount namespace, 0 for none.
#[inline(always)]
pub unsafe fn mntns() -> u32 {
    let task: *const u8 = bpf_get_current_task_btf().cast_const().cast();
    let nsproxy: *const u8 = field(task, &OFF_NSPROXY);
    if nsproxy.is_null() {
        return 0;
    }
    let mnt_ns: *const u8 = field(nsproxy, &OFF_MNT_NS);
    if mnt_ns.is_null() {
        return 0;
    }
    field(mnt_ns, &OFF_NS_INUM)
}

/// The id of a running task's cgroup. Four loads, where the helper costs a call.
#[inline(always)]
pub unsafe fn cgroup(task: *const task_struct) -> u64 {
    let css_set: *const u8 = field(task.cast(), &OFF_CGROUPS);
    let cgroup: *const u8 = field(css_set, &OFF_DFL_CGRP);
    let kn: *const u8 = field(cgroup, &OFF_CGROUP_KN);
    field(kn, &OFF_KN_ID)
}

/// The task's current call came in by the 32-bit entry.
#[inline(always)]
pub unsafe fn compat(task: *const task_struct) -> bool {
    const TS_COMPAT: u32 = 2;
    let status: u32 = field(task.cast(), &OFF_STATUS);
    status & TS_COMPAT != 0
}

/// A seccomp filter is in force for the task.
#[inline(always)]
pub unsafe fn filtered(task: *const task_struct) -> bool {
    let mode: u32 = field(task.cast(), &OFF_SECCOMP_MODE);
    mode != 0
}
