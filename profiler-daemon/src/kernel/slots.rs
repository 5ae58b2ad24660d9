//! The free list of records: filled at first, mended after a crash, given back one by one.

use std::{collections::HashSet, time::Duration};

use aya::{
    Ebpf,
    maps::{Array, HashMap, Map, MapData, MapError, Queue},
};
use profiler_common::record::CgroupRecord;

use super::{error::KernelError, pins::Pins, pod::Plain};

pub(super) type Records = Array<MapData, Plain<CgroupRecord>>;
pub(super) type SlotOf = HashMap<MapData, u64, u32>;
pub(super) type FreeSlots = Queue<MapData, u32>;

/// `BPF_NOEXIST`: only a key that is not there is inserted.
pub(super) const IF_ABSENT: u64 = 1;

/// Puts every slot into an empty free list. Slot 0 stands for "none" and is never given out.
pub(super) fn fill(ebpf: &mut Ebpf, slots: u32) -> Result<(), KernelError> {
    let failed = |error: MapError| KernelError::refused("fill the list of free records", &error);
    let map = ebpf
        .map_mut("FREE_SLOTS")
        .ok_or_else(|| KernelError::Refused {
            action: "fill the list of free records".into(),
            reason: "the object has no map FREE_SLOTS".into(),
        })?;
    let mut free: Queue<&mut MapData, u32> = Queue::try_from(map).map_err(failed)?;
    for slot in 1..slots {
        free.push(slot, 0).map_err(failed)?;
    }
    Ok(())
}

/// An all-zero record, as the kernel side expects a free one.
pub(super) fn zero() -> Plain<CgroupRecord> {
    const EMPTY: profiler_common::record::CallBits = [0; 30];
    Plain(CgroupRecord {
        cgroup: 0,
        born_ns: 0,
        first_ns: 0,
        last_new_ns: 0,
        gone_ns: 0,
        out_of_range: 0,
        entry_levels: 0,
        filters: [0; 4],
        ancestors: [0; 16],
        level: 0,
        flags: 0,
        entries: 0,
        installs: 0,
        runtime_filters: 0,
        phase: 0,
        observed: EMPTY,
        reported: EMPTY,
        answered: EMPTY,
        unsupported: EMPTY,
        runtime: EMPTY,
        guarded: EMPTY,
        refused: EMPTY,
        runtime_refused: EMPTY,
        origins: [EMPTY; profiler_common::origin::ORIGINS],
        expects: 0,
        pad: 0,
    })
}

/// A cgroup's slot, taken from the free ones if it has none, as the kernel side does it; none where
/// none is left. Whoever dies in the middle leaves a slot that [`mend`] finds.
pub(super) fn take(
    slots: &mut SlotOf,
    records: &mut Records,
    free: &mut FreeSlots,
    cgroup: u64,
) -> Result<Option<u32>, MapError> {
    match slots.get(&cgroup, 0) {
        Ok(slot) => return Ok(Some(slot)),
        Err(MapError::KeyNotFound) => {}
        Err(error) => return Err(error),
    }
    let slot = match free.pop(0) {
        Ok(slot) => slot,
        Err(MapError::ElementNotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Plain(mut record) = zero();
    record.cgroup = cgroup;
    records.set(slot, Plain(record), 0)?;
    let Err(error) = slots.insert(cgroup, slot, IF_ABSENT) else {
        return Ok(Some(slot));
    };
    // The kernel was first, or the table is full.
    records.set(slot, zero(), 0)?;
    free.push(slot, 0)?;
    slots.get(&cgroup, 0).map(Some).map_err(|_| error)
}

/// Gives a removed cgroup's record back. The order matters: whoever dies in the middle
/// leaves a slot that [`mend`] finds.
pub(super) fn give_back(
    slots: &mut SlotOf,
    records: &mut Records,
    free: &mut FreeSlots,
    cgroup: u64,
) -> Result<(), MapError> {
    let slot = match slots.get(&cgroup, 0) {
        Ok(slot) => slot,
        Err(MapError::KeyNotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    slots.remove(&cgroup)?;
    records.set(slot, zero(), 0)?;
    free.push(slot, 0)
}

/// Finds slots that nobody holds and that are not in the free list, because a daemon died
/// while it gave them back, and gives them back. The kernel goes on taking slots meanwhile:
/// the free list is turned around one element at a time, so that it never runs dry.
fn mend(
    slots: &mut SlotOf,
    records: &mut Records,
    free: &mut FreeSlots,
) -> Result<usize, MapError> {
    let mut listed = HashSet::new();
    for _ in 0..records.len() {
        let slot = match free.pop(0) {
            Ok(slot) => slot,
            Err(MapError::ElementNotFound) => break,
            Err(error) => return Err(error),
        };
        free.push(slot, 0)?;
        if !listed.insert(slot) {
            break;
        }
    }
    let stray = |listed: &HashSet<u32>, slots: &SlotOf| -> HashSet<u32> {
        let held: HashSet<u32> = slots.iter().flatten().map(|(_, slot)| slot).collect();
        (1..records.len())
            .filter(|slot| !listed.contains(slot) && !held.contains(slot))
            .collect()
    };
    let candidates = stray(&listed, slots);
    if candidates.is_empty() {
        return Ok(0);
    }
    // A slot that the kernel was just taking is held a moment later.
    std::thread::sleep(Duration::from_millis(20));
    let lost: Vec<u32> = stray(&listed, slots)
        .intersection(&candidates)
        .copied()
        .collect();
    for slot in &lost {
        records.set(*slot, zero(), 0)?;
        free.push(*slot, 0)?;
    }
    Ok(lost.len())
}

/// The same with what is pinned.
pub(super) fn mend_pinned(pins: &Pins) -> Result<usize, MapError> {
    mend(
        &mut pins.opened("SLOTS")?,
        &mut pins.opened("RECORDS")?,
        &mut pins.opened("FREE_SLOTS")?,
    )
}

/// Takes a map out of aya's enum.
pub(super) fn typed<T: TryFrom<Map, Error = MapError>>(map: Map) -> Result<T, KernelError> {
    T::try_from(map).map_err(|error| KernelError::refused("use a map", &error))
}
