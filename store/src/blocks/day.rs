//! Timestamps as days and seconds of a day.

use std::ops::RangeInclusive;

use jiff::Timestamp;

pub(crate) const SECONDS_A_DAY: i64 = 86_400;

/// The valid days of a reading: 0000-01-01, where four-digit years begin, to 9999-12-29, the last
/// day that jiff can represent to its end.
pub(crate) const DAYS: RangeInclusive<i32> = -719_528..=2_932_894;

/// Why a reading cannot have this timestamp.
pub(crate) fn timestamp_problem(timestamp: Timestamp) -> Option<&'static str> {
    if timestamp.subsec_nanosecond() != 0 {
        return Some("has a timestamp with a fraction of a second; they are whole seconds");
    }
    let in_range = DAYS.contains(&day_and_second(timestamp).0);
    (!in_range).then_some("has a timestamp outside the years 0 to 9999")
}

/// The UTC day since 1970 and the second of that day.
pub(crate) fn day_and_second(timestamp: Timestamp) -> (i32, u32) {
    let second = timestamp.as_second();
    // A Timestamp's years run from -9999 to 9999: the days fit.
    (second.div_euclid(SECONDS_A_DAY) as i32, second.rem_euclid(SECONDS_A_DAY) as u32)
}

/// The first whole second not before a timestamp.
pub(crate) fn whole_seconds_up(timestamp: Timestamp) -> i64 {
    timestamp.as_second() + i64::from(timestamp.subsec_nanosecond() > 0)
}
