//! Where a call comes from: the container's own start, in which phase, or whoever came in later.

use profiler_common::{
    abi::{ABIS, WORDS},
    origin::{EXEC, EXPECTS_EXEC, EXPECTS_HEALTH, HEALTH, ORIGINS, RUN, SHUTDOWN, START},
    record::{BORN, CgroupRecord, RAN_BEFORE, STARTED},
};

use crate::{
    atomic,
    globals::ONLY_CGROUP,
    maps::RECORDS,
    task::{self, LATER, LATER_EXEC, LATER_HEALTH, OWN, PROGRAM, Task, TaskState},
};

/// 64-bit words of one set.
const SET: u32 = (ABIS * WORDS) as u32;

/// The current task came into a cgroup from outside.
///
/// Who comes before the program was executed is there to start it, however many processes and
/// hooks that takes; who comes later is not.
#[inline(always)]
pub unsafe fn came_in(state: *mut TaskState, record: *const CgroupRecord) {
    let flags = (*record).flags;
    let only = ONLY_CGROUP.load() != 0;
    if flags & (STARTED | RAN_BEFORE) != 0 && !only {
        (*state).origin = LATER;
        (*state).session = 0;
        return;
    }
    (*state).origin = OWN;
    (*state).session = (flags & BORN != 0 || only) as u32;
}

/// The current task ran in a cgroup before the recording began.
#[inline(always)]
pub unsafe fn was_there(record: *mut CgroupRecord) {
    if (*record).flags & BORN == 0 {
        (*record).flags |= RAN_BEFORE;
    }
}

/// The current task, which came in for it, executes the container's program: an entry more. The
/// programs of one start are one entry.
#[inline(always)]
pub unsafe fn begins(state: *mut TaskState) {
    (*state).phase = PROGRAM;
    let Some(record) = RECORDS.get_ptr_mut((*state).slot) else {
        return;
    };
    let flags = (*record).flags;
    (*record).flags |= STARTED;
    if (*state).origin == OWN {
        if flags & STARTED == 0 {
            atomic::next(&raw mut (*record).entries);
        }
        return;
    }
    let before = atomic::next(&raw mut (*record).entries);
    // Where the start was not seen it is not counted, and is the first all the same.
    (*state).session = before + 1 + (flags & RAN_BEFORE != 0) as u32;
    (*state).origin = match (*record).expects {
        EXPECTS_EXEC => LATER_EXEC,
        EXPECTS_HEALTH => LATER_HEALTH,
        _ => LATER,
    };
}

/// The set that a call of the current task goes to.
#[inline(always)]
unsafe fn set(state: *const TaskState, record: *const CgroupRecord) -> u32 {
    match (*state).origin {
        OWN => match (*record).phase {
            START => START,
            RUN => RUN,
            _ => SHUTDOWN,
        },
        LATER_HEALTH => HEALTH,
        _ => EXEC,
    }
}

/// The word of a set that holds a position.
#[inline(always)]
unsafe fn word(record: *mut CgroupRecord, set: u32, position: u32) -> Option<*mut u64> {
    let index = set * SET + (position >> 6);
    if index >= ORIGINS as u32 * SET {
        return None;
    }
    let words: *mut u64 = (&raw mut (*record).origins).cast();
    Some(words.add(index as usize))
}

/// Whether a call is in every set that it belongs to, which is the rule.
#[inline(always)]
pub unsafe fn is_known(state: *const TaskState, record: *mut CgroupRecord, position: u32) -> bool {
    let bit = 1_u64 << (position & 63);
    let mut known = match word(record, set(state, record), position) {
        Some(word) => *word,
        None => return true,
    };
    if (*state).origin == LATER {
        if let Some(word) = word(record, HEALTH, position) {
            known &= *word;
        }
    }
    known & bit != 0
}

/// Adds a call to the sets that it belongs to.
#[inline(always)]
pub unsafe fn note(state: *const TaskState, record: *mut CgroupRecord, position: u32) {
    let bit = 1_u64 << (position & 63);
    if let Some(word) = word(record, set(state, record), position) {
        if *word & bit == 0 {
            atomic::or(word, bit);
        }
    }
    if (*state).origin == LATER {
        if let Some(word) = word(record, HEALTH, position) {
            if *word & bit == 0 {
                atomic::or(word, bit);
            }
        }
    }
}

const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
const SIGTERM: i32 = 15;

/// The current task sends a signal to another. A container's own start that is told to stop by
/// somebody elsewhere is in its shutdown from here on: by the time the engine tells of it, most
/// programs have ended.
#[inline(always)]
pub unsafe fn signalled(signal: i32, target: Task) {
    if signal != SIGTERM && signal != SIGQUIT && signal != SIGINT {
        return;
    }
    let (Some(sender), Some(target)) = (task::current(), task::known(target)) else {
        return;
    };
    let within = (*sender).cgroup == (*target).cgroup;
    if within || (*target).origin != OWN || (*target).phase != PROGRAM {
        return;
    }
    if let Some(record) = RECORDS.get_ptr_mut((*target).slot) {
        if (*record).cgroup == (*target).cgroup {
            (*record).phase = SHUTDOWN;
        }
    }
}
