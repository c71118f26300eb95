//! The countries of each sensor: one item per hundred sensors, with a set of strings such as
//! `28842:DE`, or `my-school:12:DE` for a sensor of another network. A reading replaces the one
//! with the same identity in any country; since the country is part of the key, the set gives the
//! other possible keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};

use super::item::{Item, text};
use super::keys;
use super::service::{Table, at_once, until_processed};
use crate::{Country, Error, Reading, Sensor};

/// The attribute with the set.
const SET: &str = "sensor_country";

type Home = (Sensor, Option<Country>);

/// Sensors and their countries.
pub(super) type SensorCountries = HashMap<Sensor, BTreeSet<Option<Country>>>;

/// Stores the countries of these readings' sensors; returns all known countries of each.
pub(super) async fn note(table: &Table, readings: &[&Reading]) -> Result<SensorCountries, Error> {
    let mut new: BTreeMap<String, BTreeSet<Home>> = BTreeMap::new();
    for reading in readings {
        let of_item = new.entry(keys::sensor_countries(reading.sensor)).or_default();
        of_item.insert((reading.sensor, reading.country));
    }
    let names: Vec<_> = new.keys().cloned().collect();
    // A BatchGetItem accepts at most a hundred keys.
    let reads = names.chunks(100).map(|names| read(table, names));
    let mut known = SensorCountries::new();
    for (sensor, country) in at_once(reads.collect()).await?.into_iter().flatten() {
        known.entry(sensor).or_default().insert(country);
    }
    let mut updates = Vec::new();
    for (name, mut pairs) in new {
        pairs.retain(|(sensor, country)| known.entry(*sensor).or_default().insert(*country));
        if !pairs.is_empty() {
            updates.push(add(table, name, pairs));
        }
    }
    at_once(updates).await?;
    Ok(known)
}

async fn read(table: &Table, names: &[String]) -> Result<Vec<Home>, Error> {
    let key = |name: &String| {
        Item::from([
            (keys::PARTITION.to_owned(), text(keys::SENSOR_COUNTRIES)),
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

fn of_item(item: Item) -> Vec<Home> {
    let home = |text: &String| {
        let (sensor, country) = text.rsplit_once(':')?;
        Some((sensor.parse().ok()?, keys::parse_country(country)?))
    };
    let set = item.get(SET).and_then(|set| set.as_ss().ok());
    set.into_iter().flatten().filter_map(home).collect()
}

async fn add(table: &Table, name: String, new: BTreeSet<Home>) -> Result<(), Error> {
    let text_of = |(sensor, country): Home| format!("{sensor}:{}", keys::country(country));
    let update = table
        .client
        .update_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::SENSOR_COUNTRIES))
        .key(keys::SORT, text(name))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .update_expression("ADD #set :new")
        .expression_attribute_names("#set", SET)
        .expression_attribute_values(
            ":new",
            AttributeValue::Ss(new.into_iter().map(text_of).collect()),
        );
    let answer = table.call("noting the sensors' countries", || update.clone().send()).await?;
    table.count_written(answer.consumed_capacity());
    Ok(())
}
