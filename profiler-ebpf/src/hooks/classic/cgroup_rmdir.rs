//! A cgroup is removed: nobody is in it, and nobody can come.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::cgroup_mkdir::identify;
use crate::slot;

#[tracepoint]
fn cgroup_rmdir(ctx: TracePointContext) -> u32 {
    // SAFETY: the offsets lie within the hook's record.
    unsafe {
        if let Some((id, level)) = identify(&ctx) {
            slot::gone(id, level);
        }
    }
    0
}
