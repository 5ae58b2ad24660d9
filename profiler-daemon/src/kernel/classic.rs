//! What classic tracepoints need to be told, where there is no BTF to ask.

use aya::{
    programs::ProgramType,
    sys::{BpfHelper, is_helper_supported},
};

/// Where `thread_info.status` lies in `task_struct` (x86): after `flags`, and since
/// 5.11 after `syscall_work` too. None where lockdown forbids programs to read the
/// kernel's memory.
pub(super) fn status_offset() -> Option<u32> {
    let helper = BpfHelper::BPF_FUNC_probe_read_kernel;
    if !is_helper_supported(ProgramType::TracePoint, helper).unwrap_or(false) {
        return None;
    }
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Some(if version >= (5, 11) { 16 } else { 8 })
}
