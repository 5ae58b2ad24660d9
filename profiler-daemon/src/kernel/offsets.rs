//! Which kernel fields the programs read, and where they lie in this kernel.

use super::btf::{Btf, BtfError};

/// The load-time constant of a field, and the field.
const FIELDS: [(&str, &str, &[&str]); 13] = [
    ("OFF_STATUS", "task_struct", &["thread_info", "status"]),
    ("OFF_NSPROXY", "task_struct", &["nsproxy"]),
    ("OFF_SECCOMP_MODE", "task_struct", &["seccomp", "mode"]),
    ("OFF_CGROUPS", "task_struct", &["cgroups"]),
    ("OFF_DFL_CGRP", "css_set", &["dfl_cgrp"]),
    ("OFF_MNT_NS", "nsproxy", &["mnt_ns"]),
    ("OFF_NS_INUM", "mnt_namespace", &["ns", "inum"]),
    ("OFF_BPRM_EXEC", "linux_binprm", &["exec"]),
    ("OFF_CGROUP_KN", "cgroup", &["kn"]),
    ("OFF_CGROUP_ROOT", "cgroup", &["root"]),
    ("OFF_CGROUP_LEVEL", "cgroup", &["level"]),
    ("OFF_KN_ID", "kernfs_node", &["id"]),
    ("OFF_HIERARCHY", "cgroup_root", &["hierarchy_id"]),
];

/// Name and value of each load-time constant.
pub(super) type Offsets = Vec<(&'static str, u32)>;

/// Finds all of them in the bytes of `/sys/kernel/btf/vmlinux`.
///
/// # Errors
/// The bytes are not BTF, or this kernel lacks a field.
pub(super) fn find(vmlinux: &[u8]) -> Result<Offsets, BtfError> {
    let btf = Btf::parse(vmlinux)?;
    FIELDS
        .iter()
        .map(|(constant, structure, path)| Ok((*constant, btf.offset(structure, path)?)))
        .collect()
}
