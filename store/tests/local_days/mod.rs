//! Days in a time zone beside what their definition says, hour by hour.

use std::collections::BTreeMap;
use std::sync::Arc;

use airshed_store::conformance::all;
use airshed_store::{
    Column, Country, Flags, LocalDays, Memory, Position, Query, Reading, Sensor, Store, TimeZone,
    View, Window,
};
use aqi::Decimal;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::block_on;

const HOUR: i64 = 3600;
const HOURS: usize = 100;

/// Zones, and times shortly before a change in them.
const PLACES: [(&str, &str); 8] = [
    ("UTC", "2026-01-30T20:00:00Z"),
    ("Europe/Berlin", "2026-03-27T20:00:00Z"),
    ("Europe/Berlin", "2026-10-23T20:00:00Z"),
    ("Europe/London", "2026-03-27T20:00:00Z"), // two days end in one UTC day
    ("Asia/Kolkata", "2026-01-30T20:00:00Z"),
    ("America/Sao_Paulo", "2018-11-02T20:00:00Z"), // midnight is skipped
    ("America/Havana", "2026-10-30T20:00:00Z"),    // midnight is repeated
    ("Pacific/Apia", "2011-12-28T20:00:00Z"),      // a day is skipped
];

type One = (i64, Window, &'static str, Option<i64>, Option<i64>, Option<u32>, Option<u32>, u8);

fn hours() -> impl Strategy<Value = Vec<(usize, One)>> {
    let value = || prop_oneof![12 => (-5..8500i64).prop_map(Some), 1 => Just(None)];
    let second = prop_oneof![6 => Just(0i64), 1 => -3599..=0i64];
    let window = prop_oneof![20 => Just(Window::Hour), 1 => Just(Window::Day)];
    let country = prop_oneof![20 => Just("DE"), 1 => Just("PL")];
    let slots = prop_oneof![8 => Just(Some(12)), 2 => (0..12u32).prop_map(Some), 1 => Just(None)];
    let samples = prop_oneof![12 => (0..30u32).prop_map(Some), 1 => Just(None)];
    let one = (second, window, country, value(), value(), slots, samples, 0..40u8);
    let each = proptest::collection::vec(proptest::option::weighted(0.9, one.clone()), 2 * HOURS);
    let twice = proptest::collection::vec((0..2 * HOURS, one), 0..9);
    (each, twice).prop_map(|(each, twice)| {
        let each = each.into_iter().enumerate().filter_map(|(place, one)| Some((place, one?)));
        each.chain(twice).collect()
    })
}

fn reading(start: Timestamp, place: usize, one: One) -> Reading {
    let (second, window, country, pm10, pm25, hours, samples, flags) = one;
    let moment = start.as_second() + place as i64 / 2 * HOUR + second;
    let moment = Timestamp::from_second(moment).unwrap();
    let mut reading = Reading::new(place as u64 % 2 + 1, window, moment);
    reading.country = Some(country.parse().unwrap());
    reading.pm10 = pm10.or(pm25.xor(Some(0))).map(|value| Decimal::new(value, 1));
    reading.pm25 = pm25.map(|value| Decimal::new(value * 12, 2)); // saturated from 900 on
    (reading.hours, reading.samples, reading.location) = (hours, samples, Some(place as u64));
    reading.temperature = place.is_multiple_of(3).then(|| Decimal::new(place as i64 - 40, 1));
    reading.humidity = (!place.is_multiple_of(17)).then(|| Decimal::new(800 + place as i64, 1));
    reading.stored_flags = match flags {
        0 => Flags::SPIKE,
        1 => Flags::STUCK,
        2 => Flags::ZERO,
        3 => Flags::ABOVE_NEIGHBOURS,
        _ => Flags::NONE,
    };
    reading
}

/// Means of the days that have ended when the newest reading is the present.
fn obvious(of: &[Reading], zone: &TimeZone) -> Vec<Reading> {
    let newest = of.iter().map(|reading| reading.timestamp).max();
    let number = |moment: Timestamp| (moment.as_second() + HOUR - 1).div_euclid(HOUR);
    let end = |number: i64| Timestamp::from_second(number * HOUR).unwrap();
    let date = |number| {
        let within = end(number).checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap();
        zone.to_datetime(within).date()
    };
    let mut hours: BTreeMap<(Sensor, Option<Country>, i64), &Reading> = BTreeMap::new();
    for reading in of.iter().filter(|reading| reading.window == Window::Hour) {
        let hour = (reading.sensor, reading.country, number(reading.timestamp));
        let kept = hours.entry(hour).or_insert(reading);
        if reading.timestamp > kept.timestamp {
            *kept = reading;
        }
    }
    let mut days: BTreeMap<_, Vec<&Reading>> = BTreeMap::new();
    for ((sensor, country, number), hour) in hours {
        if !hour.flags().contains(Flags::LOW_CAPTURE) {
            days.entry((sensor, country, date(number))).or_default().push(hour);
        }
    }
    let mean = |((_, _, day), hours): (&(_, _, jiff::civil::Date), &Vec<&Reading>)| {
        let next = day.checked_add(1.day()).unwrap().to_zoned_datetime(zone.clone()).unwrap();
        let timestamp = next.start_of_day().unwrap().timestamp();
        let around = number(hours[0].timestamp) - 60..number(hours[0].timestamp) + 60;
        let of_day = around.filter(|number| date(*number) == *day).count();
        let values = |value: fn(&Reading) -> Option<Decimal>| -> Vec<_> {
            hours.iter().filter_map(|hour| value(hour)).collect()
        };
        let (pm10, pm25) = (values(|hour| hour.pm10), values(|hour| hour.pm25));
        let suffices = |values: &[Decimal]| values.len() * 4 >= of_day * 3;
        let low = !suffices(&pm10) && !suffices(&pm25);
        let shown = |values: &[Decimal]| !values.is_empty() && (low || suffices(values));
        let mean = |values: &[Decimal]| {
            let sum: Decimal = values.iter().sum();
            shown(values)
                .then(|| (sum / Decimal::from(values.len())).trunc_with_scale(6).normalize())
        };
        let climate = |value: fn(&Reading) -> Option<Decimal>| {
            let values = values(value);
            suffices(&values).then(|| {
                let sum: Decimal = values.iter().sum();
                (sum / Decimal::from(values.len())).trunc_with_scale(6).normalize()
            })
        };
        let temperature = climate(|hour| hour.temperature);
        let humidity = climate(|hour| hour.humidity);
        let counts = [&pm10, &pm25].map(|values| if shown(values) { values.len() } else { 0 });
        let any = |flag| hours.iter().any(|hour| hour.flags().contains(flag));
        let zeros = hours.iter().filter(|hour| hour.flags().contains(Flags::ZERO)).count();
        let found = [
            (Flags::SATURATED, any(Flags::SATURATED)),
            (Flags::STUCK, any(Flags::STUCK)),
            (Flags::SPIKE, any(Flags::SPIKE)),
            (Flags::ZERO, zeros * 20 >= hours.len()),
            (Flags::LOW_CAPTURE, low),
            (Flags::HUMID, humidity.is_some_and(|humidity| humidity >= 90.into())),
        ];
        let found = found.into_iter().filter(|(_, is)| *is);
        Reading {
            window: Window::Day,
            timestamp,
            pm10: mean(&pm10),
            pm25: mean(&pm25),
            hours: counts.into_iter().max().map(|count| count as u32),
            temperature,
            humidity,
            samples: hours.iter().map(|hour| hour.samples).sum(),
            stored_flags: found.fold(Flags::NONE, |all, (flag, _)| all.union(flag)),
            ..(*hours.last().unwrap()).clone()
        }
    };
    // The last full hour of a day is at its end, or less than an hour before.
    let has_ended = |mean: &Reading| {
        let last_hour = mean.timestamp.as_second().div_euclid(HOUR) * HOUR;
        newest.is_some_and(|newest| newest.as_second() >= last_hour)
    };
    days.iter().map(mean).filter(has_ended).collect()
}

proptest! {
    #[test]
    fn days_in_a_time_zone_are_those_of_the_definition(
        put in hours(),
        (zone, start) in proptest::sample::select(PLACES.to_vec()),
        (from, length) in (0..100i64, 0..100i64),
        from_an_end in any::<Option<proptest::sample::Index>>(),
        everything in any::<bool>(),
        sensors in proptest::collection::vec(1..=2u64, 0..2),
        country in proptest::option::of(Just("DE")),
        start_again in any::<proptest::sample::Index>(),
    ) {
        let (zone, start) = (TimeZone::get(zone).unwrap(), start.parse().unwrap());
        let put: Vec<_> = put.into_iter().map(|(place, one)| reading(start, place, one)).collect();
        let store = Memory::new();
        block_on(store.put(&put)).unwrap();
        let kept = block_on(all(&store, &Query::everything()));
        let moment = |hour| Timestamp::from_second(start.as_second() + hour * HOUR).unwrap();
        let mut query = match everything {
            true => Query::everything(),
            false => Query::new(moment(from), moment(from + length)),
        };
        query.sensors = sensors.into_iter().map(Into::into).collect();
        query.countries = country.map(|country| country.parse().unwrap()).into_iter().collect();
        let mut expected = obvious(&kept, &zone);
        if let Some(day) = from_an_end && !expected.is_empty() {
            query.from = day.get(&expected).timestamp;
        }
        expected.retain(|reading| query.matches(reading));
        expected.sort_by_key(Position::of);
        let days = LocalDays::new(Arc::new(store), zone);
        prop_assert_eq!(&block_on(all(&days, &query)), &expected);
        // From a place in the middle, as another process goes on.
        if !expected.is_empty() {
            let at = start_again.index(expected.len());
            let page = block_on(days.query(&query, Some(Position::of(&expected[at])))).unwrap();
            let rest: Vec<_> = page.rows().map(|row| row.reading()).collect();
            prop_assert_eq!(rest, &expected[at + 1..]);
        }
    }
}

/// A network of many sensors has several pages, which continue where the last one ended.
#[test]
fn pages_of_days_continue() {
    let (store, mut put) = (Memory::new(), Vec::new());
    for day in 0..4 {
        for sensor in 1..=9_000u64 {
            let end = 1_769_904_000 + day * 24 * HOUR + sensor as i64 % 24 * HOUR;
            let mut hour = Reading::new(sensor, Window::Hour, Timestamp::from_second(end).unwrap());
            hour.set(Column::P1, airshed_store::Value::Decimal(Decimal::new(day + 1, 0)));
            put.push(hour);
        }
    }
    block_on(store.put(&put)).unwrap();
    let days = LocalDays::new(Arc::new(store), TimeZone::get("Europe/Berlin").unwrap());
    let (mut after, mut rows, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = block_on(days.query(&Query::everything(), after)).unwrap();
        rows.extend(page.rows().map(|row| row.reading()));
        pages += 1;
        match page.next {
            None => break,
            next => after = next,
        }
    }
    assert!(pages > 1, "{pages}");
    let mut expected = obvious(&put, &TimeZone::get("Europe/Berlin").unwrap());
    expected.sort_by_key(Position::of);
    assert_eq!(rows.len(), 9_000 * 4);
    assert!(rows == expected);
}

/// A reading after the time range ends its last day, which the version tells.
#[test]
fn a_day_appears_when_the_data_are_past_its_end() {
    let store = Arc::new(Memory::new());
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let reading = |sensor, moment: &str| {
        let mut hour = Reading::new(sensor, Window::Hour, moment.parse().unwrap());
        hour.pm10 = Some(20.into());
        hour
    };
    let hours = (0..23).map(|hour| reading(7, &format!("2026-02-01T{hour:02}:00:00Z")));
    block_on(store.put(&hours.collect::<Vec<_>>())).unwrap();
    let end: Timestamp = "2026-02-01T23:00:00Z".parse().unwrap();
    let query = Query::new(Timestamp::MIN, end);
    let days = LocalDays::new(Arc::clone(&store), zone);
    assert!(block_on(all(&days, &query)).is_empty(), "an hour of it is still to come");
    let version = || block_on(days.version(query.from, query.until)).unwrap();
    let open = version();
    block_on(store.put(&[reading(8, "2026-02-01T23:00:01Z")])).unwrap();
    let found = block_on(all(&days, &query));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].timestamp, found[0].hours), (end, Some(23)));
    assert!(open.is_none() || version() != open);
}
