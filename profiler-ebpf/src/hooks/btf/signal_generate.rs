//! SIGSYS from a filter: a call that was turned away by a trap or by death. And the signals that
//! tell a container to stop.

use aya_ebpf::{bindings::task_struct, macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    observe, origin, refuse,
    task::{self, IN_FLIGHT, UNJUDGED},
    typed,
};

const SIGSYS: i32 = 31;
const SYS_SECCOMP: i32 = 1;
/// Fields of `kernel_siginfo`; its layout is that of siginfo_t, which never changes.
const SI_CODE: usize = 8;
const SI_SYSCALL: usize = 24;

#[btf_tracepoint(function = "signal_generate")]
fn signal_generate(ctx: BtfTracePointContext) -> i32 {
    let signal: i32 = ctx.arg(0);
    if signal != SIGSYS {
        let target: *mut task_struct = ctx.arg(2);
        // SAFETY: the verifier knows the types of the hook's arguments.
        unsafe { origin::signalled(signal, target) };
        return 0;
    }
    let info: *const u8 = ctx.arg(1);
    // SAFETY: the verifier knows the types of the hook's arguments; a load from the
    // small numbers that stand for the kernel's own signals reads as 0.
    unsafe {
        if *info.add(SI_CODE).cast::<i32>() != SYS_SECCOMP {
            return 0;
        }
        let nr = *info.add(SI_SYSCALL).cast::<u32>();
        // The verifier lets the number be read, but not the architecture behind it.
        if let Some(position) = observe::position(u64::from(nr), typed::compat(task::this())) {
            refuse::killed(position);
        }
        // A trapped call returns all the same; it has been judged here.
        if let Some(state) = task::current() {
            (*state).entered = IN_FLIGHT | UNJUDGED;
        }
    }
    0
}
