//! Admission control for direct responses, and single flight for equal requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use store::{Query, Store, Summary};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::Limits;
use super::problem::Problem;
use crate::request::QueryRequest;

/// How long a summary is reused to estimate the size of queries.
const SUMMARY_HOLDS: Duration = Duration::from_secs(30);

/// Maximum number of concurrent interactive requests.
const INTERACTIVE: usize = 8;

/// Maximum number of concurrent downloads of results: each holds a megabyte at most.
const DOWNLOADS: usize = 128;

/// Maximum number of concurrent heavy requests.
const HEAVY: usize = 4;

/// Maximum number of files of days that are made at the same time.
const DAY_FILES: usize = 2;

/// How long a request waits for a permit of these kinds.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The permits for direct responses.
pub(super) struct AdmissionControl {
    all: Arc<Semaphore>,
    large: Arc<Semaphore>,
    interactive: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    day_files: Arc<Semaphore>,
    large_from: u64,
    summary: AsyncMutex<Option<(Instant, Summary)>>,
}

/// Permits held by a query.
pub(super) struct Permits {
    _one: OwnedSemaphorePermit,
    _large: Option<OwnedSemaphorePermit>,
}

impl Drop for Permits {
    fn drop(&mut self) {
        metrics::gauge!("airshed_queries_in_flight").decrement(1);
    }
}

impl AdmissionControl {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.in_flight)),
            large: Arc::new(Semaphore::new(limits.large_in_flight)),
            interactive: Arc::new(Semaphore::new(INTERACTIVE)),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            heavy: Arc::new(Semaphore::new(HEAVY)),
            day_files: Arc::new(Semaphore::new(DAY_FILES)),
            large_from: limits.large,
            summary: AsyncMutex::default(),
        }
    }

    /// A permit for an interactive request: of the map, a summary, a series, a size, or a query for
    /// few rows. They have permits of their own, so that the page works while others use all of theirs.
    pub(super) async fn interactive(&self) -> Result<OwnedSemaphorePermit, Problem> {
        wait_for(&self.interactive).await
    }

    /// A permit for a request that can read for seconds: the statement of an area, what is known of a
    /// sensor.
    pub(super) async fn heavy(&self) -> Result<OwnedSemaphorePermit, Problem> {
        wait_for(&self.heavy).await
    }

    /// A permit to make the file of a day, which can take longer.
    pub(super) async fn day_file(&self) -> Result<OwnedSemaphorePermit, Problem> {
        wait_for(&self.day_files).await
    }

    /// A permit for the download of a result.
    pub(super) async fn download(&self) -> Result<OwnedSemaphorePermit, Problem> {
        wait_for(&self.downloads).await
    }

    /// Permits for a query; `None` if there is no capacity now.
    pub(super) async fn take(&self, request: &QueryRequest, store: &dyn Store) -> Option<Permits> {
        let one = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let large = match self.is_large(request, store).await {
            true => Some(Arc::clone(&self.large).try_acquire_owned().ok()?),
            false => None,
        };
        metrics::gauge!("airshed_queries_in_flight").increment(1);
        Some(Permits { _one: one, _large: large })
    }

    /// Whether a query may match many readings, or read many for the few that it matches. A query whose size cannot be estimated is not
    /// large: it will fail for the same reason.
    pub(super) async fn is_large(&self, request: &QueryRequest, store: &dyn Store) -> bool {
        if request.reads_far_more() {
            return true;
        }
        let estimate = self.estimate(&request.query, store).await;
        estimate.is_ok_and(|readings| readings > self.large_from)
    }

    /// Estimated upper bound of the readings that a query matches.
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

async fn wait_for(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = timeout(LONGEST_WAIT, Arc::clone(permits).acquire_owned()).await;
    let busy = Problem::Busy("Too many concurrent requests. Retry in a moment.");
    permit.ok().and_then(Result::ok).ok_or(busy)
}

/// A keyed lock for concurrent equal requests (single flight): the second one finds the response of
/// the first one in the cache.
#[derive(Default)]
pub(super) struct KeyedLock(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

impl KeyedLock {
    /// The lock to hold while a request with this key is processed.
    pub(super) fn of(&self, key: String) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(key, Arc::downgrade(&lock));
        lock
    }
}
