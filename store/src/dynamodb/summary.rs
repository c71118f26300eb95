//! What there is, by country: a count of each partition, which holds as long as nobody
//! puts to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::Select;
use jiff::Timestamp;
use tokio::time::Instant;

use super::days;
use super::item::{self, Item};
use super::keys;
use super::service::{Table, at_once};
use crate::block::DAYS;
use crate::{Country, Error, Summary};

/// After this it is looked whether DynamoDB itself has deleted what a count counted. It
/// deletes what is oldest first, as good as: as long as the first reading is there, the count
/// holds on. To count again would be to read the whole table every few hours.
const COUNT_HOLDS: Duration = Duration::from_secs(6 * 3600);

/// Readings from which a partition that is put to again and again is counted once an hour
/// only, since to count is to read; its first and last timestamps are looked at each time.
const MANY: u64 = 100_000;
const COUNT_OF_MANY_HOLDS: Duration = Duration::from_secs(3600);

/// The counts of partitions that were asked for.
#[derive(Default)]
pub(super) struct Counted(Mutex<HashMap<(i32, Option<Country>), Count>>);

#[derive(Clone, Copy)]
struct Count {
    /// The partition's number when it was counted.
    puts: u64,
    at: Instant,
    readings: u64,
    extent: Extent,
}

/// The first and the last timestamp.
type Extent = Option<(Timestamp, Timestamp)>;

impl Counted {
    pub(super) async fn summary(&self, table: &Table) -> Result<Summary, Error> {
        let days = days::read(table, DAYS).await?;
        let partitions = days.into_iter().flat_map(|(day, countries)| {
            countries.into_iter().map(move |(country, puts)| (day, country, puts))
        });
        let counts = partitions.map(|(day, country, puts)| self.of(table, day, country, puts));
        let mut countries: BTreeMap<Option<Country>, u64> = BTreeMap::new();
        let mut extent: Extent = None;
        for (country, count) in at_once(counts.collect()).await? {
            if let Some((first, last)) = count.extent {
                *countries.entry(country).or_default() += count.readings;
                let (before, after) = extent.unwrap_or((first, last));
                extent = Some((first.min(before), last.max(after)));
            }
        }
        Ok(Summary { countries: countries.into_iter().collect(), extent })
    }

    async fn of(
        &self,
        table: &Table,
        day: i32,
        country: Option<Country>,
        puts: u64,
    ) -> Result<(Option<Country>, Count), Error> {
        let known = self.lock().get(&(day, country)).copied();
        let partition = keys::partition(day, country);
        if let Some(count) = known {
            let (same, age) = (count.puts == puts, count.at.elapsed());
            if same && age < COUNT_HOLDS {
                return Ok((country, count));
            }
            let many = count.readings >= MANY && age < COUNT_OF_MANY_HOLDS;
            if same || many {
                let at = if same { Instant::now() } else { count.at };
                let extent = extent(table, &partition).await?;
                let first = |extent: Extent| extent.map(|(first, _)| first);
                if !same || first(extent) == first(count.extent) {
                    let count = Count { at, extent, ..count };
                    self.lock().insert((day, country), count);
                    return Ok((country, count));
                }
            }
        }
        let at = Instant::now();
        let readings = count(table, &partition).await?;
        let extent = if readings > 0 { extent(table, &partition).await? } else { None };
        let count = Count { puts, at, readings, extent };
        self.lock().insert((day, country), count);
        Ok((country, count))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(i32, Option<Country>), Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(table: &Table, partition: &str) -> Result<u64, Error> {
    let mut readings = 0;
    let mut from: Option<Item> = None;
    loop {
        let query = table.range(partition, "0", keys::END).select(Select::Count);
        let query = query.set_exclusive_start_key(from);
        let answer = table.call("counting", || query.clone().send()).await?;
        table.count_read(answer.consumed_capacity());
        readings += u64::from(answer.count().unsigned_abs());
        match answer.last_evaluated_key {
            None => return Ok(readings),
            next => from = next,
        }
    }
}

async fn extent(table: &Table, partition: &str) -> Result<Extent, Error> {
    let (first, last) = (end(table, partition, true).await?, end(table, partition, false).await?);
    Ok(first.zip(last))
}

/// The first or the last timestamp of a partition.
async fn end(table: &Table, partition: &str, first: bool) -> Result<Option<Timestamp>, Error> {
    let query = table.range(partition, "0", keys::END).limit(1).scan_index_forward(first);
    let answer = table.call("reading an end", || query.clone().send()).await?;
    table.count_read(answer.consumed_capacity());
    let reading = answer.items().first().map(item::reading).transpose()?;
    Ok(reading.map(|reading| reading.timestamp))
}
