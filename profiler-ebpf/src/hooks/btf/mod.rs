//! BTF tracepoints: typed arguments, direct loads.

mod cgroup_mkdir;
mod cgroup_rmdir;
mod emulate_vsyscall;
mod sched_process_exec;
mod sched_process_fork;
mod signal_generate;
mod sys_enter;
mod sys_exit;
