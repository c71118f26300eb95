//! Data age, determined by the bulk of the sensors, so that it does not depend on a few sensors
//! with a wrong clock, or on the few that still report.
//!
//! Data age is the median age of the sensors' newest readings in the last eight days. Older
//! readings are ignored, unless there are no newer ones; so are readings that are implausible or
//! from indoors, unless there are no others. Readings that are dated in the future never count:
//! pushed ones have the time of a clock that may have been ahead. Networks whose readings are
//! withheld are excluded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use airshed_common::{Clock, last_moment};
use jiff::{SignedDuration, Timestamp};
use store::{Flags, Query, Sensor, Store, Summary};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::networks::Networks;

/// The number of past days to consider; more if they have no readings.
const DAYS: [i64; 4] = [8, 64, 512, 1 << 22];

const SECONDS_A_DAY: i64 = 86_400;

/// How long a result is reused although the store changes.
const HOLDS: Duration = Duration::from_secs(5);

/// The data age of a store.
pub struct Freshness {
    store: Arc<dyn Store>,
    clock: Clock,
    networks: Option<Arc<Networks>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The last result, the version of the store, and the time.
    last: Option<(Summary, Option<Timestamp>, Instant)>,
    /// The sensors of past days.
    ended: Option<Ended>,
}

/// The newest timestamp of each sensor.
type Heard = HashMap<Sensor, Timestamp>;

/// The sensors of a range that ends at midnight, valid while its version is unchanged.
struct Ended {
    span: (Timestamp, Timestamp),
    counts: Counts,
    version: String,
    heard: Arc<Heard>,
}

/// Which readings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    PlausibleOutdoors,
    All,
}

impl Freshness {
    /// The data age of a store, which may be empty, for the networks that are served, or for all.
    pub fn new(store: Arc<dyn Store>, clock: Clock, networks: Option<Arc<Networks>>) -> Self {
        Self { store, clock, networks, known: Mutex::default() }
    }

    /// The time up to which the bulk of the sensors has reported; `None` without readings.
    /// `summary` is the current summary of the store.
    pub async fn newest(&self, summary: &Summary) -> Result<Option<Timestamp>, store::Error> {
        let mut known = self.known.lock().await;
        if let Some((of, newest, since)) = &known.last
            && (of == summary || newest.is_some() && since.elapsed() < HOLDS)
            && *newest <= Some(last_moment((self.clock)()))
        {
            return Ok(*newest);
        }
        let newest = self.bulk(&mut known.ended, summary).await?;
        known.last = Some((summary.clone(), newest, Instant::now()));
        Ok(newest)
    }

    async fn bulk(
        &self,
        ended: &mut Option<Ended>,
        summary: &Summary,
    ) -> Result<Option<Timestamp>, store::Error> {
        let ahead = last_moment((self.clock)());
        let Some((oldest, last)) = until(summary, ahead) else { return Ok(None) };
        for counts in [Counts::PlausibleOutdoors, Counts::All] {
            let spans = DAYS.map(|days| (last, days));
            for (base, days) in [(ahead, DAYS[0])].into_iter().chain(spans) {
                let days = SignedDuration::from_hours(days * 24);
                let from = base.saturating_sub(days).unwrap_or(oldest).max(oldest);
                if from > last {
                    continue;
                }
                if let Some(median) = self.median(ended, (from, last), counts).await? {
                    return Ok(Some(median));
                }
                if from == oldest {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// The median of the sensors' newest timestamps in a range.
    async fn median(
        &self,
        ended: &mut Option<Ended>,
        (from, last): (Timestamp, Timestamp),
        counts: Counts,
    ) -> Result<Option<Timestamp>, store::Error> {
        let midnight = last.as_second().div_euclid(SECONDS_A_DAY) * SECONDS_A_DAY;
        let midnight = Timestamp::from_second(midnight).unwrap_or(from).max(from);
        let mut heard = Heard::new();
        if from < midnight {
            // From the start of a day, so that the range is the same until the next day.
            let first = from.as_second().div_euclid(SECONDS_A_DAY) * SECONDS_A_DAY;
            let first = Timestamp::from_second(first).unwrap_or(from);
            let before_today = self.of_ended(ended, (first, midnight), counts).await?;
            let lately = before_today.iter().filter(|(_, moment)| **moment >= from);
            heard.extend(lately.map(|(sensor, moment)| (*sensor, *moment)));
        }
        let of_today = self.heard(midnight, last, counts).await?;
        heard.extend(of_today);
        Ok(median(heard))
    }

    /// The sensors of past days, read again only if they change.
    async fn of_ended(
        &self,
        ended: &mut Option<Ended>,
        (from, midnight): (Timestamp, Timestamp),
        counts: Counts,
    ) -> Result<Arc<Heard>, store::Error> {
        let until = midnight.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(from);
        let span = (from, until);
        let version = self.store.version(from, until).await?;
        if let (Some(known), Some(version)) = (&*ended, &version)
            && (known.span, known.counts, &known.version) == (span, counts, version)
        {
            return Ok(Arc::clone(&known.heard));
        }
        let heard = Arc::new(self.heard(from, until, counts).await?);
        let keep = |version| Ended { span, counts, version, heard: Arc::clone(&heard) };
        *ended = version.map(keep);
        Ok(heard)
    }

    async fn heard(
        &self,
        from: Timestamp,
        until: Timestamp,
        counts: Counts,
    ) -> Result<Heard, store::Error> {
        let mut query = match &self.networks {
            Some(networks) => networks.everything(&self.store.networks().await?),
            None => Query::everything(),
        };
        (query.from, query.until) = (from, until);
        if counts == Counts::PlausibleOutdoors {
            query.without = Flags::IMPLAUSIBLE;
        }
        let page = self.store.latest(&query).await?;
        let readings = page.rows().map(|row| row.reading());
        let readings =
            readings.filter(|reading| counts == Counts::All || reading.indoor != Some(true));
        Ok(readings.map(|reading| (reading.sensor, reading.timestamp)).collect())
    }
}

/// The extent of the readings that are not dated after a time.
pub(crate) fn until(summary: &Summary, last: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let (oldest, newest) = summary.extent?;
    (oldest <= last).then(|| (oldest, newest.min(last)))
}

/// Rounded so that of two sensors the later one does not decide.
fn median(heard: Heard) -> Option<Timestamp> {
    let mut moments: Vec<_> = heard.into_values().collect();
    moments.sort_unstable_by(|a, b| b.cmp(a));
    moments.get(moments.len() / 2).copied()
}
