//! A program is executed: the end of the runtime's part, if it was the container's program.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use crate::{
    emit, origin,
    task::{self, RUNTIME},
};

#[tracepoint]
fn sched_process_exec(_ctx: TracePointContext) -> u32 {
    // SAFETY: the current task is the one that was executed.
    unsafe {
        let Some(state) = task::current() else {
            return 0;
        };
        let parent = (*state).exec_id;
        (*state).exec_id = emit::now();
        let comm = emit::comm();
        let begins = (*state).phase == RUNTIME && !is_copy_of_itself(&comm, state);
        (*state).execs += 1;
        if begins {
            origin::begins(state);
        }
        emit::exec(state, parent, begins, |path| {
            // The path lies behind the part of the record that programs may read.
            *path.cast() = comm;
            comm.len() as u32
        });
    }
    0
}

/// A runtime that protects its binary executes a copy of it from an open descriptor,
/// once, before it has installed the filter. Mount namespaces cannot be read here, so
/// its name must do: the descriptor's number, or `exe` of `/proc/self/exe`.
#[inline(always)]
unsafe fn is_copy_of_itself(comm: &[u8; 16], state: *const task::TaskState) -> bool {
    let by_number = comm[0].is_ascii_digit();
    let by_link = comm[0] == b'e' && comm[1] == b'x' && comm[2] == b'e' && comm[3] == 0;
    (*state).execs == 0 && (*state).filtered == 0 && (by_number || by_link)
}
