//! How new the data is: by the bulk of the sensors, so that one with a wrong clock decides
//! nothing.
//!
//! The data is as new as the newest readings of three quarters of the sensors: their upper
//! quartile, of those heard of in the last hour of the store's readings, and further back
//! where those are fewer than ten.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{Query, Store, Summary};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// So many sensors say how new the data is, whatever a few of their clocks say.
const ENOUGH: usize = 10;

/// How far back they are looked for, until there are enough of them.
const SPANS: [SignedDuration; 4] = [
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(8 * 24),
    SignedDuration::MAX,
];

/// How long it holds although the store changes.
const HOLDS: Duration = Duration::from_secs(5);

/// How new the readings of a store are.
pub struct Freshness {
    store: Arc<dyn Store>,
    known: Mutex<Option<Known>>,
}

struct Known {
    summary: Summary,
    newest: Option<Timestamp>,
    since: Instant,
}

impl Freshness {
    /// Of a store that need not have readings yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
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
        let newest = bulk(self.store.as_ref(), summary).await?;
        *known = Some(Known { summary: summary.clone(), newest, since: Instant::now() });
        Ok(newest)
    }
}

async fn bulk(store: &dyn Store, summary: &Summary) -> Result<Option<Timestamp>, store::Error> {
    let Some((oldest, newest)) = summary.extent else { return Ok(None) };
    let mut moments = Vec::new();
    for span in SPANS {
        let from = newest.saturating_sub(span).unwrap_or(oldest).max(oldest);
        let page = store.latest(&Query::new(from, newest)).await?;
        moments = page.rows().map(|row| row.timestamp()).collect();
        if moments.len() >= ENOUGH || from == oldest {
            break;
        }
    }
    Ok(upper_quartile(moments))
}

/// The moment that three quarters are not later than, counted so that of two or more the
/// latest never decides.
fn upper_quartile(mut moments: Vec<Timestamp>) -> Option<Timestamp> {
    moments.sort_unstable_by(|a, b| b.cmp(a));
    let later = moments.len().div_ceil(4).min(moments.len().saturating_sub(1));
    moments.get(later).copied()
}
