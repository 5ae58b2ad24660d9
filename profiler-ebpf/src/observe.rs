//! What an entered and a returned call mean. Shared by both kinds of hooks.

use aya_ebpf::helpers::generated::bpf_get_current_ancestor_cgroup_id;
use profiler_common::{
    abi::{ABIS, CALL_LIMIT, I386, X32, X32_BIT, X86_64},
    loss,
    record::{CallBits, CgroupRecord},
    refusal::{Count, CountKey},
};

use crate::{
    arguments, atomic, emit, filter,
    globals::{COUNTING, ONLY_CGROUP, RECORD_ARGUMENTS},
    maps::{COUNTS, RECORDS},
    origin, refuse, slot,
    task::{
        self, BY_PROGRAM, IN_FLIGHT, INSTALLS, POSITION, PROGRAM, RUNTIME, Task, TaskState,
        UNJUDGED,
    },
};

const POSITIONS: u32 = ABIS as u32 * CALL_LIMIT;
const ENOSYS: i64 = 38;

/// A call's place in the sets: `abi * CALL_LIMIT + nr`. None for a number in no table.
#[inline(always)]
pub fn position(nr: u64, compat: bool) -> Option<u32> {
    let (abi, nr) = if compat {
        (I386, nr)
    } else if nr & X32_BIT != 0 {
        (X32, nr & !X32_BIT)
    } else {
        (X86_64, nr)
    };
    if nr >= CALL_LIMIT as u64 {
        return None;
    }
    Some(abi * CALL_LIMIT + nr as u32)
}

/// The word and the bit of a position, the word's index below the length of a set.
#[inline(always)]
unsafe fn word(bits: *mut CallBits, position: u32) -> (*mut u64, u64) {
    let index = (position >> 6) as usize;
    (bits.cast::<u64>().add(index), 1 << (position & 63))
}

/// Adds a call to a set. True when it was not in it.
#[inline(always)]
pub unsafe fn mark(bits: *mut CallBits, position: u32) -> bool {
    if position >= POSITIONS {
        return false;
    }
    let (word, bit) = word(bits, position);
    if *word & bit != 0 {
        return false;
    }
    atomic::or(word, bit);
    true
}

/// A call that the container's own programs make, and that is not known to be reported, or to come
/// from where this task does.
#[inline(never)]
unsafe fn sighting(state: *mut TaskState, record: *mut CgroupRecord, position: u32) {
    if position >= POSITIONS {
        return;
    }
    if mark(&raw mut (*record).observed, position) {
        (*record).last_new_ns = emit::now();
    }
    origin::note(state, record, position);
    let (word, bit) = word(&raw mut (*record).reported, position);
    if *word & bit == 0 && emit::call(state, position, emit::OBSERVED) {
        atomic::or(word, bit);
    }
}

/// Records a position for the current task.
#[inline(always)]
pub unsafe fn record(state: *mut TaskState, record: *mut CgroupRecord, position: u32) {
    if position >= POSITIONS {
        return;
    }
    if (*state).phase == RUNTIME {
        mark(&raw mut (*record).runtime, position);
        if (*state).filtered != 0 {
            mark(&raw mut (*record).guarded, position);
        }
        return;
    }
    let (word, bit) = word(&raw mut (*record).reported, position);
    if *word & bit == 0 || !origin::is_known(state, record, position) {
        sighting(state, record, position);
    }
}

/// The current task's state and its cgroup's record, made if need be.
#[inline(always)]
pub unsafe fn here(task: Task) -> Option<(*mut TaskState, *mut CgroupRecord)> {
    let Some(state) = task::known_or_new(task) else {
        emit::lost(loss::NO_TASK_STATE);
        return None;
    };
    let cgroup = task::cgroup(task);
    let only = ONLY_CGROUP.load();
    // It lies right below the root, and its own sub-cgroups count as it.
    if only != 0 && only != bpf_get_current_ancestor_cgroup_id(1) {
        // Where it was, so that its arrival is noticed.
        (*state).cgroup = cgroup;
        (*state).entered = IN_FLIGHT | UNJUDGED;
        return None;
    }
    if (*state).cgroup != cgroup || (*state).slot == 0 {
        slot::arrive(state, cgroup);
    }
    let slot = (*state).slot;
    if slot == 0 {
        // The task is still known, so that its refusals are not mistaken.
        (*state).entered = IN_FLIGHT | UNJUDGED;
        emit::lost(loss::NO_SLOT);
        return None;
    }
    RECORDS.get_ptr_mut(slot).map(|record| (state, record))
}

/// The current task's call enters the kernel.
#[inline(always)]
pub unsafe fn entered(task: Task, nr: u64, compat: bool, argument: impl Fn(usize) -> u64) {
    let Some((state, record)) = here(task) else {
        return;
    };
    let Some(position) = position(nr, compat) else {
        (*state).entered = IN_FLIGHT | UNJUDGED;
        // A negative number is a tracer's way to skip a call.
        if (nr as i64) >= 0 {
            atomic::add(&raw mut (*record).out_of_range, 1);
        }
        return;
    };
    let by = if (*state).phase == PROGRAM {
        BY_PROGRAM
    } else {
        0
    };
    (*state).entered = IN_FLIGHT | by | position;
    self::record(state, record, position);
    if RECORD_ARGUMENTS.load() != 0 && by != 0 {
        arguments::note(state, position, &argument);
    }
    if filter::installs(position) {
        filter::attempt(state, compat, position, argument);
    }
}

/// Counts a call that returned.
#[inline(always)]
unsafe fn count(state: *mut TaskState, position: u32, ret: i64) {
    let key = CountKey {
        cgroup: (*state).cgroup,
        abi: position / CALL_LIMIT,
        nr: position % CALL_LIMIT,
    };
    let error = u64::from(ret < 0 && ret >= -4095);
    match COUNTS.get_ptr_mut(&key) {
        Some(entry) => {
            atomic::add(&raw mut (*entry).calls, 1);
            atomic::add(&raw mut (*entry).errors, error);
        }
        None => {
            let first = Count {
                calls: 1,
                errors: error,
            };
            // Two CPUs at once: the second finds the first one's entry.
            if COUNTS.insert(&key, &first, 1).is_err() {
                match COUNTS.get_ptr_mut(&key) {
                    Some(entry) => {
                        atomic::add(&raw mut (*entry).calls, 1);
                        atomic::add(&raw mut (*entry).errors, error);
                    }
                    None => emit::lost(loss::NO_COUNT_ROOM),
                }
            }
        }
    }
}

/// The current task's call returns. `raw_nr` gives its number where its entry was not seen.
#[inline(always)]
pub unsafe fn returned(
    task: Task,
    ret: i64,
    raw_nr: impl Fn() -> (u64, bool),
    under_filter: impl Fn() -> bool,
) {
    // No state: the task was in this call when the recording began.
    let Some(state) = task::known(task) else {
        return;
    };
    let entered = (*state).entered;
    (*state).entered = 0;
    if entered == 0 {
        let (nr, compat) = raw_nr();
        if let Some(position) = position(nr, compat) {
            if under_filter() {
                refuse::returned(position, ret);
            }
        }
        return;
    }
    if entered & UNJUDGED != 0 {
        return;
    }
    let position = entered & POSITION;
    let Some(record) = RECORDS.get_ptr_mut((*state).slot) else {
        return;
    };
    // The slot may have passed to another cgroup while the task was moved in its sleep.
    if (*record).cgroup != (*state).cgroup {
        return;
    }
    if entered & BY_PROGRAM != 0 {
        if ret == -ENOSYS {
            mark(&raw mut (*record).unsupported, position);
        } else {
            mark(&raw mut (*record).answered, position);
        }
        if COUNTING.load() != 0 {
            count(state, position, ret);
        }
    }
    if entered & INSTALLS != 0 {
        filter::settle(state, record, ret);
    }
}

/// A call through one of the three entries of the legacy vsyscall page.
#[inline(always)]
pub unsafe fn vsyscall(entry: i32) {
    let nr = match entry {
        0 => 96,
        1 => 201,
        _ => 309,
    };
    if let (Some((state, record)), Some(position)) = (here(task::this()), position(nr, false)) {
        self::record(state, record, position);
        mark(&raw mut (*record).answered, position);
    }
}
