//! Which queries are answered directly, and which jobs answer several.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use store::{Query, Store, Summary};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::Limits;
use super::problem::Problem;

/// How long a summary serves to tell how large a query is.
const SUMMARY_HOLDS: Duration = Duration::from_secs(30);

/// Questions beside files that are answered at the same time.
const ASIDE: usize = 8;

/// How long such a question waits for others.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The places for queries that are answered directly.
pub(super) struct Room {
    all: Arc<Semaphore>,
    large: Arc<Semaphore>,
    aside: Arc<Semaphore>,
    large_from: u64,
    summary: AsyncMutex<Option<(Instant, Summary)>>,
}

/// Places that a query has taken.
pub(super) struct Places {
    _one: OwnedSemaphorePermit,
    _large: Option<OwnedSemaphorePermit>,
}

impl Drop for Places {
    fn drop(&mut self) {
        metrics::gauge!("airshed_queries_in_flight").decrement(1);
    }
}

impl Room {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.in_flight)),
            large: Arc::new(Semaphore::new(limits.large_in_flight)),
            aside: Arc::new(Semaphore::new(ASIDE)),
            large_from: limits.large,
            summary: AsyncMutex::default(),
        }
    }

    /// A place for what is asked beside files: what the page shows. Such questions are short,
    /// and wait for each other, so that the page works while files take all their places.
    pub(super) async fn aside(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = timeout(LONGEST_WAIT, Arc::clone(&self.aside).acquire_owned()).await;
        let busy = Problem::Busy("Too many questions at once. Ask again in a moment.");
        place.ok().and_then(Result::ok).ok_or(busy)
    }

    /// Places for a query; `None` when there is no room for it now.
    pub(super) async fn take(&self, query: &Query, store: &dyn Store) -> Option<Places> {
        let one = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let large = match self.is_large(query, store).await {
            true => Some(Arc::clone(&self.large).try_acquire_owned().ok()?),
            false => None,
        };
        metrics::gauge!("airshed_queries_in_flight").increment(1);
        Some(Places { _one: one, _large: large })
    }

    /// Whether a query may find many readings. One whose size cannot be told is not large:
    /// it will fail for the same reason.
    pub(super) async fn is_large(&self, query: &Query, store: &dyn Store) -> bool {
        let estimate = self.estimate(query, store).await;
        estimate.is_ok_and(|readings| readings > self.large_from)
    }

    /// About how many readings a query may find at most.
    pub(super) async fn estimate(
        &self,
        query: &Query,
        store: &dyn Store,
    ) -> Result<u64, store::Error> {
        let mut summary = self.summary.lock().await;
        match &*summary {
            Some((since, known)) if since.elapsed() < SUMMARY_HOLDS => Ok(known.estimate(query)),
            _ => {
                let known = store.summary().await?;
                let estimate = known.estimate(query);
                *summary = Some((Instant::now(), known));
                Ok(estimate)
            }
        }
    }
}

/// Turns for requests that ask the same at the same time: one after the other, so that the
/// second finds what the first one made.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

impl Turns {
    /// What has to be held while a request of this key is worked on.
    pub(super) fn of(&self, key: String) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(key, Arc::downgrade(&turn));
        turn
    }
}
