//! Pinned maps: taken over only if they are what this build would have made.

use std::{fs, path::Path};

use aya::maps::MapData;
use profiler_common::{filter::Filter, record::CgroupRecord, refusal::Refusal};

use super::{error::KernelError, pins::Pins, plan::Plan, settings::Settings};

/// How a pinned map differs from one with values of this size and as many entries, 0 for any number.
pub(super) fn mismatch(path: &Path, value_size: usize, entries: u32) -> Option<String> {
    let info = match MapData::from_pin(path).and_then(|map| map.info()) {
        Ok(info) => info,
        Err(error) => return Some(super::error::chain(&error)),
    };
    let size = info.value_size() as usize;
    if size != value_size {
        return Some(format!("values of {size} bytes, not {value_size}"));
    }
    let room = info.max_entries();
    (entries != 0 && room != entries).then(|| format!("room for {room} cgroups, not {entries}"))
}

/// Pinned maps are used only if they are what this build would have made.
pub(super) fn check(pins: &Pins, plan: &Plan, settings: &Settings) -> Result<(), KernelError> {
    let expected = [
        ("RECORDS", size_of::<CgroupRecord>(), settings.max_cgroups),
        ("SLOTS", 4, settings.max_cgroups),
        ("FREE_SLOTS", 4, settings.max_cgroups),
        ("REFUSALS", size_of::<Refusal>(), 0),
        ("FILTERS", size_of::<Filter>(), 0),
    ];
    for (name, value_size, entries) in expected {
        let path = pins.map(name);
        let foreign = |what: String| KernelError::ForeignPin {
            path: path.clone(),
            what,
        };
        if let Some(what) = mismatch(&path, value_size, entries) {
            return Err(foreign(what));
        }
    }
    let tasks = MapData::from_pin(pins.map("TASKS"))
        .and_then(|map| map.info())
        .map_err(|error| KernelError::ForeignPin {
            path: pins.map("TASKS"),
            what: super::error::chain(&error),
        })?;
    let classic = tasks
        .map_type()
        .is_ok_and(|kind| kind == aya::maps::MapType::Hash);
    if classic != (plan.hooks == "classic") {
        return Err(KernelError::ForeignPin {
            path: pins.map("TASKS"),
            what: "made for the other kind of hooks".into(),
        });
    }
    Ok(())
}

/// A table that is not used has room for one. A daemon that uses it makes a new one, and loses
/// nothing by it: nobody wrote to the old one.
pub(super) fn make_room(pins: &Pins, map: &str, used: bool) -> Result<(), KernelError> {
    let path = pins.map(map);
    if !used || !path.exists() {
        return Ok(());
    }
    let refused = |error: &dyn std::error::Error| {
        KernelError::refused(format!("make room in the table {map}"), error)
    };
    let info = MapData::from_pin(&path)
        .and_then(|map| map.info())
        .map_err(|error| refused(&error))?;
    if info.max_entries() <= 1 {
        fs::remove_file(&path).map_err(|error| refused(&error))?;
    }
    Ok(())
}
