//! Valid timestamps of a reading.

use jiff::{SignedDuration, Timestamp};

/// How far a sensor's clock may be ahead of the system clock.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// The network started in 2015; an earlier timestamp means that the sensor's clock was never set.
const FIRST_MOMENT: Timestamp = Timestamp::constant(1_420_070_400, 0);

/// The last timestamp that a reading can have at a time.
pub fn last_moment(now: Timestamp) -> Timestamp {
    now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX)
}

/// Checks the timestamp of a reading; the error is the reason.
pub fn check_moment(timestamp: Timestamp, now: Timestamp) -> Result<(), String> {
    if timestamp > last_moment(now) {
        return Err(format!("timestamp {timestamp} is in the future"));
    }
    if timestamp < FIRST_MOMENT {
        return Err(format!("timestamp {timestamp} is before 2015"));
    }
    Ok(())
}
