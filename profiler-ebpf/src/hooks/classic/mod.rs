//! Classic tracepoints: for kernels without BTF. The arguments are copies in a record,
//! whose layout is that of the files `events/*/*/format` in tracefs.

use aya_ebpf::{EbpfContext, programs::TracePointContext};

mod cgroup_mkdir;
mod cgroup_rmdir;
mod emulate_vsyscall;
mod sched_process_exec;
mod sched_process_exit;
mod sched_process_fork;
mod signal_generate;
mod sys_enter;
mod sys_exit;

/// Reads a field of the hook's record, at an offset that is in the instruction itself.
#[inline(always)]
unsafe fn field<T: Copy>(ctx: &TracePointContext, offset: usize) -> T {
    *ctx.as_ptr().cast::<u8>().add(offset).cast::<T>()
}

/// The current call came in by the 32-bit entry; false where that cannot be known.
#[inline(always)]
unsafe fn compat() -> bool {
    use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel};
    const TS_COMPAT: u32 = 2;
    let offset = crate::globals::OFF_STATUS.load();
    if offset == 0 {
        return false;
    }
    let mut status = 0_u32;
    let from = bpf_get_current_task() + u64::from(offset);
    bpf_probe_read_kernel((&raw mut status).cast(), 4, from as *const _);
    status & TS_COMPAT != 0
}
