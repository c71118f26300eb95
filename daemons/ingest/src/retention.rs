//! Which readings are too old to be kept.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use store::{Error, Pages, Query, Reading, Store};

/// How far the newest readings can lie behind the present.
const BEHIND: SignedDuration = SignedDuration::from_hours(24);

/// A retention period of readings, by the age that the data have.
///
/// A clock alone never deletes: if it is years ahead, readings would all be too old. Their age
/// counts from the present or, if that is earlier, from a day after the time that the feed's
/// readings say (their median). So nothing more is deleted once a feed has been silent for a day, and
/// nothing at all before the first feed is read.
#[derive(Debug, Clone)]
pub struct Retention {
    period: SignedDuration,
    time: Option<Timestamp>,
}

impl Retention {
    /// Readings older than a period are not kept.
    pub fn new(period: SignedDuration) -> Self {
        Self { period, time: None }
    }

    /// Notes the readings of a feed.
    pub(crate) fn note(&mut self, feed: &[Reading]) {
        self.time = time_of(feed).or(self.time);
    }

    /// The time before which readings are too old; `None` if nothing is known of the data.
    pub(crate) fn horizon(&self, now: Timestamp) -> Option<Timestamp> {
        present(self.time?, now).checked_sub(self.period).ok()
    }
}

/// The first day (UTC) of which something is kept for so long by the clock alone. Whatever earlier days
/// have would be deleted again.
pub fn first_day(period: SignedDuration, now: Timestamp) -> Date {
    let horizon = now.checked_sub(period).unwrap_or(Timestamp::MIN);
    TimeZone::UTC.to_datetime(horizon).date()
}

/// What is stored, and what of it is older than some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// The number of all stored readings.
    pub stored: u64,
    /// Their earliest and latest timestamp.
    pub extent: Option<(Timestamp, Timestamp)>,
    /// How many of them are older.
    pub expired: u64,
}

/// Counts the readings before a time.
pub async fn expired(store: &Arc<dyn Store>, horizon: Timestamp) -> Result<Expired, Error> {
    let summary = store.summary().await?;
    let last = horizon.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
    let mut pages = Pages::new(Arc::clone(store), Query::new(Timestamp::MIN, last));
    let mut expired = 0;
    while let Some(page) = pages.next().await.transpose()? {
        expired += page.len() as u64;
    }
    Ok(Expired { stored: summary.readings(), extent: summary.extent, expired })
}

/// The median time of a feed's readings: a few sensors with wrong clocks do not move it. `None`
/// without readings.
pub(crate) fn time_of(feed: &[Reading]) -> Option<Timestamp> {
    let mut times: Vec<_> = feed.iter().map(|reading| reading.timestamp).collect();
    let middle = times.len().checked_sub(1)? / 2;
    Some(*times.select_nth_unstable(middle).1)
}

/// The present as far as the data of a time confirm it.
pub(crate) fn present(time: Timestamp, now: Timestamp) -> Timestamp {
    now.min(time.saturating_add(BEHIND).unwrap_or(Timestamp::MAX))
}
