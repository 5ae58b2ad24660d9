//! The running kernel as a [`Source`]: reads the maps, frees records, counts losses.

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::PathBuf,
    time::{Duration, Instant},
};

use aya::{
    maps::{HashMap, Map, MapData, MapError, PerCpuArray},
    programs::ProgramInfo,
};
use profiler_common::{
    filter::Filter,
    loss,
    refusal::{Count, CountKey, Refusal as RawRefusal, RefusalKey},
};

use super::{
    arguments::ArgumentMaps,
    clock::BootTime,
    decode,
    error::KernelError,
    load::Loaded,
    pod::Plain,
    programs::PROGRAMS,
    pump::Ring,
    reported,
    settings::Settings,
    slots::{self, FreeSlots, Records, SlotOf, typed},
    snapshot,
};
use crate::{
    profile::{
        abi::Abi,
        arguments::Recorded,
        call::{Call, CallSet},
        engine_news::SessionKind,
        observation::{Refusal, Tally},
        origin::Phase,
    },
    recording::source::{CountedRefusal, LossCount, Snapshot, Source, SourceError, SourceFacts},
};

/// How long a reading of all refusals serves.
const REFUSALS_FRESH: Duration = Duration::from_millis(50);

/// What each cause of loss is called and means, in the kernel's order.
const CAUSES: [(&str, bool, &str); loss::CAUSES as usize] = [
    (
        "ring_full",
        false,
        "news of a first sighting came late or not at all; the call itself is recorded",
    ),
    (
        "no_slot",
        true,
        "calls in cgroups that found no room: raise --max-cgroups",
    ),
    (
        "no_task_state",
        true,
        "calls of tasks for which the kernel had no memory",
    ),
    (
        "no_refusal_room",
        false,
        "refusals whose errno and count found no room; the call itself is recorded",
    ),
    (
        "filter_unreadable",
        false,
        "seccomp filters that could not be copied when they were installed",
    ),
    (
        "no_filter_room",
        false,
        "seccomp filters for whose copy there was no room",
    ),
    (
        "no_count_room",
        false,
        "calls that are recorded but were not counted",
    ),
    (
        "news_lost",
        false,
        "news of executions, filters or cgroups; names of executables may be missing",
    ),
    (
        "no_argument_room",
        false,
        "values of arguments that found no room; the calls count as made with any",
    ),
];

/// The running kernel.
pub struct Kernel {
    facts: SourceFacts,
    records: Records,
    records_fd: OwnedFd,
    slots: SlotOf,
    free: FreeSlots,
    refusals: HashMap<MapData, Plain<RefusalKey>, Plain<RawRefusal>>,
    counts: HashMap<MapData, Plain<CountKey>, Plain<Count>>,
    filters: HashMap<MapData, u64, Plain<Filter>>,
    /// Where they are recorded.
    arguments: Option<ArgumentMaps>,
    losses: PerCpuArray<MapData, u64>,
    refusals_cache: Vec<(RefusalKey, RawRefusal)>,
    refusals_read: Option<Instant>,
    program_pins: Vec<PathBuf>,
    loaded: Loaded,
}

impl Kernel {
    /// Loads and attaches the programs, or adopts those of an earlier daemon; returns the
    /// ring of news beside it.
    ///
    /// # Errors
    /// The kernel refuses, or what is pinned is another build's.
    pub fn open(settings: &Settings) -> Result<(Self, Ring), KernelError> {
        let mut loaded = Loaded::open(settings)?;
        super::memory::give_back();
        let ring = Ring::new(loaded.unread.take(), typed(loaded.map("NEWS")?)?);
        let since_ms = loaded
            .pins
            .as_ref()
            .and_then(super::pins::Pins::since)
            .and_then(|since| u64::try_from(since.as_millis()).ok())
            .unwrap_or_else(|| BootTime::now().unix_ms(super::clock::boot_ns()));
        let program_pins = loaded
            .pins
            .as_ref()
            .map(|pins| {
                PROGRAMS
                    .iter()
                    .map(|spec| pins.program(spec.name))
                    .collect()
            })
            .unwrap_or_default();
        let records = loaded.map("RECORDS")?;
        let records_fd = match &records {
            Map::Array(data) => data.fd().as_fd().try_clone_to_owned(),
            _ => Err(std::io::Error::other("it is no array")),
        };
        let arguments = if settings.records_arguments() {
            let always_whole = settings.only_cgroup.is_some();
            Some(ArgumentMaps::open(&mut loaded, always_whole)?)
        } else {
            None
        };
        let kernel = Self {
            records_fd: records_fd
                .map_err(|error| KernelError::refused("keep the map of records open", &error))?,
            facts: SourceFacts {
                hooks: loaded.hooks,
                counting: settings.counting,
                arguments: settings.records_arguments(),
                limit: u64::from(settings.max_cgroups) - 1,
                since_ms,
                shortcomings: loaded.shortcomings.clone(),
            },
            records: typed(records)?,
            slots: typed(loaded.map("SLOTS")?)?,
            free: typed(loaded.map("FREE_SLOTS")?)?,
            refusals: typed(loaded.map("REFUSALS")?)?,
            counts: typed(loaded.map("COUNTS")?)?,
            filters: typed(loaded.map("FILTERS")?)?,
            arguments,
            losses: typed(loaded.map("LOSSES")?)?,
            refusals_cache: Vec::new(),
            refusals_read: None,
            program_pins,
            loaded,
        };
        Ok((kernel, ring))
    }

    /// True when an earlier daemon's recording was taken over.
    #[must_use]
    pub fn adopted(&self) -> bool {
        self.loaded.adopted
    }

    /// How often the kernel skipped a program because it was running already on that CPU.
    fn missed(&self) -> u64 {
        self.program_pins
            .iter()
            .filter_map(|path| {
                let fd = ProgramInfo::from_pin(path).ok()?.fd().ok()?;
                let raw = fd.as_fd().as_raw_fd();
                let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{raw}")).ok()?;
                let line = info
                    .lines()
                    .find_map(|line| line.strip_prefix("recursion_misses:"))?;
                line.trim().parse::<u64>().ok()
            })
            .sum()
    }

    /// All refusals, read anew when the last reading is not of this moment: a list of many
    /// containers asks for them many times.
    fn refusals(&mut self) -> Result<&[(RefusalKey, RawRefusal)], MapError> {
        let fresh = self
            .refusals_read
            .is_some_and(|at| at.elapsed() < REFUSALS_FRESH);
        if !fresh {
            self.refusals_cache = self
                .refusals
                .iter()
                .map(|entry| entry.map(|(Plain(key), Plain(value))| (key, value)))
                .collect::<Result<_, _>>()?;
            self.refusals_read = Some(Instant::now());
        }
        Ok(&self.refusals_cache)
    }

    fn add_refusals(&mut self, snapshot: &mut Snapshot, boot: BootTime) -> Result<(), MapError> {
        for (key, value) in self.refusals()? {
            let (true, Some(abi)) = (key.cgroup == snapshot.cgroup, Abi::from_index(key.abi))
            else {
                continue;
            };
            snapshot.refusals.push(CountedRefusal {
                refusal: Refusal {
                    call: Call::new(abi, key.nr),
                    with: decode::refused_with(key.errno),
                    by_runtime: key.by_runtime != 0,
                    count: value.count,
                    first_ms: boot.unix_ms(value.first_ns),
                    last_ms: boot.unix_ms(value.last_ns),
                    exe: None,
                    comm: decode::text(&value.comm),
                    pid: value.tgid,
                },
                exec_id: value.exec_id,
            });
        }
        Ok(())
    }

    /// Changes the record of a cgroup, if it has one.
    fn change(
        &self,
        cgroup: u64,
        change: impl FnOnce(&OwnedFd, u32) -> std::io::Result<()>,
    ) -> Result<(), SourceError> {
        let slot = match self.slots.get(&cgroup, 0) {
            Ok(slot) => slot,
            Err(MapError::KeyNotFound) => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        change(&self.records_fd, slot).map_err(|error| SourceError {
            action: "change",
            reason: error.to_string(),
        })
    }

    fn add_tallies(&self, snapshot: &mut Snapshot) -> Result<(), MapError> {
        for call in &snapshot.observation.observed {
            let key = Plain(CountKey {
                cgroup: snapshot.cgroup,
                abi: call.abi.index(),
                nr: call.nr,
            });
            match self.counts.get(&key, 0) {
                Ok(Plain(count)) => {
                    let tally = Tally {
                        calls: count.calls,
                        errors: count.errors,
                    };
                    snapshot.observation.tallies.insert(*call, tally);
                }
                // It has not returned yet.
                Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn unreadable(error: MapError) -> SourceError {
    SourceError {
        action: "read",
        reason: super::error::chain(&error),
    }
}

fn unwritable(error: MapError) -> SourceError {
    SourceError {
        action: "free",
        reason: super::error::chain(&error),
    }
}

impl Source for Kernel {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn cgroups(&mut self) -> Result<Vec<u64>, SourceError> {
        self.slots
            .keys()
            .collect::<Result<_, _>>()
            .map_err(unreadable)
    }

    fn snapshot(&mut self, cgroup: u64) -> Result<Option<Snapshot>, SourceError> {
        let slot = match self.slots.get(&cgroup, 0) {
            Ok(slot) => slot,
            Err(MapError::KeyNotFound) => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let Plain(record) = self.records.get(&slot, 0).map_err(unreadable)?;
        let boot = BootTime::now();
        let mut snapshot = snapshot::convert(&record, boot);
        // A refused call has a count, and there are none where nothing was refused.
        let refused = !snapshot.observation.refused.is_empty()
            || !snapshot.observation.runtime_refused.is_empty();
        if snapshot.gone {
            // This is the last reading, and must hold the last refusal.
            self.refusals_read = None;
        }
        if refused {
            self.add_refusals(&mut snapshot, boot).map_err(unreadable)?;
        }
        if self.facts.counting {
            self.add_tallies(&mut snapshot).map_err(unreadable)?;
        }
        if let Some(arguments) = &mut self.arguments {
            let told = arguments.tell(&record, &mut snapshot);
            told.map_err(unreadable)?;
        }
        Ok(Some(snapshot))
    }

    fn release(&mut self, cgroup: u64) -> Result<(), SourceError> {
        let refusals: Vec<_> = self
            .refusals
            .keys()
            .flatten()
            .filter(|Plain(key)| key.cgroup == cgroup)
            .collect();
        for key in refusals {
            remove(self.refusals.remove(&key))?;
        }
        let counts: Vec<_> = self
            .counts
            .keys()
            .flatten()
            .filter(|Plain(key)| key.cgroup == cgroup)
            .collect();
        for key in counts {
            remove(self.counts.remove(&key))?;
        }
        if let Some(arguments) = &mut self.arguments {
            arguments.release(cgroup).map_err(unwritable)?;
        }
        slots::give_back(&mut self.slots, &mut self.records, &mut self.free, cgroup)
            .map_err(unwritable)
    }

    fn tell_again(&mut self, cgroup: u64, calls: &CallSet) -> Result<(), SourceError> {
        self.change(cgroup, |records, slot| {
            reported::take_back(records, slot, calls)
        })
    }

    fn set_phase(&mut self, cgroup: u64, phase: Phase) -> Result<(), SourceError> {
        self.change(cgroup, |records, slot| {
            reported::set_phase(records, slot, phase)
        })
    }

    fn expect(&mut self, cgroup: u64, kind: Option<SessionKind>) -> Result<(), SourceError> {
        self.change(cgroup, |records, slot| {
            reported::expect(records, slot, kind)
        })
    }

    fn record_arguments(&mut self, recorded: &Recorded) -> Result<(), SourceError> {
        match &mut self.arguments {
            Some(arguments) => arguments.add(recorded).map_err(unwritable),
            None => Ok(()),
        }
    }

    fn recorded_places(&self, call: Call) -> Vec<u8> {
        let arguments = self.arguments.as_ref();
        arguments.map_or_else(Vec::new, |arguments| arguments.places(call))
    }

    fn losses(&mut self) -> Result<Vec<LossCount>, SourceError> {
        let mut losses = Vec::with_capacity(CAUSES.len() + 1);
        for (index, (cause, loses_calls, meaning)) in CAUSES.into_iter().enumerate() {
            let per_cpu = self.losses.get(&(index as u32), 0).map_err(unreadable)?;
            losses.push(LossCount {
                cause,
                count: per_cpu.iter().sum(),
                loses_calls,
                meaning,
            });
        }
        losses.push(LossCount {
            cause: "program_skipped",
            count: self.missed(),
            loses_calls: true,
            meaning: "the kernel skipped a program that was already running on the same CPU",
        });
        Ok(losses)
    }

    fn filter(&mut self, hash: u64) -> Result<Option<Vec<u64>>, SourceError> {
        match self.filters.get(&hash, 0) {
            Ok(Plain(filter)) => Ok(filter
                .instructions
                .get(..filter.len as usize)
                .map(<[u64]>::to_vec)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(unreadable(error)),
        }
    }

    fn forget_filter(&mut self, hash: u64) -> Result<(), SourceError> {
        remove(self.filters.remove(&hash))
    }
}

/// What is gone already need not be removed.
fn remove(result: Result<(), MapError>) -> Result<(), SourceError> {
    match result {
        Ok(()) | Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error))
            if error.io_error.raw_os_error() == Some(libc::ENOENT) =>
        {
            Ok(())
        }
        Err(error) => Err(unwritable(error)),
    }
}
