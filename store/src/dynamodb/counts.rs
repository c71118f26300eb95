//! Cached row counts of partitions: one item per day, with an attribute for each country. It saves
//! a new process from reading the whole table. A count carries the version number of its partition
//! (see `days`), and is valid while that number is unchanged.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use jiff::Timestamp;

use super::item::{Item, text};
use super::keys;
use super::service::{Table, at_once};
use crate::{Country, Error};

/// The first and the last timestamp.
pub(super) type Extent = Option<(Timestamp, Timestamp)>;

/// The count of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartitionCount {
    /// The version number of the partition at that time.
    pub(super) puts: u64,
    pub(super) readings: u64,
    pub(super) extent: Extent,
}

/// A day's partition.
pub(super) type Partition = (i32, Option<Country>);

/// The stored counts of some days. Unreadable attributes are ignored.
pub(super) async fn read(
    table: &Table,
    days: RangeInclusive<i32>,
) -> Result<HashMap<Partition, PartitionCount>, Error> {
    let (low, high) = (keys::day(*days.start()), keys::day(*days.end()));
    let mut found = HashMap::new();
    let mut from: Option<Item> = None;
    loop {
        let query = table.range(keys::COUNTS, &low, &high).set_exclusive_start_key(from);
        let answer = table.call("reading the counts", || query.clone().send()).await?;
        table.count_read(answer.consumed_capacity());
        for item in answer.items() {
            let day = item.get(keys::SORT).and_then(|day| keys::parse_day(day.as_s().ok()?));
            let Some(day) = day else { continue };
            found.extend(item.iter().filter_map(|(name, value)| {
                Some(((day, keys::parse_country(name)?), parse(value.as_s().ok()?)?))
            }));
        }
        match answer.last_evaluated_key {
            None => return Ok(found),
            next => from = next,
        }
    }
}

/// Stores counts. A process without write permission does not store them, and counts again next
/// time.
pub(super) async fn note(table: &Table, counted: &[(Partition, PartitionCount)]) {
    let mut days: BTreeMap<i32, Vec<(Option<Country>, PartitionCount)>> = BTreeMap::new();
    for ((day, country), count) in counted {
        days.entry(*day).or_default().push((*country, *count));
    }
    let notes = days.iter().map(|(day, counts)| note_day(table, *day, counts));
    let _ = at_once(notes.collect()).await;
}

async fn note_day(
    table: &Table,
    day: i32,
    counts: &[(Option<Country>, PartitionCount)],
) -> Result<(), Error> {
    let terms: Vec<_> = (0..counts.len()).map(|at| format!("#c{at} = :c{at}")).collect();
    let mut update = table
        .client
        .update_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::COUNTS))
        .key(keys::SORT, text(keys::day(day)))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .update_expression(format!("SET {}", terms.join(", ")));
    for (at, (country, count)) in counts.iter().enumerate() {
        update = update
            .expression_attribute_names(format!("#c{at}"), keys::country(*country))
            .expression_attribute_values(format!(":c{at}"), text(print(count)));
    }
    let answer = table.call("noting the counts", || update.clone().send()).await?;
    table.count_written(answer.consumed_capacity());
    Ok(())
}

/// Deletes a day's counts: version numbers restart when the day is put to again.
pub(super) async fn forget(table: &Table, day: i32) -> Result<(), Error> {
    let delete = table
        .client
        .delete_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::COUNTS))
        .key(keys::SORT, text(keys::day(day)))
        .return_consumed_capacity(ReturnConsumedCapacity::Total);
    let answer = table.call("forgetting the counts", || delete.clone().send()).await?;
    table.count_written(answer.consumed_capacity());
    Ok(())
}

/// `NUMBER READINGS`, and `FIRST LAST` in seconds since 1970 where there are readings.
fn print(count: &PartitionCount) -> String {
    let PartitionCount { puts, readings, extent } = count;
    match extent {
        None => format!("{puts} {readings}"),
        Some((first, last)) => {
            format!("{puts} {readings} {} {}", first.as_second(), last.as_second())
        }
    }
}

fn parse(text: &str) -> Option<PartitionCount> {
    let mut words = text.split(' ');
    let (puts, readings) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let mut moment = || Timestamp::from_second(words.next()?.parse().ok()?).ok();
    let extent = moment().zip(moment());
    (extent.is_some() == (readings > 0)).then_some(PartitionCount { puts, readings, extent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_as_it_was_printed() {
        let moment = |second| Timestamp::from_second(second).expect("a moment");
        for extent in [None, Some((moment(-5), moment(1_769_731_200)))] {
            let count = PartitionCount { puts: 7, readings: extent.map_or(0, |_| 12), extent };
            assert_eq!(parse(&print(&count)), Some(count));
        }
        for wrong in ["", "7", "7 12", "7 0 1 2", "7 12 1", "7 -1 1 2", "7 12 x 2"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
