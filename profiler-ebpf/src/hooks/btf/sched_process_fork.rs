//! A task is born: it inherits what is known of its parent, before it runs.

use aya_ebpf::{bindings::task_struct, macros::btf_tracepoint, programs::BtfTracePointContext};
use profiler_common::loss;

use crate::{emit, task, typed};

#[btf_tracepoint(function = "sched_process_fork")]
fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    let child: *mut task_struct = ctx.arg(1);
    // SAFETY: the hook runs in the parent, and the child is not running yet.
    unsafe {
        match task::child(child) {
            Some(state) => task::inherit(task::current(), state, typed::mntns()),
            None => emit::lost(loss::NO_TASK_STATE),
        }
    }
    0
}
