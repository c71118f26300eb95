//! Running means beside what their definition says, row by row.

use std::sync::Arc;

use airshed_store::conformance::{all, any_standard};
use airshed_store::{
    Flags, Memory, Position, Query, Reading, RunningMean, RunningMeans, Store, View, Window,
};
use aqi::{Concentration, Decimal};
use proptest::prelude::*;

use super::block_on;

const HOUR: i64 = 3600;
/// An hour before a midnight.
const START: i64 = 1_769_900_400;

/// Most hours of two sensors within two days, usually at the full hour; some twice, some
/// implausible, some of another window or country.
fn hours() -> impl Strategy<Value = Vec<Reading>> {
    let value = || prop_oneof![12 => (0..8500i64).prop_map(Some), 1 => Just(None)];
    let second = prop_oneof![6 => Just(0i64), 1 => -3599..=0i64];
    let window = prop_oneof![20 => Just(Window::Hour), 1 => Just(Window::Day24)];
    let country = prop_oneof![20 => Just("DE"), 1 => Just("PL")];
    let one = || (second.clone(), window.clone(), country.clone(), value(), value());
    let each = proptest::collection::vec(proptest::option::weighted(0.95, one()), 84);
    let twice = proptest::collection::vec((0..84usize, one()), 0..9);
    (each, twice).prop_map(|(each, twice)| {
        let each = each.into_iter().enumerate().filter_map(|(place, one)| Some((place, one?)));
        each.chain(twice).map(|(place, one)| reading(place, one)).collect()
    })
}

type One = (i64, Window, &'static str, Option<i64>, Option<i64>);

fn reading(place: usize, (second, window, country, pm10, pm25): One) -> Reading {
    let moment = START + place as i64 / 2 * HOUR + second;
    let moment = jiff::Timestamp::from_second(moment).unwrap();
    let mut reading = Reading::new(place as u64 % 2 + 1, window, moment);
    reading.country = Some(country.parse().unwrap());
    reading.pm10 = pm10.or(pm25.xor(Some(0))).map(|value| Decimal::new(value, 1));
    reading.pm25 = pm25.map(|value| Decimal::new(value * 12, 2)); // saturated from 999.9 on
    (reading.temperature, reading.humidity) = (Some(5.into()), Some(50.into()));
    reading.hours = place.is_multiple_of(9).then_some(place as u32 % 12); // often too few
    if place.is_multiple_of(11) {
        reading.stored_flags = if place.is_multiple_of(2) { Flags::SPIKE } else { Flags::STUCK };
    }
    reading
}

fn obvious(of: &[Reading], at: &Reading, mean: RunningMean) -> Option<Reading> {
    let slot = |reading: &Reading| (reading.timestamp.as_second() + HOUR - 1).div_euclid(HOUR);
    let hour = |back: i64| {
        let same = of.iter().filter(|other| {
            (other.sensor, other.country, other.window) == (at.sensor, at.country, Window::Hour)
                && slot(other) == slot(at) - back
                && other.timestamp <= at.timestamp
        });
        same.max_by_key(|other| other.timestamp)
            .filter(|other| !other.flags().intersects(Flags::IMPLAUSIBLE))
    };
    let hours: Vec<_> = (0..i64::from(mean.hours())).map(hour).collect();
    let mean_of = |value: fn(&Reading) -> Option<Decimal>| {
        let values: Vec<_> = hours.iter().map(|hour| hour.and_then(value)).collect();
        let there: Vec<_> = values.iter().flatten().collect();
        match mean {
            RunningMean::Day24 if there.len() < 18 => None,
            RunningMean::Day24 => {
                Some(there.iter().copied().sum::<Decimal>() / Decimal::from(there.len()))
            }
            _ => {
                let oldest_first = values.iter().rev();
                let hours: Vec<_> = oldest_first
                    .map(|value| value.and_then(|value| Concentration::micrograms(value).ok()))
                    .collect();
                let now = aqi::nowcast::nowcast(hours[..].try_into().unwrap());
                now.ok().map(|now| now.value())
            }
        }
    };
    let cut = |value: Option<Decimal>| value.map(|value| value.trunc_with_scale(6).normalize());
    let (pm10, pm25) = (cut(mean_of(|hour| hour.pm10)), cut(mean_of(|hour| hour.pm25)));
    let there = hours.iter().flatten().count() as u32;
    let known = pm10.is_some() || pm25.is_some();
    let window = mean.window();
    let used = hours.iter().flatten().map(|hour| hour.stored_flags);
    let stored_flags = used.fold(Flags::NONE, Flags::union);
    let (hours, samples) = (Some(there), None);
    let (temperature, humidity) = (None, None);
    known.then(|| Reading {
        window,
        pm10,
        pm25,
        hours,
        samples,
        stored_flags,
        temperature,
        humidity,
        ..at.clone()
    })
}

proptest! {
    #[test]
    fn running_means_are_those_of_the_definition(
        put in hours(),
        mean in proptest::sample::select(RunningMean::ALL.to_vec()),
        (from, length) in (0..42i64, 0..42i64),
        sensors in proptest::collection::vec(1..=2u64, 0..2),
        country in proptest::option::of(Just("DE")),
        (standard, lowest) in (any_standard(), proptest::option::of(0..4u32)),
        start_again in any::<proptest::sample::Index>(),
    ) {
        let store = Memory::new();
        block_on(store.put(&put)).unwrap();
        let kept = block_on(all(&store, &Query::everything()));
        let moment = |hour| jiff::Timestamp::from_second(START + hour * HOUR).unwrap();
        let mut query = Query::new(moment(from), moment(from + length));
        query.sensors = sensors.into_iter().map(Into::into).collect();
        query.countries = country.map(|country| country.parse().unwrap()).into_iter().collect();
        query.standard = standard;
        query.indices = lowest.map(|lowest| (lowest, u32::MAX));
        let of_hours = kept.iter().filter(|reading| reading.window == Window::Hour);
        let mut expected: Vec<_> = of_hours.filter_map(|at| obvious(&kept, at, mean)).collect();
        expected.retain(|reading| query.matches(reading));
        expected.sort_by_key(Position::of);
        let means = RunningMeans::new(Arc::new(store), mean);
        prop_assert_eq!(&block_on(all(&means, &query)), &expected);
        // From a place in the middle, as another process goes on.
        if !expected.is_empty() {
            let at = start_again.index(expected.len());
            let page = block_on(means.query(&query, Some(Position::of(&expected[at])))).unwrap();
            let rest: Vec<_> = page.rows().map(|row| row.reading()).collect();
            prop_assert_eq!(rest, &expected[at + 1..]);
        }
    }
}

/// More rows than a page has, over midnights, of a store that ends its pages elsewhere.
#[test]
fn pages_of_running_means_go_on_where_they_stopped() {
    let store = Memory::new();
    let mut put = Vec::new();
    for hour in 0..72 {
        for sensor in 1..=700u64 {
            let moment = jiff::Timestamp::from_second(1_769_904_000 + hour * HOUR).unwrap();
            let mut reading = Reading::new(sensor, Window::Hour, moment);
            reading.pm10 = Some(Decimal::new((hour * 7 + sensor as i64) % 400 + 1, 1));
            put.push(reading);
        }
    }
    block_on(store.put(&put)).unwrap();
    let means = RunningMeans::new(Arc::new(store), RunningMean::NowCast);
    let (mut after, mut rows, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = block_on(means.query(&Query::everything(), after)).unwrap();
        rows.extend(page.rows().map(|row| row.reading()));
        pages += 1;
        match page.next {
            None => break,
            next => after = next,
        }
    }
    assert!(pages > 2, "{pages}");
    assert_eq!(rows.len(), 700 * 71, "the first hour is alone");
    let check = rows.iter().step_by(997);
    for row in check {
        let hour = Reading { window: Window::Hour, ..row.clone() };
        let own = put.iter().filter(|reading| reading.sensor == row.sensor);
        let own: Vec<_> = own.cloned().collect();
        assert_eq!(obvious(&own, &hour, RunningMean::NowCast).as_ref(), Some(row));
    }
}
