//! A call returns; also one that seccomp turned away, which never entered.

use aya_ebpf::{bindings::pt_regs, macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{observe, task, typed};

#[btf_tracepoint(function = "sys_exit")]
fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let regs: *const pt_regs = ctx.arg(0);
    let ret: i64 = ctx.arg(1);
    // SAFETY: the verifier knows the types of the hook's arguments.
    unsafe {
        let task = task::this();
        observe::returned(
            task,
            ret,
            || ((*regs).orig_rax, typed::compat(task)),
            || typed::filtered(task),
        );
    }
    0
}
