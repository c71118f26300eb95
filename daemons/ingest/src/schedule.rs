//! When to fetch: a cron expression in UTC.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use jiff::{SignedDuration, Timestamp};

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

/// The delay after the times of a schedule, so that installations do not all fetch in the same
/// second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spread {
    /// The longest delay.
    longest: SignedDuration,
    /// The fraction of it, from 0 to 1: the same for every time, so that intervals are unchanged.
    share: f64,
}

impl Spread {
    /// A random delay.
    pub fn up_to(longest: SignedDuration) -> Self {
        Self { longest, share: rand::random_range(0.0..1.0) }
    }

    /// The delayed time of a schedule: at most half way to the next.
    pub fn after(self, time: Timestamp, schedule: &Schedule) -> Timestamp {
        let following = schedule.next_after(time);
        let half = following.map_or(self.longest, |following| following.duration_since(time) / 2);
        let delay = self.longest.min(half).as_secs_f64() * self.share;
        let delay = SignedDuration::try_from_secs_f64(delay).unwrap_or_default();
        time.saturating_add(delay).unwrap_or(time)
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

/// The text is not a cron expression.
#[derive(Debug, thiserror::Error)]
#[error("not a cron expression such as `0 0 * * *`: {0}")]
pub struct BadSchedule(String);
