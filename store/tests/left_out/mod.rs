//! The number of readings that a query leaves out for their flags.

use std::sync::Arc;

use airshed_store::conformance::all;
use airshed_store::{Flags, Memory, Pages, Query, Reading, Store, Window};
use jiff::Timestamp;
use proptest::prelude::*;

use super::block_on;

proptest! {
    #[test]
    fn rows_and_readings_left_out_are_all_that_match_otherwise(
        values in proptest::collection::vec((0..4u32, 0..3u64), 0..60),
        without in proptest::sample::select(vec![Flags::NONE, Flags::ZERO, Flags::IMPLAUSIBLE]),
        sensors in proptest::collection::vec(0..3u64, 0..2),
        limit in proptest::option::of(0..60u64),
    ) {
        let reading = |(place, (value, sensor)): (usize, &(u32, u64))| {
            let end = Timestamp::from_second(1_769_904_000 + place as i64 * 3600).unwrap();
            let mut reading = Reading::new(*sensor, Window::Hour, end);
            reading.pm10 = Some((*value).into());
            reading
        };
        let store = Memory::new();
        let put: Vec<_> = values.iter().enumerate().map(reading).collect();
        block_on(store.put(&put)).unwrap();
        let mut query = Query::everything();
        query.without = without;
        query.sensors = sensors.into_iter().map(Into::into).collect();
        let wanted = block_on(all(&store, &query)).len() as u64;
        let mut otherwise = query.clone();
        otherwise.without = Flags::NONE;
        let matching = put.iter().filter(|reading| otherwise.matches(reading)).count() as u64;
        let limit = limit.unwrap_or(u64::MAX);
        let left_out = block_on(async {
            let mut pages = Pages::new(Arc::new(store), query).up_to(limit);
            while let Some(page) = pages.next().await {
                page.unwrap();
            }
            pages.left_out().await.unwrap()
        });
        let expected = match (without.is_empty(), limit) {
            (true, _) => Some(0),
            (false, 0) => None,
            (false, limit) => (limit >= wanted).then(|| matching - wanted),
        };
        prop_assert_eq!(left_out, expected);
    }
}
