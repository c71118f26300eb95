//! Admission control for direct responses, and single flight for equal requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use store::{Query, Store, Summary};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::Limits;
use super::client::Client;
use super::pool::{Permit, Pool, Refused};
use super::problem::Problem;
use super::rates::Rates;
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

/// Maximum number of clients that hear of events.
const LISTENERS: usize = 1000;

/// How long a request waits for a permit of these kinds.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// `Retry-After` of a client that has its share.
const RETRY: Duration = Duration::from_secs(5);

/// The permits for direct responses.
pub(super) struct AdmissionControl {
    all: Arc<Pool>,
    large: Arc<Pool>,
    interactive: Arc<Pool>,
    downloads: Arc<Pool>,
    heavy: Arc<Pool>,
    day_files: Arc<Pool>,
    listeners: Arc<Pool>,
    pub(super) rates: Rates,
    large_from: u64,
    summary: AsyncMutex<Option<(Instant, Summary)>>,
}

/// Permits held by a query.
pub(super) struct Permits {
    _one: Permit,
    _large: Option<Permit>,
}

impl Drop for Permits {
    fn drop(&mut self) {
        metrics::gauge!("airshed_queries_in_flight").decrement(1);
    }
}

impl AdmissionControl {
    /// `has_jobs`: whether queries beyond the permits become jobs; otherwise no client gets all permits.
    pub(super) fn new(limits: &Limits, has_jobs: bool) -> Self {
        let direct = if has_jobs { Pool::elastic } else { Pool::new };
        Self {
            all: direct(limits.in_flight),
            large: direct(limits.large_in_flight),
            interactive: Pool::new(INTERACTIVE),
            downloads: Pool::new(DOWNLOADS),
            heavy: Pool::new(HEAVY),
            day_files: Pool::new(DAY_FILES),
            listeners: Pool::new(LISTENERS),
            rates: Rates::new(limits.rate),
            large_from: limits.large,
            summary: AsyncMutex::default(),
        }
    }

    /// A permit for an interactive request: of the map, a summary, a series, a size, or a query for
    /// few rows. They have permits of their own, so that the page works while others use all of theirs.
    pub(super) async fn interactive(&self, client: &Client) -> Result<Permit, Problem> {
        self.wait_for(&self.interactive, client).await
    }

    /// A permit for a request that can read for seconds: the statement of an area, what is known of a
    /// sensor.
    pub(super) async fn heavy(&self, client: &Client) -> Result<Permit, Problem> {
        self.wait_for(&self.heavy, client).await
    }

    /// A permit to make the file of a day, which can take longer.
    pub(super) async fn day_file(&self, client: &Client) -> Result<Permit, Problem> {
        self.wait_for(&self.day_files, client).await
    }

    /// A permit to hear of events, for as long as the client likes.
    pub(super) fn listener(&self, client: &Client) -> Result<Permit, Problem> {
        self.listeners.try_take(client).map_err(|refused| match refused {
            Refused::Own => too_many("listeners of one client"),
            Refused::Others => Problem::Busy("Too many listeners. Retry later."),
        })
    }

    /// A permit for the download of a result.
    pub(super) async fn download(&self, client: &Client) -> Result<Permit, Problem> {
        self.wait_for(&self.downloads, client).await
    }

    /// Permits for a query, if there are some now.
    pub(super) async fn take(
        &self,
        request: &QueryRequest,
        store: &dyn Store,
        client: &Client,
    ) -> Result<Permits, Refused> {
        let taken = |pool: &Arc<Pool>| {
            let taken = pool.try_take(client);
            if let Err(Refused::Others) = taken {
                self.rates.note_wait(client);
            }
            taken
        };
        let one = taken(&self.all)?;
        let large = match self.is_large(request, store).await {
            true => Some(taken(&self.large)?),
            false => None,
        };
        metrics::gauge!("airshed_queries_in_flight").increment(1);
        Ok(Permits { _one: one, _large: large })
    }

    /// Whether a query may match many readings, or read many for the few that it matches. A query whose size cannot be estimated is not
    /// large: it will fail for the same reason.
    pub(super) async fn is_large(&self, request: &QueryRequest, store: &dyn Store) -> bool {
        if request.reads_far_more() {
            return true;
        }
        self.expected_rows(request, store).await.is_some_and(|rows| rows > self.large_from)
    }

    /// Estimated upper bound of the rows of a response; unknown if the store fails.
    pub(super) async fn expected_rows(
        &self,
        request: &QueryRequest,
        store: &dyn Store,
    ) -> Option<u64> {
        let estimate = self.estimate(&request.query, store).await.ok()?;
        Some(estimate.min(request.limit.unwrap_or(u64::MAX)))
    }

    async fn wait_for(&self, pool: &Arc<Pool>, client: &Client) -> Result<Permit, Problem> {
        let note = |refused| {
            if refused == Refused::Others {
                self.rates.note_wait(client);
            }
        };
        pool.take(client, LONGEST_WAIT, note).await.map_err(|refused| match refused {
            Refused::Own => too_many("concurrent requests of one client"),
            Refused::Others => Problem::Busy("Too many concurrent requests. Retry in a moment."),
        })
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

pub(super) fn too_many(what: &'static str) -> Problem {
    Problem::TooMany { what, left: None, wait: RETRY }
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
