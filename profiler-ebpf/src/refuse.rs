//! Calls that a filter turned away: they return, or kill, without having entered.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use profiler_common::{
    abi::CALL_LIMIT,
    argument::ARGUMENTS,
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

/// A refusal that goes on is told once in this time, in nanoseconds.
const TELL_AGAIN_NS: u64 = 1_000_000_000;

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
    let count = count(state, position, errno, by_runtime);
    if count != 0 && !by_runtime {
        let said = emit::Said {
            what: REFUSED,
            errno,
            count,
            values: [0; ARGUMENTS],
        };
        emit::call(state, position, said);
    }
}

/// Counts a refusal. How many there were, if it is to be told: the first of its kind, and then at
/// most one a second; else 0.
#[inline(always)]
unsafe fn count(state: *mut TaskState, position: u32, errno: i32, by_runtime: bool) -> u32 {
    let key = RefusalKey {
        cgroup: (*state).cgroup,
        abi: position / CALL_LIMIT,
        nr: position % CALL_LIMIT,
        errno,
        by_runtime: by_runtime as u32,
    };
    let now = emit::now();
    if let Some(entry) = REFUSALS.get_ptr_mut(&key) {
        return again(entry, now);
    }
    let entry = Refusal {
        count: 1,
        first_ns: now,
        last_ns: now,
        told_ns: now,
        exec_id: (*state).exec_id,
        tgid: (bpf_get_current_pid_tgid() >> 32) as u32,
        pad: 0,
        comm: emit::comm(),
    };
    if REFUSALS.insert(&key, &entry, 1).is_ok() {
        return 1;
    }
    // Two CPUs at once: the second finds the first one's entry.
    match REFUSALS.get_ptr_mut(&key) {
        Some(entry) => again(entry, now),
        None => {
            emit::lost(loss::NO_REFUSAL_ROOM);
            1
        }
    }
}

/// One more of its kind.
#[inline(always)]
unsafe fn again(entry: *mut Refusal, now: u64) -> u32 {
    let count = atomic::next_wide(&raw mut (*entry).count) + 1;
    (*entry).last_ns = now;
    // Two CPUs may both tell it; that is one line too many.
    if now < (*entry).told_ns + TELL_AGAIN_NS {
        return 0;
    }
    (*entry).told_ns = now;
    if count > u32::MAX as u64 {
        u32::MAX
    } else {
        count as u32
    }
}
