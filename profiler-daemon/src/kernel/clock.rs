//! From the kernel's nanoseconds since boot to milliseconds since the epoch.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// When the machine booted, by today's wall clock. Asked for anew at each use, since the
/// wall clock may be set while the machine runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct BootTime {
    /// Below zero where the wall clock stands before the time since boot: it was set to 1970.
    unix_ms: i64,
}

/// Nanoseconds since boot, as the kernel programs count them.
pub(super) fn boot_ns() -> u64 {
    let boot = clock_gettime(ClockId::Boottime);
    boot.tv_sec as u64 * 1_000_000_000 + boot.tv_nsec as u64
}

impl BootTime {
    pub(super) fn now() -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64);
        Self {
            unix_ms: unix.saturating_sub_unsigned(boot_ns() / 1_000_000),
        }
    }

    /// Milliseconds since the epoch.
    pub(super) fn unix_ms(self, boot_ns: u64) -> u64 {
        (boot_ns / 1_000_000).saturating_add_signed(self.unix_ms)
    }

    /// As [`Self::unix_ms`], where 0 stands for never.
    pub(super) fn unix_ms_if_set(self, boot_ns: u64) -> Option<u64> {
        (boot_ns != 0).then(|| self.unix_ms(boot_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::BootTime;

    #[test]
    fn times_are_right_whatever_the_wall_clock_says() {
        let booted = |unix_ms| BootTime { unix_ms };
        assert_eq!(booted(1_000).unix_ms(5_000_000), 1_005);
        // Set to two seconds after the epoch, an hour after boot.
        let odd = booted(2_000 - 3_600_000);
        assert_eq!(odd.unix_ms(3_600_000_000_000), 2_000);
        assert_eq!(odd.unix_ms(1_000_000), 0, "before the epoch");
        assert_eq!(
            booted(i64::MAX).unix_ms_if_set(u64::MAX),
            Some(u64::MAX / 1_000_000 + i64::MAX as u64)
        );
        assert_eq!(odd.unix_ms_if_set(0), None);
    }
}
