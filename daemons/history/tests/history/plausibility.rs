//! The stars of a sensor beside their definition, in rationals.

use std::collections::BTreeMap;

use airshed_history::neighbours::Limits;
use airshed_history::plausibility::{DAYS, Plausibility};
use aqi::{Decimal, Pollutant};
use jiff::{SignedDuration, Timestamp};
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::sample::select;
use store::{Flags, Reading, Sensor, Window};

use super::neighbours::{median, rational};

fn day(sensor: u64, number: i64, pm10: Decimal, pm25: Decimal) -> Reading {
    let start: Timestamp = "2018-01-01T00:00:00Z".parse().unwrap();
    Reading {
        pm10: Some(pm10),
        pm25: Some(pm25),
        sensor_type: "SDS011".parse().ok(),
        latitude: Some("57.14".parse().unwrap()),
        longitude: Some(Decimal::new(-2100 - sensor as i64, 3)),
        hours: Some(24),
        ..Reading::new(sensor, Window::Day, start + SignedDuration::from_hours(24 * number))
    }
}

fn until() -> Timestamp {
    day(0, DAYS, 1.into(), 1.into()).timestamp
}

/// A sensor beside three whose values are known, on so many days.
struct Beside {
    days: Vec<Reading>,
    around: Vec<Reading>,
}

impl Beside {
    fn new(days: i64, pm10: &str, of_others: &str) -> Self {
        let [own, others] = [pm10, of_others].map(|text| text.parse::<Decimal>().unwrap());
        let number = |n: i64| DAYS - n;
        let days_of = |sensor, value| (0..days).map(move |n| day(sensor, number(n), value, value));
        Self {
            days: days_of(1, own).collect(),
            around: [2, 3, 4].into_iter().flat_map(|sensor| days_of(sensor, others)).collect(),
        }
    }

    fn with(mut self, days: usize, flags: Flags) -> Self {
        self.days.iter_mut().take(days).for_each(|day| day.stored_flags = flags);
        self
    }

    fn low(mut self, days: usize) -> Self {
        self.days.iter_mut().take(days).for_each(|day| day.hours = Some(17));
        self
    }

    fn lone(mut self, days: i64) -> Self {
        let first = day(0, DAYS - days, 1.into(), 1.into()).timestamp;
        self.around.retain(|reading| reading.timestamp <= first);
        self
    }

    fn stars(&self) -> Option<u8> {
        Plausibility::of(&self.days, &self.around, until(), &Limits::default()).stars
    }
}

#[test]
fn the_limits_of_the_table_are_within() {
    let beside = Beside::new;
    for (number, (expected, given)) in [
        (Some(5), beside(50, "12.8", "10")),
        (Some(4), beside(49, "12.8", "10")),
        (Some(5), beside(60, "10", "12.8")),
        (Some(4), beside(60, "12.81", "10")),
        (Some(4), beside(40, "16.5", "10")),
        (Some(4), beside(40, "20", "33")),
        (Some(3), beside(39, "16.5", "10")),
        (Some(3), beside(60, "16.51", "10")),
        (Some(3), beside(20, "20", "10")),
        (Some(3), beside(20, "10", "20")),
        (None, beside(19, "10", "10")),
        (None, beside(60, "10", "10").low(41)),
        (Some(3), beside(60, "10", "10").low(40)),
        // Three times as much is above neighbours on every day, but not the worst.
        (Some(2), beside(60, "20.01", "10")),
        (Some(2), beside(60, "30", "10")),
        (Some(2), beside(60, "10", "30")),
        (Some(1), beside(60, "30.01", "10")),
        (Some(1), beside(60, "9.99", "30")),
        (Some(1), beside(60, "0", "10")),
        (Some(5), beside(50, "10", "10").with(1, Flags::STUCK)),
        (Some(4), beside(49, "10", "10").with(1, Flags::STUCK)),
        (Some(4), beside(60, "10", "10").with(3, Flags::STUCK)),
        (Some(3), beside(60, "10", "10").with(4, Flags::ZERO)),
        (Some(3), beside(60, "10", "10").with(6, Flags::SATURATED)),
        (Some(2), beside(60, "10", "10").with(7, Flags::SATURATED)),
        (Some(2), beside(60, "10", "10").with(12, Flags::STUCK)),
        (Some(1), beside(60, "10", "10").with(13, Flags::STUCK)),
        (Some(5), beside(60, "10", "10").with(60, Flags::SPIKE)),
        (Some(5), beside(60, "10", "10").lone(30)),
        (None, beside(60, "10", "10").lone(31)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(given.stars(), expected, "{number}");
    }
}

#[test]
fn the_reason_says_what_was_found_and_what_is_missing() {
    let of =
        |given: Beside| Plausibility::of(&given.days, &given.around, until(), &Limits::default());
    let rated = of(Beside::new(60, "14", "10").with(2, Flags::ZERO));
    assert_eq!(
        rated.to_string(),
        "60 of the last 60 days are valid; PM10 is 1.40 times that of its neighbours; 2 faulty \
         days (stuck, zero or saturated); 0 days above or below its neighbours. 5 stars need a \
         factor of at most 1.28 from its neighbours, at most 2 % faulty days"
    );
    assert_eq!(rated.neighbours, [2, 3, 4].map(|sensor| (Sensor::from(sensor), 60)));
    let ratio = rated.ratio.unwrap();
    assert_eq!((ratio.pollutant, ratio.days), (Pollutant::Pm10, 60));
    assert!((ratio.m() - 1.4f64.ln()).abs() < 1e-12);
    assert_eq!((rated.from.to_string(), rated.until), ("2018-01-01T00:00:00Z".to_owned(), until()));
    let unknown = of(Beside::new(19, "14", "10"));
    assert_eq!(unknown.to_string(), "unknown: 19 of the last 60 days are valid; 20 are needed");
    let lone = of(Beside::new(60, "14", "10").lone(60));
    let reason = "unknown: on 60 of 60 valid days there were fewer than three outdoor sensors \
                  within 10 km";
    assert_eq!((lone.to_string(), lone.ratio), (reason.to_owned(), None));
    let best = of(Beside::new(60, "10", "10")).to_string();
    assert!(best.ends_with("0 days above or below its neighbours"), "{best}");
}

#[test]
fn only_days_of_the_time_count() {
    let mut given = Beside::new(20, "10", "10");
    assert_eq!(given.stars(), Some(3));
    given.days[0].window = Window::Day24;
    assert_eq!(given.stars(), None);
    for number in [DAYS + 1, 0] {
        given.days[0] = day(1, number, 10.into(), 10.into());
        assert_eq!(given.stars(), None, "{number}");
    }
    given.days[0] = day(1, 1, 10.into(), 10.into());
    assert_eq!(given.stars(), Some(3), "the first of the sixty days");
    given.days[0].sensor_type = "PPD42NS".parse().ok();
    assert_eq!(given.stars(), None, "counts are no concentrations");
}

/// What the documentation of the module says.
fn obvious(days: &[Reading], around: &[Reading]) -> Option<u8> {
    let (mut valid, mut faulty, mut deviating, mut lone) = (0, 0, 0, 0);
    let mut ratios = [Vec::new(), Vec::new()];
    for day in days {
        let names: Vec<_> = day.flags().names().collect();
        if names.contains(&"low_capture") {
            continue;
        }
        valid += 1;
        faulty += i64::from(["stuck", "zero", "saturated"].iter().any(|flag| names.contains(flag)));
        let beside: Vec<_> = around
            .iter()
            .filter(|other| other.timestamp == day.timestamp && other.sensor != day.sensor)
            .filter(|other| {
                !other
                    .flags()
                    .names()
                    .any(|name| ["stuck", "zero", "saturated", "low_capture"].contains(&name))
            })
            .collect();
        let (mut is_alone, mut deviates) = (true, false);
        for (n, of) in [|r: &Reading| r.pm10, |r: &Reading| r.pm25].into_iter().enumerate() {
            let values: Vec<_> = beside.iter().filter_map(|r| of(r)).map(rational).collect();
            let Some(own) = of(day).map(rational).filter(|_| values.len() >= 3) else { continue };
            let (others, one) = (median(values), rational(1.into()));
            is_alone = false;
            let compared = (&own + &one) / (&others + &one);
            deviates |= compared > rational(2.into()) || compared < rational(Decimal::new(5, 1));
            ratios[n].push(own / others);
        }
        lone += i64::from(is_alone);
        deviating += i64::from(deviates);
    }
    if valid < 20 || lone * 2 > valid {
        return None;
    }
    // e^2m, and its inverse: |m| ≤ ln L, where the greater of both is at most L².
    let worse = ratios.into_iter().filter(|ratios| !ratios.is_empty()).map(|mut ratios| {
        ratios.sort();
        let square = &ratios[(ratios.len() - 1) / 2] * &ratios[ratios.len() / 2];
        match square > rational(0.into()) {
            true => square.recip().max(square),
            false => rational(1_000_000.into()),
        }
    });
    let worse: BigRational = worse.max().unwrap();
    let within = |hundredths: i64| worse <= rational(Decimal::new(hundredths * hundredths, 4));
    let percent = |days: i64, percent: i64| days * 100 <= percent * valid;
    let is = |least, limit, of_faulty, of_deviating| {
        valid >= least
            && within(limit)
            && percent(faulty, of_faulty)
            && percent(deviating, of_deviating)
    };
    Some(match () {
        () if is(50, 128, 2, 5) => 5,
        () if is(40, 165, 5, 10) => 4,
        () if is(20, 200, 10, 20) => 3,
        () if !within(300) || !percent(faulty, 20) => 1,
        () => 2,
    })
}

/// A sensor that reads so many times what is there, with faults.
fn sensor_days() -> impl Strategy<Value = Vec<Reading>> {
    let factor =
        select(vec![0i64, 30, 33, 50, 60, 75, 80, 100, 110, 125, 128, 160, 165, 200, 290, 310]);
    let faults = select(vec![0u8, 1, 2, 4, 8, 30]);
    let gaps = select(vec![0u8, 2, 10, 50]);
    (
        factor.clone(),
        factor,
        faults,
        gaps,
        prop::collection::vec((8..12i64, 0..100u8, 0..100u8, 0..3usize), 60),
    )
        .prop_map(|(pm10, pm25, faults, gaps, days)| {
            let days = days.into_iter().zip(1..);
            let days = days.filter(|((_, _, gap, _), _)| *gap >= gaps);
            days.map(|((base, fault, gap, kind), number)| {
                let value = |factor: i64| Decimal::new(base * factor, 2);
                let mut day = day(1, number, value(pm10), value(pm25));
                if fault < faults {
                    day.stored_flags = [Flags::STUCK, Flags::SATURATED, Flags::SPIKE][kind];
                }
                if gap < 2 * gaps {
                    (day.hours, day.pm10) = (Some(24 - 7 * (kind as u32 % 2)), None);
                }
                day
            })
            .collect()
        })
}

proptest! {
    #![proptest_config(super::cases(256))]

    #[test]
    fn stars_are_those_of_the_table(
        mut days in sensor_days(),
        others in prop::collection::vec(sensor_days(), 2..6),
        rotated in 0..60usize,
    ) {
        let mut around = Vec::new();
        for (number, of_other) in others.into_iter().enumerate() {
            let sensor = Sensor::from(2 + number as u64);
            around.extend(of_other.into_iter().map(|day| Reading { sensor, ..day }));
        }
        let found = Plausibility::of(&days, &around, until(), &Limits::default());
        prop_assert_eq!(found.stars, obvious(&days, &around), "{}", found);
        let middle = rotated.min(days.len());
        days.rotate_left(middle);
        around.reverse();
        around.extend(days.iter().cloned()); // the sensor itself is not around it
        prop_assert_eq!(Plausibility::of(&days, &around, until(), &Limits::default()), found.clone());
        let counted = found.neighbours.iter().map(|(sensor, days)| (*sensor, *days));
        let counted: BTreeMap<_, _> = counted.collect();
        prop_assert!(counted.values().all(|days| (1..=found.valid_days).contains(days)));
    }
}
