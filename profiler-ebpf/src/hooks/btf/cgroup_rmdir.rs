//! A cgroup is removed: nobody is in it, and nobody can come.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use super::cgroup_mkdir::identify;
use crate::slot;

#[btf_tracepoint(function = "cgroup_rmdir")]
fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier knows the types of the hook's arguments.
    unsafe {
        if let Some((id, level)) = identify(ctx.arg(0)) {
            slot::gone(id, level);
        }
    }
    0
}
