//! A table on AWS: the store past one machine.
//!
//! [`DynamoDb`] keeps readings in one table with one index, which [`provision`](provision())
//! makes. A query reads what it returns: the time range of a country is one range of keys a
//! day, and a bound on the air-quality index is one range a day and index (see
//! `ARCHITECTURE.md`).
//!
//! What a table elsewhere cannot promise, beside what [`Store`] says:
//!
//! - A put is durable reading by reading. One that failed, or was cut off, may have kept
//!   a part of its batch; putting it again completes it.
//! - There is no state to hold: a [`snapshot`](Store::snapshot) is what is there whenever
//!   it is asked. Queries are eventually consistent, on AWS typically within a second.
//! - Two processes that put readings of one identity and different countries at the same
//!   moment, where the sensor was never in one of them before, may leave both.
//! - Readings older than what [`delete_before`](Store::delete_before) is deleting, put at
//!   that moment, may be deleted with them.

mod counts;
mod days;
mod homes;
mod item;
mod keys;
mod networks;
mod read;
mod segments;
mod service;
mod summary;
mod table;
mod write;

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::blocks::{DAYS, day_and_second};
use crate::{
    Country, Error, Network, Page, Position, Query, Reading, RetryPolicy, Store, Summary, View,
};
use service::Table;
pub use service::{Consumed, Endpoint};
pub use table::{Capacity, Encryption, Provisioned, TableOptions, delete, exists, provision};

/// Readings in a DynamoDB table. Clones share it.
#[derive(Clone)]
pub struct DynamoDb {
    table: Arc<Table>,
    answers: Arc<read::Answers>,
    known: Arc<summary::Known>,
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDb").field("table", &self.table.name).finish_non_exhaustive()
    }
}

/// How a [`DynamoDb`] works.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DynamoDbOptions {
    /// Where the service is.
    pub endpoint: Endpoint,
    /// How calls that fail are repeated, each on its own; a put's unprocessed readings
    /// too.
    pub retry: RetryPolicy,
    /// The age from which DynamoDB itself deletes what is put (its time to live, in a
    /// matter of days); `None`: never.
    pub keep: Option<Duration>,
}

impl DynamoDb {
    /// A table that is there, with its index.
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) when it is not, or not as
    /// [`provision`](provision()) makes it; [`Io`](crate::ErrorKind::Io) when the service
    /// does not answer.
    pub async fn open(table: &str, options: DynamoDbOptions) -> Result<Self, Error> {
        let table = Table::open(table, options).await?;
        table::check(&table).await?;
        Ok(Self { table: Arc::new(table), answers: Arc::default(), known: Arc::default() })
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// The capacity that calls through this and its clones have consumed, as the service
    /// reports it.
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

    /// As of half a minute ago at most.
    async fn networks(&self) -> Result<Vec<Network>, Error> {
        networks::read(&self.table).await
    }

    /// By the numbers of the days, which grow before and after each put and with a deletion,
    /// and never come again.
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
        // Neither random nor different in another process.
        let mut hasher = foldhash::quality::FixedState::default().build_hasher();
        countries.for_each(|partition| partition.hash(&mut hasher));
        let puts: u64 = days.iter().flat_map(|(_, countries)| countries.values()).sum();
        Ok(Some(format!("{}-{puts}-{:016x}", days.len(), hasher.finish())))
    }
}

#[async_trait]
impl Store for DynamoDb {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        write::put(&self.table, batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        write::delete_before(&self.table, moment).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.clone()))
    }
}
