use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use metrics::{counter, histogram};

use crate::{
    Error, ErrorKind, Migration, Network, Page, Position, Query, Reading, Store, Summary, View,
};

/// Measures every call, with the [`metrics`] facade.
///
/// - `airshed_store_seconds`: a histogram of the duration of calls, by `operation` (put, delete,
///   query, latest, summary, snapshot) and `outcome` (ok, or the kind of the error).
/// - `airshed_store_rows_total`: rows put, deleted, or returned by `query` and `latest`, by
///   `operation`.
pub struct Metered<S: ?Sized = dyn Store> {
    inner: Arc<S>,
}

impl<S: ?Sized> fmt::Debug for Metered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered").finish_non_exhaustive()
    }
}

impl<S: View + ?Sized> Metered<S> {
    /// Wraps a store or a view.
    pub fn new(inner: Arc<S>) -> Self {
        Self { inner }
    }

    async fn measured<T>(
        &self,
        operation: &'static str,
        rows: impl FnOnce(&T) -> u64,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let done = call.await;
        let outcome = match &done {
            Ok(_) => "ok",
            Err(error) => match error.kind() {
                ErrorKind::Invalid => "invalid",
                ErrorKind::Locked => "locked",
                ErrorKind::Damaged => "damaged",
                ErrorKind::TooNew => "too_new",
                ErrorKind::Denied => "denied",
                ErrorKind::Io => "io",
            },
        };
        let labels = [("operation", operation), ("outcome", outcome)];
        histogram!("airshed_store_seconds", &labels).record(begun.elapsed());
        let rows = done.as_ref().map_or(0, rows);
        if rows > 0 {
            counter!("airshed_store_rows_total", "operation" => operation).increment(rows);
        }
        done
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl<S: View + ?Sized> View for Metered<S> {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        let rows = |page: &Page| page.len() as u64;
        self.measured("query", rows, self.inner.query(query, after)).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.measured("summary", |_| 0, self.inner.summary()).await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.inner.networks().await
    }

    async fn stored_at(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        self.inner.stored_at(from, until).await
    }

    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        self.inner.readings_in_days(from, until).await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.inner.version(from, until).await
    }

    async fn latest(&self, query: &Query) -> Result<Page, Error> {
        let rows = |page: &Page| page.len() as u64;
        self.measured("latest", rows, self.inner.latest(query)).await
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl<S: Store + ?Sized> Store for Metered<S> {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        if batch.is_empty() {
            return self.inner.put(batch).await; // only a check whether it accepts puts
        }
        let rows = batch.len() as u64;
        self.measured("put", |()| rows, self.inner.put(batch)).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.measured("delete", |deleted| *deleted, self.inner.delete_before(moment)).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.measured("delete", |deleted| *deleted, self.inner.delete(query)).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        let view = self.measured("snapshot", |_| 0, self.inner.snapshot()).await?;
        Ok(Arc::new(Metered::new(view)))
    }

    async fn migrate(&self) -> Result<Migration, Error> {
        self.inner.migrate().await
    }
}
