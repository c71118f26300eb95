//! The summary by country: a count of each partition, which is valid until the next put to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::Select;
use jiff::Timestamp;
use tokio::time::Instant;

use super::counts::{self, Extent, Partition, PartitionCount};
use super::days;
use super::item::{self, Item};
use super::keys;
use super::service::{Table, at_once};
use crate::blocks::DAYS;
use crate::{Country, Error, Summary};

/// Interval of checking whether DynamoDB's time to live has deleted counted readings. It deletes
/// roughly the oldest first: while the first reading exists, the count stays valid. Counting again
/// would read the whole table every few hours.
const COUNT_HOLDS: Duration = Duration::from_secs(6 * 3600);

/// Number of readings above which a partition with repeated puts is counted only once an hour,
/// since counting reads it; its first and last timestamps are read each time.
const MANY: u64 = 100_000;
const COUNT_OF_MANY_HOLDS: Duration = Duration::from_secs(3600);

/// The cached counts of partitions.
#[derive(Default)]
pub(super) struct CountCache(Mutex<HashMap<Partition, Count>>);

#[derive(Clone, Copy)]
struct Count {
    counted: PartitionCount,
    at: Instant,
}

/// The result of checking a partition.
struct PartitionSummary {
    partition: Partition,
    counted: PartitionCount,
    /// Whether it was counted now.
    is_new: bool,
}

impl CountCache {
    pub(super) async fn summary(&self, table: &Table) -> Result<Summary, Error> {
        let days = days::read(table, DAYS).await?;
        let partitions = days.into_iter().flat_map(|(day, countries)| {
            countries.into_iter().map(move |(country, puts)| ((day, country), puts))
        });
        let partitions: Vec<_> = partitions.collect();
        self.learn(table, &partitions).await?;
        let looks =
            partitions.iter().map(|(partition, puts)| self.summarize(table, *partition, *puts));
        let looked = at_once(looks.collect()).await?;
        let new = looked.iter().filter(|one| one.is_new);
        let new: Vec<_> = new.map(|one| (one.partition, one.counted)).collect();
        if !new.is_empty() {
            counts::note(table, &new).await;
        }
        let mut countries: BTreeMap<Option<Country>, u64> = BTreeMap::new();
        let mut extent: Extent = None;
        for PartitionSummary { partition: (_, country), counted, .. } in looked {
            if let Some((first, last)) = counted.extent {
                *countries.entry(country).or_default() += counted.readings;
                let (before, after) = extent.unwrap_or((first, last));
                extent = Some((first.min(before), last.max(after)));
            }
        }
        Ok(Summary { countries: countries.into_iter().collect(), extent })
    }

    /// Reads the counts stored by other processes for partitions without a cached count.
    async fn learn(&self, table: &Table, partitions: &[(Partition, u64)]) -> Result<(), Error> {
        let unknown: Vec<_> = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let unknown = partitions.iter().filter(|(partition, _)| !known.contains_key(partition));
            unknown.copied().collect()
        };
        let days = unknown.iter().map(|((day, _), _)| *day);
        let (Some(first), Some(last)) = (days.clone().min(), days.max()) else {
            return Ok(());
        };
        let noted = counts::read(table, first..=last).await?;
        let at = Instant::now();
        for (partition, puts) in unknown {
            // The age of a count with a different version number is unknown.
            if let Some(counted) = noted.get(&partition).filter(|noted| noted.puts == puts) {
                self.set(partition, Count { counted: *counted, at });
            }
        }
        Ok(())
    }

    async fn summarize(
        &self,
        table: &Table,
        partition: Partition,
        puts: u64,
    ) -> Result<PartitionSummary, Error> {
        let known = self.get(partition);
        let key = keys::partition(partition.0, partition.1);
        if let Some(Count { counted, at }) = known {
            let (same, age) = (counted.puts == puts, at.elapsed());
            let many = counted.readings >= MANY && age < COUNT_OF_MANY_HOLDS;
            if same && age < COUNT_HOLDS {
                return Ok(PartitionSummary { partition, counted, is_new: false });
            }
            if same || many {
                let at = if same { Instant::now() } else { at };
                let extent = extent(table, &key).await?;
                let first = |extent: Extent| extent.map(|(first, _)| first);
                if !same || first(extent) == first(counted.extent) {
                    let counted = PartitionCount { extent, ..counted };
                    self.set(partition, Count { counted, at });
                    return Ok(PartitionSummary { partition, counted, is_new: false });
                }
            }
        }
        let at = Instant::now();
        let readings = count(table, &key).await?;
        let extent = if readings > 0 { extent(table, &key).await? } else { None };
        let counted = PartitionCount { puts, readings, extent };
        self.set(partition, Count { counted, at });
        // Partitions that vanished in between were deleted meanwhile.
        let is_new = extent.is_some() == (readings > 0);
        Ok(PartitionSummary { partition, counted, is_new })
    }

    fn get(&self, partition: Partition) -> Option<Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).copied()
    }

    fn set(&self, partition: Partition, count: Count) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, count);
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
