//! Whether an observation that comes from elsewhere can be one: what a kernel's record cannot say is
//! refused, and so is what would make sums overflow or memory grow.
//!
//! It is no proof that the calls were made: who may bring a record is trusted for what it says of its
//! own containers.

use std::fmt;

use super::{
    arguments::LIMIT,
    call::{Call, CallSet},
    observation::Observation,
};

/// Numbers from here on no kernel's record holds.
const NUMBERS: u32 = 640;
/// Refusals of one container: each call with a few errnos, by the runtime or not.
const MOST_REFUSALS: usize = 16_384;
/// Filters of one container.
const MOST_FILTERS: usize = 4096;
/// Bytes of a path.
const MOST_PATH: usize = 4096;
/// Bytes of a process's name for itself: the kernel has room for 16.
const MOST_COMM: usize = 64;
/// Sessions of one container: a health check every half minute for a year.
const MOST_SESSIONS: u32 = 1 << 20;
/// Any other number of occurrences.
const MOST_COUNTED: u64 = 1 << 48;
/// The end of the year 9999, milliseconds since the epoch.
const LAST_MS: u64 = 253_402_300_799_999;
/// Indices of a call's arguments.
const ARGUMENTS: u8 = 6;

/// What cannot be, and where: `refusals[3].count`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsound {
    /// The place, from the observation's own root.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Unsound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.reason)
    }
}

type Check = Result<(), Unsound>;

fn unsound(place: impl Into<String>, reason: impl Into<String>) -> Check {
    Err(Unsound {
        place: place.into(),
        reason: reason.into(),
    })
}

/// Nothing, if it can be a record.
///
/// # Errors
/// The first thing that cannot be.
pub fn check(record: &Observation) -> Check {
    sets(record)?;
    refusals(record)?;
    sightings(record)?;
    arguments(record)?;
    for (place, hash) in record.filters.iter().enumerate() {
        hexadecimal(&format!("filters[{place}]"), hash)?;
    }
    if record.filters.len() > MOST_FILTERS || record.runtime_filters.len() > MOST_FILTERS {
        return unsound("filters", format!("more than {MOST_FILTERS} filters"));
    }
    for hash in &record.runtime_filters {
        if !record.filters.contains(hash) {
            return unsound("runtime_filters", format!("{hash:?} is not among filters"));
        }
    }
    counted("out_of_range", record.out_of_range)?;
    if record.sessions > MOST_SESSIONS {
        return unsound("sessions", format!("more than {MOST_SESSIONS}"));
    }
    let Some(first_ms) = record.first_ms else {
        return unsound("first_ms", "no time of a first call: nothing was recorded");
    };
    time("first_ms", first_ms)?;
    time("last_new_ms", record.last_new_ms.unwrap_or_default())
}

fn sets(record: &Observation) -> Check {
    let sets = [
        ("observed", &record.observed),
        ("answered", &record.answered),
        ("unsupported", &record.unsupported),
        ("runtime", &record.runtime),
        ("guarded", &record.guarded),
        ("refused", &record.refused),
        ("runtime_refused", &record.runtime_refused),
        ("in_flight", &record.in_flight),
    ];
    for (place, set) in sets {
        for call in set {
            number(place, *call)?;
        }
    }
    for (part, set, whole, all) in [
        ("answered", &record.answered, "observed", &record.observed),
        (
            "unsupported",
            &record.unsupported,
            "observed",
            &record.observed,
        ),
        ("in_flight", &record.in_flight, "observed", &record.observed),
        ("guarded", &record.guarded, "runtime", &record.runtime),
    ] {
        within(part, set, whole, all)?;
    }
    let origins = &record.origins;
    for (part, set) in [
        ("origins.start", &origins.start),
        ("origins.run", &origins.run),
        ("origins.shutdown", &origins.shutdown),
        ("origins.exec", &origins.exec),
        ("origins.health", &origins.health),
        ("origins.unknown", &origins.unknown),
    ] {
        within(part, set, "observed", &record.observed)?;
    }
    Ok(())
}

fn within(part: &str, set: &CallSet, whole: &str, all: &CallSet) -> Check {
    match set.difference(all).next() {
        None => Ok(()),
        Some(call) => unsound(
            part,
            format!("{} {} is not in {whole}", call.abi.name(), call.nr),
        ),
    }
}

fn refusals(record: &Observation) -> Check {
    if record.refusals.len() > MOST_REFUSALS {
        return unsound("refusals", format!("more than {MOST_REFUSALS}"));
    }
    for (place, refusal) in record.refusals.iter().enumerate() {
        let at = |key: &str| format!("refusals[{place}].{key}");
        number(&at("call"), refusal.call)?;
        counted(&at("count"), refusal.count)?;
        time(&at("first_ms"), refusal.first_ms)?;
        time(&at("last_ms"), refusal.last_ms)?;
        if refusal.last_ms < refusal.first_ms {
            return unsound(at("last_ms"), "before first_ms");
        }
        caller(&at, refusal.exe.as_deref(), &refusal.comm)?;
    }
    Ok(())
}

fn sightings(record: &Observation) -> Check {
    for (place, (call, sighting)) in record.sightings.iter().enumerate() {
        let at = |key: &str| format!("sightings[{place}].{key}");
        number(&at("call"), *call)?;
        time(&at("at_ms"), sighting.at_ms)?;
        caller(&at, sighting.exe.as_deref(), &sighting.comm)?;
    }
    for (place, (call, tally)) in record.tallies.iter().enumerate() {
        let at = |key: &str| format!("tallies[{place}].{key}");
        number(&at("call"), *call)?;
        counted(&at("calls"), tally.calls)?;
        if tally.errors > tally.calls {
            return unsound(at("errors"), "more errors than calls");
        }
    }
    Ok(())
}

fn arguments(record: &Observation) -> Check {
    for (place, (call, values)) in record.arguments.iter().enumerate() {
        let at = |key: &str| format!("arguments[{place}].{key}");
        number(&at("call"), *call)?;
        if !record.observed.contains(call) {
            return unsound(at("call"), "a call that is not in observed");
        }
        if values.places.is_empty()
            || values.places.len() > usize::from(ARGUMENTS)
            || values.places.iter().any(|index| *index >= ARGUMENTS)
            || !values.places.windows(2).all(|two| two[0] < two[1])
        {
            return unsound(
                at("places"),
                "indices from 0 to 5, each greater than the last",
            );
        }
        let Some(seen) = &values.seen else { continue };
        if seen.len() > LIMIT {
            return unsound(at("seen"), format!("more than {LIMIT} combinations"));
        }
        if seen.is_empty() || seen.iter().any(|one| one.len() != values.places.len()) {
            return unsound(at("seen"), "a value for each of places, once at least");
        }
    }
    Ok(())
}

fn number(place: &str, call: Call) -> Check {
    if call.nr < NUMBERS {
        return Ok(());
    }
    unsound(
        place,
        format!(
            "{} {}: no call has a number above {}",
            call.abi.name(),
            call.nr,
            NUMBERS - 1
        ),
    )
}

fn counted(place: &str, count: u64) -> Check {
    if count <= MOST_COUNTED {
        return Ok(());
    }
    unsound(place, format!("{count} is more than anybody could count"))
}

fn time(place: &str, at_ms: u64) -> Check {
    if at_ms <= LAST_MS {
        return Ok(());
    }
    unsound(place, format!("{at_ms} ms lie beyond the year 9999"))
}

fn caller(at: &dyn Fn(&str) -> String, exe: Option<&str>, comm: &str) -> Check {
    if exe.is_some_and(|exe| exe.len() > MOST_PATH) {
        return unsound(at("exe"), format!("longer than {MOST_PATH} bytes"));
    }
    if comm.len() > MOST_COMM {
        return unsound(at("comm"), format!("longer than {MOST_COMM} bytes"));
    }
    Ok(())
}

fn hexadecimal(place: &str, hash: &str) -> Check {
    let sound = hash.len() == 16
        && hash
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if sound {
        return Ok(());
    }
    unsound(place, "a hash is 16 lower-case hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::{MOST_COUNTED, MOST_SESSIONS, check};
    use crate::profile::{
        abi::Abi,
        baseline::learned::LearnedBaseline,
        call::Call,
        compose::{Inputs, Options, compose},
        merge::Merged,
        observation::{Observation, Refusal, RefusedWith, Tally},
    };

    #[test]
    fn the_greatest_record_that_is_sound_can_be_added_up() {
        let call = Call::new(Abi::X86_64, 639);
        let record = Observation {
            observed: [call].into(),
            refused: [call].into(),
            refusals: vec![Refusal {
                call,
                with: RefusedWith::Errno(u16::MAX),
                by_runtime: false,
                count: MOST_COUNTED,
                first_ms: 0,
                last_ms: 0,
                exe: None,
                comm: String::new(),
                pid: u32::MAX,
            }],
            tallies: [(
                call,
                Tally {
                    calls: MOST_COUNTED,
                    errors: MOST_COUNTED,
                },
            )]
            .into(),
            out_of_range: MOST_COUNTED,
            sessions: MOST_SESSIONS,
            first_ms: Some(0),
            ..Observation::default()
        };
        assert_eq!(check(&record), Ok(()));
        let mut merged = Merged::default();
        for id in 0..1000 {
            merged.add(id.to_string(), record.clone());
        }
        let union = merged.union();
        assert_eq!(union.sessions, 1000 * MOST_SESSIONS);
        assert_eq!(union.refusals[0].count, 1000 * MOST_COUNTED);
        let composed = compose(&Inputs {
            observation: &union,
            learned: &LearnedBaseline::default(),
            options: Options {
                include_refused: true,
                arguments: true,
                ..Options::default()
            },
        });
        assert!(composed.unnamed.contains(&call));
    }
}
