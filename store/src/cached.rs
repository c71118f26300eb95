//! A cache of recent pages.
//!
//! Cache entries are keyed by **epochs**: every put increments the epochs of the days that it
//! touches, and a result is cached under the newest epoch of the days that its query covers, so no
//! entry is stale after a put. A snapshot keeps the epochs of its creation, and uses only results
//! of snapshots: those of one epoch show one state.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::blocks::{self, day_and_second};
use crate::csv::CsvCache;
use crate::{
    AqiStandard, Block, Error, Migration, Network, Page, Position, Query, Reading, Store, Summary,
    View,
};

/// Caches recently requested pages and summaries, with single flight for concurrent equal requests.
///
/// Puts through it are visible at once. Puts of other processes are visible after
/// [`open_days`](CacheOptions::open_days), for days that are not expected to change after
/// [`closed_days`](CacheOptions::closed_days). A snapshot shows one state as long as no other
/// process puts.
pub struct Cached<S: ?Sized = dyn Store> {
    inner: Arc<S>,
    shared: Arc<Shared>,
    /// The epochs of a snapshot; `None`: the current ones.
    epochs: Option<Arc<Epochs>>,
}

/// Size and lifetimes of a [`Cached`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CacheOptions {
    /// Size in bytes; default 256 MiB.
    pub bytes: u64,
    /// Lifetime of results for days that may still change; default 5 s.
    pub open_days: Duration,
    /// Lifetime of all other results; default 1 h.
    pub closed_days: Duration,
    /// The age from which a day is not expected to change; default 48 h.
    pub closed_after: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            open_days: Duration::from_secs(5),
            closed_days: Duration::from_secs(3600),
            closed_after: Duration::from_secs(48 * 3600),
        }
    }
}

impl<S: ?Sized> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.shared.answers.weight();
        f.debug_struct("Cached")
            .field("options", &self.shared.options)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

struct Shared {
    answers: Cache<Key, Kept, Weight>,
    puts: Mutex<Puts>,
    options: CacheOptions,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Default)]
struct Puts {
    epochs: Arc<Epochs>,
    /// Puts and deletions in progress.
    under_way: usize,
}

#[derive(Debug, Clone, Default)]
struct Epochs {
    /// The newest epoch; never reused.
    newest: u64,
    /// The epoch of every day with puts.
    days: BTreeMap<i32, u64>,
    /// The epoch of all days: after deletions, and for snapshots that differ from all others.
    all: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    epoch: u64,
    of_snapshot: bool,
    /// The version of the inner store, if it has one: changes of other processes make new entries,
    /// none older than the version requested before them.
    version: Option<String>,
    /// The query and position in `Debug` format, which distinguishes all differences; `None` for
    /// the summary. (Queries contain floats, which do not implement `Hash`.)
    page: Option<String>,
}

#[derive(Clone)]
struct Kept {
    answer: Answer,
    until: Instant,
}

#[derive(Clone)]
enum Answer {
    Page(Page),
    Summary(Summary),
    Version(Option<String>),
}

#[derive(Clone)]
struct Weight;

impl quick_cache::Weighter<Key, Kept> for Weight {
    fn weight(&self, key: &Key, kept: &Kept) -> u64 {
        let answer = match &kept.answer {
            // Blocks shared by several pages are counted for each: an overestimate.
            Answer::Page(page) => {
                let different = page.runs.chunk_by(|a, b| Arc::ptr_eq(&a.block, &b.block));
                let text = |block: &Block| block.len() * CsvCache::TYPICAL_ROW_BYTES;
                let blocks = different.map(|runs| &runs[0].block);
                let blocks = blocks.map(|block| block.memory_bytes() + text(block));
                blocks.sum::<usize>() + size_of_val(page.runs.as_slice())
            }
            Answer::Summary(summary) => size_of_val(summary.countries.as_slice()),
            Answer::Version(version) => version.as_ref().map_or(0, String::len),
        };
        (answer + size_of::<(Key, Kept)>() + key.page.as_ref().map_or(0, String::len)) as u64
    }
}

impl Epochs {
    /// The epoch of the days between two timestamps.
    fn between(&self, from: Timestamp, until: Timestamp) -> u64 {
        let (first, last) = (day_and_second(from).0, day_and_second(until).0);
        let days = (first <= last).then(|| self.days.range(first..=last));
        days.into_iter().flatten().map(|(_, epoch)| *epoch).fold(self.all, u64::max)
    }
}

impl Shared {
    fn puts(&self) -> MutexGuard<'_, Puts> {
        self.puts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self, until: Timestamp) -> bool {
        let age = (self.clock)().duration_since(until);
        age.is_positive() && age.unsigned_abs() > self.options.closed_after
    }
}

/// A put or a deletion in progress. When it ends, successfully or not, the epochs of its days are
/// incremented.
struct UnderWay<'a> {
    shared: &'a Shared,
    /// `None`: all.
    days: Option<Vec<i32>>,
}

impl<'a> UnderWay<'a> {
    fn begin(shared: &'a Shared, days: Option<Vec<i32>>) -> Self {
        shared.puts().under_way += 1;
        Self { shared, days }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut puts = self.shared.puts();
        puts.under_way -= 1;
        let epochs = Arc::make_mut(&mut puts.epochs);
        epochs.newest += 1;
        match self.days.take() {
            Some(days) => epochs.days.extend(days.into_iter().map(|day| (day, epochs.newest))),
            None => epochs.all = epochs.newest,
        }
    }
}

impl Cached {
    /// Wraps a store; `clock` provides the time.
    pub fn new(
        inner: Arc<dyn Store>,
        options: CacheOptions,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        const TYPICAL_PAGE_BYTES: u64 = 1 << 20;
        let items = (options.bytes / TYPICAL_PAGE_BYTES).max(16) as usize;
        let answers = Cache::with_weighter(items, options.bytes, Weight);
        let shared = Shared { answers, puts: Mutex::default(), options, clock: Box::new(clock) };
        Self { inner, shared: Arc::new(shared), epochs: None }
    }

    /// Upper bound of the current size in bytes.
    pub fn bytes(&self) -> u64 {
        self.shared.answers.weight()
    }
}

impl<S: View + ?Sized> Cached<S> {
    /// The result of a query on the time between two timestamps, from the cache or from `ask`.
    async fn answer(
        &self,
        page: Option<String>,
        version: Option<String>,
        from: Timestamp,
        until: Timestamp,
        ask: impl Future<Output = Result<Answer, Error>>,
    ) -> Result<Answer, Error> {
        let epoch = match &self.epochs {
            Some(epochs) => epochs.between(from, until),
            None => self.shared.puts().epochs.between(from, until),
        };
        let key = Key { epoch, of_snapshot: self.epochs.is_some(), version, page };
        let answers = &self.shared.answers;
        answers.remove_if(&key, |kept| kept.until <= Instant::now());
        match answers.get_value_or_guard_async(&key).await {
            Ok(kept) => {
                blocks::count("pages", "hit", 1);
                Ok(kept.answer)
            }
            Err(place) => {
                blocks::count("pages", "miss", 1);
                let answer = ask.await?;
                let options = &self.shared.options;
                let kept_for = match self.shared.is_closed(until) {
                    true => options.closed_days,
                    false => options.open_days,
                };
                let kept = Kept { answer: answer.clone(), until: Instant::now() + kept_for };
                // Not cached if it exceeds the size of the cache by itself.
                let _ = place.insert(kept);
                Ok(answer)
            }
        }
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl<S: View + ?Sized> View for Cached<S> {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        // The standard affects the rows only if the query filters by index.
        let standard = if query.asks_for_indices() { query.standard } else { AqiStandard::DEFAULT };
        let page = format!("{:?} {after:?}", Query { standard, ..query.clone() });
        let version = self.version(query.from, query.until).await?;
        let ask = async { Ok(Answer::Page(self.inner.query(query, after).await?)) };
        match self.answer(Some(page), version, query.from, query.until, ask).await? {
            Answer::Page(page) => Ok(page),
            _ => self.inner.query(query, after).await, // never: keys differ
        }
    }

    async fn summary(&self) -> Result<Summary, Error> {
        let ask = async { Ok(Answer::Summary(self.inner.summary().await?)) };
        match self.answer(None, None, Timestamp::MIN, Timestamp::MAX, ask).await? {
            Answer::Summary(summary) => Ok(summary),
            _ => self.inner.summary().await, // never: keys differ
        }
    }

    async fn latest(&self, query: &Query) -> Result<Page, Error> {
        let question = format!("latest {query:?}");
        let version = self.version(query.from, query.until).await?;
        let ask = async { Ok(Answer::Page(self.inner.latest(query).await?)) };
        match self.answer(Some(question), version, query.from, query.until, ask).await? {
            Answer::Page(page) => Ok(page),
            _ => self.inner.latest(query).await, // never: keys differ
        }
    }

    /// Not cached: it is requested with every response, and stores have it in memory.
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

    /// Cached like a result.
    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        let days = [from, until].map(|moment| day_and_second(moment).0);
        let question = Some(format!("version {days:?}"));
        let ask = async { Ok(Answer::Version(self.inner.version(from, until).await?)) };
        match self.answer(question, None, from, until, ask).await? {
            Answer::Version(version) => Ok(version),
            _ => self.inner.version(from, until).await, // never: keys differ
        }
    }
}

#[deny(clippy::missing_trait_methods)] // a wrapper forwards every call
#[async_trait]
impl Store for Cached {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let days = batch.iter().map(|reading| day_and_second(reading.timestamp).0);
        let _under_way = UnderWay::begin(&self.shared, Some(days.collect()));
        self.inner.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        let _under_way = UnderWay::begin(&self.shared, None);
        self.inner.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        let _under_way = UnderWay::begin(&self.shared, None);
        self.inner.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        let quiet = || {
            let puts = self.shared.puts();
            (puts.under_way == 0).then(|| Arc::clone(&puts.epochs))
        };
        let before = quiet();
        let inner = self.inner.snapshot().await?;
        let epochs = match (before, quiet()) {
            (Some(before), Some(after)) if before.newest == after.newest => after,
            _ => {
                // A put happened in between: this state may differ from that of all other
                // snapshots.
                let mut puts = self.shared.puts();
                let epochs = Arc::make_mut(&mut puts.epochs);
                epochs.newest += 1;
                Arc::new(Epochs { all: epochs.newest, ..epochs.clone() })
            }
        };
        let shared = Arc::clone(&self.shared);
        Ok(Arc::new(Cached { inner, shared, epochs: Some(epochs) }))
    }

    async fn migrate(&self) -> Result<Migration, Error> {
        self.inner.migrate().await
    }
}
