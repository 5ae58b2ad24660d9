//! The verdict on an observation: may it be taken for all that a container needs?
//!
//! Owns the rules and the sentences; the shape is in `completeness`. Must not look at a clock:
//! the time is among the facts given.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    call::{Call, CallSet},
    completeness::{Completeness, Shortfall},
    compose::ENOSYS,
    observation::{Observation, RefusedWith},
    table,
};

/// What the observation itself does not tell. Times in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Calls that could not be recorded while this container lived.
    pub lost_calls: u64,
    /// Now.
    pub now_ms: u64,
    /// The container runs now.
    pub running: bool,
    /// There is a recording of it at all.
    pub recorded: bool,
    /// How long a running container must show no new call to count as known.
    pub quiet_threshold_ms: u64,
}

/// Names in a sentence before the rest is only counted.
const NAMES_SHOWN: usize = 5;

/// Judges one container.
#[must_use]
pub fn judge(observation: &Observation, facts: Facts) -> Completeness {
    let quiet_ms = observation
        .last_new_ms
        .map(|last| facts.now_ms.saturating_sub(last));
    let shortfalls = if facts.recorded {
        shortfalls(observation, facts, quiet_ms)
    } else {
        vec![shortfall(
            "not_recorded",
            "Nothing of this container was recorded: its cgroup was gone, or held no slot, when \
             the recording began. Start it again while profilerd runs."
                .to_owned(),
        )]
    };
    Completeness {
        complete: shortfalls.is_empty(),
        shortfalls,
        quiet_s: quiet_ms.map(|quiet| quiet / 1000),
        lost_calls: facts.lost_calls,
    }
}

/// Judges the union of several containers, each given with its name: what any of them lacks, the
/// union may lack. No containers at all are `not_recorded`.
#[must_use]
pub fn judge_together<'a>(
    parts: impl IntoIterator<Item = (&'a str, Completeness)>,
) -> Completeness {
    let mut texts: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    let mut together = Completeness::default();
    let mut any = false;
    for (name, part) in parts {
        any = true;
        together.lost_calls = together.lost_calls.saturating_add(part.lost_calls);
        // The union was quiet for as long as its least quiet part.
        together.quiet_s = match (together.quiet_s, part.quiet_s) {
            (Some(all), Some(one)) => Some(all.min(one)),
            (all, one) => all.or(one),
        };
        for Shortfall { code, text } in part.shortfalls {
            texts.entry(code).or_default().push((name, text));
        }
    }
    if !any {
        texts.insert(
            "not_recorded".to_owned(),
            vec![(
                "",
                "No container was recorded. Start one while profilerd runs.".to_owned(),
            )],
        );
    }
    together.shortfalls = texts
        .into_iter()
        .filter_map(|(code, mut held)| {
            held.sort();
            let names = listed(distinct(held.iter().map(|(name, _)| (*name).to_owned())));
            let (name, text) = held.into_iter().next()?;
            let text = if name.is_empty() {
                text
            } else {
                format!("{names}: {text}")
            };
            Some(Shortfall { code, text })
        })
        .collect();
    together.complete = together.shortfalls.is_empty();
    together
}

fn shortfalls(observation: &Observation, facts: Facts, quiet_ms: Option<u64>) -> Vec<Shortfall> {
    let mut found = Vec::new();
    let mut add = |code, text| found.push(shortfall(code, text));
    if facts.lost_calls > 0 {
        add(
            "calls_lost",
            format!(
                "{} could not be recorded while it lived, so a call may be missing. `profilectl \
                 status` names the cause; remove it, then record another run.",
                counted(facts.lost_calls, "call")
            ),
        );
    }
    if !observation.start_seen {
        add(
            "start_not_seen",
            "It ran before the recording began, so what it called at its start is missing. \
             Restart it while profilerd runs."
                .to_owned(),
        );
    }
    if !observation.program_started {
        add(
            "no_program",
            "The runtime was not seen to execute its program, so the calls may be the runtime's \
             alone. Start it again, and see why it does not start if it does not."
                .to_owned(),
        );
    }
    let refused = refused_to_programs(observation);
    if !refused.is_empty() {
        add(
            "calls_refused",
            format!(
                "The filter in force refused {}; what the program would have called next was not \
                 seen. Allow them with --include-refused if it needs them, and record a run \
                 under that profile.",
                listed(distinct(
                    refused.iter().map(|call| table::display_name(*call))
                ))
            ),
        );
    }
    let unnamed = unnamed_calls(observation);
    if observation.out_of_range > 0 || !unnamed.is_empty() {
        let which = if unnamed.is_empty() {
            counted(observation.out_of_range, "call")
        } else {
            listed(
                unnamed
                    .iter()
                    .map(|call| format!("{} {}", call.abi.name(), table::display_name(*call))),
            )
        };
        add(
            "unknown_numbers",
            format!(
                "It made calls with numbers that have no name here ({which}), and a profile can \
                 only hold names. Update the profiler if the kernel is newer than Linux 6.18; \
                 otherwise ask what makes such calls."
            ),
        );
    }
    if facts.running {
        if let Some(quiet_ms) = quiet_ms.filter(|quiet| *quiet < facts.quiet_threshold_ms) {
            add(
                "still_discovering",
                format!(
                    "A call was seen for the first time {} s ago, less than the {} s that count as \
                     quiet. Let it do its work for longer.",
                    quiet_ms / 1000,
                    facts.quiet_threshold_ms / 1000
                ),
            );
        }
        add(
            "stop_not_seen",
            "It still runs, so what it calls when it stops is missing. Stop it as you would in \
             production, then export."
                .to_owned(),
        );
    } else if !observation.stop_seen {
        add(
            "stop_not_seen",
            "Its end was not recorded, so what it calls when it stops may be missing. Run and \
             stop it once more while profilerd runs."
                .to_owned(),
        );
    }
    found
}

/// Calls refused to the container's programs, but for those that got nothing but ENOSYS: a libc
/// that asks for a call and is told that there is none goes on without it, and lacks nothing.
fn refused_to_programs(observation: &Observation) -> CallSet {
    let own = observation
        .refusals
        .iter()
        .filter(|refusal| !refusal.by_runtime);
    let mut told: BTreeSet<Call> = BTreeSet::new();
    let mut counted: CallSet = BTreeSet::new();
    for refusal in own {
        told.insert(refusal.call);
        if refusal.with != RefusedWith::Errno(ENOSYS) {
            counted.insert(refusal.call);
        }
    }
    // Of these nothing is known but that they were refused.
    counted.extend(observation.refused.difference(&told));
    counted
}

/// Calls that the kernel knew and no table here names.
fn unnamed_calls(observation: &Observation) -> CallSet {
    // Names first: nearly all have one, and `list` asks this of every container.
    let observed = observation.observed.iter();
    observed
        .filter(|call| table::name(**call).is_none() && !observation.is_probe(**call))
        .copied()
        .collect()
}

fn shortfall(code: &str, text: String) -> Shortfall {
    Shortfall {
        code: code.to_owned(),
        text,
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// What does not repeat what comes before it.
fn distinct(items: impl Iterator<Item = String>) -> impl ExactSizeIterator<Item = String> {
    let mut items: Vec<String> = items.collect();
    items.dedup();
    items.into_iter()
}

/// `a, b and c`, or the first of them and how many more. Those are not made: a container can make up
/// thousands of numbers.
fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(NAMES_SHOWN);
    let items: Vec<String> = items.take(NAMES_SHOWN).collect();
    if more > 0 {
        return format!("{} and {more} more", items.join(", "));
    }
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
