//! The countries with readings on each day: one item per day, with an attribute for each country,
//! so that a query knows the existing partitions. The attribute is a version number, incremented
//! before and after each put to its partition; a count of the partition is valid while the number
//! is unchanged. It starts from the clock's milliseconds, so that a day that is deleted and created
//! again never reuses a number: no item is incremented a thousand times a second.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::Timestamp;

use super::item::{Item, number, text};
use super::keys;
use super::service::{Table, at_once, delete_unless_changed};
use crate::{Country, Error, ErrorKind};

/// The countries of a day and their version numbers.
pub(super) type Day = (i32, BTreeMap<Option<Country>, u64>);

/// The countries of a day in a put.
pub(super) type Touched = BTreeMap<i32, BTreeSet<Option<Country>>>;

/// The days of a range that have ever had readings, in order.
pub(super) async fn read(table: &Table, days: RangeInclusive<i32>) -> Result<Vec<Day>, Error> {
    let (low, high) = (keys::day(*days.start()), keys::day(*days.end()));
    let mut found = Vec::new();
    let mut from: Option<Item> = None;
    loop {
        let query = table.range(keys::DAYS, &low, &high).consistent_read(true);
        let query = query.set_exclusive_start_key(from);
        let answer = table.call("reading the days", || query.clone().send()).await?;
        table.count_read(answer.consumed_capacity());
        for item in answer.items() {
            found.push(day(item)?);
        }
        match answer.last_evaluated_key {
            None => return Ok(found),
            next => from = next,
        }
    }
}

fn day(item: &Item) -> Result<Day, Error> {
    let name = item.get(keys::SORT).and_then(|sort| sort.as_s().ok());
    let day = name.and_then(|name| keys::parse_day(name)).ok_or_else(|| {
        Error::new(ErrorKind::Damaged, format!("an item of the days has no day: {item:?}"))
    })?;
    let countries = item.iter().filter_map(|(name, value)| {
        let puts = value.as_n().ok()?.parse().ok()?;
        Some((keys::parse_country(name)?, puts))
    });
    Ok((day, countries.collect()))
}

/// Increments the version numbers of partitions, before or after a put.
pub(super) async fn bump_version(table: &Table, touched: &Touched) -> Result<(), Error> {
    let updates = touched.iter().map(|(day, countries)| touch_day(table, *day, countries));
    at_once(updates.collect()).await.map(drop)
}

async fn touch_day(
    table: &Table,
    day: i32,
    countries: &BTreeSet<Option<Country>>,
) -> Result<(), Error> {
    let grow = |at| format!("#c{at} = if_not_exists(#c{at}, :start) + :one");
    let grown: Vec<_> = (0..countries.len()).map(grow).collect();
    let start = Timestamp::now().as_millisecond().unsigned_abs();
    let mut update = table
        .client
        .update_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::DAYS))
        .key(keys::SORT, text(keys::day(day)))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .update_expression(format!("SET {}", grown.join(", ")))
        .expression_attribute_values(":start", number(start))
        .expression_attribute_values(":one", number(1));
    for (at, country) in countries.iter().enumerate() {
        update = update.expression_attribute_names(format!("#c{at}"), keys::country(*country));
    }
    let answer = table.call("noting the days", || update.clone().send()).await?;
    table.count_written(answer.consumed_capacity());
    Ok(())
}

/// Deletes a day without readings, unless it was put to since it was read.
pub(super) async fn forget(table: &Table, (day, countries): &Day) -> Result<(), Error> {
    let mut delete = table
        .client
        .delete_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::DAYS))
        .key(keys::SORT, text(keys::day(*day)))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .expression_attribute_names("#size", keys::SORT);
    let mut unchanged = vec!["attribute_exists(#size)".to_owned()];
    for (at, (country, puts)) in countries.iter().enumerate() {
        unchanged.push(format!("#c{at} = :c{at}"));
        delete = delete
            .expression_attribute_names(format!("#c{at}"), keys::country(*country))
            .expression_attribute_values(format!(":c{at}"), AttributeValue::N(puts.to_string()));
    }
    let delete = delete.condition_expression(unchanged.join(" AND "));
    delete_unless_changed(table, "forgetting a day", &delete).await
}
