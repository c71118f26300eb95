//! When to fetch: a cron expression in UTC.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use jiff::Timestamp;

/// A cron expression, read in UTC: minute, hour, day of month, month, day of week, and
/// seconds in front where given.
#[derive(Debug, Clone)]
pub struct Schedule(Box<Cron>);

impl Schedule {
    /// The first moment after `now`; none when there is none within croner's horizon.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = DateTime::<Utc>::from_timestamp(now.as_second(), 0)?;
        let next = self.0.find_next_occurrence(&now, false).ok()?;
        Timestamp::from_second(next.timestamp()).ok()
    }
}

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        let cron = Cron::from_str(text).map_err(|error| BadSchedule(error.to_string()))?;
        Ok(Self(Box::new(cron)))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// The text is no cron expression.
#[derive(Debug, thiserror::Error)]
#[error("not a cron expression such as `0 0 * * *`: {0}")]
pub struct BadSchedule(String);
