//! Quality flags by their definitions, literally.

use airshed_store::conformance::any_reading;
use airshed_store::{AqiStandard, Decimal, Flags, Memory, Quality, Query, Reading, Store, Tallies};
use airshed_store::{View, Window};
use proptest::prelude::*;

/// By the table in README, with decimals.
fn obvious(reading: &Reading) -> Vec<&'static str> {
    let counts = reading.sensor_type.is_some_and(|kind| kind.counts_particles());
    let is_whole = reading.sensor_type.is_some_and(|kind| {
        ["HPM", "PMS"].iter().any(|family| kind.as_str().to_uppercase().starts_with(family))
    });
    let values = [reading.pm10, reading.pm25];
    let any = |is: &dyn Fn(Decimal) -> bool| values.into_iter().flatten().any(is);
    let reaches = |value: Option<Decimal>, limit: i64| value.is_some_and(|v| v >= limit.into());
    let least = match reading.window {
        Window::Hour => 9,
        Window::Day24 | Window::Day => 18,
        _ => 0,
    };
    let of_values = [
        ("saturated", reaches(values[0], 1900) || reaches(values[1], 900)),
        ("zero", !is_whole && any(&|value| value.is_zero())),
        ("negative", any(&|value| value < Decimal::ZERO)),
        ("inverted", matches!(values, [Some(ten), Some(small)] if small > ten)),
        (
            "coarse",
            matches!(values, [Some(ten), Some(small)]
                if ten >= "16.5".parse().unwrap() && small < ten / Decimal::from(5)),
        ),
        ("one_pollutant", values.iter().flatten().count() == 1),
    ];
    let others = [("low_capture", reading.hours.is_some_and(|hours| hours < least))];
    let found = of_values.into_iter().filter(|_| !counts).chain(others);
    let mut names: Vec<_> = found.filter(|(_, is)| *is).map(|(name, _)| name).collect();
    names.extend(reading.stored_flags.names());
    names.sort_unstable();
    names.dedup();
    names
}

/// Without those of the station, which other tests have.
fn flags(of: Flags) -> Vec<&'static str> {
    let station = ["counts", "dummy_location", "unknown_type", "null_island"];
    let mut names: Vec<_> = of.names().filter(|name| !station.contains(name)).collect();
    names.sort_unstable();
    names
}

proptest! {
    #[test]
    fn flags_are_those_of_the_definitions(
        mut reading in any_reading(),
        values in proptest::option::of((0..4000i64, 0..4000i64, 0..3u32, 0..3u32)),
        hours in proptest::option::of(0..25u32),
    ) {
        if let Some((ten, small, of_ten, of_small)) = values {
            reading.pm10 = Some(Decimal::new(ten, of_ten));
            reading.pm25 = Some(Decimal::new(small, of_small));
        }
        reading.hours = hours;
        let mut expected = obvious(&reading);
        expected.retain(|name| !["counts", "dummy_location", "unknown_type", "null_island"].contains(name));
        prop_assert_eq!(flags(reading.flags()), expected.clone());
        let is_low = reading.flags().contains(Flags::LOW_CAPTURE);
        prop_assert!(!is_low || reading.index().is_none());
        prop_assert_eq!(is_low, expected.contains(&"low_capture") || reading.stored_flags.contains(Flags::LOW_CAPTURE));

        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Memory::new();
            store.put(std::slice::from_ref(&reading)).await.unwrap();
            let page = store.query(&Query::everything(), None).await.unwrap();
            let row = page.rows().next().unwrap();
            assert_eq!(row.flags(), reading.flags());
            assert_eq!((row.index(), row.reading().stored_flags), (reading.index(), reading.stored_flags));
            let plausible = !reading.flags().intersects(Flags::IMPLAUSIBLE);
            assert_eq!(page.implausible() == 0, plausible);
            let mut query = Query::everything();
            query.without = Flags::IMPLAUSIBLE;
            assert_eq!(store.query(&query, None).await.unwrap().len() == 1, plausible);
            let standard = AqiStandard::DEFAULT;
            let mut tallies = Tallies::new(standard, Quality::Plausible, [].into(), reading.timestamp);
            tallies.add(&page);
            assert_eq!(tallies.all().readings() == 1, plausible);
        });
    }
}
