//! A call returns; also one that seccomp turned away, which never entered.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::{compat, field};
use crate::{observe, task};

const ID: usize = 8;
const RET: usize = 16;

#[tracepoint]
fn sys_exit(ctx: TracePointContext) -> u32 {
    // SAFETY: the offsets lie within the hook's record.
    unsafe {
        // Whether a filter is in force cannot be read here: a tracer that skips calls
        // is taken for one.
        observe::returned(
            task::this(),
            field(&ctx, RET),
            || (field(&ctx, ID), compat()),
            || true,
        );
    }
    0
}
