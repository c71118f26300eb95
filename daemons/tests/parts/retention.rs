//! Which readings a collector deletes, whatever the clock says.

use std::sync::Arc;

use airshed::retention::Retention;
use airshed::source::{Fetch, FetchError, Fetched, Source};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use store::{Memory, Query, Reading, Store, Window, conformance};
use tokio_util::sync::CancellationToken;

use super::support::{at, collector};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The days that a collector keeps.
const KEPT: i64 = 31;

struct Given {
    /// `None`: the server fails.
    feed: Option<String>,
    source: Source,
}

#[async_trait]
impl Fetch for Given {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let failed = FetchError::Status { status, retry_after: None };
        let feed = self.feed.clone().ok_or(failed)?;
        Ok(Fetched::Feed(Bytes::from(feed), HeaderMap::new()))
    }

    fn keep(&mut self, _: HeaderMap) {}

    fn source(&self) -> &Source {
        &self.source
    }
}

fn record(sensor: u64, timestamp: Timestamp) -> String {
    format!(
        r#"{{"timestamp": "{}", "location": {{"country": "DE"}}, "sensor": {{"id": {sensor},
            "sensor_type": {{"name": "SDS011"}}}},
            "sensordatavalues": [{{"value_type": "P1", "value": "51"}}]}}"#,
        timestamp.strftime("%Y-%m-%d %H:%M:%S")
    )
}

proptest! {
    /// Each step is a fetch at some time of the clock; of ten sensors, some have clocks of their own.
    #[test]
    fn a_clock_alone_deletes_nothing(
        ages in proptest::collection::vec(0..24 * 60i64, 1..20),
        steps in proptest::collection::vec(
            (-500 * 24..500 * 24i64, any::<bool>(), -72..72i64, 0..5u64, -600 * 24..600 * 24i64),
            1..6,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let start = at("2026-06-01T12:00:00Z");
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let stored = |age: &i64| {
            let mut reading = Reading::new(*age as u64 + 100, Window::Day24, start - HOUR * *age as i32);
            reading.pm10 = Some(5.into());
            reading
        };
        let stored: Vec<_> = ages.iter().map(stored).collect();
        runtime.block_on(store.put(&stored)).unwrap();
        let mut collector = collector("http://127.0.0.1/data.24h.json", Arc::clone(&store));
        collector.backoff.attempts = 1;
        collector.retention = Some(Retention::new(HOUR * 24 * KEPT as i32));
        let mut newest: Option<Timestamp> = None;
        for (ahead, works, later, strange, their) in steps {
            let now = start + HOUR * ahead as i32;
            let (time, wrong) = (start + HOUR * later as i32, start + HOUR * their as i32);
            let records = (0..10).map(|sensor| record(sensor, if sensor < strange { wrong } else { time }));
            let feed = works.then(|| format!("[{}]", records.collect::<Vec<_>>().join(",")));
            let source = "http://127.0.0.1/data.24h.json".parse().unwrap();
            collector.fetcher = Box::new(Given { feed, source });
            collector.clock = Arc::new(move || now);
            let everything = Query::everything();
            let before = runtime.block_on(conformance::all(&*store, &everything));
            let collected = runtime.block_on(collector.collect_patiently(None, &CancellationToken::new()));
            let after = runtime.block_on(conformance::all(&*store, &everything));
            // Before the fetch by the last feed, then by the new one.
            let mut times = vec![newest];
            if collected.is_some() {
                newest = Some(time);
                times.push(newest);
            }
            let horizon = |time: Timestamp| now.min(time + HOUR * 24) - HOUR * 24 * KEPT as i32;
            let horizon = times.into_iter().flatten().map(horizon).max();
            let is_kept = |reading: &&Reading| horizon.is_none_or(|horizon| reading.timestamp >= horizon);
            let expected: Vec<_> = before.iter().filter(is_kept).collect();
            let is_earlier = |reading: &&Reading| before.contains(reading);
            let left: Vec<_> = after.iter().filter(is_earlier).collect();
            prop_assert_eq!(left, expected);
        }
    }
}
