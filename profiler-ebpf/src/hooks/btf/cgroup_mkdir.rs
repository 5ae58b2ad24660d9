//! A cgroup is made: it gets its slot before anybody can be in it.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    globals::{OFF_CGROUP_KN, OFF_CGROUP_LEVEL, OFF_CGROUP_ROOT, OFF_HIERARCHY, OFF_KN_ID},
    slot,
    typed::field,
};

/// The id and the level of a cgroup of the v2 hierarchy; none for the v1 ones.
#[inline(always)]
pub(super) unsafe fn identify(cgroup: *const u8) -> Option<(u64, u32)> {
    let root: *const u8 = field(cgroup, &OFF_CGROUP_ROOT);
    let hierarchy: u32 = field(root, &OFF_HIERARCHY);
    if hierarchy != 0 {
        return None;
    }
    let kn: *const u8 = field(cgroup, &OFF_CGROUP_KN);
    Some((field(kn, &OFF_KN_ID), field(cgroup, &OFF_CGROUP_LEVEL)))
}

#[btf_tracepoint(function = "cgroup_mkdir")]
fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier knows the types of the hook's arguments.
    unsafe {
        let Some((id, level)) = identify(ctx.arg(0)) else {
            return 0;
        };
        slot::born(id, level);
    }
    0
}
