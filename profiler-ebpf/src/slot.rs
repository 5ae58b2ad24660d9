//! Which element of `RECORDS` a cgroup has, and what it means that a task came in.

use aya_ebpf::{bindings::BPF_NOEXIST, helpers::generated::bpf_get_current_ancestor_cgroup_id};
use profiler_common::{
    loss, news,
    record::{BORN, CgroupRecord, GONE, LEVELS},
};

use crate::{
    atomic, emit,
    globals::ONLY_CGROUP,
    maps::{FREE_SLOTS, RECORDS, SLOTS},
    origin,
    task::{PROGRAM, RUNTIME, TaskState},
};

/// The slot of a cgroup, taken from the free ones if it has none; 0 when none is left.
#[inline(always)]
pub unsafe fn of(cgroup: u64) -> u32 {
    if let Some(slot) = SLOTS.get_ptr(cgroup) {
        return *slot;
    }
    let Ok(Some(slot)) = FREE_SLOTS.pop() else {
        return 0;
    };
    if let Some(record) = RECORDS.get_ptr_mut(slot) {
        (*record).cgroup = cgroup;
    }
    if SLOTS.insert(cgroup, slot, u64::from(BPF_NOEXIST)).is_ok() {
        return slot;
    }
    // Another CPU was first, or the table is full.
    if let Some(record) = RECORDS.get_ptr_mut(slot) {
        (*record).cgroup = 0;
    }
    let _ = FREE_SLOTS.push(slot, 0);
    match SLOTS.get_ptr(cgroup) {
        Some(slot) => *slot,
        None => 0,
    }
}

/// Writes down the current task's place in the cgroup tree.
#[inline(always)]
unsafe fn place(record: *mut CgroupRecord) {
    let mut level = 0;
    while level < LEVELS {
        let id = bpf_get_current_ancestor_cgroup_id(level as i32);
        if id == 0 {
            break;
        }
        (*record).ancestors[level] = id;
        (*record).level = level as u32;
        level += 1;
    }
}

/// The deepest level at which two cgroups have the same ancestor.
#[inline(always)]
unsafe fn common_level(a: *const CgroupRecord, b: *const CgroupRecord) -> u32 {
    let mut common = 0;
    let mut level = 1;
    while level < LEVELS {
        let id = (*a).ancestors[level];
        if id == 0 || id != (*b).ancestors[level] {
            break;
        }
        common = level as u32;
        level += 1;
    }
    common
}

/// The current task makes its first call in this cgroup, or its first call at all.
///
/// A task that came from a cgroup above or below stays what it was: a container's own
/// program may move about in the tree it was given. Anybody else came in from outside,
/// and is the runtime until it executes the container's program. The level at which
/// the two places part is kept, so that the daemon, which knows where containers begin,
/// can tell a move between two cgroups of one container. Who went to a sibling so and comes
/// up to a cgroup above both is back in the tree it was given, and is what it was.
#[inline(never)]
pub unsafe fn arrive(state: *mut TaskState, cgroup: u64) {
    let from = (*state).cgroup;
    let from_slot = (*state).slot;
    let slot = of(cgroup);
    (*state).cgroup = cgroup;
    (*state).slot = slot;
    let Some(record) = RECORDS.get_ptr_mut(slot) else {
        return;
    };
    if slot == 0 {
        return;
    }
    if (*record).ancestors[0] == 0 {
        place(record);
    }
    if (*record).first_ns == 0 {
        (*record).first_ns = emit::now();
    }
    if from == 0 {
        origin::was_there(record);
    }
    if from == 0 || from == cgroup {
        return;
    }
    let mut common = 0;
    if from_slot != 0 {
        if let Some(old) = RECORDS.get_ptr(from_slot) {
            if (*old).cgroup == from {
                common = common_level(old, record);
                let within = common == (*old).level || common == (*record).level;
                if common > 0 && within {
                    if (*state).phase != PROGRAM && (*record).level <= (*state).home {
                        (*state).phase = PROGRAM;
                    }
                    if (*state).phase == PROGRAM {
                        return;
                    }
                }
            }
        }
    }
    atomic::or(&raw mut (*record).entry_levels, 1 << (common & 63));
    origin::came_in(state, record);
    if (*state).phase == PROGRAM || common < (*state).home {
        (*state).home = common;
    }
    (*state).phase = RUNTIME;
    (*state).execs = 0;
    (*state).filtered = 0;
}

/// A cgroup is made: it gets its slot before anybody can be in it.
#[inline(always)]
pub unsafe fn born(cgroup: u64, level: u32) {
    if ONLY_CGROUP.load() != 0 {
        return;
    }
    let slot = of(cgroup);
    if slot == 0 {
        emit::lost(loss::NO_SLOT);
    } else if let Some(record) = RECORDS.get_ptr_mut(slot) {
        (*record).flags |= BORN;
        (*record).born_ns = emit::now();
    }
    emit::life(news::BORN, cgroup, level);
}

/// A cgroup is removed: nobody is in it, and nobody can come.
#[inline(always)]
pub unsafe fn gone(cgroup: u64, level: u32) {
    if let Some(slot) = SLOTS.get_ptr(cgroup) {
        if let Some(record) = RECORDS.get_ptr_mut(*slot) {
            (*record).gone_ns = emit::now();
            (*record).flags |= GONE;
        }
    }
    emit::life(news::GONE, cgroup, level);
}
