//! Calls that a filter turned away: they return, or kill, without having entered.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use profiler_common::{
    abi::CALL_LIMIT,
    loss,
    news::REFUSED,
    refusal::{Refusal, RefusalKey},
};

use crate::{
    atomic, emit,
    maps::REFUSALS,
    observe::{self, mark},
    task::{self, RUNTIME, TaskState},
};

/// The call returned `ret` without having entered.
#[inline(never)]
pub unsafe fn returned(position: u32, ret: i64) {
    let errno = if (-4095..0).contains(&ret) {
        -ret as i32
    } else {
        0
    };
    note(position, errno);
}

/// The filter's answer is SIGSYS.
#[cfg(not(feature = "classic"))]
#[inline(never)]
pub unsafe fn killed(position: u32) {
    note(position, profiler_common::refusal::ERRNO_SIGSYS);
}

#[inline(always)]
unsafe fn note(position: u32, errno: i32) {
    let Some((state, record)) = observe::here(task::this()) else {
        return;
    };
    let by_runtime = (*state).phase == RUNTIME;
    if by_runtime {
        mark(&raw mut (*record).runtime_refused, position);
    } else {
        mark(&raw mut (*record).refused, position);
    }
    let first = count(state, position, errno, by_runtime);
    if first && !by_runtime {
        emit::call(state, position, REFUSED, errno);
    }
}

/// Counts a refusal. True for the first one of its kind.
#[inline(always)]
unsafe fn count(state: *mut TaskState, position: u32, errno: i32, by_runtime: bool) -> bool {
    let key = RefusalKey {
        cgroup: (*state).cgroup,
        abi: position / CALL_LIMIT,
        nr: position % CALL_LIMIT,
        errno,
        by_runtime: by_runtime as u32,
    };
    let now = emit::now();
    if let Some(entry) = REFUSALS.get_ptr_mut(&key) {
        atomic::add(&raw mut (*entry).count, 1);
        (*entry).last_ns = now;
        return false;
    }
    let entry = Refusal {
        count: 1,
        first_ns: now,
        last_ns: now,
        exec_id: (*state).exec_id,
        tgid: (bpf_get_current_pid_tgid() >> 32) as u32,
        pad: 0,
        comm: emit::comm(),
    };
    if REFUSALS.insert(&key, &entry, 1).is_ok() {
        return true;
    }
    // Two CPUs at once: the second finds the first one's entry.
    match REFUSALS.get_ptr_mut(&key) {
        Some(entry) => {
            atomic::add(&raw mut (*entry).count, 1);
            false
        }
        None => {
            emit::lost(loss::NO_REFUSAL_ROOM);
            true
        }
    }
}
