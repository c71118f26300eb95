//! The networks with readings: one item with a set of their names. It exists only if there are
//! networks other than the default, so a table with only the default has no extra cost.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use tokio::time::Instant;

use super::item::text;
use super::keys;
use super::service::Table;
use crate::{Error, Network, Reading};

/// The attribute with the set.
const SET: &str = "networks";

/// Lifetime of the cached networks.
const HOLDS: Duration = Duration::from_secs(30);

/// The default and the others, in order.
pub(super) async fn read(table: &Table) -> Result<Vec<Network>, Error> {
    let mut known = table.networks.lock().await;
    let names = match &*known {
        Some((since, names)) if since.elapsed() < HOLDS => names.clone(),
        _ => {
            let names = read_item(table).await?;
            *known = Some((Instant::now(), names.clone()));
            names
        }
    };
    Ok(names.into_iter().collect())
}

/// Stores the networks of readings, before the readings are put.
pub(super) async fn note(table: &Table, readings: &[&Reading]) -> Result<(), Error> {
    let of_readings = readings.iter().map(|reading| reading.sensor.network);
    let mut new: BTreeSet<_> = of_readings.filter(|network| !network.is_default()).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut known = table.networks.lock().await;
    let mut names = match known.take() {
        Some((_, names)) => names,
        None => read_item(table).await?,
    };
    new.retain(|network| !names.contains(network));
    if !new.is_empty() {
        let update = table
            .client
            .update_item()
            .table_name(&table.name)
            .key(keys::PARTITION, text(keys::NETWORKS))
            .key(keys::SORT, text(keys::NETWORKS))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .update_expression(format!("ADD {SET} :new"))
            .expression_attribute_values(
                ":new",
                AttributeValue::Ss(new.iter().map(Network::to_string).collect()),
            );
        let answer = table.call("noting the networks", || update.clone().send()).await?;
        table.count_written(answer.consumed_capacity());
        names.extend(new);
    }
    *known = Some((Instant::now(), names));
    Ok(())
}

async fn read_item(table: &Table) -> Result<BTreeSet<Network>, Error> {
    let get = table
        .client
        .get_item()
        .table_name(&table.name)
        .key(keys::PARTITION, text(keys::NETWORKS))
        .key(keys::SORT, text(keys::NETWORKS))
        .return_consumed_capacity(ReturnConsumedCapacity::Total);
    let answer = table.call("reading the networks", || get.clone().send()).await?;
    table.count_read(answer.consumed_capacity());
    let set = answer.item().and_then(|item| item.get(SET)?.as_ss().ok());
    let others = set.into_iter().flatten().filter_map(|name| name.parse().ok());
    Ok(others.chain([Network::SENSOR_COMMUNITY]).collect())
}
