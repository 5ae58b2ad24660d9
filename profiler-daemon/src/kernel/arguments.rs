//! Recording of argument values: which calls' arguments the kernel side keeps, and what it kept.
//!
//! Values are of use only if none can be missing. So each call's spec says since when its arguments
//! are recorded without a gap, and what began earlier is told as unknown.

use std::{
    borrow::BorrowMut,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aya::maps::{Array, HashMap, MapData, MapError};
use profiler_common::{
    abi::CALL_LIMIT,
    argument::{ARGUMENTS, ArgumentKey, ArgumentRoom, ArgumentSpec},
    record::{BORN, CgroupRecord},
    refusal::CountKey,
};

use super::{error::KernelError, load::Loaded, pod::Plain, slots::typed};
use crate::{
    profile::{
        abi::Abi,
        arguments::{Recorded, Values},
        call::Call,
        table,
    },
    recording::source::Snapshot,
};

/// How long a reading of all values serves: a list of many containers asks for them many times.
const FRESH: Duration = Duration::from_millis(50);

pub(super) type Specs<T> = Array<T, Plain<ArgumentSpec>>;

/// The maps of argument values.
pub(super) struct ArgumentMaps {
    specs: Specs<MapData>,
    /// What the map of specs holds: nobody else writes to it.
    known: BTreeMap<Call, ArgumentSpec>,
    /// Whatever has a record was recorded from its beginning.
    always_whole: bool,
    room: HashMap<MapData, Plain<CountKey>, Plain<ArgumentRoom>>,
    values: HashMap<MapData, Plain<ArgumentKey>, u32>,
    cache: BTreeMap<(u64, Call), Vec<[u64; ARGUMENTS]>>,
    read: Option<Instant>,
}

fn spec(recorded: &Recorded) -> ArgumentSpec {
    let mut spec = ArgumentSpec::default();
    for (n, (slot, place)) in spec.arguments.iter_mut().zip(&recorded.places).enumerate() {
        *slot = place.index + 1;
        spec.wide |= u8::from(place.wide) << n;
    }
    spec
}

fn places(spec: &ArgumentSpec) -> Vec<u8> {
    let listed = spec.arguments.iter().take_while(|place| **place != 0);
    listed.map(|place| place - 1).collect()
}

const fn position(call: Call) -> u32 {
    call.abi.index() * CALL_LIMIT + call.nr
}

fn calls() -> impl Iterator<Item = Call> {
    let all = Abi::ALL.into_iter().flat_map(table::calls);
    all.filter(|call| call.nr < CALL_LIMIT)
}

/// Before the programs are attached: the kernel is told which arguments to record. What was recorded
/// by another list, or is not recorded from now on, has a gap.
pub(super) fn prepare<T: BorrowMut<MapData>>(
    specs: &mut Specs<T>,
    wanted: &[Recorded],
) -> Result<(), MapError> {
    let on = !wanted.is_empty();
    let usual: BTreeMap<Call, ArgumentSpec> = wanted
        .iter()
        .map(|recorded| (recorded.call, spec(recorded)))
        .collect();
    for call in calls() {
        let Plain(now) = specs.get(&position(call), 0)?;
        let usual = usual.get(&call).copied().unwrap_or_default();
        // What was asked for besides stays.
        let besides = now.arguments[0] != 0 && usual.arguments[0] == 0;
        let same = (now.arguments, now.wide) == (usual.arguments, usual.wide);
        let wanted = if besides { now } else { usual };
        let since_ns = if on && (same || besides) {
            now.since_ns
        } else {
            0
        };
        let wanted = ArgumentSpec { since_ns, ..wanted };
        if wanted != now {
            specs.set(position(call), Plain(wanted), 0)?;
        }
    }
    Ok(())
}

/// Once the programs are attached: what had a gap is recorded without one from now on.
pub(super) fn begin<T: BorrowMut<MapData>>(specs: &mut Specs<T>) -> Result<(), MapError> {
    let now_ns = super::clock::boot_ns();
    for call in calls() {
        let Plain(spec) = specs.get(&position(call), 0)?;
        if spec.arguments[0] != 0 && spec.since_ns == 0 {
            let since = ArgumentSpec {
                since_ns: now_ns,
                ..spec
            };
            specs.set(position(call), Plain(since), 0)?;
        }
    }
    Ok(())
}

impl ArgumentMaps {
    /// `always_whole`: nothing can have run in a cgroup before it had a record.
    pub(super) fn open(loaded: &mut Loaded, always_whole: bool) -> Result<Self, KernelError> {
        let specs: Specs<MapData> = typed(loaded.map("ARGUMENT_SPECS")?)?;
        let mut known = BTreeMap::new();
        for call in calls() {
            let read = specs.get(&position(call), 0);
            let Plain(spec) = read.map_err(|error| {
                KernelError::refused("read which arguments are recorded", &error)
            })?;
            if spec.arguments[0] != 0 {
                known.insert(call, spec);
            }
        }
        Ok(Self {
            specs,
            known,
            always_whole,
            room: typed(loaded.map("ARGUMENT_ROOM")?)?,
            values: typed(loaded.map("ARGUMENTS")?)?,
            cache: BTreeMap::new(),
            read: None,
        })
    }

    /// Records these arguments of a call too, from now on; none if others of it are recorded.
    pub(super) fn add(&mut self, recorded: &Recorded) -> Result<(), MapError> {
        let call = recorded.call;
        let count = recorded.places.len();
        if call.nr >= CALL_LIMIT || count == 0 || count > ARGUMENTS {
            return Ok(());
        }
        if self.known.contains_key(&call) {
            return Ok(());
        }
        let mut spec = spec(recorded);
        self.specs.set(position(call), Plain(spec), 0)?;
        // Only now does the kernel record it everywhere.
        spec.since_ns = super::clock::boot_ns();
        self.specs.set(position(call), Plain(spec), 0)?;
        self.known.insert(call, spec);
        Ok(())
    }

    /// Indices of the arguments of a call that are recorded.
    pub(super) fn places(&self, call: Call) -> Vec<u8> {
        self.known.get(&call).map(places).unwrap_or_default()
    }

    /// Adds the values of every call whose values are all known.
    pub(super) fn tell(
        &mut self,
        record: &CgroupRecord,
        snapshot: &mut Snapshot,
    ) -> Result<(), MapError> {
        let born = record.flags & BORN != 0;
        if snapshot.gone {
            // This is the last reading, and must hold the last value.
            self.read = None;
        }
        for call in snapshot.observation.observed.clone() {
            let Some(spec) = self.known.get(&call).filter(|spec| spec.since_ns != 0) else {
                continue;
            };
            let whole = self.always_whole || (born && record.born_ns >= spec.since_ns);
            if !whole {
                continue;
            }
            let places = places(spec);
            let key = Plain(CountKey {
                cgroup: record.cgroup,
                abi: call.abi.index(),
                nr: call.nr,
            });
            let room = match self.room.get(&key, 0) {
                Ok(Plain(room)) => room,
                Err(MapError::KeyNotFound) => continue,
                Err(error) => return Err(error),
            };
            let seen = self.seen(record.cgroup, call)?;
            let seen = seen.iter().map(|values| {
                let values = values.iter().take(places.len());
                values.copied().collect()
            });
            let values = Values {
                seen: (room.any == 0).then(|| seen.collect()),
                places,
            };
            // One that is being noted at this moment is not there yet.
            let noted = values.seen.as_ref().is_none_or(|seen| !seen.is_empty());
            if noted {
                snapshot.observation.arguments.insert(call, values);
            }
        }
        Ok(())
    }

    fn seen(&mut self, cgroup: u64, call: Call) -> Result<&[[u64; ARGUMENTS]], MapError> {
        if self.read.is_none_or(|at| at.elapsed() >= FRESH) {
            self.cache.clear();
            for key in self.values.keys() {
                let Plain(key) = key?;
                if let Some(abi) = Abi::from_index(key.abi) {
                    let of = (key.cgroup, Call::new(abi, key.nr));
                    self.cache.entry(of).or_default().push(key.values);
                }
            }
            self.read = Some(Instant::now());
        }
        Ok(self.cache.get(&(cgroup, call)).map_or(&[], Vec::as_slice))
    }

    /// Forgets a removed cgroup.
    pub(super) fn release(&mut self, cgroup: u64) -> Result<(), MapError> {
        let values: Vec<_> = self.values.keys().flatten().collect();
        for key in values.iter().filter(|Plain(key)| key.cgroup == cgroup) {
            self.values.remove(key)?;
        }
        let rooms: Vec<_> = self.room.keys().flatten().collect();
        for key in rooms.iter().filter(|Plain(key)| key.cgroup == cgroup) {
            self.room.remove(key)?;
        }
        Ok(())
    }
}
