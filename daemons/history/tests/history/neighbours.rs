//! Flags of neighbours by their definition, every reading beside every other.

use airshed_history::neighbours::{Limits, Neighbours, flag};
use aqi::Decimal;
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::sample::select;
use store::{Area, Flags, Reading, Sensor, Window};

pub(super) fn all_three() -> Flags {
    Flags::ABOVE_NEIGHBOURS.union(Flags::BELOW_NEIGHBOURS).union(Flags::NO_NEIGHBOURS)
}

pub(super) fn rational(value: Decimal) -> BigRational {
    BigRational::new(value.mantissa().into(), BigInt::from(10u32).pow(value.scale()))
}

pub(super) fn median(mut values: Vec<BigRational>) -> BigRational {
    values.sort();
    let middle = [(values.len() - 1) / 2, values.len() / 2].map(|n| values[n].clone());
    middle.into_iter().sum::<BigRational>() / BigRational::from_integer(2.into())
}

fn degrees(value: Option<Decimal>) -> Option<f64> {
    value?.to_string().parse().ok()
}

/// What the documentation of the module says.
fn obvious(reading: &Reading, all: &[Reading]) -> Flags {
    let place = |one: &Reading| Some((degrees(one.latitude)?, degrees(one.longitude)?));
    let Some((latitude, longitude)) = place(reading) else { return Flags::NONE };
    let circle = Area::Circle { latitude, longitude, kilometres: 10.0 };
    let implausible = [
        Flags::COUNTS,
        Flags::SATURATED,
        Flags::ZERO,
        Flags::NEGATIVE,
        Flags::DUMMY_LOCATION,
        Flags::UNKNOWN_TYPE,
        Flags::NULL_ISLAND,
        Flags::LOW_CAPTURE,
        Flags::STUCK,
    ];
    let neighbours = all.iter().filter(|other| {
        (other.window, other.timestamp) == (reading.window, reading.timestamp)
            && other.sensor != reading.sensor
            && other.indoor != Some(true)
            && implausible.iter().all(|flag| !other.flags().contains(*flag))
            && place(other)
                .is_some_and(|(latitude, longitude)| circle.contains(latitude, longitude))
    });
    let neighbours: Vec<_> = neighbours.collect();
    let has_limits =
        reading.sensor_type.is_some_and(|kind| kind.as_str().to_lowercase() == "sds011");
    let (mut flags, mut is_compared) = (Flags::NONE, false);
    for of in [|one: &Reading| one.pm10, |one: &Reading| one.pm25] {
        let values: Vec<_> =
            neighbours.iter().filter_map(|other| of(other).map(rational)).collect();
        let Some(own) = of(reading).filter(|_| values.len() >= 3) else { continue };
        is_compared = true;
        let one = BigRational::from_integer(1.into());
        let ratio = (rational(own) + &one) / (median(values) + one);
        let two = BigRational::from_integer(2.into());
        if has_limits && ratio > two {
            flags = flags.union(Flags::ABOVE_NEIGHBOURS);
        } else if has_limits && ratio < two.recip() {
            flags = flags.union(Flags::BELOW_NEIGHBOURS);
        }
    }
    if is_compared { flags } else { flags.union(Flags::NO_NEIGHBOURS) }
}

fn sds011(sensor: u64, pm25: &str, longitude: &str) -> Reading {
    Reading {
        pm25: Some(pm25.parse().unwrap()),
        sensor_type: "SDS011".parse().ok(),
        latitude: Some("57.14".parse().unwrap()),
        longitude: Some(longitude.parse().unwrap()),
        ..Reading::new(sensor, Window::Hour, "2018-02-03T12:00:00Z".parse().unwrap())
    }
}

/// Of one beside others.
fn flags_beside(reading: Reading, others: &[Reading]) -> Vec<&'static str> {
    let mut all = vec![reading];
    all.extend_from_slice(others);
    flag(&mut all);
    all[0].stored_flags.names().collect()
}

#[test]
fn limits_themselves_are_within() {
    let three = [8, 9, 12].map(|value| sds011(value, &value.to_string(), "-2.1"));
    let four = [three.as_slice(), &[sds011(4, "9.02", "-2.1")]].concat();
    for (value, beside_three, beside_four) in [
        ("19", vec![], vec![]),
        ("19.0000000000000000000000001", vec!["above_neighbours"], vec![]),
        ("19.02", vec!["above_neighbours"], vec![]),
        ("19.021", vec!["above_neighbours"], vec!["above_neighbours"]),
        ("4.005", vec![], vec![]),
        ("4.004", vec![], vec!["below_neighbours"]),
        ("4", vec![], vec!["below_neighbours"]),
        ("3.9999999999999999999999999", vec!["below_neighbours"], vec!["below_neighbours"]),
        ("0", vec!["below_neighbours"], vec!["below_neighbours"]),
        ("-5", vec!["below_neighbours"], vec!["below_neighbours"]),
    ] {
        let reading = sds011(1, value, "-2.1");
        assert_eq!(flags_beside(reading.clone(), &three), beside_three, "{value}");
        assert_eq!(flags_beside(reading, &four), beside_four, "{value}");
    }
}

#[test]
fn the_neighbours_of_one_reading_and_their_medians() {
    let mut others =
        [(4, "8"), (2, "9.5"), (3, "12"), (5, "9.6")].map(|(n, v)| sds011(n, v, "-2.1"));
    others[0].pm10 = Some(20.into());
    let beside = Neighbours::of(&sds011(1, "4", "-2.1"), &others, &Limits::default());
    assert_eq!(beside.sensors, [2, 3, 4, 5].map(Sensor::from));
    assert_eq!(beside.medians, [None, Some("9.55".parse().unwrap())]);
    assert_eq!(beside.flags, Flags::BELOW_NEIGHBOURS);
    let two = Neighbours::of(&sds011(4, "8", "-2.1"), &others[..3], &Limits::default());
    assert_eq!(two.sensors, [2, 3].map(Sensor::from), "the sensor itself is none");
    assert_eq!((two.medians, two.flags), ([None; 2], Flags::NO_NEIGHBOURS));
    let nowhere = Reading { latitude: None, ..sds011(1, "4", "-2.1") };
    assert_eq!(Neighbours::of(&nowhere, &others, &Limits::default()), Neighbours::default());
}

#[test]
fn only_what_is_comparable_is_compared() {
    let reading = sds011(1, "500", "-2.1");
    let others = [2, 3, 4].map(|sensor| sds011(sensor, "10", "-2.1"));
    let beside = |change: fn(&mut Reading)| {
        let mut others = others.clone();
        change(&mut others[2]);
        flags_beside(reading.clone(), &others)
    };
    assert_eq!(beside(|_| {}), ["above_neighbours"]);
    // The limits of other models are not known; that there are neighbours is.
    for (model, flags) in
        [("sds011", vec!["above_neighbours"]), ("SPS30", vec![]), ("DHT22", vec![])]
    {
        let of_model = Reading { sensor_type: model.parse().ok(), ..reading.clone() };
        assert_eq!(flags_beside(of_model, &others), flags, "{model}");
    }
    // One of three that is not a neighbour.
    let changes: [fn(&mut Reading); 13] = [
        |other| other.sensor = 1.into(),
        |other| other.indoor = Some(true),
        |other| other.window = Window::Day,
        |other| other.timestamp = "2018-02-03T11:00:00Z".parse().unwrap(),
        |other| other.longitude = None,
        |other| other.longitude = Some("-2.2661".parse().unwrap()), // 10.02 km
        |other| other.longitude = Some("181".parse().unwrap()),
        |other| (other.pm10, other.pm25) = (other.pm25, None),
        |other| other.hours = Some(8),
        |other| other.stored_flags = Flags::STUCK,
        |other| other.location = Some(11),
        |other| other.sensor_type = "PPD42NS".parse().ok(),
        |other| other.pm10 = Some(Decimal::ZERO),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(beside(change), ["no_neighbours"], "{number}");
    }
    // And one that is.
    let changes: [fn(&mut Reading); 7] = [
        |other| other.sensor = Sensor { network: "my-school".parse().unwrap(), id: 1 },
        |other| other.indoor = None,
        |other| other.longitude = Some("-2.2654".parse().unwrap()), // 9.98 km
        |other| other.sensor_type = "SPS30".parse().ok(),
        |other| other.sensor_type = None,
        |other| other.stored_flags = all_three().union(Flags::SPIKE),
        |other| other.pm10 = Some(Decimal::ONE),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(beside(change), ["above_neighbours"], "{number}");
    }
    // Either pollutant; and both flags of one reading.
    let with_pm10 = |mut reading: Reading, pm10: u32| {
        reading.pm10 = Some(pm10.into());
        reading
    };
    let others = others.map(|other| with_pm10(other, 100));
    let both = flags_beside(with_pm10(reading, 10), &others);
    assert_eq!(both, ["above_neighbours", "below_neighbours"]);
}

#[test]
fn a_place_that_is_not_known_is_not_compared() {
    let others = [2, 3, 4].map(|sensor| sds011(sensor, "10", "-2.1"));
    for latitude in [None, Some(91.into())] {
        let mut reading = Reading { latitude, ..sds011(1, "500", "-2.1") };
        reading.stored_flags = all_three().union(Flags::SPIKE);
        assert_eq!(flags_beside(reading, &others), ["spike"]);
    }
    let mut none: [Reading; 0] = [];
    flag(&mut none);
}

/// Places around a few points, among them both poles and two on the 180th meridian.
fn place() -> impl Strategy<Value = (Option<Decimal>, Option<Decimal>)> {
    let centre = select(vec![
        (48_775i64, 9_182i64),
        (48_845, 9_182),
        (0, 0),
        (-17_000, 180_000),
        (65_500, -180_000),
        (89_960, 20_000),
        (90_000, 0),
        (-89_950, -90_000),
        (-90_000, 45_000),
    ]);
    let offset = || prop_oneof![3 => -120i64..120, 1 => Just(0)];
    let far = prop_oneof![9 => Just(None), 1 => (-180_000i64..=180_000).prop_map(Some)];
    (centre, offset(), offset(), far, 0..12u8).prop_map(
        |((north, east), up, right, far, missing)| {
            let wrapped = |degrees: i64| (degrees + 180_000).rem_euclid(360_000) - 180_000;
            let is_polar = north.abs() > 89_000;
            // At a pole, any meridian is near.
            let east = if is_polar { far.unwrap_or(east + 500 * right) } else { east + right };
            let north = (north + up).clamp(-90_000, 90_000);
            let latitude = Some(Decimal::new(north, 3)).filter(|_| missing != 0);
            (latitude, Some(Decimal::new(wrapped(east), 3)).filter(|_| missing != 1))
        },
    )
}

fn value() -> impl Strategy<Value = Option<Decimal>> {
    let small = (10i64..60).prop_map(|tenths| Decimal::new(tenths, 1));
    let thirds = (1i64..90).prop_map(|n| Decimal::from(n) / Decimal::from(3));
    let odd =
        select(vec![Decimal::ZERO, Decimal::NEGATIVE_ONE, 1900.into(), 5000.into(), Decimal::MAX]);
    let huge = (1u32.., 0u32..3, 20u32..=28)
        .prop_map(|(low, high, scale)| Decimal::from_parts(low, low, high, false, scale));
    prop_oneof![
        10 => small.prop_map(Some),
        4 => thirds.prop_map(Some),
        2 => huge.prop_map(Some),
        1 => odd.prop_map(Some),
        2 => Just(None),
    ]
}

fn reading() -> impl Strategy<Value = Reading> {
    let model = prop_oneof![
        8 => Just(Some("SDS011")),
        1 => Just(None),
        3 => select(vec!["sds011", "SPS30", "PPD42NS", "DHT22"]).prop_map(Some),
    ];
    let flags = prop_oneof![
        4 => Just(Flags::NONE),
        2 => select(Flags::NAMES.to_vec()).prop_map(|(flag, _)| flag),
        1 => Just(all_three()),
    ];
    let network = select(vec!["sensor.community", "a"]);
    let indoor = select(vec![None, Some(false), Some(false), Some(true)]);
    let hours = select(vec![None, Some(24), Some(24), Some(3)]);
    let moment = (0..6u32).prop_map(|n| (n == 0, if n == 1 { Window::Day } else { Window::Hour }));
    (place(), value(), value(), model, flags, (network, 1..50u64), indoor, (hours, moment))
        .prop_map(
            |(
                (latitude, longitude),
                pm10,
                pm25,
                model,
                flags,
                (network, id),
                indoor,
                (hours, moment),
            )| {
                let (is_later, window) = moment;
                let sensor = Sensor { network: network.parse().unwrap(), id };
                let timestamp =
                    if is_later { "2018-02-04T00:00:00Z" } else { "2018-02-03T00:00:00Z" };
                Reading {
                    pm10,
                    pm25,
                    sensor_type: model.and_then(|model| model.parse().ok()),
                    latitude,
                    longitude,
                    indoor,
                    hours,
                    stored_flags: flags,
                    ..Reading::new(sensor, window, timestamp.parse().unwrap())
                }
            },
        )
}

proptest! {
    #![proptest_config(super::cases(256))]

    #[test]
    fn flags_are_those_of_all_pairs(
        (readings, shuffled) in prop::collection::vec(reading(), 0..120).prop_flat_map(|readings| {
            let shuffled = Just((0..readings.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(readings), shuffled)
        }),
    ) {
        let mut expected = readings.clone();
        for reading in &mut expected {
            let others = reading.stored_flags.difference(all_three());
            reading.stored_flags = others.union(obvious(reading, &readings));
        }
        let mut flagged = readings.clone();
        flag(&mut flagged);
        for (flagged, expected) in flagged.iter().zip(&expected) {
            prop_assert_eq!(flagged, expected);
        }
        // Again, and in another order.
        let mut again: Vec<_> = shuffled.iter().map(|n| readings[*n].clone()).collect();
        flag(&mut again);
        let unshuffled = shuffled.iter().zip(&again).all(|(n, reading)| *reading == flagged[*n]);
        prop_assert!(unshuffled);
        // One reading by itself, with the medians that it is compared with.
        for reading in &readings {
            let alone = Neighbours::of(reading, &readings, &Limits::default());
            prop_assert_eq!(alone.flags, obvious(reading, &readings));
            let is_among = |other: &&Reading| {
                (other.window, other.timestamp) == (reading.window, reading.timestamp)
                    && alone.sensors.contains(&other.sensor)
            };
            prop_assert!(readings.iter().any(|r| is_among(&r)) != alone.sensors.is_empty());
        }
        flag(&mut flagged);
        prop_assert_eq!(flagged, expected);
    }
}
