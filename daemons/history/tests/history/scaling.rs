//! Factors beside the definition, in logarithms.

use airshed_history::neighbours::{Limits, Neighbours};
use airshed_history::scaling::{DAYS, LEAST_DAYS, Scaling, scaled};
use aqi::Decimal;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use store::{Flags, Reading, Window};

fn end(day: i64) -> Timestamp {
    let first: Timestamp = "2018-01-01T00:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * day)
}

fn of(sensor: u64, day: i64, [pm10, pm25]: [Option<Decimal>; 2]) -> Reading {
    Reading {
        pm10,
        pm25,
        latitude: Some(57.into()),
        longitude: Some((-2).into()),
        ..Reading::new(sensor, Window::Day, end(day))
    }
}

/// By the definition.
fn factors(days: &[Vec<Reading>], sensor: u64, of_day: i64) -> [Option<f64>; 2] {
    let mut logarithms = [Vec::new(), Vec::new()];
    for day in days {
        let Some(own) = day.iter().find(|reading| reading.sensor.id == sensor) else { continue };
        let before = of_day - (own.timestamp.duration_since(end(0)).as_hours() / 24);
        let is_valid = !own.flags().intersects(Flags::LOW_CAPTURE.union(Flags::COUNTS));
        if !(1..=DAYS).contains(&before) || !is_valid {
            continue;
        }
        let medians = Neighbours::of(own, day, &Limits::default()).medians;
        for ((logarithms, own), median) in
            logarithms.iter_mut().zip([own.pm10, own.pm25]).zip(medians)
        {
            let number = |value: Decimal| f64::try_from(value).unwrap();
            let Some((own, median)) = own.map(number).zip(median.map(number)) else { continue };
            if own > 0.0 && median > 0.0 {
                logarithms.push(own.ln() - median.ln());
            }
        }
    }
    logarithms.map(|mut all| {
        all.sort_by(f64::total_cmp);
        let middle = [all.len().checked_sub(1)? / 2, all.len() / 2].map(|place| all[place]);
        (all.len() >= LEAST_DAYS).then(|| (middle.iter().sum::<f64>() / 2.0).exp())
    })
}

fn value() -> impl Strategy<Value = Option<Decimal>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(Decimal::ZERO)),
        18 => (1..5000i64).prop_map(|value| Some(Decimal::new(value, 1))),
    ]
}

/// Whether a sensor is there, its values, and the hours of its mean.
type Drawn = (u32, [Option<Decimal>; 2], u32);

fn days() -> impl Strategy<Value = Vec<Vec<Reading>>> {
    let sensor = (0..10u32, [value(), value()], 15..25u32);
    let day = proptest::collection::vec(sensor, 5);
    proptest::collection::vec(day, 15..75).prop_map(|days| {
        let day = |(day, sensors): (i64, Vec<Drawn>)| {
            let sensors = (1..).zip(sensors).filter(|(_, (there, ..))| *there > 0);
            let reading = |(sensor, (_, values, hours)): (u64, Drawn)| {
                let hours = if hours < 18 { Some(hours) } else { None };
                Reading { hours, ..of(sensor, day, values) }
            };
            sensors.map(reading).filter(|day| day.check().is_ok()).collect()
        };
        (0..).zip(days).map(day).collect()
    })
}

proptest! {
    #[test]
    fn factors_are_those_of_the_definition(days in days(), drop in 0..20i64) {
        let mut scaling = Scaling::default();
        for (day, readings) in (0..).zip(&days) {
            // Others are ignored.
            let mut given = readings.clone();
            given.extend(readings.iter().map(|day| Reading { window: Window::Day24, ..day.clone() }));
            scaling.add(end(day), given);
        }
        let last = days.len() as i64;
        for of_day in [last / 2, last, last + drop] {
            for sensor in 1..=5u64 {
                let found = scaling.factors(sensor.into(), end(of_day));
                for (found, expected) in found.iter().zip(factors(&days, sensor, of_day)) {
                    prop_assert_eq!(found.is_some(), expected.is_some());
                    let close = |(one, other): (f64, f64)| (one / other - 1.0).abs() < 1e-9;
                    prop_assert!(found.zip(expected).is_none_or(close), "{:?} {:?}", found, expected);
                }
            }
        }
        let before = scaling.factors(1u64.into(), end(last));
        scaling.forget_before(airshed_history::scaling::first_day(end(last)));
        prop_assert_eq!(scaling.factors(1u64.into(), end(last)), before);
    }
}

#[test]
fn a_sensor_that_reads_half_as_much_again_is_scaled_down() {
    let mut scaling = Scaling::default();
    for day in 0..20 {
        let air = Decimal::from(10 + day);
        let mut readings: Vec<_> =
            [2, 3, 4].map(|sensor| of(sensor, day, [Some(air), None])).into();
        readings.push(of(1, day, [Some(air * Decimal::new(15, 1)), Some(air)]));
        scaling.add(end(day), readings);
        let [pm10, pm25] = scaling.factors(1u64.into(), end(day + 1));
        assert_eq!((pm10.is_some(), pm25), (day == 19, None));
    }
    let [factor, _] = scaling.factors(1u64.into(), end(20));
    let factor = factor.unwrap();
    assert_eq!(scaled("33.333".parse().unwrap(), factor), Some("22.22".parse().unwrap()));
    assert_eq!(scaling.factors(1u64.into(), end(81)), [None; 2], "too long ago");
}
