//! Temperature and humidity beside particulates, by the definition.

use std::sync::Arc;

use airshed_history::archive::{self, Report, Station};
use airshed_history::climate::Locations;
use airshed_history::{Climate, ClimateHour};
use jiff::Timestamp;
use proptest::prelude::*;
use store::{Decimal, Flags, Reading, Window};

const HOUR: i64 = 3600;
/// 2026-02-01.
const MIDNIGHT: i64 = 1_769_904_000;

/// A station at a location, read from a file of the archive.
fn station(location: u64) -> Arc<Station> {
    let file = format!(
        "sensor_id;sensor_type;location;lat;lon;timestamp;temperature;humidity\n\
         1;BME280;{location};52.5;13.4;2026-02-01T00:00:00;1;50\n"
    );
    let mut station = None;
    let name = "2026-02-01_bme280_sensor_1.csv";
    archive::read(file.as_bytes(), name, &mut Report::default(), &mut |row| {
        station = Some(Arc::clone(row.station));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    station.unwrap()
}

/// Of sensor, location, hour: temperature, humidity in hundredths, and slots.
type One = (u64, u64, i64, Option<i64>, Option<i64>, u32);

fn hours() -> impl Strategy<Value = Vec<One>> {
    let value = |from, to| proptest::option::weighted(0.9, from..to);
    let slots = prop_oneof![9 => Just(12u32), 1 => 0..12u32];
    let one = (1..4u64, 1..3u64, 0..60i64, value(-2000, 4000i64), value(7000, 10_100i64), slots);
    proptest::collection::vec(one, 0..160).prop_map(|mut all| {
        all.sort_by_key(|(sensor, location, hour, ..)| (*sensor, *location, *hour));
        all.dedup_by_key(|(sensor, location, hour, ..)| (*sensor, *location, *hour));
        all
    })
}

fn climate(all: &[One]) -> Vec<Climate> {
    let stations = [station(1), station(2)];
    let one = |&(sensor, location, hour, temperature, humidity, slots): &One| Climate {
        sensor: sensor.into(),
        station: Arc::clone(&stations[location as usize - 1]),
        hour: ClimateHour {
            end: MIDNIGHT + hour * HOUR,
            temperature: temperature.map(|value: i64| Decimal::new(value, 2)),
            humidity: humidity.map(|value: i64| Decimal::new(value, 2)),
            slots,
            samples: slots,
        },
    };
    all.iter().map(one).collect()
}

fn obvious(all: &[One], reading: &Reading) -> [Option<Decimal>; 2] {
    let end = (reading.timestamp.as_second() - MIDNIGHT) / HOUR;
    let (first, least) = match reading.window {
        Window::Hour => (end, 1),
        Window::FiveMinutes => return [None; 2],
        _ => (end - 23, 18),
    };
    let mean = |values: &[Decimal], least: usize| {
        let sum: Decimal = values.iter().sum();
        let mean = || (sum / Decimal::from(values.len())).trunc_with_scale(6).normalize();
        (!values.is_empty() && values.len() >= least).then(mean)
    };
    let of = |value: fn(&One) -> Option<i64>| {
        let hour = |hour: i64| {
            let at = |one: &&One| Some(one.1) == reading.location && one.2 == hour && one.5 >= 9;
            let values: Vec<_> = all.iter().filter(at).filter_map(value).collect();
            mean(&values.iter().map(|value| Decimal::new(*value, 2)).collect::<Vec<_>>(), 1)
        };
        mean(&(first..=end).filter_map(hour).collect::<Vec<_>>(), least)
    };
    [of(|one| one.3), of(|one| one.4)]
}

proptest! {
    #[test]
    fn climate_is_that_of_the_location(all in hours(), order in any::<prop::sample::Index>()) {
        let mut climate = climate(&all);
        if !climate.is_empty() {
            let middle = order.index(climate.len());
            climate.rotate_left(middle);
        }
        let mut locations = Locations::default();
        let (first, second) = climate.split_at(climate.len() / 3);
        locations.add(first);
        locations.add(second);
        let windows = [Window::Hour, Window::Day24, Window::Day, Window::FiveMinutes];
        let each = windows.into_iter().flat_map(|window| (0..62i64).map(move |hour| (window, hour)));
        let each = each.flat_map(|of| [None, Some(1), Some(2), Some(3)].map(|location| (of, location)));
        let mut readings: Vec<_> = each
            .map(|((window, hour), location)| {
                let end = Timestamp::from_second(MIDNIGHT + hour * HOUR).unwrap();
                let mut reading = Reading::new(7, window, end);
                (reading.pm10, reading.location) = (Some(1.into()), location);
                reading.stored_flags = Flags::SPIKE.union(Flags::HUMID);
                reading
            })
            .collect();
        let is_five_minutes = |reading: &Reading| reading.window == Window::FiveMinutes;
        let expected: Vec<_> = readings.iter().map(|reading| obvious(&all, reading)).collect();
        locations.set(&mut readings);
        for (reading, expected) in readings.iter().zip(&expected) {
            prop_assert_eq!([reading.temperature, reading.humidity], *expected, "{:?}", reading);
            let humid = reading.humidity.is_some_and(|humidity| humidity >= 90.into());
            let left = is_five_minutes(reading);
            prop_assert_eq!(reading.flags().contains(Flags::HUMID), humid || left);
            prop_assert!(reading.flags().contains(Flags::SPIKE));
        }
        // What the means of the second day and of later ones need is kept.
        locations.forget("2026-02-02".parse().unwrap());
        let mut later: Vec<_> = readings
            .into_iter()
            .filter(|reading| reading.timestamp.as_second() > MIDNIGHT + 24 * HOUR)
            .collect();
        let expected = later.clone();
        locations.set(&mut later);
        prop_assert_eq!(later, expected);
    }
}
