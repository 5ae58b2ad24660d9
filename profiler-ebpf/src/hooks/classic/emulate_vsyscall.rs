//! Calls through the legacy vsyscall page, which pass no other hook.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::field;
use crate::observe;

#[tracepoint]
fn emulate_vsyscall(ctx: TracePointContext) -> u32 {
    // SAFETY: the offset lies within the hook's record.
    unsafe { observe::vsyscall(field(&ctx, 8)) };
    0
}
