//! Calls through the legacy vsyscall page, which pass no other hook.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::observe;

#[btf_tracepoint(function = "emulate_vsyscall")]
fn emulate_vsyscall(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the record is reached through the current task's state only.
    unsafe { observe::vsyscall(ctx.arg(0)) };
    0
}
