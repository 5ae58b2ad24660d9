//! A cgroup is made: it gets its slot before anybody can be in it.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::field;
use crate::slot;

/// The id and the level of a cgroup of the v2 hierarchy; none for the v1 ones.
#[inline(always)]
pub(super) unsafe fn identify(ctx: &TracePointContext) -> Option<(u64, u32)> {
    let hierarchy: u32 = field(ctx, 8);
    if hierarchy != 0 {
        return None;
    }
    Some((field(ctx, 16), field(ctx, 12)))
}

#[tracepoint]
fn cgroup_mkdir(ctx: TracePointContext) -> u32 {
    // SAFETY: the offsets lie within the hook's record.
    unsafe {
        let Some((id, level)) = identify(&ctx) else {
            return 0;
        };
        slot::born(id, level);
    }
    0
}
