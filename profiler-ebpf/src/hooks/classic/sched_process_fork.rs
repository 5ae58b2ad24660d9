//! A task is born: it inherits what is known of its parent, before it runs.
//!
//! Two programs, of which the loader takes the one that fits the kernel's record: the
//! verifier wants the offset of the child's number in the instruction itself.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};
use profiler_common::loss;

use super::field;
use crate::{emit, task};

/// The child's number lies behind two names of 16 bytes.
#[tracepoint]
fn sched_process_fork(ctx: TracePointContext) -> u32 {
    // SAFETY: the offset lies within the hook's record.
    unsafe { forked(field(&ctx, 44)) };
    0
}

/// Since 6.16 it lies behind two locations of names.
#[tracepoint]
fn sched_process_fork_located(ctx: TracePointContext) -> u32 {
    // SAFETY: the offset lies within the hook's record.
    unsafe { forked(field(&ctx, 20)) };
    0
}

/// The hook runs in the parent, and the child is not running yet.
#[inline(always)]
unsafe fn forked(child: u32) {
    match task::child(child) {
        // Mount namespaces cannot be read here; 0 is nobody's.
        Some(state) => task::inherit(task::current(), state, 0),
        None => emit::lost(loss::NO_TASK_STATE),
    }
}
