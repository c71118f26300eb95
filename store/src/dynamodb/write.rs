//! Puts and deletions: many small concurrent calls, each retried until it succeeds.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    DeleteRequest, PutRequest, ReturnConsumedCapacity, Select, WriteRequest,
};
use jiff::Timestamp;

use super::counts;
use super::days::{self, Touched};
use super::item::{self, Item, WRITTEN, number, text};
use super::keys;
use super::networks;
use super::sensor_countries::{self, SensorCountries};
use super::service::{Table, at_once, delete_unless_changed, until_processed};
use crate::blocks::latest_of_each_identity;
use crate::blocks::{DAYS, SECONDS_A_DAY, day_and_second, whole_seconds_up};
use crate::{Country, Error, ErrorKind, Page, Position, Reading};

/// Maximum number of items in a BatchWriteItem.
const BATCH: usize = 25;

/// Puts readings. The days and the sensors' countries are stored first, so that queries and later
/// puts find every reading. Items are put in the order of their keys, so that a long put fills
/// partitions one after the other.
pub(super) async fn put(table: &Table, batch: &[Reading]) -> Result<(), Error> {
    let mut readings = latest_of_each_identity(batch)?;
    readings.sort_by_cached_key(|reading| Position::of(reading));
    let mut touched = Touched::new();
    for reading in &readings {
        let day = day_and_second(reading.timestamp).0;
        touched.entry(day).or_default().insert(reading.country);
    }
    networks::note(table, &readings).await?;
    days::bump_version(table, &touched).await?;
    let sensor_countries = sensor_countries::note(table, &readings).await?;
    let written = written();
    let moved =
        |reading: &Reading| sensor_countries.get(&reading.sensor).is_some_and(|all| all.len() > 1);
    write_all(table, "putting readings", &readings, |reading| {
        let keep = table.options.keep_of(reading.window);
        let item = item::of(reading, keep, moved(reading).then_some(written));
        let put = PutRequest::builder().set_item(Some(item)).build()?;
        Ok(WriteRequest::builder().put_request(put).build())
    })
    .await?;
    let replaced = readings.iter().filter(|reading| moved(reading)).flat_map(|reading| {
        let others = others(reading, &sensor_countries);
        others.map(|country| replace(table, reading, country, written))
    });
    at_once(replaced.collect()).await?;
    days::bump_version(table, &touched).await
}

fn others(
    reading: &Reading,
    sensor_countries: &SensorCountries,
) -> impl Iterator<Item = Option<Country>> {
    let known: BTreeSet<_> = sensor_countries.get(&reading.sensor).cloned().unwrap_or_default();
    let own = reading.country;
    known.into_iter().filter(move |country| *country != own)
}

/// Deletes the reading with the same identity in another country, unless it was put later: of two
/// concurrent puts one stays.
async fn replace(
    table: &Table,
    reading: &Reading,
    country: Option<Country>,
    written: u64,
) -> Result<(), Error> {
    let position = Position { country, ..Position::of(reading) };
    let delete = table
        .client
        .delete_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::partition(position.day, country)))
        .key(keys::SORT, text(keys::place(&position)))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .condition_expression("attribute_not_exists(#written) OR #written < :written")
        .expression_attribute_names("#written", WRITTEN)
        .expression_attribute_values(":written", number(written));
    delete_unless_changed(table, "replacing a reading", &delete).await
}

/// A number that grows with time, unique within a process and nearly always between processes.
fn written() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = Timestamp::now().as_microsecond().unsigned_abs() * 1000 + rand::random_range(0..1000);
    let next = |last: u64| Some(now.max(last + 1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    now.max(last.unwrap_or_default() + 1)
}

/// Deletes all readings before a timestamp; returns their number. Items of completely deleted days
/// are deleted, too.
pub(super) async fn delete_before(table: &Table, moment: Timestamp) -> Result<u64, Error> {
    let first_kept = whole_seconds_up(moment);
    let last_day = day_and_second(moment).0.clamp(*DAYS.start(), *DAYS.end());
    let mut deleted = 0;
    for day in days::read(table, *DAYS.start()..=last_day).await? {
        let kept_from = first_kept - i64::from(day.0) * SECONDS_A_DAY;
        let whole = kept_from >= SECONDS_A_DAY;
        let end = match u32::try_from(kept_from) {
            _ if whole => keys::END.to_owned(),
            Ok(second @ 1..) => keys::time(second - 1) + keys::END,
            _ => continue,
        };
        let partitions = day.1.keys().map(|country| keys::partition(day.0, *country));
        let deletions = partitions.map(|partition| delete_range(table, partition, &end));
        let deleted_of_day = at_once(deletions.collect()).await?.into_iter().sum::<u64>();
        deleted += deleted_of_day;
        if whole {
            counts::forget(table, day.0).await?;
            days::forget(table, &day).await?;
        } else if deleted_of_day > 0 {
            // The stored counts are no longer valid.
            let countries = day.1.keys().copied().collect();
            days::bump_version(table, &Touched::from([(day.0, countries)])).await?;
        }
    }
    Ok(deleted)
}

/// Deletes the readings of a page; returns their number.
pub(super) async fn delete(table: &Table, page: &Page) -> Result<u64, Error> {
    let positions: Vec<_> = page.rows().map(|row| Position::of(&row.reading())).collect();
    let mut touched = Touched::new();
    for position in &positions {
        touched.entry(position.day).or_default().insert(position.country);
    }
    // The stored counts are no longer valid, from the first deletion on.
    days::bump_version(table, &touched).await?;
    write_all(table, "deleting readings", &positions, |position| {
        let delete = DeleteRequest::builder()
            .key(keys::PARTITION, text(keys::partition(position.day, position.country)))
            .key(keys::SORT, text(keys::place(position)))
            .build()?;
        Ok(WriteRequest::builder().delete_request(delete).build())
    })
    .await?;
    days::bump_version(table, &touched).await?;
    Ok(positions.len() as u64)
}

async fn delete_range(table: &Table, partition: String, end: &str) -> Result<u64, Error> {
    let mut deleted = 0;
    let mut from: Option<Item> = None;
    loop {
        let query = table
            .range(&partition, "0", end)
            .consistent_read(true)
            .select(Select::SpecificAttributes)
            .projection_expression("#partition, #sort")
            .set_exclusive_start_key(from);
        let answer = table.call("reading what is too old", || query.clone().send()).await?;
        table.count_read(answer.consumed_capacity());
        let keys = answer.items.unwrap_or_default();
        deleted += keys.len() as u64;
        write_all(table, "deleting readings", &keys, |key| {
            let delete = DeleteRequest::builder().set_key(Some(key.clone())).build()?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        })
        .await?;
        match answer.last_evaluated_key {
            None => return Ok(deleted),
            next => from = next,
        }
    }
}

/// Builds the requests of a call when it starts, so that only those in progress are in memory.
async fn write_all<T: Sync>(
    table: &Table,
    operation: &str,
    all: &[T],
    request: impl Fn(&T) -> Result<WriteRequest, BuildError> + Sync,
) -> Result<(), Error> {
    let request = &request;
    let batches = all.chunks(BATCH).map(|batch| async move {
        let requests = batch.iter().map(request).collect::<Result<_, _>>();
        let requests = requests.map_err(|error| {
            // Only for incomplete requests, which cannot happen.
            let message = format!("a request for the table {} could not be built", table.name);
            Error::new(ErrorKind::Invalid, message).because(error)
        });
        write_batch(table, operation, requests?).await
    });
    at_once(batches.collect()).await.map(drop)
}

async fn write_batch(
    table: &Table,
    operation: &str,
    batch: Vec<WriteRequest>,
) -> Result<(), Error> {
    let items = batch.len();
    // Before the retries' deadline begins.
    let expected = match &table.pacer {
        Some(pacer) => pacer.wait(items).await,
        None => 0.0,
    };
    let written = until_processed(table, operation, batch, |batch| async move {
        let answer = table
            .client
            .batch_write_item()
            .request_items(&table.name, batch)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        table.count_written(answer.consumed_capacity());
        let units = answer.consumed_capacity().iter().filter_map(|of| of.capacity_units());
        let units: f64 = units.sum();
        let rest = answer.unprocessed_items.unwrap_or_default().remove(&table.name);
        Ok((rest.unwrap_or_default(), units))
    });
    let units = written.await?.into_iter().sum();
    if let Some(pacer) = &table.pacer {
        pacer.count(items, expected, units);
    }
    Ok(())
}
