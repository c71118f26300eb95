//! Statements of an area beside their definition, in rationals.

use std::collections::{BTreeMap, BTreeSet};

use airshed_history::area::{LEAST_SENSORS, Spread, Statement, Statements};
use aqi::{Decimal, Index};
use jiff::{SignedDuration, Timestamp};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::sample::select;
use store::{AqiStandard, Flags, Reading, Window};

use super::neighbours::{median, rational};

/// A change of a reading.
type Change = fn(&mut Reading);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn reading(sensor: u64, timestamp: &str, pm25: &str) -> Reading {
    Reading { pm25: pm25.parse().ok(), ..Reading::new(sensor, Window::Hour, at(timestamp)) }
}

fn of(readings: &[Reading]) -> Vec<Statement> {
    let mut statements = Statements::new(Window::Hour, AqiStandard::DEFAULT);
    readings.iter().for_each(|reading| statements.add(reading));
    statements.finish()
}

#[test]
fn three_sensors_make_a_statement_and_two_are_only_counted() {
    let three = [(1, "10"), (2, "40"), (3, "11.5")];
    let three = three.map(|(sensor, pm25)| reading(sensor, "2018-02-03T12:00:00Z", pm25));
    let [statement] = of(&three).try_into().unwrap();
    let number = |text: &str| text.parse::<Decimal>().unwrap();
    assert_eq!(
        statement,
        Statement {
            timestamp: at("2018-02-03T12:00:00Z"),
            sensors: 3,
            left_out: 0,
            pm10: None,
            pm25: Some(Spread {
                sensors: 3,
                lowest: 10.into(),
                lower_quartile: number("10.75"),
                median: number("11.5"),
                upper_quartile: number("25.75"),
                highest: 40.into(),
            }),
            index: Some(Index::new(2)),
            indices: Some((Index::new(1), Index::new(4))),
        }
    );
    let changes: [(usize, Change); 7] = [
        (1, |reading| reading.indoor = Some(true)),
        (1, |reading| reading.stored_flags = Flags::STUCK),
        (1, |reading| reading.stored_flags = Flags::ABOVE_NEIGHBOURS),
        (1, |reading| reading.hours = Some(8)),
        (1, |reading| reading.sensor_type = "PPD42NS".parse().ok()),
        (1, |reading| reading.pm25 = Some(0.into())),
        (0, |reading| reading.sensor = 1.into()),
    ];
    for (number, (left_out, change)) in changes.into_iter().enumerate() {
        let mut changed = three.clone();
        change(&mut changed[2]);
        let [statement] = of(&changed).try_into().unwrap();
        let Statement { pm10, pm25, index, indices, .. } = statement;
        assert_eq!((pm10, pm25, index, indices), (None, None, None, None), "{number}");
        assert_eq!((statement.sensors, statement.left_out), (2, left_out), "{number}");
    }
    let others: [Change; 3] = [
        |reading| reading.stored_flags = Flags::BELOW_NEIGHBOURS.union(Flags::SPIKE),
        |reading| reading.indoor = None,
        |reading| reading.hours = Some(9),
    ];
    for (number, change) in others.into_iter().enumerate() {
        let mut changed = three.clone();
        change(&mut changed[2]);
        assert_eq!(of(&changed)[0].sensors, 3, "{number}");
    }
}

#[test]
fn sensors_with_timestamps_of_their_own_come_together_at_the_full_hour() {
    let mut readings: Vec<_> = [
        (1, "2018-02-03T09:00:01Z", "10"),
        (2, "2018-02-03T09:40:41Z", "20"),
        (3, "2018-02-03T10:00:00Z", "30"),
        (3, "2018-02-03T09:59:59Z", "99"),
        (1, "2018-02-03T09:00:00Z", "98"),
        (4, "2018-02-03T10:00:01Z", "97"),
    ]
    .map(|(sensor, timestamp, pm25)| reading(sensor, timestamp, pm25))
    .into();
    let statements = of(&readings);
    let times = statements.iter().map(|one| (one.timestamp.to_string(), one.sensors));
    let expected = [("09", 1), ("10", 3), ("11", 1)];
    assert!(times.eq(expected.map(|(hour, n)| (format!("2018-02-03T{hour}:00:00Z"), n))));
    assert_eq!(statements[1].pm25.map(|spread| spread.median), Some(20.into()));
    // The newest is the sensor's word, also if it does not count.
    readings[2].stored_flags = Flags::STUCK;
    let statements = of(&readings);
    assert_eq!((statements[1].sensors, statements[1].left_out), (2, 1));
}

/// What the documentation of the module says.
fn obvious(readings: &[Reading], standard: AqiStandard) -> Vec<Statement> {
    let hour = |reading: &Reading| {
        let moment = reading.timestamp;
        let after = moment.as_second().rem_euclid(3600);
        moment + SignedDuration::from_secs(if after == 0 { 0 } else { 3600 - after })
    };
    let readings: Vec<_> = readings.iter().filter(|r| r.window == Window::Hour).collect();
    let hours: BTreeSet<_> = readings.iter().map(|reading| hour(reading)).collect();
    let statement = |timestamp: Timestamp| {
        let mut newest = BTreeMap::new();
        for reading in readings.iter().filter(|reading| hour(reading) == timestamp) {
            let known = newest.entry(reading.sensor).or_insert(reading);
            if reading.timestamp >= known.timestamp {
                *known = reading;
            }
        }
        let plausible = |reading: &&&&Reading| {
            reading.indoor != Some(true)
                && !reading.flags().names().any(|name| {
                    let left_out = ["zero", "stuck", "low_capture", "above_neighbours", "counts"];
                    left_out.contains(&name)
                })
        };
        let counted: Vec<_> = newest.values().filter(plausible).collect();
        let spread = |of: fn(&Reading) -> Option<Decimal>| {
            let mut values: Vec<_> = counted.iter().filter_map(|r| of(r)).map(rational).collect();
            values.sort();
            (values.len() >= LEAST_SENSORS).then_some(values)
        };
        let [pm10, pm25] =
            [spread(|r| r.pm10), spread(|r| r.pm25)].map(|values| values.map(spread_of));
        let mut reading = Reading::new(1, Window::Hour, timestamp);
        (reading.pm10, reading.pm25) = (pm10.map(|s| s.median), pm25.map(|s| s.median));
        let index = reading.index_by(standard);
        let indices = || counted.iter().filter_map(|reading| reading.index_by(standard));
        let indices = index.and_then(|_| Some((indices().min()?, indices().max()?)));
        let (sensors, left_out) = (counted.len(), newest.len() - counted.len());
        Statement { timestamp, sensors, left_out, pm10, pm25, index, indices }
    };
    hours.into_iter().map(statement).collect()
}

fn spread_of(values: Vec<BigRational>) -> Spread {
    let part = |quarters: usize| {
        let place = BigRational::new((quarters * (values.len() - 1)).into(), 4.into());
        let below: usize = place.to_integer().try_into().unwrap();
        let upper = &values[(below + 1).min(values.len() - 1)];
        &values[below] + (upper - &values[below]) * place.fract()
    };
    assert_eq!(part(2), median(values.clone()));
    Spread {
        sensors: values.len(),
        lowest: decimal(values[0].clone()),
        lower_quartile: decimal(part(1)),
        median: decimal(part(2)),
        upper_quartile: decimal(part(3)),
        highest: decimal(values[values.len() - 1].clone()),
    }
}

/// Of a number with at most twelve decimals.
fn decimal(number: BigRational) -> Decimal {
    let scaled = number * BigRational::from_integer(BigInt::from(10u64.pow(12)));
    assert!(scaled.is_integer());
    Decimal::from_i128_with_scale(scaled.to_integer().try_into().unwrap(), 12)
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let value = prop_oneof![
        1 => Just(None),
        6 => (0i64..900_000, 0..=6u32).prop_map(|(n, scale)| Some(Decimal::new(n % 10i64.pow(scale + 2), scale))),
    ];
    let flags = select(vec![
        Flags::NONE,
        Flags::NONE,
        Flags::STUCK,
        Flags::ABOVE_NEIGHBOURS,
        Flags::SPIKE.union(Flags::NO_NEIGHBOURS),
    ]);
    let window = prop_oneof![9 => Just(Window::Hour), 1 => Just(Window::Day)];
    let second = prop_oneof![1 => (0..4i64).prop_map(|n| n * 3600), 2 => 0..14_400i64];
    (1..9u64, window, second, value.clone(), value, flags, any::<[bool; 2]>(), 0..20u8).prop_map(
        |(sensor, window, second, pm10, pm25, stored_flags, [indoor, known], odd)| Reading {
            pm10,
            pm25,
            stored_flags,
            indoor: known.then_some(indoor && odd < 8),
            hours: (odd == 9).then_some(5),
            sensor_type: ["SDS011", "PPD42NS"][usize::from(odd == 8)].parse().ok(),
            ..Reading::new(
                sensor,
                window,
                at("2018-02-03T22:00:00Z") + SignedDuration::from_secs(second),
            )
        },
    )
}

proptest! {
    #![proptest_config(super::cases(256))]

    #[test]
    fn statements_are_those_of_the_definition(
        readings in prop::collection::vec(any_reading(), 0..60),
        standard in select(vec!["uk_daqi", "us_aqi:2024", "eu_caqi", "who_2021"]),
        cut in 0..20_000i64,
    ) {
        let standard = standard.parse().unwrap_or(AqiStandard::DEFAULT);
        let mut statements = Statements::new(Window::Hour, standard);
        readings.iter().for_each(|reading| statements.add(reading));
        let expected = obvious(&readings, standard);
        prop_assert_eq!(statements.finish(), expected.clone());
        // In parts, if readings come in the order of time.
        let mut ordered = readings.clone();
        ordered.sort_by_key(|reading| reading.timestamp);
        let cut = at("2018-02-03T22:00:00Z") + SignedDuration::from_secs(cut);
        let mut statements = Statements::new(Window::Hour, standard);
        let mut taken = Vec::new();
        for reading in &ordered {
            if reading.timestamp >= cut && taken.is_empty() {
                taken = statements.take_before(cut);
                prop_assert!(taken.iter().all(|statement| statement.timestamp < cut));
            }
            statements.add(reading);
        }
        taken.extend(statements.finish());
        prop_assert_eq!(taken, expected);
    }
}
