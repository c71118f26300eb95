use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Error, Migration, Network, Page, Position, Query, Reading, Store, Summary, View};

/// Calls a hook after every successful put with the stored readings, in the order in which puts
/// complete.
///
/// The hook runs in the task of the put, before the put returns: it must be fast and must not
/// block.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), airshed_store::Error> {
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use airshed_store::{Memory, Notifying, Reading, Store, Window};
///
/// let count = Arc::new(AtomicUsize::new(0));
/// let counter = Arc::clone(&count);
/// let store = Notifying::new(Arc::new(Memory::new()), move |readings: &[Reading]| {
///     counter.fetch_add(readings.len(), Ordering::Relaxed);
/// });
/// let mut reading = Reading::new(7, Window::Hour, "2026-02-01T12:00:00Z".parse().unwrap());
/// reading.pm10 = Some("20".parse().unwrap());
/// store.put(&[reading]).await?;
/// assert_eq!(count.load(Ordering::Relaxed), 1);
/// # Ok(()) }
/// ```
pub struct Notifying<S: ?Sized = dyn Store> {
    hook: Box<Hook>,
    inner: Arc<S>,
}

type Hook = dyn Fn(&[Reading]) + Send + Sync;

impl<S: ?Sized> fmt::Debug for Notifying<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifying").finish_non_exhaustive()
    }
}

impl<S: Store + ?Sized> Notifying<S> {
    /// Wraps a store. Empty puts are not reported.
    pub fn new(inner: Arc<S>, hook: impl Fn(&[Reading]) + Send + Sync + 'static) -> Self {
        Self { hook: Box::new(hook), inner }
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl<S: Store + ?Sized> View for Notifying<S> {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.inner.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.inner.summary().await
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
        self.inner.latest(query).await
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl<S: Store + ?Sized> Store for Notifying<S> {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.inner.put(batch).await?;
        if !batch.is_empty() {
            (self.hook)(batch);
        }
        Ok(())
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.inner.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.inner.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        self.inner.snapshot().await
    }

    async fn migrate(&self) -> Result<Migration, Error> {
        self.inner.migrate().await
    }
}
