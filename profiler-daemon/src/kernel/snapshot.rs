//! A cgroup's record, from the kernel's layout to the domain's. Pure.

use profiler_common::{
    abi::{CALL_LIMIT, WORDS},
    origin,
    record::{BORN, CallBits, CgroupRecord, GONE, RAN_BEFORE, STARTED},
};

use super::clock::BootTime;
use crate::{
    profile::{
        abi::Abi,
        call::{Call, CallSet},
        observation::Observation,
        origin::{Origins, Phase},
    },
    recording::source::Snapshot,
};

/// The calls of a bit set.
fn calls(bits: &CallBits) -> CallSet {
    let mut set = CallSet::new();
    for abi in Abi::ALL {
        let base = abi.index() as usize * WORDS;
        for (index, word) in bits.iter().skip(base).take(WORDS).enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let nr = index as u32 * 64 + rest.trailing_zeros();
                rest &= rest - 1;
                set.insert(Call::new(abi, nr));
            }
        }
    }
    set
}

/// Where the observed calls come from.
fn origins(record: &CgroupRecord) -> Origins {
    let set = |origin: u32| record.origins.get(origin as usize).map(calls);
    Origins {
        start: set(origin::START).unwrap_or_default(),
        run: set(origin::RUN).unwrap_or_default(),
        shutdown: set(origin::SHUTDOWN).unwrap_or_default(),
        exec: set(origin::EXEC).unwrap_or_default(),
        health: set(origin::HEALTH).unwrap_or_default(),
        unknown: CallSet::new(),
    }
}

/// The place of a call in the kernel's sets; tests use it to build records.
#[cfg(test)]
pub(super) fn position(call: Call) -> usize {
    (call.abi.index() * CALL_LIMIT + call.nr) as usize
}

/// What a record says, without refusal counts and tallies, which lie in other maps.
pub(super) fn convert(record: &CgroupRecord, boot: BootTime) -> Snapshot {
    let ancestors = if record.ancestors[0] == 0 {
        Vec::new()
    } else {
        record
            .ancestors
            .iter()
            .copied()
            .take_while(|&id| id != 0)
            .collect()
    };
    let gone = record.flags & GONE != 0;
    Snapshot {
        cgroup: record.cgroup,
        ancestors,
        entry_levels: record.entry_levels,
        gone,
        installs: record.installs,
        phase: match record.phase {
            origin::START => Phase::Start,
            origin::RUN => Phase::Run,
            _ => Phase::Shutdown,
        },
        refusals: Vec::new(),
        observation: Observation {
            observed: calls(&record.observed),
            answered: calls(&record.answered),
            unsupported: calls(&record.unsupported),
            runtime: calls(&record.runtime),
            guarded: calls(&record.guarded),
            refused: calls(&record.refused),
            runtime_refused: calls(&record.runtime_refused),
            filters: record
                .filters
                .iter()
                .take_while(|&&hash| hash != 0)
                .map(|hash| format!("{hash:016x}"))
                .collect(),
            runtime_filters: record
                .filters
                .iter()
                .enumerate()
                .filter(|(n, hash)| **hash != 0 && record.runtime_filters >> n & 1 != 0)
                .map(|(_, hash)| format!("{hash:016x}"))
                .collect(),
            out_of_range: record.out_of_range,
            start_seen: record.flags & BORN != 0,
            program_started: record.flags & STARTED != 0,
            stop_seen: gone,
            origins: origins(record),
            // A start that was not seen is an entry all the same.
            sessions: record.entries + u32::from(record.flags & RAN_BEFORE != 0),
            first_ms: boot.unix_ms_if_set(record.first_ns),
            last_new_ms: boot.unix_ms_if_set(record.last_new_ns),
            ..Observation::default()
        },
    }
}

/// The numbers of a set end where those of the next ABI begin.
const _: () = assert!(CALL_LIMIT as usize == WORDS * 64);

#[cfg(test)]
mod tests {
    use super::{calls, position};
    use crate::profile::{abi::Abi, call::Call};

    #[test]
    fn every_position_comes_back_as_its_call() {
        for abi in Abi::ALL {
            for nr in [0, 1, 63, 64, 335, 547, 639] {
                let call = Call::new(abi, nr);
                let mut bits = [0; 30];
                bits[position(call) / 64] |= 1 << (position(call) % 64);
                assert_eq!(calls(&bits).into_iter().collect::<Vec<_>>(), [call]);
            }
        }
    }
}
