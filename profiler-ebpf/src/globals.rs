//! Load-time constants. The loader writes them before the verifier reads the
//! programs, so that a switched-off part costs nothing: its branch is dead code.

use aya_ebpf::Global;

/// Count calls and errors per call.
#[unsafe(no_mangle)]
pub static COUNTING: Global<u8> = Global::new(0);
/// Record values of arguments.
#[unsafe(no_mangle)]
pub static RECORD_ARGUMENTS: Global<u8> = Global::new(0);
/// Record this cgroup and no other, and take the first execution in it for the program's;
/// 0 to record all.
#[unsafe(no_mangle)]
pub static ONLY_CGROUP: Global<u64> = Global::new(0);
/// Inode of the mount namespace in which the host's runtimes live.
#[unsafe(no_mangle)]
pub static HOST_MNTNS: Global<u32> = Global::new(0);
/// Offset of `thread_info.status` in `task_struct`; 0 where it is not known.
#[unsafe(no_mangle)]
pub static OFF_STATUS: Global<u32> = Global::new(0);

#[cfg(not(feature = "classic"))]
mod offsets {
    use super::Global;

    /// `task_struct.nsproxy`
    #[unsafe(no_mangle)]
    pub static OFF_NSPROXY: Global<u32> = Global::new(0);
    /// `nsproxy.mnt_ns`
    #[unsafe(no_mangle)]
    pub static OFF_MNT_NS: Global<u32> = Global::new(0);
    /// `mnt_namespace.ns.inum`
    #[unsafe(no_mangle)]
    pub static OFF_NS_INUM: Global<u32> = Global::new(0);
    /// `task_struct.seccomp.mode`
    #[unsafe(no_mangle)]
    pub static OFF_SECCOMP_MODE: Global<u32> = Global::new(0);
    /// `task_struct.cgroups`
    #[unsafe(no_mangle)]
    pub static OFF_CGROUPS: Global<u32> = Global::new(0);
    /// `css_set.dfl_cgrp`
    #[unsafe(no_mangle)]
    pub static OFF_DFL_CGRP: Global<u32> = Global::new(0);
    /// `linux_binprm.exec`
    #[unsafe(no_mangle)]
    pub static OFF_BPRM_EXEC: Global<u32> = Global::new(0);
    /// `cgroup.kn`
    #[unsafe(no_mangle)]
    pub static OFF_CGROUP_KN: Global<u32> = Global::new(0);
    /// `kernfs_node.id`
    #[unsafe(no_mangle)]
    pub static OFF_KN_ID: Global<u32> = Global::new(0);
    /// `cgroup.root`
    #[unsafe(no_mangle)]
    pub static OFF_CGROUP_ROOT: Global<u32> = Global::new(0);
    /// `cgroup.level`
    #[unsafe(no_mangle)]
    pub static OFF_CGROUP_LEVEL: Global<u32> = Global::new(0);
    /// `cgroup_root.hierarchy_id`
    #[unsafe(no_mangle)]
    pub static OFF_HIERARCHY: Global<u32> = Global::new(0);
}
#[cfg(not(feature = "classic"))]
pub use offsets::*;
