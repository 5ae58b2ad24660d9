//! A program is executed: the end of the runtime's part, if it was the container's program.

use aya_ebpf::{
    helpers::generated::bpf_probe_read_user_str, macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use profiler_common::news::PATH_LEN;

use crate::{
    emit,
    globals::{HOST_MNTNS, OFF_BPRM_EXEC, ONLY_CGROUP},
    origin,
    task::{self, RUNTIME},
    typed,
};

#[btf_tracepoint(function = "sched_process_exec")]
fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    let bprm: *const u8 = ctx.arg(2);
    // SAFETY: the verifier knows the types of the hook's arguments.
    unsafe {
        let Some(state) = task::current() else {
            return 0;
        };
        let parent = (*state).exec_id;
        (*state).exec_id = emit::now();
        let begins = (*state).phase == RUNTIME && is_program(state);
        (*state).execs += 1;
        if begins {
            origin::begins(state);
        }
        let filename: u64 = typed::field(bprm, &OFF_BPRM_EXEC);
        emit::exec(state, parent, begins, |path| {
            let read = bpf_probe_read_user_str(path.cast(), PATH_LEN as u32, filename as *const _);
            if read > 0 { read as u32 - 1 } else { 0 }
        });
    }
    0
}

/// The task executes the container's program, and not the runtime itself once more.
///
/// A runtime that protects its binary re-executes a copy of it, in the mount namespace
/// that it came from and before it has installed the filter; it does so once.
#[inline(always)]
unsafe fn is_program(state: *const task::TaskState) -> bool {
    let mntns = typed::mntns();
    let at_home = mntns == HOST_MNTNS.load() || mntns == (*state).outside_mntns;
    !at_home || (*state).filtered != 0 || (*state).execs > 0 || ONLY_CGROUP.load() != 0
}
