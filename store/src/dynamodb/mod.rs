//! A DynamoDB table: a store for several machines.
//!
//! [`DynamoDb`] stores readings in one table with one secondary index, created by
//! [`provision`](provision()). A query reads only what it returns: the time range of a country is
//! one key range per day, and a bound on the air-quality index is one range per day and index value
//! (see `ARCHITECTURE.md`).
//!
//! Deviations from the contract of [`Store`]:
//!
//! - A put is not atomic. A failed or aborted put may have stored a part of its batch; repeating it
//!   completes it.
//! - There are no snapshots: a [`snapshot`](Store::snapshot) shows the current state at each call.
//!   Queries are eventually consistent, on AWS typically within a second.
//! - If two processes concurrently put readings with the same identity and different countries, and
//!   the sensor was never in one of them before, both readings may remain.
//! - A deletion is not atomic. Old readings that are put while
//!   [`delete_before`](Store::delete_before) is running may be deleted with the others.

mod counts;
mod days;
mod item;
mod keys;
mod networks;
mod pace;
mod read;
mod segments;
mod sensor_countries;
mod service;
mod summary;
mod table;
mod write;

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::blocks::{DAYS, day_and_second};
use crate::{
    Country, Error, ErrorKind, Network, Page, Position, Query, Reading, RetryPolicy, Store,
    Summary, View, Window,
};
use days::Touched;
pub use pace::Pace;
use pace::Pacer;
use service::Table;
pub use service::{Consumed, Endpoint};
pub use table::{Capacity, Encryption, Provisioned, TableOptions, delete, exists, provision};

/// Readings in a DynamoDB table. Clones share it.
#[derive(Clone)]
pub struct DynamoDb {
    table: Arc<Table>,
    answers: Arc<read::Answers>,
    known: Arc<summary::CountCache>,
    /// A partition of the last put, if that failed.
    failed: Arc<Mutex<Option<Touched>>>,
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDb").field("table", &self.table.name).finish_non_exhaustive()
    }
}

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// Options of a [`DynamoDb`].
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DynamoDbOptions {
    /// The endpoint of the service.
    pub endpoint: Endpoint,
    /// The retry policy of each call, also for the unprocessed readings of a put.
    pub retry: RetryPolicy,
    /// The retention period, after which DynamoDB itself deletes readings (its time to live, within
    /// a few days); `None`: for ever.
    pub keep: Option<Duration>,
    /// The retention period of five-minute readings, if it is shorter.
    pub keep_samples: Option<Duration>,
    /// How fast readings are put, so that other processes find capacity.
    pub pace: Pace,
}

impl DynamoDbOptions {
    fn keep_of(&self, window: Window) -> Option<Duration> {
        let samples = self.keep_samples.filter(|_| window == Window::FiveMinutes);
        [self.keep, samples].into_iter().flatten().min()
    }
}

impl DynamoDb {
    /// Opens an existing table with its index.
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if it does not exist, or differs from what
    /// [`provision`](provision()) creates; [`Io`](crate::ErrorKind::Io) if the service does not
    /// respond.
    pub async fn open(table: &str, options: DynamoDbOptions) -> Result<Self, Error> {
        let mut table = Table::open(table, options).await?;
        let provisioned = table::check(&table).await?;
        let units = match table.options.pace {
            Pace::Unlimited => None,
            Pace::Units(units) => Some(units),
            Pace::HalfOfTable => provisioned.map(|all| all.div_ceil(TWO)),
        };
        table.pacer = units.map(Pacer::new);
        let (answers, known, failed) = Default::default();
        Ok(Self { table: Arc::new(table), answers, known, failed })
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// The capacity consumed by calls through this and its clones, as reported by the service.
    pub fn consumed(&self) -> Consumed {
        self.table.consumed()
    }
}

#[async_trait]
impl View for DynamoDb {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.answers.page(&self.table, query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.known.summary(&self.table).await
    }

    /// At most half a minute old.
    async fn networks(&self) -> Result<Vec<Network>, Error> {
        networks::read(&self.table).await
    }

    /// Computed from the version numbers of the days, which grow before and after each put and with
    /// a deletion, and are never reused.
    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        let day = |moment| day_and_second(moment).0.clamp(*DAYS.start(), *DAYS.end());
        let (first, last) = (day(from), day(until));
        let days = match first <= last {
            true => days::read(&self.table, first..=last).await?,
            false => Vec::new(),
        };
        let countries = days.iter().flat_map(|(day, countries)| {
            countries.iter().map(move |(country, puts)| (*day, country.map(Country::bytes), *puts))
        });
        // Deterministic, and equal in all processes.
        let mut hasher = foldhash::quality::FixedState::default().build_hasher();
        countries.for_each(|partition| partition.hash(&mut hasher));
        let puts: u64 = days.iter().flat_map(|(_, countries)| countries.values()).sum();
        Ok(Some(format!("{}-{puts}-{:016x}", days.len(), hasher.finish())))
    }
}

#[async_trait]
impl Store for DynamoDb {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = batch.first() else {
            // The smallest write that there is.
            let Some(touched) = failed().clone() else { return Ok(()) };
            days::bump_version(&self.table, &touched).await?;
            *failed() = None;
            return Ok(());
        };
        let put = write::put(&self.table, batch).await;
        let day = day_and_second(first.timestamp).0;
        *failed() = match &put {
            Err(error) if error.kind() != ErrorKind::Invalid => {
                Some(Touched::from([(day, [first.country].into())]))
            }
            _ => None,
        };
        put
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        write::delete_before(&self.table, moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        let (mut deleted, mut after) = (0, None);
        loop {
            let page = self.query(query, after).await?;
            deleted += write::delete(&self.table, &page).await?;
            match page.next {
                None => return Ok(deleted),
                next => after = next,
            }
        }
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.clone()))
    }
}
