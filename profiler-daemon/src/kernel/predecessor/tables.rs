//! The tables beside the records: refusals, counts, filters, losses. Their layout is the same in both.
//!
//! Of what both counted the larger number is kept: it is certain, and it is the same however often this
//! is done.

use aya::maps::{HashMap, MapData, MapError, PerCpuArray, PerCpuValues};
use profiler_common::{
    filter::Filter,
    loss,
    refusal::{Count, CountKey, Refusal, RefusalKey},
};

use super::super::{pins::Pins, pod::Plain, slots::IF_ABSENT};

/// One layout's tables.
pub(super) struct Tables {
    refusals: HashMap<MapData, Plain<RefusalKey>, Plain<Refusal>>,
    counts: HashMap<MapData, Plain<CountKey>, Plain<Count>>,
    filters: HashMap<MapData, u64, Plain<Filter>>,
    losses: PerCpuArray<MapData, u64>,
}

/// What joining came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Joined {
    /// Something was not there yet.
    pub(super) changed: bool,
    /// Entries that found no room.
    pub(super) left_out: usize,
}

impl Joined {
    pub(super) fn add(&mut self, other: Self) {
        self.changed |= other.changed;
        self.left_out += other.left_out;
    }
}

fn earlier(one: u64, other: u64) -> u64 {
    if one == 0 || (other != 0 && other < one) {
        other
    } else {
        one
    }
}

/// Who is named is who made the first one.
pub(super) fn join_refusals(ours: Refusal, theirs: Refusal) -> Refusal {
    let first_ns = earlier(ours.first_ns, theirs.first_ns);
    let first = if first_ns == ours.first_ns {
        ours
    } else {
        theirs
    };
    Refusal {
        count: ours.count.max(theirs.count),
        first_ns,
        last_ns: ours.last_ns.max(theirs.last_ns),
        told_ns: ours.told_ns.max(theirs.told_ns),
        ..first
    }
}

fn join_counts(ours: Count, theirs: Count) -> Count {
    Count {
        calls: ours.calls.max(theirs.calls),
        errors: ours.errors.max(theirs.errors),
    }
}

/// Joins the entries of one table into the other's.
fn join_table<K: aya::Pod, V: aya::Pod>(
    ours: &mut HashMap<MapData, K, V>,
    theirs: &HashMap<MapData, K, V>,
    mut joined_with: impl FnMut(&V, V) -> Option<V>,
) -> Result<Joined, MapError> {
    let mut told = Joined::default();
    for entry in theirs.iter() {
        let (key, value) = entry?;
        let (value, flags) = match ours.get(&key, 0) {
            Ok(now) => match joined_with(&now, value) {
                Some(joined) => (joined, 0),
                None => continue,
            },
            Err(MapError::KeyNotFound) => (value, IF_ABSENT),
            Err(error) => return Err(error),
        };
        match ours.insert(key, value, flags) {
            Ok(()) => told.changed = true,
            Err(error) => match errno(&error) {
                // The kernel was first: the next round joins the two.
                Some(libc::EEXIST) => told.changed = true,
                Some(libc::E2BIG | libc::ENOSPC | libc::ENOMEM) => told.left_out += 1,
                _ => return Err(error),
            },
        }
    }
    Ok(told)
}

fn errno(error: &MapError) -> Option<i32> {
    match error {
        MapError::SyscallError(error) => error.io_error.raw_os_error(),
        _ => None,
    }
}

impl Tables {
    pub(super) fn open(pins: &Pins) -> Result<Self, MapError> {
        Ok(Self {
            refusals: pins.opened("REFUSALS")?,
            counts: pins.opened("COUNTS")?,
            filters: pins.opened("FILTERS")?,
            losses: pins.opened("LOSSES")?,
        })
    }

    /// Joins what the tables of the layout before hold; `counting` where this build has room for counts.
    pub(super) fn join(&mut self, theirs: &Self, counting: bool) -> Result<Joined, MapError> {
        let mut told = join_table(
            &mut self.refusals,
            &theirs.refusals,
            |Plain(now), Plain(value)| {
                let joined = join_refusals(*now, value);
                let same = (
                    joined.count,
                    joined.first_ns,
                    joined.last_ns,
                    joined.told_ns,
                ) == (now.count, now.first_ns, now.last_ns, now.told_ns);
                (!same).then_some(Plain(joined))
            },
        )?;
        if counting {
            let joined = join_table(
                &mut self.counts,
                &theirs.counts,
                |Plain(now), Plain(value)| {
                    let joined = join_counts(*now, value);
                    let same = (joined.calls, joined.errors) == (now.calls, now.errors);
                    (!same).then_some(Plain(joined))
                },
            )?;
            told.add(joined);
        }
        // The hash is over all that a filter is.
        told.add(join_table(&mut self.filters, &theirs.filters, |_, _| None)?);
        told.changed |= self.join_losses(&theirs.losses)?;
        Ok(told)
    }

    fn join_losses(&mut self, theirs: &PerCpuArray<MapData, u64>) -> Result<bool, MapError> {
        let mut changed = false;
        for cause in 0..loss::CAUSES {
            let now = self.losses.get(&cause, 0)?;
            let value = theirs.get(&cause, 0)?;
            let joined: Vec<u64> = now
                .iter()
                .zip(value.iter())
                .map(|(now, value)| *now.max(value))
                .collect();
            if joined != now.to_vec() {
                let joined = PerCpuValues::try_from(joined).map_err(MapError::from)?;
                self.losses.set(cause, joined, 0)?;
                changed = true;
            }
        }
        Ok(changed)
    }
}
