//! Which moments a reading can be of.

use jiff::{SignedDuration, Timestamp};

/// How far a sensor's clock may run ahead of ours.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// The network began in 2015; what is older has a clock that was never set.
const FIRST_MOMENT: Timestamp = Timestamp::constant(1_420_070_400, 0);

/// Whether a reading can be of this moment; why not.
pub fn check_moment(timestamp: Timestamp, now: Timestamp) -> Result<(), String> {
    if timestamp > now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX) {
        return Err(format!("timestamp {timestamp} is ahead of the clock"));
    }
    if timestamp < FIRST_MOMENT {
        return Err(format!("timestamp {timestamp} is before 2015"));
    }
    Ok(())
}
