//! Means beside those that are stored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use airshed::{BATCH, put_means};
use async_trait::async_trait;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use store::{
    Decimal, Error, Flags, Memory, Network, Page, Position, Query, Reading, Store, Summary, View,
    Window,
};

use super::support::at;

fn any_mean() -> impl Strategy<Value = Reading> {
    let few = || proptest::option::of(0..3u32);
    let value = || proptest::option::weighted(0.8, 1..3i64);
    let flags = proptest::sample::subsequence(&Flags::NAMES[..], 0..5);
    let climate = (value(), value());
    ((few(), few()), (value(), value()), climate, flags).prop_map(
        |(capture, values, climate, flags)| {
            let mut mean = Reading::new(7, Window::Day, at("2021-02-14T00:00:00Z"));
            (mean.hours, mean.samples) = capture;
            (mean.pm10, mean.pm25) = (values.0.map(Decimal::from), values.1.map(Decimal::from));
            mean.pm10 = mean.pm10.or(mean.pm25.is_none().then_some(Decimal::ONE));
            mean.temperature = climate.0.map(Decimal::from);
            mean.humidity = climate.1.map(Decimal::from);
            mean.stored_flags =
                flags.into_iter().fold(Flags::NONE, |all, (flag, _)| all.union(flag));
            mean
        },
    )
}

/// What stays, in words: the mean of more, and from the other one what it lacks.
fn expected(stored: &Reading, new: &Reading) -> Reading {
    let more = |a: Option<u32>, b: Option<u32>| a.map_or(-1, i64::from) - b.map_or(-1, i64::from);
    let (hours, samples) = (more(stored.hours, new.hours), more(stored.samples, new.samples));
    let stored_stays = hours > 0 || hours == 0 && samples > 0;
    let (mut stays, other) = match stored_stays {
        true => (stored.clone(), new),
        false => (new.clone(), stored),
    };
    let names = |reading: &Reading| reading.stored_flags.names().collect::<BTreeSet<_>>();
    let mut flags = names(&stays);
    let mut take = |wanted: &[&'static str]| {
        flags.extend(names(other).into_iter().filter(|name| wanted.contains(name)));
    };
    if (stays.temperature, stays.humidity) == (None, None) {
        (stays.temperature, stays.humidity) = (other.temperature, other.humidity);
        take(&["humid", "rh_pinned"]);
    }
    let neighbours = ["above_neighbours", "below_neighbours", "no_neighbours"];
    let is_compared = names(&stays).iter().any(|name| neighbours.contains(name));
    if !is_compared && (stays.pm10, stays.pm25) == (other.pm10, other.pm25) {
        take(&neighbours);
    }
    let flags = flags.into_iter().filter_map(Flags::from_name);
    stays.stored_flags = flags.fold(Flags::NONE, Flags::union);
    stays
}

async fn all(store: &dyn View) -> Vec<Reading> {
    let page = store.query(&Query::everything(), None).await.unwrap();
    page.rows().map(|row| row.reading()).collect()
}

proptest! {
    #[test]
    fn the_mean_of_more_stays_and_gets_what_it_lacks(stored in any_mean(), new in any_mean()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let memory = Memory::new();
            put_means(&memory, std::slice::from_ref(&stored)).await.unwrap();
            put_means(&memory, std::slice::from_ref(&new)).await.unwrap();
            let first = all(&memory).await;
            prop_assert_eq!(&first, &[expected(&stored, &new)]);
            put_means(&memory, std::slice::from_ref(&new)).await.unwrap();
            prop_assert_eq!(all(&memory).await, first, "the same again changes nothing");
            Ok(())
        })?;
    }
}

/// Counts what is billed on AWS.
#[derive(Default)]
struct Counting {
    memory: Memory,
    puts: AtomicUsize,
    snapshots: AtomicUsize,
}

#[async_trait]
impl View for Counting {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.memory.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.memory.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.memory.networks().await
    }
}

#[async_trait]
impl Store for Counting {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.puts.fetch_add(1, Relaxed);
        self.memory.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.memory.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.memory.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        self.snapshots.fetch_add(1, Relaxed);
        self.memory.snapshot().await
    }
}

#[tokio::test]
async fn what_is_there_is_read_once_for_any_number_of_means() {
    let store = Counting::default();
    let midnight = at("2021-02-13T00:00:00Z");
    let mean = |number: usize, samples: u32| {
        let end = midnight.checked_add((number as i64 % 24 + 1).hours()).unwrap();
        let mut mean = Reading::new(number as u64 / 24, Window::Hour, end);
        (mean.pm10, mean.hours, mean.samples) = (Some(samples.into()), Some(12), Some(samples));
        mean
    };
    let count = 2 * BATCH + 1;
    let better = [mean(0, 30), mean(BATCH, 30), mean(2 * BATCH, 30)];
    store.memory.put(&better).await.unwrap();
    let means: Vec<_> = (0..count).map(|number| mean(number, 24)).collect();
    put_means(&store, &means).await.unwrap();
    assert_eq!((store.snapshots.load(Relaxed), store.puts.load(Relaxed)), (1, 3));
    assert_eq!(store.summary().await.unwrap().readings(), count as u64);
    let mut of_more = Query::everything();
    of_more.sensors = better.iter().map(|mean| mean.sensor).collect();
    let page = store.query(&of_more, None).await.unwrap();
    let mut kept: Vec<_> =
        page.rows().map(|row| row.reading()).filter(|mean| mean.samples == Some(30)).collect();
    kept.sort_by_key(|mean| mean.sensor);
    assert_eq!(kept, better);
}
