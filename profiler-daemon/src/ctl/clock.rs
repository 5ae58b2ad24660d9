//! Times for people: absolute in UTC, and relative to now.
//!
//! Times are milliseconds since the Unix epoch.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub(super) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

/// `2026-11-21 20:14:05Z`
pub(super) fn absolute(at_ms: u64) -> String {
    let (year, month, day) = civil(at_ms / 86_400_000);
    format!("{year:04}-{month:02}-{day:02} {}", time_of_day(at_ms))
}

/// `20:14:05Z`
pub(super) fn time_of_day(at_ms: u64) -> String {
    let seconds = at_ms / 1000 % 86_400;
    format!(
        "{:02}:{:02}:{:02}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// `3m ago`; `in 3m` of a time that a clock wrote which was ahead, or has been set back since.
pub(super) fn ago(now_ms: u64, at_ms: u64) -> String {
    match (now_ms.abs_diff(at_ms) / 1000, at_ms > now_ms) {
        (0, _) => "just now".to_owned(),
        (seconds, false) => format!("{} ago", span(seconds)),
        (seconds, true) => format!("in {}", span(seconds)),
    }
}

/// A length of time in its largest whole unit; hours up to two days.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Year, month and day of a day, counted from 1970-01-01, in the Gregorian calendar.
fn civil(mut day: u64) -> (u64, u64, u64) {
    // Eras of 400 years have the same number of days, so whole ones can be taken off at once.
    const ERA: u64 = 146_097;
    let mut year = 1970 + 400 * (day / ERA);
    day %= ERA;
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

const fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of_year(year: u64) -> u64 {
    if leap(year) { 366 } else { 365 }
}

const fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::{absolute, ago};

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(absolute(0), "1970-01-01 00:00:00Z");
        assert_eq!(absolute(951_782_400_000), "2000-02-29 00:00:00Z");
        assert_eq!(absolute(1_795_292_045_999), "2026-11-21 20:14:05Z");
        assert_eq!(absolute(4_107_542_400_000), "2100-03-01 00:00:00Z");
        assert_eq!(absolute(13_569_465_600_000), "2400-01-01 00:00:00Z");
    }

    #[test]
    fn distances_are_in_one_unit() {
        assert_eq!(ago(5_000, 5_900), "just now");
        assert_eq!(ago(60_000, 1_000), "59s ago");
        assert_eq!(ago(240_000, 0), "4m ago");
        assert_eq!(ago(172_799_000, 0), "47h ago");
        assert_eq!(ago(172_800_000, 0), "2d ago");
        assert_eq!(ago(0, 172_800_000), "in 2d");
        assert!(ago(0, u64::MAX).starts_with("in "));
    }
}
