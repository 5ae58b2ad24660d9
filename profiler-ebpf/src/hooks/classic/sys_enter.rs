//! A call enters the kernel, after ptrace and seccomp have let it.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::{compat, field};
use crate::{observe, task};

const ID: usize = 8;
const ARGS: usize = 16;

#[tracepoint]
fn sys_enter(ctx: TracePointContext) -> u32 {
    // SAFETY: the offsets lie within the hook's record.
    unsafe {
        observe::entered(task::this(), field(&ctx, ID), compat(), |n| match n {
            0 => field(&ctx, ARGS),
            1 => field(&ctx, ARGS + 8),
            2 => field(&ctx, ARGS + 16),
            3 => field(&ctx, ARGS + 24),
            4 => field(&ctx, ARGS + 32),
            _ => field(&ctx, ARGS + 40),
        });
    }
    0
}
