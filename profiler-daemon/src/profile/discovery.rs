//! How what something needs became known: how many calls by when, and since when none was new.
//!
//! Pure. Times are milliseconds since the Unix epoch.

use serde::{Deserialize, Serialize};

/// Where the curve is read, milliseconds after the first call: a second, ten, a minute, ten, an hour, a
/// day, a week.
const STEPS: [u64; 7] = [
    1_000,
    10_000,
    60_000,
    600_000,
    3_600_000,
    86_400_000,
    604_800_000,
];
/// However fast everything was found, so long nothing must have been new before that is called stable.
const LEAST_QUIET: u64 = 600_000;
/// So many times as long as it took to find everything, nothing must have been new.
const TIMES_AS_LONG: u64 = 9;

/// The curve, and what is to be made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// When the first call was seen.
    pub first_ms: u64,
    /// When a call was last seen for the first time: since then it may be stable.
    pub last_new_ms: u64,
    /// Calls of which it is known when they were first seen.
    pub calls: u64,
    /// Further calls; the news of them was lost, or they were in flight when the recording began.
    pub undated: u64,
    /// Nothing was new for at least ten minutes, and nine times as long as it took to find everything.
    pub stable: bool,
    /// How many calls were known by when, as far as the curve rises.
    pub steps: Vec<Step>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Milliseconds after the first call.
    pub within_ms: u64,
    /// Calls seen by then.
    pub calls: u64,
}

impl Discovery {
    /// From when each call was first seen; none if that is known of none.
    #[must_use]
    pub fn of(
        first_seen_ms: impl IntoIterator<Item = u64>,
        undated: u64,
        now_ms: u64,
    ) -> Option<Self> {
        let mut times: Vec<u64> = first_seen_ms.into_iter().collect();
        times.sort_unstable();
        let (first_ms, last_new_ms) = (*times.first()?, *times.last()?);
        let span = last_new_ms - first_ms;
        let quiet = now_ms.saturating_sub(last_new_ms);
        let by = |within: u64| times.partition_point(|at| at - first_ms <= within) as u64;
        let rising = STEPS.iter().position(|step| *step >= span);
        let shown = rising.map_or(STEPS.len(), |place| place + 1);
        let steps = STEPS.iter().take(shown).map(|within| Step {
            within_ms: *within,
            calls: by(*within),
        });
        Some(Self {
            first_ms,
            last_new_ms,
            calls: times.len() as u64,
            undated,
            stable: quiet >= LEAST_QUIET && quiet >= span.saturating_mul(TIMES_AS_LONG),
            steps: steps.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(discovery: &Discovery) -> Vec<(u64, u64)> {
        let steps = discovery.steps.iter();
        steps.map(|step| (step.within_ms, step.calls)).collect()
    }

    #[test]
    fn the_curve_ends_where_it_rises_no_more() {
        let times = [5_000, 5_000, 5_900, 12_000, 64_000];
        let found = Discovery::of(times, 2, 70_000).unwrap();
        assert_eq!(points(&found), [(1_000, 3), (10_000, 4), (60_000, 5)]);
        assert_eq!((found.calls, found.undated), (5, 2));
        assert_eq!((found.first_ms, found.last_new_ms), (5_000, 64_000));
        assert_eq!(Discovery::of([], 3, 0), None);
    }

    #[test]
    fn stable_is_what_was_quiet_for_long_against_how_long_it_took() {
        let stable =
            |times: &[u64], now| Discovery::of(times.iter().copied(), 0, now).unwrap().stable;
        assert!(!stable(&[0], LEAST_QUIET - 1));
        assert!(stable(&[0], LEAST_QUIET));
        let hour = 3_600_000;
        assert!(!stable(&[0, hour], 9 * hour));
        assert!(stable(&[0, hour], 10 * hour));
        // A clock that was set back makes nothing stable, and nothing panic.
        assert!(!stable(&[hour], 0));
    }
}
