//! `Cached`, `Retry` and `Metered`: the contract through each, and what each is for.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use airshed_store::conformance::{self, Model, all, assert_same};
use airshed_store::{
    CacheOptions, Cached, Embedded, Error, ErrorKind, Memory, Metered, Network, Options, Page,
    Position, Query, Reading, Retry, RetryPolicy, Store, Summary, View, Window,
};
use async_trait::async_trait;
use jiff::Timestamp;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

fn noon() -> Timestamp {
    "2026-02-01T12:00:00Z".parse().unwrap()
}

fn reading(sensor: u64) -> Reading {
    Reading { pm10: Some(5.into()), ..Reading::new(sensor, Window::Hour, noon()) }
}

fn cached(inner: impl Store) -> Cached {
    Cached::new(Arc::new(inner), CacheOptions::default(), noon)
}

#[tokio::test]
async fn every_wrapper_keeps_the_contract() {
    let memory = || Arc::new(Memory::new());
    conformance::run(|| async { cached(Memory::new()) }).await;
    conformance::run_snapshots(|| async { cached(Memory::new()) }).await;
    conformance::run(|| async { Retry::new(memory(), RetryPolicy::default()) }).await;
    conformance::run_snapshots(|| async { Retry::new(memory(), RetryPolicy::default()) }).await;
    conformance::run(|| async { Metered::new(memory()) }).await;
    conformance::run_snapshots(|| async { Metered::new(memory()) }).await;
    // All at once, over a file.
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicUsize::new(0);
    let all_of_them = || async {
        let name = number.fetch_add(1, Relaxed).to_string();
        let file = Embedded::open(folder.path().join(name), Options::default()).unwrap();
        let retried: Arc<dyn Store> = Arc::new(Retry::new(Arc::new(file), RetryPolicy::default()));
        cached(Metered::new(retried))
    };
    conformance::run(all_of_them).await;
    conformance::run_snapshots(all_of_them).await;
}

/// Counts what it is asked, takes its time, and fails so many times first.
#[derive(Clone, Default)]
struct Trying(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: Memory,
    asked: AtomicUsize,
    failures: AtomicUsize,
    for_good: bool,
}

impl Trying {
    fn failing(times: usize, for_good: bool) -> Self {
        Self(Arc::new(Inner { failures: times.into(), for_good, ..Inner::default() }))
    }

    fn asked(&self) -> usize {
        self.0.asked.swap(0, Relaxed)
    }

    async fn try_it(&self) -> Result<(), Error> {
        self.0.asked.fetch_add(1, Relaxed);
        sleep(Duration::from_millis(100)).await;
        let fails = self.0.failures.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        match (fails, self.0.for_good) {
            (Err(_), _) => Ok(()),
            (Ok(_), true) => {
                Err(airshed_store::open("nowhere:", airshed_store::OpenOptions::default())
                    .await
                    .err()
                    .unwrap())
            }
            (Ok(_), false) => Err(Embedded::open("/proc/x/y", Options::default()).err().unwrap()),
        }
    }
}

#[async_trait]
impl View for Trying {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.try_it().await?;
        self.0.store.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.try_it().await?;
        self.0.store.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.0.store.networks().await
    }
}

#[async_trait]
impl Store for Trying {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.try_it().await?;
        self.0.store.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.0.store.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.0.store.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.clone()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_tried_until_the_deadline() {
    let passing = Trying::failing(5, false);
    let store = Retry::new(Arc::new(passing.clone()), RetryPolicy::default());
    store.put(&[reading(1)]).await.unwrap();
    assert_eq!(passing.asked(), 6);
    assert_eq!(store.summary().await.unwrap().readings(), 1);

    let lasting = Trying::failing(usize::MAX, false);
    let mut policy = RetryPolicy::default();
    policy.deadline = Duration::from_secs(10);
    policy.longest_pause = Duration::from_millis(500);
    let store = Retry::new(Arc::new(lasting.clone()), policy);
    let begun = Instant::now();
    let error = store.query(&Query::everything(), None).await.unwrap_err();
    assert!(error.is_transient());
    let took = begun.elapsed();
    assert!((8..=11).contains(&took.as_secs()), "{took:?}");
    // Pauses of 250 ms on average, attempts of 100 ms.
    assert!((15..60).contains(&lasting.asked()));

    let pointless = Trying::failing(1, true);
    let store = Retry::new(Arc::new(pointless.clone()), RetryPolicy::default());
    assert_eq!(store.summary().await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(pointless.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn equal_questions_at_the_same_time_are_asked_once() {
    let inner = Trying::default();
    let store = Arc::new(cached(inner.clone()));
    store.put(&[reading(1)]).await.unwrap();
    inner.asked();
    let ask = |query: Query| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { all(&*store, &query).await.len() })
    };
    let asking: Vec<_> = (0..500).map(|_| ask(Query::everything())).collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), 1);
    }
    assert_eq!(inner.asked(), 1);
    let mut other = Query::everything();
    other.sensors = vec![2.into()];
    assert_eq!(ask(other).await.unwrap(), 0);
    assert_eq!(inner.asked(), 1);
    // One that fails leaves the others to try for themselves.
    sleep(Duration::from_secs(10)).await;
    inner.0.failures.store(3, Relaxed);
    let asking = (0..20).map(|_| store.summary());
    let answers = futures::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 3);
    assert_eq!(inner.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_others_put_shows_after_a_while_and_what_is_put_through_it_at_once() {
    let inner = Trying::default();
    let store = cached(inner.clone());
    let day = |day: &str| {
        let start: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
        Query::new(start, start + jiff::SignedDuration::from_hours(24))
    };
    let (today, old) = (day("2026-02-01"), day("2026-01-15"));
    let old_reading = Reading { timestamp: old.from, ..reading(1) };
    assert_eq!(all(&store, &today).await.len() + all(&store, &old).await.len(), 0);

    inner.0.store.put(&[reading(1), old_reading.clone()]).await.unwrap();
    assert_eq!(all(&store, &today).await.len() + all(&store, &old).await.len(), 0);
    sleep(Duration::from_secs(6)).await;
    assert_eq!((all(&store, &today).await.len(), all(&store, &old).await.len()), (1, 0));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(all(&store, &old).await.len(), 1);

    inner.asked();
    store.put(&[reading(2)]).await.unwrap();
    assert_eq!((all(&store, &today).await.len(), all(&store, &old).await.len()), (2, 1));
    assert_eq!(inner.asked(), 2, "the put and the one day that it touched");
    store.put(&[Reading { sensor: 2.into(), ..old_reading }]).await.unwrap();
    assert_eq!(all(&store, &old).await.len(), 2);
    store.delete_before(old.until).await.unwrap();
    assert_eq!((all(&store, &today).await.len(), all(&store, &old).await.len()), (2, 0));
}

#[tokio::test]
async fn the_cache_stays_within_its_bytes() {
    let mut options = CacheOptions::default();
    options.bytes = 4 << 20;
    let store = Cached::new(Arc::new(Memory::new()), options, noon);
    let readings: Vec<_> = (0..60_000)
        .map(|n| {
            let moment = Timestamp::from_second(n * 60).unwrap();
            Reading { timestamp: moment, ..reading(n as u64 % 50) }
        })
        .collect();
    store.put(&readings).await.unwrap();
    for sensor in 0..50 {
        let mut query = Query::everything();
        query.sensors = vec![sensor.into()];
        assert_eq!(all(&store, &query).await.len(), 1200);
        assert!(store.bytes() <= 4 << 20);
    }
}

#[tokio::test]
async fn calls_are_counted_and_timed() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let store = Metered::new(Arc::new(Memory::new()));
    store.put(&[reading(1), reading(2)]).await.unwrap();
    assert_eq!(all(&store, &Query::everything()).await.len(), 2);
    let fraction = Timestamp::new(0, 1).unwrap();
    store.put(&[Reading { timestamp: fraction, ..reading(1) }]).await.unwrap_err();
    let mut found: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let key = key.key();
            let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
            let value = match value {
                DebugValue::Counter(count) => count,
                DebugValue::Histogram(times) => times.len() as u64,
                DebugValue::Gauge(_) => 0,
            };
            format!("{} {} {value}", key.name(), labels.join(" "))
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "airshed_store_rows_total put 2",
            "airshed_store_rows_total query 2",
            "airshed_store_seconds put invalid 1",
            "airshed_store_seconds put ok 1",
            "airshed_store_seconds query ok 1",
        ]
    );
}

proptest! {
    #[test]
    fn every_wrapper_answers_as_the_model_does(
        batches in proptest::collection::vec(conformance::readings(), 1..6),
        queries in proptest::collection::vec(conformance::query(), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let memory = || Arc::new(Memory::new());
            walk_beside_the_model(cached(Memory::new()), &batches, &queries).await;
            let retry = Retry::new(memory(), RetryPolicy::default());
            walk_beside_the_model(retry, &batches, &queries).await;
            walk_beside_the_model(Metered::new(memory()), &batches, &queries).await;
        });
    }
}

/// Puts, each while questions are asked; then the same questions, to the store and in the
/// end to every snapshot that was taken on the way.
async fn walk_beside_the_model(store: impl Store, batches: &[Vec<Reading>], queries: &[Query]) {
    let model = Model::default();
    let mut snapshots = Vec::new();
    for batch in batches {
        let asked = async {
            for query in queries {
                all(&store, query).await;
            }
        };
        let (put, ()) = futures::future::join(store.put(batch), asked).await;
        put.unwrap();
        model.put(batch);
        for query in queries {
            assert_same(&all(&store, query).await, &model.query(query));
        }
        let kept: Vec<_> = queries.iter().map(|query| model.query(query)).collect();
        snapshots.push((store.snapshot().await.unwrap(), kept));
        if let Some(query) = queries.first().filter(|_| batch.len() % 3 == 0) {
            let deleted = store.delete_before(query.from).await.unwrap();
            assert_eq!(deleted, model.delete_before(query.from));
        }
        if let Some(query) = queries.last().filter(|_| batch.len() % 3 == 1) {
            assert_eq!(store.delete(query).await.unwrap(), model.delete(query));
        }
    }
    for (snapshot, kept) in &snapshots {
        for (query, kept) in queries.iter().zip(kept) {
            assert_same(&all(&**snapshot, query).await, kept);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_latest_is_asked_once_and_anew_after_a_put() {
    let inner = Trying::default();
    let store = cached(inner.clone());
    store.put(&[reading(1)]).await.unwrap();
    inner.asked();
    let latest = async || store.latest(&Query::everything()).await.unwrap().len();
    assert_eq!((latest().await, latest().await), (1, 1));
    assert_eq!(inner.asked(), 1);
    assert_eq!(all(&store, &Query::everything()).await.len(), 1);
    assert_eq!(inner.asked(), 1, "another question, though it has the same filters");
    store.put(&[reading(2)]).await.unwrap();
    assert_eq!((latest().await, inner.asked()), (2, 2));
}
