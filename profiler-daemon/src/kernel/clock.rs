//! From the kernel's nanoseconds since boot to milliseconds since the epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// When the machine booted, by today's wall clock. Asked for anew at each use, since the
/// wall clock may be set while the machine runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct BootTime {
    unix_ms: u64,
}

/// Nanoseconds since boot, as the kernel programs count them.
pub(super) fn boot_ns() -> u64 {
    let boot = clock_gettime(ClockId::Boottime);
    boot.tv_sec as u64 * 1_000_000_000 + boot.tv_nsec as u64
}

impl BootTime {
    pub(super) fn now() -> Self {
        let boot = clock_gettime(ClockId::Boottime);
        let since_boot = Duration::new(boot.tv_sec as u64, boot.tv_nsec as u32);
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            unix_ms: unix.saturating_sub(since_boot).as_millis() as u64,
        }
    }

    /// Milliseconds since the epoch.
    pub(super) fn unix_ms(self, boot_ns: u64) -> u64 {
        self.unix_ms + boot_ns / 1_000_000
    }

    /// As [`Self::unix_ms`], where 0 stands for never.
    pub(super) fn unix_ms_if_set(self, boot_ns: u64) -> Option<u64> {
        (boot_ns != 0).then(|| self.unix_ms(boot_ns))
    }
}
