//! When days were last put, beside a map of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use airshed_store::{Embedded, Options, Query, Reading, Store, Timestamp, View, Window};
use proptest::prelude::*;

/// The store reads the clock on a thread of its own.
static NOW: AtomicI64 = AtomicI64::new(0);

fn now() -> Timestamp {
    Timestamp::from_second(NOW.load(Relaxed)).unwrap()
}

fn open(folder: &tempfile::TempDir, clock: bool) -> Embedded {
    let mut options = Options::default();
    options.clock = clock.then_some(now as fn() -> Timestamp);
    Embedded::open(folder.path().join("readings.redb"), options).unwrap()
}

const DAY: i64 = 86_400;

fn noon(day: i64) -> Timestamp {
    Timestamp::from_second(day * DAY + DAY / 2).unwrap()
}

fn reading(day: i64, value: u32) -> Reading {
    let mut reading = Reading::new(7, Window::Hour, noon(day));
    reading.pm10 = Some(value.into());
    reading
}

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<i64>),
    Reopen,
    DeleteBefore(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::collection::vec(0..12i64, 0..4).prop_map(Step::Put),
        1 => Just(Step::Reopen),
        1 => (0..12i64).prop_map(Step::DeleteBefore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_day_says_when_it_was_last_put(steps in proptest::collection::vec(step(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut store = open(&folder, true);
            let mut expected = BTreeMap::new();
            for (number, step) in (1u32..).zip(steps) {
                let second = 1_700_000_000 + i64::from(number) * 977;
                NOW.store(second, Relaxed);
                match step {
                    Step::Put(days) => {
                        let batch: Vec<_> = days.iter().map(|day| reading(*day, number)).collect();
                        store.put(&batch).await.unwrap();
                        expected.extend(days.into_iter().map(|day| (day, second)));
                    }
                    Step::Reopen => {
                        drop(store);
                        store = open(&folder, true);
                    }
                    Step::DeleteBefore(day) => {
                        store.delete_before(noon(day)).await.unwrap();
                    }
                }
                let snapshot = store.snapshot().await.unwrap();
                for (from, until) in [(0, 11), (3, 3), (5, 8), (8, 5)] {
                    let days = expected.iter().filter(|(day, _)| (from..=until).contains(*day));
                    let newest = days.map(|(_, second)| *second).max();
                    let newest = newest.map(|second| Timestamp::from_second(second).unwrap());
                    let found = store.stored_at(noon(from), noon(until)).await.unwrap();
                    assert_eq!(found, newest, "{from} to {until}");
                    let found = snapshot.stored_at(noon(from), noon(until)).await.unwrap();
                    assert_eq!(found, newest);
                }
            }
        });
    }
}

#[tokio::test]
async fn without_a_clock_nothing_is_noted_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder, false).put(&[reading(3, 1)]).await.unwrap();
    let store = open(&folder, false);
    assert_eq!(store.stored_at(noon(0), noon(9)).await.unwrap(), None);
    assert_eq!(store.query(&Query::everything(), None).await.unwrap().len(), 1);
}
