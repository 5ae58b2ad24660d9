//! What a daemon of the layout before this build's has recorded, taken over into this build's maps.
//!
//! It is joined twice: before our programs take over, so that they know whose start was seen; and once
//! theirs have gone, for what they recorded in between. Both are unions, and the old pins go in one step
//! when all is there: wherever this is cut off, the next daemon does it again and comes to the same.

#[cfg(test)]
mod ground;
mod join;
#[cfg(test)]
mod join_tests;
mod layout;
mod tables;
#[cfg(test)]
mod upgrade_tests;

use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use aya::maps::{Array, Map, MapData, MapError, RingBuf};
use profiler_common::{
    filter::Filter,
    record::CgroupRecord,
    refusal::{Count, Refusal},
};

pub(super) use self::layout::Record;
use self::{
    join::Live,
    layout::VERSION,
    tables::{Joined, Tables},
};
use super::{
    detach::detach_all,
    error::KernelError,
    layout::mismatch,
    pins::{self, Pins},
    pod::Plain,
    reported::Mapped,
    settings::Settings,
    slots::{self, FreeSlots, Records, SlotOf},
};

/// Rounds in which it must have come to rest once the old programs are gone. What moves on in between
/// is a flag that the kernel wrote at the same moment, which takes one round more.
const ROUNDS: usize = 8;

/// The pins of the layout before, whose programs may be attached.
pub(super) struct Predecessor {
    pins: Pins,
    records: Array<MapData, Plain<Record>>,
    slots: SlotOf,
    tables: Tables,
}

/// This build's maps, into which it is joined.
struct Ours {
    records: Records,
    records_fd: OwnedFd,
    slots: SlotOf,
    free: FreeSlots,
    tables: Tables,
    counting: bool,
}

fn refused(error: &MapError) -> KernelError {
    KernelError::refused("take over what an earlier version recorded", error)
}

impl Predecessor {
    /// What there is of the layout before below a pin directory.
    ///
    /// # Errors
    /// There is something, but not what builds of that layout pinned: a sentence about it.
    pub(super) fn find(pin_dir: &Path) -> Result<Option<Self>, String> {
        clear(pin_dir);
        let pins = Pins::of(pin_dir, VERSION, "");
        if !pins.base().is_dir() {
            return Ok(None);
        }
        let expected = [
            ("RECORDS", size_of::<Record>()),
            ("SLOTS", 4),
            ("REFUSALS", size_of::<Refusal>()),
            ("COUNTS", size_of::<Count>()),
            ("FILTERS", size_of::<Filter>()),
            ("LOSSES", 8),
        ];
        for (name, value_size) in expected {
            let path = pins.map(name);
            if let Some(what) = mismatch(&path, value_size, 0) {
                let path = path.display();
                return Err(format!("{path} cannot be taken over ({what})"));
            }
        }
        let open = || -> Result<Self, MapError> {
            Ok(Self {
                records: pins.opened("RECORDS")?,
                slots: pins.opened("SLOTS")?,
                tables: Tables::open(&pins)?,
                pins: pins.clone(),
            })
        };
        open().map(Some).map_err(|error| {
            let path = pins.base().display();
            let error = super::error::chain(&error);
            format!("{path} cannot be taken over ({error})")
        })
    }

    /// Joins what is recorded there by now into our maps. How many entries found no room in them.
    /// `settled`: its programs are gone, and nothing more comes.
    ///
    /// # Errors
    /// A map cannot be read or written. What is joined by then stays.
    pub(super) fn hand_over(
        &self,
        pins: &Pins,
        settings: &Settings,
        settled: bool,
    ) -> Result<usize, KernelError> {
        let joined = || -> Result<Joined, MapError> {
            let mut ours = Ours::open(pins, settings.counting)?;
            let mut joined = Joined::default();
            for _ in 0..ROUNDS {
                joined = self.round(&mut ours, settled)?;
                if !joined.changed {
                    break;
                }
            }
            Ok(joined)
        };
        joined()
            .map(|joined| joined.left_out)
            .map_err(|error| refused(&error))
    }

    fn round(&self, ours: &mut Ours, settled: bool) -> Result<Joined, MapError> {
        let mut joined = Joined::default();
        for entry in self.slots.iter() {
            let (cgroup, slot) = entry?;
            let Plain(record) = self.records.get(&slot, 0)?;
            // Its builds keep the two alike; what is not must not be given to another cgroup.
            if record.cgroup != cgroup {
                continue;
            }
            let Some(slot) = ours.slot_of(cgroup)? else {
                joined.left_out += 1;
                continue;
            };
            joined.changed |= ours.join(slot, &record, settled)?;
        }
        joined.add(ours.tables.join(&self.tables, ours.counting)?);
        Ok(joined)
    }

    /// Detaches its programs, and waits until the kernel has let go of them.
    pub(super) fn detach(&self) {
        detach_all(&pins::runs_in(self.pins.base()));
    }

    /// The news that nobody has read yet.
    pub(super) fn news(&self) -> Option<RingBuf<MapData>> {
        self.pins.opened("NEWS").ok()
    }

    /// Removes its pins: at one stroke, so that there is never half of them.
    ///
    /// # Errors
    /// The directory cannot be renamed.
    pub(super) fn remove(self) -> std::io::Result<()> {
        let base = self.pins.base().to_owned();
        let Some(pin_dir) = base.parent() else {
            return Ok(());
        };
        fs::rename(&base, spent(pin_dir))?;
        clear(pin_dir);
        Ok(())
    }

    /// When its recording began, as [`Pins::since`].
    pub(super) fn keep_beginning(&self, pins: &Pins) {
        if let Some(since) = self.pins.since()
            && let Err(error) = pins.begin_at(since)
        {
            tracing::debug!(%error, "since when it is recorded is told from now on");
        }
    }

    /// Where it is pinned.
    pub(super) fn path(&self) -> &Path {
        self.pins.base()
    }
}

impl Ours {
    fn open(pins: &Pins, counting: bool) -> Result<Self, MapError> {
        let records = MapData::from_pin(pins.map("RECORDS"))?;
        Ok(Self {
            records_fd: records.fd().as_fd().try_clone_to_owned()?,
            records: Records::try_from(Map::from_map_data(records)?)?,
            slots: pins.opened("SLOTS")?,
            free: pins.opened("FREE_SLOTS")?,
            tables: Tables::open(pins)?,
            counting,
        })
    }

    fn slot_of(&mut self, cgroup: u64) -> Result<Option<u32>, MapError> {
        slots::take(&mut self.slots, &mut self.records, &mut self.free, cgroup)
    }

    #[expect(unsafe_code, reason = "the map's memory is shared with the kernel")]
    fn join(&self, slot: u32, record: &Record, settled: bool) -> Result<bool, MapError> {
        let mapped = Mapped::new(&self.records_fd, slot, 0, size_of::<CgroupRecord>())?;
        // SAFETY: the mapping is as long as a record, begins at one, and lives until this returns; the
        // kernel writes whole numbers.
        let live = unsafe { Live::new(mapped.bytes()) };
        Ok(live.join(record, settled))
    }
}

/// Where the pins are that hold nothing which has not been taken over.
fn spent(pin_dir: &Path) -> PathBuf {
    pin_dir.join(format!("taken-over-v{VERSION}"))
}

/// Removes pins that have been taken over, if a daemon died while it did.
fn clear(pin_dir: &Path) {
    let spent = spent(pin_dir);
    if let Err(error) = fs::remove_dir_all(&spent)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %spent.display(), %error, "pins that are not needed any more cannot be removed");
    }
}
