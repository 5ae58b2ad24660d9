//! What the time is good for. A wall clock is set, ahead and back, and may be wrong for a moment.
//!
//! Three rules follow. How long ago something was is measured by the time since boot, which nobody sets.
//! What decides an order gets a time that is never before what was written earlier. And nothing goes for
//! its age until the clock has been even for a day. What is told to people is the wall clock's time as it
//! was then; it may be wrong, and nothing but its display rests on it.

use super::Collector;

/// Between two looks an even clock gains or loses less against the time since boot.
const JUMP_MS: u64 = 1_000;
/// So long a clock must have been even before anything is dropped for its age.
const TRUSTED_MS: u64 = 24 * 60 * 60 * 1000;

/// One moment by both clocks, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since the epoch, as the wall clock tells it.
    pub(super) wall_ms: u64,
    /// Since boot, sleep included; never set.
    pub(super) boot_ms: u64,
}

/// What is known of the wall clock.
#[derive(Debug)]
pub(super) struct Clock {
    last: Moment,
    /// By the time since boot: when the wall clock last jumped, or was first looked at.
    even_since_ms: u64,
    /// The latest time that decides an order.
    latest_ms: u64,
}

impl Clock {
    /// A clock that is looked at for the first time.
    pub(super) fn new(now: Moment) -> Self {
        Self {
            last: now,
            even_since_ms: now.boot_ms,
            latest_ms: 0,
        }
    }

    /// Looks at it again: how far it was set since the last time, milliseconds, ahead or (below zero)
    /// back. None if it was not.
    pub(super) fn look(&mut self, now: Moment) -> Option<i64> {
        let passed = now.boot_ms.saturating_sub(self.last.boot_ms);
        let even = self.last.wall_ms.saturating_add(passed);
        self.last = now;
        if now.wall_ms.abs_diff(even) < JUMP_MS {
            return None;
        }
        self.even_since_ms = now.boot_ms;
        let by = i128::from(now.wall_ms) - i128::from(even);
        Some(by.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    /// The time since the epoch, if what is old may be dropped by it.
    pub(super) fn trusted_ms(&self) -> Option<u64> {
        let even = self.last.boot_ms.saturating_sub(self.even_since_ms);
        (even >= TRUSTED_MS).then_some(self.last.wall_ms)
    }

    /// A time that decides an order was written by an earlier daemon.
    pub(super) fn follow(&mut self, written_ms: u64) {
        self.latest_ms = self.latest_ms.max(written_ms);
    }

    /// The time to be written for what happened at `at_ms`, where it decides an order: after all that
    /// was written before, though the clock was set back.
    pub(super) fn ordered(&mut self, at_ms: u64) -> u64 {
        if at_ms < self.latest_ms {
            self.latest_ms = self.latest_ms.saturating_add(1);
        } else {
            self.latest_ms = at_ms;
        }
        self.latest_ms
    }
}

impl Collector {
    /// This moment.
    pub(super) fn now(&self) -> Moment {
        Moment {
            wall_ms: self.places.now_ms(),
            boot_ms: self.places.boot_ms(),
        }
    }

    /// The time to be written now where it decides an order.
    pub(super) fn ordered_now(&mut self) -> u64 {
        self.clock.ordered(self.places.now_ms())
    }

    /// Finds out whether the wall clock was set, and lets go by the new time what goes on.
    pub(super) fn look_at_clock(&mut self) {
        let now = self.now();
        let Some(jump_ms) = self.clock.look(now) else {
            return;
        };
        tracing::warn!(
            seconds = jump_ms / 1000,
            "the host's clock was set {}: times that were written before are as they were told then, and \
             no version goes for its age until the clock has been even for a day",
            if jump_ms < 0 { "back" } else { "ahead" }
        );
        self.started_ms = self.started_ms.saturating_add_signed(jump_ms);
        self.shadows.clock_set(jump_ms);
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
