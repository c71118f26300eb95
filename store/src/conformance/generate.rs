//! Generators of readings and queries, for property tests.

use aqi::Decimal;
use proptest::prelude::*;
use proptest::sample::Index as Sample;

use super::at;
use crate::{
    AqiStandard, Area, Column, Flags, Kind, Network, Query, Reading, Sensor, SensorTypes, Window,
};

/// Varied readings as in the network, with few identities so that they collide: the batches of a
/// property test.
pub fn readings() -> impl Strategy<Value = Vec<Reading>> {
    proptest::collection::vec(any_reading(), 0..40)
}

/// A query over the readings that [`readings`] makes.
pub fn query() -> impl Strategy<Value = Query> {
    let list = |strategy| proptest::collection::vec(strategy, 0..3);
    let country = proptest::sample::select(vec!["DE", "FR", "XK", "US"]);
    (
        (any_second(), any_second(), list(country)),
        (
            any_standard(),
            proptest::option::of((any::<Sample>(), any::<Sample>())),
            proptest::collection::vec(any::<Sample>(), 0..3),
        ),
        proptest::collection::vec(any_sensor(), 0..3),
        proptest::option::of(proptest::sample::select(Window::KEPT.to_vec())),
        (
            proptest::option::of(any::<bool>()),
            any::<bool>(),
            proptest::option::of(any_area()),
            proptest::option::of(proptest::sample::select(Flags::NAMES.to_vec())),
            proptest::option::of(any_network()),
            proptest::option::weighted(0.1, 0..9u32),
        ),
    )
        .prop_map(|((from, until, countries), index, sensors, window, rest)| Query {
            countries: countries.iter().filter_map(|c| c.parse().ok()).collect(),
            standard: index.0,
            indices: index.1.map(|ends| {
                let (low, high) = index.0.numbers();
                let ends = [ends.0, ends.1]
                    .map(|end| low + end.index((high.unwrap_or(500) - low + 1) as usize) as u32);
                (ends[0].min(ends[1]), ends[0].max(ends[1]))
            }),
            bands: index.2.iter().map(|band| band.get(index.0.standard().categories)).collect(),
            sensors,
            networks: rest.4.into_iter().collect(),
            windows: window.into_iter().collect(),
            sensor_types: models(if rest.1 { &["SDS011"] } else { &[] }),
            indoor: rest.0,
            area: rest.2,
            least_low: rest.5,
            without: rest.3.map_or(Flags::default(), |(flag, _)| flag),
            ..Query::new(at(from.min(until)), at(from.max(until)))
        })
}

/// Any standard of the index, the default half of the time.
pub fn any_standard() -> impl Strategy<Value = AqiStandard> {
    let all: Vec<_> = AqiStandard::all().collect();
    prop_oneof![Just(AqiStandard::DEFAULT), proptest::sample::select(all)]
}

pub(super) fn models(names: &[&str]) -> SensorTypes {
    names.iter().filter_map(|name| name.parse().ok()).collect::<Vec<_>>().into()
}

/// A reading of any kind.
pub fn any_reading() -> impl Strategy<Value = Reading> {
    let number = || proptest::option::of(any_decimal());
    let kind = proptest::sample::select(vec![
        "SDS011",
        "sds011",
        "PMS5003",
        "PPD42NS",
        "DHT22",
        "SEN5X (a+b)/c.d",
    ]);
    let country = proptest::sample::select(vec!["DE", "FR", "XK", "GB"]);
    (
        (any_sensor(), proptest::sample::select(Window::KEPT.to_vec()), any_second()),
        (any_decimal(), number(), any::<bool>()),
        (proptest::option::of(0..=i64::MAX as u64), proptest::option::of(kind)),
        (
            proptest::option::of(0u64..30),
            proptest::option::of(any_degrees(90)),
            proptest::option::of(any_degrees(180)),
            number(),
        ),
        proptest::option::of(country),
        (proptest::option::of(any::<bool>()), proptest::option::of(any::<bool>())),
        proptest::collection::vec(any_value(), Column::in_blocks().count()),
    )
        .prop_map(
            |(identity, values, (measurement, kind), place, country, (indoor, exact), others)| {
                let (sensor, window, second) = identity;
                let (first, second_value, swap) = values;
                let (pm10, pm25) =
                    if swap { (second_value, Some(first)) } else { (Some(first), second_value) };
                let (location, latitude, longitude, altitude) = place;
                let mut reading = Reading {
                    measurement,
                    pm10,
                    pm25,
                    sensor_type: kind.and_then(|kind| kind.parse().ok()),
                    location,
                    latitude,
                    longitude,
                    altitude,
                    country: country.and_then(|country| country.parse().ok()),
                    indoor,
                    exact,
                    ..Reading::new(sensor, window, at(second))
                };
                for ((_, column), (number, decimal)) in Column::in_blocks().zip(others) {
                    let value = match column.kind() {
                        Kind::Decimal => decimal.into(),
                        Kind::Truth => number.map(|number| number % 2 == 0).into(),
                        Kind::Flags => crate::Value::Flags(Flags::from_bits(
                            number.unwrap_or(0) & ((1 << Flags::NAMES.len()) - 1),
                        )),
                        _ => number.map(u64::from).into(),
                    };
                    reading.set(column, value);
                }
                reading
            },
        )
}

/// Few sensors, most of the default network.
fn any_sensor() -> impl Strategy<Value = Sensor> {
    (any_network(), 1u64..6).prop_map(|(network, id)| Sensor { network, id })
}

fn any_network() -> impl Strategy<Value = Network> {
    let others =
        ["a", "my-school", "zzzzzzzzzzzzzzzz"].map(|name| name.parse().unwrap_or_default());
    prop_oneof![4 => Just(Network::SENSOR_COMMUNITY), 1 => proptest::sample::select(others.to_vec())]
}

/// A number for a whole column, and one for a decimal column.
fn any_value() -> impl Strategy<Value = (Option<u32>, Option<Decimal>)> {
    (proptest::option::of(any::<u32>()), proptest::option::of(any_decimal()))
}

fn any_area() -> impl Strategy<Value = Area> {
    let latitude = || -89.5f64..89.5;
    let longitude = || -179.5f64..179.5;
    prop_oneof![
        (longitude(), latitude(), longitude(), latitude()).prop_map(|(west, a, east, b)| {
            Area::Box { west, south: a.min(b), east, north: a.max(b) }
        }),
        (latitude(), longitude(), 1.0f64..15_000.0).prop_map(
            |(latitude, longitude, kilometres)| {
                Area::Circle { latitude, longitude, kilometres }
            }
        ),
    ]
}

fn any_degrees(limit: i64) -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (-limit * 1000..=limit * 1000).prop_map(|thousandths| Decimal::new(thousandths, 3)),
        any_decimal().prop_map(move |decimal| decimal % Decimal::from(limit)),
    ]
}

/// Times near each other, around two midnights, and a few at the ends of the calendar.
fn any_second() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -3i64..3,
        8 => 86_397i64..86_403,
        1 => proptest::sample::select(vec![
            -719_528 * 86_400,
            2_932_895 * 86_400 - 1,
        ]),
    ]
}

fn any_decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (0i64..2_000_000, 0u32..4).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale)),
        (any::<[u32; 3]>(), any::<bool>(), 0u32..=28).prop_map(
            |([low, middle, high], negative, scale)| {
                Decimal::from_parts(low, middle, high, negative, scale)
            }
        ),
    ]
}
