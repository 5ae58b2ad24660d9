//! A call enters the kernel, after ptrace and seccomp have let it.

use aya_ebpf::{bindings::pt_regs, macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{observe, task, typed};

#[btf_tracepoint(function = "sys_enter")]
fn sys_enter(ctx: BtfTracePointContext) -> i32 {
    let regs: *const pt_regs = ctx.arg(0);
    let nr: u64 = ctx.arg(1);
    // SAFETY: the verifier knows the types of the hook's arguments.
    unsafe {
        let task = task::this();
        let compat = typed::compat(task);
        observe::entered(task, nr, compat, |n| match (n, compat) {
            (0, false) => (*regs).rdi,
            (1, false) => (*regs).rsi,
            (2, false) => (*regs).rdx,
            (3, false) => (*regs).r10,
            (4, false) => (*regs).r8,
            (_, false) => (*regs).r9,
            (0, true) => (*regs).rbx as u32 as u64,
            (1, true) => (*regs).rcx as u32 as u64,
            (2, true) => (*regs).rdx as u32 as u64,
            (3, true) => (*regs).rsi as u32 as u64,
            (4, true) => (*regs).rdi as u32 as u64,
            (_, true) => (*regs).rbp as u32 as u64,
        });
    }
    0
}
