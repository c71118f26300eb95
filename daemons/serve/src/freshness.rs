//! How new the data is: by the bulk of the sensors, so that one with a wrong clock decides
//! nothing.
//!
//! The data is as new as the newest readings of three quarters of the sensors: their upper
//! quartile. Those count that were heard of in the last hour; where those are fewer than ten,
//! in the last day, or the last eight. Older history does not, unless there is nothing newer;
//! nor do readings that are ahead of the clock, implausible or from indoors, unless there are
//! no others.

use std::sync::Arc;
use std::time::Duration;

use airshed_common::{CLOCK_TOLERANCE, Clock};
use jiff::{SignedDuration, Timestamp};
use store::{Flags, Query, Reading, Store, Summary};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// So many sensors say how new the data is, whatever a few of their clocks say.
const ENOUGH: usize = 10;

/// How far back they are looked for, until there are enough of them.
const SPANS: [SignedDuration; 3] = [
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(8 * 24),
];

/// How long it holds although the store changes.
const HOLDS: Duration = Duration::from_secs(5);

/// How new the readings of a store are.
pub struct Freshness {
    store: Arc<dyn Store>,
    clock: Clock,
    known: Mutex<Option<Known>>,
}

struct Known {
    summary: Summary,
    newest: Option<Timestamp>,
    since: Instant,
}

impl Freshness {
    /// Of a store that need not have readings yet.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, known: Mutex::default() }
    }

    /// The moment up to which the bulk of the sensors has reported; `None` without readings.
    /// `summary` is the store's of just now.
    pub async fn newest(&self, summary: &Summary) -> Result<Option<Timestamp>, store::Error> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known
            && (known.summary == *summary
                || known.newest.is_some() && known.since.elapsed() < HOLDS)
        {
            return Ok(known.newest);
        }
        let newest = bulk(self.store.as_ref(), summary, (self.clock)()).await?;
        *known = Some(Known { summary: summary.clone(), newest, since: Instant::now() });
        Ok(newest)
    }
}

async fn bulk(
    store: &dyn Store,
    summary: &Summary,
    now: Timestamp,
) -> Result<Option<Timestamp>, store::Error> {
    let Some((oldest, last)) = summary.extent else { return Ok(None) };
    let ahead = now.saturating_add(CLOCK_TOLERANCE).unwrap_or(now);
    // The clock may be behind all of them.
    let last = if ahead < oldest { last } else { last.min(ahead) };
    for without in [Flags::IMPLAUSIBLE, Flags::NONE] {
        for base in [ahead, last] {
            let mut moments = Vec::new();
            for span in SPANS {
                let from = base.saturating_sub(span).unwrap_or(oldest).max(oldest);
                if from > last {
                    continue;
                }
                let mut query = Query::new(from, last);
                query.without = without;
                let page = store.latest(&query).await?;
                let readings = page.rows().map(|row| row.reading());
                let counts =
                    |reading: &Reading| without == Flags::NONE || reading.indoor != Some(true);
                moments = readings.filter(counts).map(|reading| reading.timestamp).collect();
                if moments.len() >= ENOUGH {
                    break;
                }
            }
            if !moments.is_empty() {
                return Ok(upper_quartile(moments));
            }
        }
    }
    Ok(None)
}

/// The moment that three quarters are not later than, counted so that of two or more the
/// latest never decides.
fn upper_quartile(mut moments: Vec<Timestamp>) -> Option<Timestamp> {
    moments.sort_unstable_by(|a, b| b.cmp(a));
    let later = moments.len().div_ceil(4).min(moments.len().saturating_sub(1));
    moments.get(later).copied()
}
