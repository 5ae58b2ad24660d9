//! A task ends: its state is forgotten, before its number can be another task's.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use crate::task;

#[tracepoint]
fn sched_process_exit(_ctx: TracePointContext) -> u32 {
    // SAFETY: the current task is the one that exits.
    unsafe { task::forget() };
    0
}
