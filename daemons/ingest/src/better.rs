//! Means beside those that are stored: which of two of the same sensor, averaging period and time
//! stays.

use std::collections::HashMap;

use jiff::Timestamp;
use store::{Error, Flags, Query, Reading, Sensor, Store, Window};

/// The number of hours, and then of samples. Both can only grow with what is known, so a mean of more
/// is the better one.
pub(crate) fn capture(mean: &Reading) -> (Option<u32>, Option<u32>) {
    (mean.hours, mean.samples)
}

/// What stays of a stored mean and a new one: the new one, unless the stored one is of more hours or
/// samples. Temperature and humidity, and the comparison with neighbours, that it lacks are the other
/// one's: a process may know only some of the sensors.
pub(crate) fn better(stored: &Reading, new: Reading) -> Reading {
    let (mut stays, other) = match capture(stored) > capture(&new) {
        true => (stored.clone(), new),
        false => (new, stored.clone()),
    };
    if stays.temperature.is_none() && stays.humidity.is_none() {
        (stays.temperature, stays.humidity) = (other.temperature, other.humidity);
        stays.stored_flags =
            stays.stored_flags.union(other.stored_flags.intersection(Flags::HUMID));
    }
    let neighbours =
        Flags::ABOVE_NEIGHBOURS.union(Flags::BELOW_NEIGHBOURS).union(Flags::NO_NEIGHBOURS);
    if !stays.stored_flags.intersects(neighbours)
        && stays.pm10 == other.pm10
        && stays.pm25 == other.pm25
    {
        stays.stored_flags = stays.stored_flags.union(other.stored_flags.intersection(neighbours));
    }
    stays
}

/// Puts means into a store, beside those that are there.
pub async fn put_means(store: &dyn Store, batch: &[Reading]) -> Result<(), Error> {
    let moments = batch.iter().map(|mean| mean.timestamp);
    let (Some(from), Some(until)) = (moments.clone().min(), moments.max()) else {
        return store.put(batch).await;
    };
    let mut means: HashMap<(Sensor, Window, Timestamp), Reading> =
        batch.iter().map(|mean| (identity(mean), mean.clone())).collect();
    let mut there = Query::new(from, until);
    for mean in batch {
        if !there.windows.contains(&mean.window) {
            there.windows.push(mean.window);
        }
        if !there.networks.contains(&mean.sensor.network) {
            there.networks.push(mean.sensor.network);
        }
    }
    let (view, mut after) = (store.snapshot().await?, None);
    loop {
        let page = view.query(&there, after).await?;
        for row in page.rows() {
            if let Some(mean) = means.get_mut(&(row.sensor(), row.window(), row.timestamp())) {
                *mean = better(&row.reading(), mean.clone());
            }
        }
        match page.next {
            None => break,
            next => after = next,
        }
    }
    let chosen = batch.iter().filter_map(|mean| means.remove(&identity(mean)));
    store.put(&chosen.collect::<Vec<_>>()).await
}

fn identity(mean: &Reading) -> (Sensor, Window, Timestamp) {
    (mean.sensor, mean.window, mean.timestamp)
}
