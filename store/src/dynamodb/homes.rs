//! Which countries a sensor has been in: an item for every hundred sensors, with a set of
//! countries for each. A reading replaces the one of its identity in whatever country; the
//! country is in the key, and the set says under which other keys one may lie.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};

use super::item::{Item, text};
use super::keys;
use super::service::{Table, at_once};
use super::write::until_processed;
use crate::{Country, Error, Reading};

/// Sensors and the countries that they have been in.
pub(super) type Homes = HashMap<u64, BTreeSet<Option<Country>>>;

/// Notes the countries of these readings' sensors; gives all that are known of each.
pub(super) async fn note(table: &Table, readings: &[&Reading]) -> Result<Homes, Error> {
    let mut new: BTreeMap<String, Homes> = BTreeMap::new();
    for reading in readings {
        let of_item = new.entry(keys::homes(reading.sensor)).or_default();
        of_item.entry(reading.sensor).or_default().insert(reading.country);
    }
    let names: Vec<_> = new.keys().cloned().collect();
    // A BatchGetItem takes a hundred keys at most.
    let reads = names.chunks(100).map(|names| read(table, names));
    let mut known: Homes = at_once(reads.collect()).await?.into_iter().flatten().collect();
    let mut updates = Vec::new();
    for (name, of_item) in new {
        let mut missing = of_item;
        missing.retain(|sensor, countries| {
            let known = known.entry(*sensor).or_default();
            countries.retain(|country| known.insert(*country));
            !countries.is_empty()
        });
        if !missing.is_empty() {
            updates.push(add(table, name, missing));
        }
    }
    at_once(updates).await?;
    Ok(known)
}

async fn read(table: &Table, names: &[String]) -> Result<Homes, Error> {
    let key = |name: &String| {
        Item::from([
            (keys::PARTITION.to_owned(), text(keys::HOMES)),
            (keys::SORT.to_owned(), text(name)),
        ])
    };
    let keys = names.iter().map(key).collect();
    let read = until_processed(table, "reading the sensors' countries", keys, |keys| async move {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
        let answer = table
            .client
            .batch_get_item()
            .request_items(&table.name, wanted.build().map_err(SdkError::construction_failure)?)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        answer.consumed_capacity().iter().for_each(|consumed| table.count_read(Some(consumed)));
        let rest = answer.unprocessed_keys.unwrap_or_default().remove(&table.name);
        let items = answer.responses.unwrap_or_default().into_values().flatten();
        Ok((rest.map_or_else(Vec::new, |rest| rest.keys), items.collect::<Vec<_>>()))
    });
    Ok(read.await?.into_iter().flatten().flat_map(of_item).collect())
}

fn of_item(item: Item) -> impl Iterator<Item = (u64, BTreeSet<Option<Country>>)> {
    item.into_iter().filter_map(|(name, value)| {
        let countries = value.as_ss().ok()?.iter();
        Some((name.parse().ok()?, countries.filter_map(|code| keys::parse_country(code)).collect()))
    })
}

async fn add(table: &Table, name: String, missing: Homes) -> Result<(), Error> {
    let terms: Vec<_> = (0..missing.len()).map(|at| format!("#s{at} :s{at}")).collect();
    let mut update = table
        .client
        .update_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::HOMES))
        .key(keys::SORT, text(name))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .update_expression(format!("ADD {}", terms.join(", ")));
    for (at, (sensor, countries)) in missing.iter().enumerate() {
        let countries = countries.iter().map(|country| keys::country(*country)).collect();
        update = update
            .expression_attribute_names(format!("#s{at}"), sensor.to_string())
            .expression_attribute_values(format!(":s{at}"), AttributeValue::Ss(countries));
    }
    let answer = table.call("noting the sensors' countries", || update.clone().send()).await?;
    table.count_written(answer.consumed_capacity());
    Ok(())
}
