//! The only writer of the ring, and the counter of what is lost.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, generated::bpf_ktime_get_boot_ns,
};
use profiler_common::{
    argument::ARGUMENTS,
    loss,
    news::{self, CallNews, ExecNews, FilterNews, Header, LifeNews, PATH_LEN},
};

use crate::{
    maps::{LOSSES, NEWS},
    task::TaskState,
};

/// Counts something that could not be recorded.
#[inline(always)]
pub unsafe fn lost(cause: u32) {
    if let Some(count) = LOSSES.get_ptr_mut(cause) {
        *count += 1;
    }
}

/// Nanoseconds since boot.
#[inline(always)]
pub unsafe fn now() -> u64 {
    bpf_ktime_get_boot_ns()
}

#[inline(always)]
unsafe fn header(kind: u32, len: usize, cgroup: u64) -> Header {
    Header {
        kind,
        len: len as u32,
        time_ns: now(),
        cgroup,
    }
}

/// The caller's name for itself.
#[inline(always)]
pub unsafe fn comm() -> [u8; 16] {
    bpf_get_current_comm().unwrap_or([0; 16])
}

/// What there is to say of a call, beside who made it.
#[derive(Clone, Copy)]
pub struct Said {
    pub what: u32,
    pub errno: i32,
    pub count: u32,
    pub values: [u64; ARGUMENTS],
}

/// A first sighting.
pub const OBSERVED: Said = Said {
    what: news::OBSERVED,
    errno: 0,
    count: 0,
    values: [0; ARGUMENTS],
};

/// News of a call. False when the ring is full: the caller must not mark it as reported.
#[inline(always)]
pub unsafe fn call(state: *const TaskState, position: u32, said: Said) -> bool {
    let Some(mut entry) = NEWS.reserve_untyped::<CallNews>(0) else {
        lost(loss::RING_FULL);
        return false;
    };
    let id = bpf_get_current_pid_tgid();
    entry.write(CallNews {
        header: header(news::CALL, size_of::<CallNews>(), (*state).cgroup),
        abi: position / profiler_common::abi::CALL_LIMIT,
        nr: position % profiler_common::abi::CALL_LIMIT,
        what: said.what,
        errno: said.errno,
        tgid: (id >> 32) as u32,
        tid: id as u32,
        session: (*state).session,
        count: said.count,
        exec_id: (*state).exec_id,
        values: said.values,
        comm: comm(),
    });
    entry.submit(0);
    true
}

/// A program was executed; `fill` writes the path and returns its length without the NUL.
#[inline(always)]
pub unsafe fn exec(
    state: *const TaskState,
    parent_exec_id: u64,
    begins: bool,
    fill: impl FnOnce(*mut [u8; PATH_LEN]) -> u32,
) {
    let Some(mut entry) = NEWS.reserve_untyped::<ExecNews>(0) else {
        lost(loss::NEWS_LOST);
        return;
    };
    let record: *mut MaybeUninit<ExecNews> = &mut *entry;
    let record: *mut ExecNews = record.cast();
    (*record).header = header(news::EXEC, size_of::<ExecNews>(), (*state).cgroup);
    (*record).exec_id = (*state).exec_id;
    (*record).parent_exec_id = parent_exec_id;
    (*record).tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    (*record).session = (*state).session;
    (*record).begins = begins as u32;
    let path = &raw mut (*record).path;
    let words: *mut u64 = path.cast();
    let mut i = 0;
    while i < PATH_LEN / 8 {
        *words.add(i) = 0;
        i += 1;
    }
    (*record).path_len = fill(path);
    entry.submit(0);
}

/// A cgroup was made or removed.
#[inline(always)]
pub unsafe fn life(kind: u32, cgroup: u64, level: u32) {
    let Some(mut entry) = NEWS.reserve_untyped::<LifeNews>(0) else {
        lost(loss::NEWS_LOST);
        return;
    };
    entry.write(LifeNews {
        header: header(kind, size_of::<LifeNews>(), cgroup),
        level,
        pad: 0,
    });
    entry.submit(0);
}

/// A filter was installed.
#[inline(always)]
pub unsafe fn filter(cgroup: u64, hash: u64, len: u32, flags: u32, by_runtime: bool) {
    let Some(mut entry) = NEWS.reserve_untyped::<FilterNews>(0) else {
        lost(loss::NEWS_LOST);
        return;
    };
    entry.write(FilterNews {
        header: header(news::FILTER, size_of::<FilterNews>(), cgroup),
        hash,
        len,
        flags,
        tgid: (bpf_get_current_pid_tgid() >> 32) as u32,
        by_runtime: by_runtime as u32,
    });
    entry.submit(0);
}
