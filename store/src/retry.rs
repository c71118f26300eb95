use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::{Error, Migration, Network, Page, Position, Query, Reading, Store, Summary, View};

/// Retries calls that failed with a transient error.
///
/// Only [transient](Error::is_transient) errors are retried, with exponential backoff and random
/// jitter, so that the retries of many callers are spread ("full jitter": M. Brooker, "Exponential
/// Backoff And Jitter", AWS Architecture Blog, 2015). When the next pause would end after the
/// deadline, the last error is returned.
///
/// A deletion that succeeded without confirmation is retried too, and then reports fewer readings
/// than it deleted.
pub struct Retry<S: ?Sized = dyn Store> {
    inner: Arc<S>,
    policy: RetryPolicy,
}

/// The policy of a [`Retry`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The longest first pause; default 50 ms.
    pub first_pause: Duration,
    /// No pause is longer; default 5 s.
    pub longest_pause: Duration,
    /// From a call's start; default 30 s. No attempt starts later; a running attempt is not
    /// aborted.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
        }
    }
}

impl<S: ?Sized> fmt::Debug for Retry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl<S: View + ?Sized> Retry<S> {
    /// Wraps a store or a view.
    pub fn new(inner: Arc<S>, policy: RetryPolicy) -> Self {
        Self { inner, policy }
    }

    async fn until_done<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.policy.until_done(attempt).await
    }
}

impl RetryPolicy {
    /// Repeats attempts until one succeeds, fails permanently, or the deadline has passed.
    pub(crate) async fn until_done<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pauses = Pauses::new(self);
        loop {
            let error = match attempt().await {
                Err(error) if error.is_transient() => error,
                done => return done,
            };
            if !pauses.pause().await {
                return Err(error);
            }
        }
    }
}

/// The pauses of one call.
pub(crate) struct Pauses<'a> {
    policy: &'a RetryPolicy,
    begun: Instant,
    next: Duration,
}

impl<'a> Pauses<'a> {
    /// Starts the deadline of a call.
    pub(crate) fn new(policy: &'a RetryPolicy) -> Self {
        Self { policy, begun: Instant::now(), next: policy.first_pause }
    }

    /// Waits, or returns at once that the deadline would pass.
    pub(crate) async fn pause(&mut self) -> bool {
        let jittered =
            self.next.min(self.policy.longest_pause).mul_f64(rand::random_range(0.0..=1.0));
        if self.begun.elapsed() + jittered > self.policy.deadline {
            return false;
        }
        sleep(jittered).await;
        self.next = self.next.saturating_mul(2);
        true
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl<S: View + ?Sized> View for Retry<S> {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.until_done(|| self.inner.query(query, after)).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.until_done(|| self.inner.summary()).await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.until_done(|| self.inner.networks()).await
    }

    async fn stored_at(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.until_done(|| self.inner.stored_at(from, until)).await
    }

    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        self.until_done(|| self.inner.readings_in_days(from, until)).await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.until_done(|| self.inner.version(from, until)).await
    }

    async fn latest(&self, query: &Query) -> Result<Page, Error> {
        self.until_done(|| self.inner.latest(query)).await
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl<S: Store + ?Sized> Store for Retry<S> {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.until_done(|| self.inner.put(batch)).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.until_done(|| self.inner.delete_before(moment)).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.until_done(|| self.inner.delete(query)).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        let view = self.until_done(|| self.inner.snapshot()).await?;
        Ok(Arc::new(Retry::new(view, self.policy.clone())))
    }

    async fn migrate(&self) -> Result<Migration, Error> {
        self.until_done(|| self.inner.migrate()).await
    }
}
