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
            stays.stored_flags.union(other.stored_flags.intersection(Flags::OF_HUMIDITY));
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

/// Readings per put.
pub const BATCH: usize = 25_000;

/// Puts means into a store, beside those that are there: these are read once, then as many as
/// [`BATCH`] are put at a time.
pub async fn put_means(store: &dyn Store, means: &[Reading]) -> Result<(), Error> {
    let moments = means.iter().map(|mean| mean.timestamp);
    let (Some(from), Some(until)) = (moments.clone().min(), moments.max()) else {
        return store.put(means).await;
    };
    let mut there = Query::new(from, until);
    for mean in means {
        if !there.windows.contains(&mean.window) {
            there.windows.push(mean.window);
        }
        if !there.networks.contains(&mean.sensor.network) {
            there.networks.push(mean.sensor.network);
        }
    }
    // Mostly there is nothing yet, and the means need not be found by identity. Of two with
    // one identity the later one counts, as in a put.
    let all = || means.iter().enumerate().map(|(place, mean)| (identity(mean), place)).collect();
    let (mut places, mut beside) = (None::<HashMap<_, _>>, HashMap::new());
    let (view, mut after) = (store.snapshot().await?, None);
    loop {
        let page = view.query(&there, after).await?;
        for row in page.rows() {
            let places = places.get_or_insert_with(all);
            if let Some(place) = places.get(&(row.sensor(), row.window(), row.timestamp())) {
                beside.insert(*place, better(&row.reading(), means[*place].clone()));
            }
        }
        match page.next {
            None => break,
            next => after = next,
        }
    }
    for (number, batch) in means.chunks(BATCH).enumerate() {
        let chosen = batch
            .iter()
            .zip(number * BATCH..)
            .map(|(mean, place)| beside.remove(&place).unwrap_or_else(|| mean.clone()));
        store.put(&chosen.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

fn identity(mean: &Reading) -> (Sensor, Window, Timestamp) {
    (mean.sensor, mean.window, mean.timestamp)
}
