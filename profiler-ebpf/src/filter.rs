//! Copies the seccomp filter that a task installs, out of its own memory.

use aya_ebpf::helpers::generated::{bpf_get_smp_processor_id, bpf_probe_read_user};
use profiler_common::{
    abi::{CALL_LIMIT, I386},
    filter::{FILTER_LIMIT, Filter, HASH_SEED, step},
    loss,
    record::{CgroupRecord, FILTERS as FILTERS_KEPT, FILTERS_OVERFLOW},
};

use crate::{
    emit,
    maps::{FILTER_SCRATCH, FILTERS},
    task::{INSTALLS, RUNTIME, TaskState},
};

const PRCTL: u32 = 157;
const SECCOMP: u32 = 317;
const PRCTL_I386: u32 = I386 * CALL_LIMIT + 172;
const SECCOMP_I386: u32 = I386 * CALL_LIMIT + 354;

const PR_SET_SECCOMP: u64 = 22;
const MODE_FILTER: u64 = 2;
const SET_MODE_FILTER: u64 = 1;

/// The call may install a filter.
#[inline(always)]
pub fn installs(position: u32) -> bool {
    position == PRCTL || position == SECCOMP || position == PRCTL_I386 || position == SECCOMP_I386
}

/// The call at `position` begins; if it installs a filter, a copy of it is taken.
#[inline(always)]
pub unsafe fn attempt(
    state: *mut TaskState,
    compat: bool,
    position: u32,
    argument: impl Fn(usize) -> u64,
) {
    let flags = if position == PRCTL || position == PRCTL_I386 {
        if argument(0) != PR_SET_SECCOMP || argument(1) != MODE_FILTER {
            return;
        }
        0
    } else {
        if argument(0) != SET_MODE_FILTER {
            return;
        }
        argument(1) as u32
    };
    copy(state, compat, argument(2), flags);
}

#[inline(never)]
unsafe fn copy(state: *mut TaskState, compat: bool, program: u64, flags: u32) {
    // The install counts even if the copy fails. A failed copy is a loss only if the install
    // succeeds: libseccomp asks for features by installing filters that are not there.
    (*state).entered |= INSTALLS;
    (*state).pending_filter = 0;
    (*state).pending_len = 0;
    let Some(scratch) = FILTER_SCRATCH.get_ptr_mut(bpf_get_smp_processor_id()) else {
        return;
    };
    let mut sock_fprog = [0_u64; 2];
    let size = if compat { 8 } else { 16 };
    if bpf_probe_read_user(sock_fprog.as_mut_ptr().cast(), size, program as *const _) != 0 {
        return;
    }
    let len = (sock_fprog[0] & 0xffff) as usize;
    let instructions = if compat {
        sock_fprog[0] >> 32
    } else {
        sock_fprog[1]
    };
    if len == 0 || len > FILTER_LIMIT {
        return;
    }
    if read(scratch, instructions, len) != 0 {
        return;
    }
    let mut hash = step(HASH_SEED, len as u64);
    let mut i = 0;
    while i < FILTER_LIMIT {
        if i >= len {
            break;
        }
        hash = step(hash, (*scratch).instructions[i]);
        i += 1;
    }
    (*scratch).hash = hash;
    (*scratch).len = len as u32;
    (*scratch).flags = flags;
    (*state).pending_filter = hash;
    (*state).pending_len = len as u32;
    (*state).pending_flags = flags;
    const EEXIST: i32 = -17;
    if let Err(error) = FILTERS.insert(&hash, &*scratch, 1) {
        if error != EEXIST {
            emit::lost(loss::NO_FILTER_ROOM);
        }
    }
}

#[inline(always)]
unsafe fn read(scratch: *mut Filter, from: u64, len: usize) -> i64 {
    let target = (&raw mut (*scratch).instructions).cast();
    bpf_probe_read_user(target, (len * 8) as u32, from as *const _)
}

/// The installing call returned.
#[inline(always)]
pub unsafe fn settle(state: *mut TaskState, record: *mut CgroupRecord, ret: i64) {
    if ret < 0 {
        return;
    }
    let by_runtime = (*state).phase == RUNTIME;
    if by_runtime {
        (*state).filtered = 1;
        (*record).installs += 1;
    }
    let hash = (*state).pending_filter;
    if hash == 0 {
        emit::lost(loss::FILTER_UNREADABLE);
        return;
    }
    let mut i = 0;
    let mut kept = false;
    while i < FILTERS_KEPT {
        let filter = (*record).filters[i];
        if filter == hash || filter == 0 {
            (*record).filters[i] = hash;
            (*record).runtime_filters |= (by_runtime as u32) << i;
            kept = true;
            break;
        }
        i += 1;
    }
    if !kept {
        (*record).flags |= FILTERS_OVERFLOW;
    }
    emit::filter(
        (*state).cgroup,
        hash,
        (*state).pending_len,
        (*state).pending_flags,
        by_runtime,
    );
}
