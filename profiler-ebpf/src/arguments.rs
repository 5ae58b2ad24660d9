//! Which values the arguments of a call have had: a set per cgroup and call, up to a bound.
//!
//! A set that is not whole must never look so: whatever cannot be kept makes it "any".

use aya_ebpf::bindings::BPF_NOEXIST;
use profiler_common::{
    abi::CALL_LIMIT,
    argument::{ARGUMENTS as MOST, ArgumentKey, ArgumentRoom, VALUES_LIMIT},
    loss, news,
    refusal::CountKey,
};

use crate::{
    atomic, emit,
    maps::{ARGUMENT_ROOM, ARGUMENT_SPECS, ARGUMENTS},
    task::TaskState,
};

/// The container's program makes a call; its values are kept if its arguments are to be recorded.
#[inline(always)]
pub unsafe fn note(state: *const TaskState, position: u32, argument: &impl Fn(usize) -> u64) {
    let Some(spec) = ARGUMENT_SPECS.get_ptr(position) else {
        return;
    };
    if (*spec).arguments[0] == 0 {
        return;
    }
    let mut values = [0_u64; MOST];
    let mut n = 0;
    while n < MOST {
        let place = (*spec).arguments[n];
        if place == 0 {
            break;
        }
        let value = argument(place as usize - 1);
        values[n] = if (*spec).wide & (1 << n) != 0 {
            value
        } else {
            value as u32 as u64
        };
        n += 1;
    }
    let key = ArgumentKey {
        cgroup: (*state).cgroup,
        abi: position / CALL_LIMIT,
        nr: position % CALL_LIMIT,
        values,
    };
    if ARGUMENTS.get_ptr(&key).is_none() {
        keep(state, position, &key);
    }
}

#[inline(never)]
unsafe fn keep(state: *const TaskState, position: u32, key: *const ArgumentKey) {
    let of = CountKey {
        cgroup: (*key).cgroup,
        abi: (*key).abi,
        nr: (*key).nr,
    };
    let mut room = ARGUMENT_ROOM.get_ptr_mut(&of);
    if room.is_none() {
        let empty = ArgumentRoom { taken: 0, any: 0 };
        // Two CPUs at once: either finds what one of them inserted.
        let _ = ARGUMENT_ROOM.insert(&of, &empty, u64::from(BPF_NOEXIST));
        room = ARGUMENT_ROOM.get_ptr_mut(&of);
    }
    let Some(room) = room else {
        emit::lost(loss::NO_ARGUMENT_ROOM);
        return;
    };
    if (*room).any != 0 {
        return;
    }
    if (*room).taken >= VALUES_LIMIT {
        (*room).any = 1;
        tell(state, position, key, true);
        return;
    }
    const EEXIST: i32 = -17;
    match ARGUMENTS.insert(&*key, &0, u64::from(BPF_NOEXIST)) {
        Ok(()) => {
            atomic::next(&raw mut (*room).taken);
            tell(state, position, key, false);
        }
        Err(EEXIST) => {}
        Err(_) => {
            (*room).any = 1;
            emit::lost(loss::NO_ARGUMENT_ROOM);
        }
    }
}

/// News of values; `last` where no more are kept.
#[inline(always)]
unsafe fn tell(state: *const TaskState, position: u32, key: *const ArgumentKey, last: bool) {
    let said = emit::Said {
        what: news::ARGUMENTS,
        count: last as u32,
        values: (*key).values,
        ..emit::OBSERVED
    };
    emit::call(state, position, said);
}
