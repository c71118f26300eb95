//! One rule of what counts where several readings are taken together; and that no single
//! reading decides for all.

use std::sync::LazyLock;

use jiff::SignedDuration;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json as value};
use store::{Country, Reading, Window};

use super::support::{NOW, Options, Rig, at, json};

const IMPLAUSIBLE: [&str; 10] = [
    "counts",
    "saturated",
    "zero",
    "negative",
    "dummy_location",
    "unknown_type",
    "null_island",
    "low_capture",
    "stuck",
    "above_neighbours",
];

/// Long before any reading here, until after the last.
const ALL_TIME: &str = "/api/summary?startDate=2025-01-01&endDate=2026-12-31";

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| {
    let letters = || 'A'..='Z';
    let codes = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
    codes.filter_map(|code| code.parse().ok()).collect()
});

const GOOD: u64 = 10;

/// Ten sensors of a country that nothing is wrong with, all of one moment.
fn good(number: u64, timestamp: jiff::Timestamp) -> impl Iterator<Item = Reading> {
    (0..GOOD).map(move |n| {
        let mut reading = Reading::new(1 + number * GOOD + n, Window::Day24, timestamp);
        reading.pm10 = Some((20 + (number * 7 + n * 13) % 50).into());
        reading.pm25 = Some((3 + (number * 5 + n * 7) % 16).into());
        reading.sensor_type = Some("SDS011".parse().unwrap());
        reading.country = Some(COUNTRIES[number as usize]);
        reading.latitude = Some(50.into());
        reading.longitude = Some((n as i64).into());
        reading.indoor = Some(false);
        reading
    })
}

/// A reading of any kind, between two days before now and so many minutes after it.
fn any_record(ahead: i64) -> impl Strategy<Value = Reading> {
    let concentration = || {
        let cents = prop_oneof![
            4 => 0i64..30_000,
            1 => Just(0),
            1 => -500i64..0,
            1 => 80_000i64..300_000,
        ];
        option::weighted(0.9, cents.prop_map(|cents| aqi::Decimal::new(cents, 2)))
    };
    let types = select(vec!["SDS011", "SDS011", "SPS30", "PPD42NS", "DHT22"]);
    let place = prop_oneof![
        8 => (-90i64..90, -180i64..180).prop_map(Some),
        1 => Just(None),
        1 => Just(Some((0, 0))),
    ];
    (
        (concentration(), concentration())
            .prop_filter("a value", |(a, b)| (a, b) != (&None, &None)),
        option::weighted(0.9, types),
        option::weighted(0.5, 8u64..14),
        place,
        option::weighted(0.5, any::<bool>()),
        -48 * 60..=ahead,
    )
        .prop_map(|((pm10, pm25), kind, location, place, indoor, minutes)| {
            let timestamp = at(NOW) + SignedDuration::from_mins(minutes);
            Reading {
                pm10,
                pm25,
                sensor_type: kind.map(|kind| kind.parse().unwrap()),
                location,
                latitude: place.map(|(latitude, _)| latitude.into()),
                longitude: place.map(|(_, longitude)| longitude.into()),
                indoor,
                ..Reading::new(1_000_000, Window::Day24, timestamp)
            }
        })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What a country's mean and median may become by one more value.
fn bounds(values: &mut [f64], added: Option<f64>) -> [(f64, f64); 2] {
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let middle = (values[4], values[5]);
    match added {
        None => [(mean, mean), ((middle.0 + middle.1) / 2.0, (middle.0 + middle.1) / 2.0)],
        Some(added) => {
            let most = (added - mean).abs() / (values.len() as f64 + 1.0);
            [(mean - most, mean + most), middle]
        }
    }
}

fn as_f64(decimal: aqi::Decimal) -> f64 {
    decimal.to_string().parse().unwrap()
}

/// What each answer says of the good sensors alone, and of the data's age.
async fn message(rig: &Rig) -> (Value, Value, Value) {
    let summary = json(rig.get(ALL_TIME).await).await;
    let latest = json(rig.get("/api/latest").await).await;
    let mut features = latest["features"].as_array().unwrap().clone();
    features.retain(|feature| feature["id"].as_u64().unwrap() < 1_000_000);
    features.sort_by_key(|feature| feature["id"].as_u64());
    let ready = json(rig.get("/readyz").await).await;
    let age = value!([
        summary["newest"],
        summary["dataAgeSeconds"],
        summary["stale"],
        latest["newest"],
        ready["dataAgeSeconds"],
    ]);
    (summary["selection"].clone(), age, value!(features))
}

async fn rig(readings: &[Reading]) -> Rig {
    let rig = Rig::start(Options { workers: 0, ..Options::default() }).await;
    rig.store.put(readings).await.unwrap();
    rig
}

fn check_country(country: &Value, record: &Reading, number_of: u64, moment: jiff::Timestamp) {
    let good: Vec<_> = good(number_of, moment).collect();
    let flagged = record.flags().names().any(|name| IMPLAUSIBLE.contains(&name));
    let silent = moment.duration_since(record.timestamp) > SignedDuration::from_hours(24);
    let left_out = flagged || silent || record.indoor == Some(true);
    let counts = record.index().filter(|_| !left_out);
    let of_all = |value: fn(&Reading) -> Option<f64>| -> Vec<f64> {
        good.iter().filter_map(value).collect()
    };
    let index = |reading: &Reading| reading.index().map(|index| f64::from(index.get()));
    for (name, mut values, added) in [
        ("Aqi", of_all(|r| r.index().map(|i| f64::from(i.get()))), index(record)),
        ("P1", of_all(|r| r.pm10.map(as_f64)), record.pm10.map(as_f64)),
        ("P2", of_all(|r| r.pm25.map(as_f64)), record.pm25.map(as_f64)),
    ] {
        let bounds = bounds(&mut values, added.filter(|_| counts.is_some()));
        for (kind, (low, high)) in ["mean", "median"].into_iter().zip(bounds) {
            let found = number(&country[format!("{kind}{name}")]);
            let fits = found >= low - 0.011 && found <= high + 0.011;
            assert!(fits, "{kind}{name} {found} is not {low} to {high} with {record:?}");
        }
    }
    assert_eq!(country["leftOutReadings"], u64::from(left_out), "{record:?}");
    assert_eq!(country["readings"], GOOD + u64::from(!flagged), "{record:?}");
}

/// 250 countries at a time have one reading more each: 10,000 in all.
#[test]
fn one_reading_never_decides_for_a_mean_an_age_or_another_sensor() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let moment = at(NOW) - SignedDuration::from_mins(5);
    let many = COUNTRIES.len().min(250);
    let all: Vec<_> = (0..many as u64).flat_map(|n| good(n, moment)).collect();
    let before = runtime.block_on(async { message(&rig(&all).await).await });
    let cases = 10_000_u32.div_ceil(many as u32);
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let outcome = runner.run(&vec(any_record(10), many), |mut records| {
        for (n, record) in (0..).zip(&mut records) {
            (record.sensor.id, record.country) =
                (record.sensor.id + n, Some(COUNTRIES[n as usize]));
        }
        let together: Vec<_> = all.iter().chain(&records).cloned().collect();
        let (selection, age, features) =
            runtime.block_on(async { message(&rig(&together).await).await });
        let countries = selection["countries"].as_array().unwrap();
        for (n, record) in (0..).zip(&records) {
            let name = record.country.unwrap();
            let known = countries.iter().find(|known| known["country"] == name.as_str());
            check_country(known.unwrap(), record, n, moment);
        }
        prop_assert_eq!(&age, &before.1);
        prop_assert!(features == before.2, "other sensors are shown otherwise");
        Ok(())
    });
    outcome.unwrap();
}

/// The same with nothing else in the store, and with clocks that are a day ahead.
#[test]
fn one_reading_among_ten_decides_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let moment = at(NOW) - SignedDuration::from_hours(30);
    let all: Vec<_> = good(0, moment).collect();
    let before = runtime.block_on(async { message(&rig(&all).await).await });
    assert_eq!(before.1[2], true, "they are stale");
    let mut runner = TestRunner::new(Config { cases: 100, ..Config::default() });
    let outcome = runner.run(&any_record(23 * 60), |record| {
        let record = Reading { country: Some(COUNTRIES[0]), ..record };
        let together: Vec<_> = all.iter().chain([&record]).cloned().collect();
        let (selection, age, features) =
            runtime.block_on(async { message(&rig(&together).await).await });
        check_country(&selection["countries"][0], &record, 0, moment);
        prop_assert_eq!(&age, &before.1);
        prop_assert_eq!(&features, &before.2);
        Ok(())
    });
    outcome.unwrap();
}

/// Ten good sensors, and one of each kind that is left out.
fn mixed() -> Vec<Reading> {
    let moment = at(NOW) - SignedDuration::from_mins(5);
    let mut all: Vec<_> = good(0, moment).collect();
    let like = |sensor: u64| Reading { sensor: sensor.into(), ..all[0].clone() };
    let others = [
        Reading { indoor: Some(true), pm25: Some(350.into()), pm10: Some(380.into()), ..like(101) },
        Reading { pm10: Some("1999.9".parse().unwrap()), ..like(102) },
        Reading { pm25: Some(0.into()), ..like(103) },
        Reading { indoor: Some(true), pm10: Some(1950.into()), ..like(104) },
        Reading { timestamp: moment - SignedDuration::from_hours(25), ..like(105) },
        Reading { location: Some(11), ..like(106) },
        Reading { sensor_type: Some("PPD42NS".parse().unwrap()), ..like(107) },
        // Not silent: its newest reading is young.
        Reading { timestamp: moment - SignedDuration::from_hours(25), ..all[1].clone() },
    ];
    all.extend(others);
    all
}

#[tokio::test]
async fn a_selection_says_what_is_left_out_and_all_of_it_can_be_asked_for() {
    let rig = rig(&mixed()).await;
    let plausible = json(rig.get(ALL_TIME).await).await["selection"].clone();
    assert_eq!(plausible["quality"], "plausible");
    assert_eq!(plausible["leftOutReadings"], 7);
    let expected = value!({
        "indoor": 2, "saturated": 2, "zero": 1, "silent": 1, "dummy_location": 1, "counts": 1,
    });
    assert_eq!(plausible["leftOut"], expected);
    // Flagged readings are nowhere; an indoor and a silent one are counted, but in no mean.
    assert_eq!((&plausible["readings"], &plausible["averaged"]), (&value!(13), &value!(11)));
    let indices = plausible["indices"].as_array().unwrap();
    assert_eq!(indices.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 13);
    assert_eq!(indices[9], 1);
    let country = &plausible["countries"][0];
    for (name, whole) in [("meanP2", "meanP2"), ("medianAqi", "medianAqi"), ("leftOut", "leftOut")]
    {
        assert_eq!(country[name], plausible[whole], "one country is all of it");
    }
    assert!(number(&plausible["meanP2"]) < 18.0);

    let all = json(rig.get(&format!("{ALL_TIME}&quality=all")).await).await["selection"].clone();
    assert_eq!(all["quality"], "all");
    assert_eq!((&all["readings"], &all["leftOutReadings"]), (&value!(18), &value!(0)));
    assert_eq!(all["leftOut"], value!({}));
    assert!(number(&all["meanP2"]) > 25.0, "{}", all["meanP2"]);

    let refused = rig.get(&format!("{ALL_TIME}&quality=good")).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(json(refused).await["field"], "quality");
}

#[tokio::test]
async fn silence_is_counted_from_the_end_of_the_selection_and_heard_whatever_the_index() {
    let start = at("2026-01-20T00:00:00Z");
    let mut all = Vec::new();
    for hour in 0..96 {
        let timestamp = start + SignedDuration::from_hours(hour);
        for sensor in 1..=4 {
            // The fourth is heard of for the last time after two days, the third has a high
            // index only then.
            if sensor == 4 && hour > 48 {
                continue;
            }
            let pm25 = if sensor == 3 && hour > 48 { 5 } else { 60 };
            let mut reading = Reading::new(sensor, Window::Day24, timestamp);
            (reading.pm25, reading.pm10) = (Some(pm25.into()), Some(70.into()));
            all.push(reading);
        }
    }
    let rig = rig(&all).await;
    for (until, silent) in [("2026-01-22T12:00:00Z", 0), ("2026-01-23T12:00:00Z", 49)] {
        let path = format!("/api/summary?startDate=2026-01-20&endDate={until}&minAqi=7");
        let selection = json(rig.get(&path).await).await["selection"].clone();
        assert_eq!(selection["leftOut"].get("silent").map_or(0, |n| n.as_u64().unwrap()), silent);
    }
}

#[tokio::test]
async fn silence_is_counted_from_the_clock_where_no_end_is_named() {
    for (hours, silent) in [(23, false), (25, true)] {
        let moment = at(NOW) - SignedDuration::from_hours(hours);
        let rig = rig(&good(0, moment).collect::<Vec<_>>()).await;
        for (end, silent) in [(String::new(), silent), (format!("&endDate={moment}"), false)] {
            let ask = async |path: &str| json(rig.get(&format!("{path}{end}")).await).await;
            let count = if silent { GOOD } else { 0 };
            let reasons = if silent { value!({ "silent": GOOD }) } else { value!({}) };
            let latest = ask("/api/latest?country=AD").await;
            assert_eq!(latest["leftOut"], reasons, "{hours} {end}");
            assert_eq!(latest["features"].as_array().unwrap().len() as u64, GOOD);
            let selection = ask("/api/summary?country=AD").await["selection"].clone();
            assert_eq!(selection["leftOut"], reasons, "{hours} {end}");
            assert_eq!(selection["averaged"], GOOD - count, "{hours} {end}");
            assert_eq!(selection["meanP2"].is_null(), silent, "{hours} {end}");
            let series = ask("/api/series?sensor=1").await;
            let reasons = if silent { value!(["silent"]) } else { value!([]) };
            assert_eq!(series["leftOut"], reasons, "{hours} {end}");
        }
    }
}

#[tokio::test]
async fn the_latest_say_why_a_sensor_is_left_out() {
    let rig = rig(&mixed()).await;
    let latest = json(rig.get("/api/latest?startDate=2026-01-01").await).await;
    let reasons = |latest: &Value, id: u64| {
        let features = latest["features"].as_array().unwrap();
        let feature = features.iter().find(|feature| feature["id"] == id)?;
        Some(feature["properties"].get("leftOut").cloned().unwrap_or(value!([])))
    };
    let kinds = [
        (1, value!([])),
        (2, value!([])),
        (101, value!(["indoor"])),
        (102, value!(["saturated"])),
        (103, value!(["zero"])),
        (104, value!(["saturated", "indoor"])),
        (105, value!(["silent"])),
        (106, value!(["dummy_location"])),
        (107, value!(["counts"])),
    ];
    for (id, expected) in &kinds {
        assert_eq!(reasons(&latest, *id).as_ref(), Some(expected), "{id}");
    }
    assert_eq!((&latest["quality"], &latest["leftOutReadings"]), (&value!("all"), &value!(7)));

    let path = "/api/latest?startDate=2026-01-01&quality=plausible";
    let plausible = json(rig.get(path).await).await;
    for (id, expected) in &kinds {
        let flagged = expected[0].as_str().is_some_and(|name| IMPLAUSIBLE.contains(&name));
        assert_eq!(reasons(&plausible, *id).is_none(), flagged, "{id}");
    }
    assert_eq!(plausible["leftOut"], latest["leftOut"], "what is not there is counted");

    // An older reading never takes the place of one that is implausible.
    let mut older = mixed()[11].clone();
    (older.timestamp, older.pm10) =
        (older.timestamp - SignedDuration::from_hours(1), Some(9.into()));
    rig.store.put(&[older]).await.unwrap();
    let latest = json(rig.get("/api/latest?quality=plausible&sensor=102").await).await;
    assert_eq!(latest["features"], value!([]));
}

#[tokio::test]
async fn a_series_says_whether_its_newest_reading_describes_the_present() {
    let now = at(NOW);
    let all = mixed();
    let rig = rig(&all).await;
    let ask = async |path: &str| json(rig.get(&format!("/api/series?{path}")).await).await;
    let fresh = ask("sensor=1").await;
    let fields = |series: &Value| (series["leftOut"].clone(), series["old"].clone());
    assert_eq!(fields(&fresh), (value!([]), value!(false)));
    assert_eq!(fresh["ageSeconds"], 300);
    assert_eq!(fields(&ask("sensor=104").await), (value!(["saturated", "indoor"]), value!(false)));
    assert_eq!(fields(&ask("sensor=105").await), (value!(["silent"]), value!(true)));
    // Good readings of the past are old, and nothing else.
    let until = now - SignedDuration::from_hours(25);
    let past = ask(&format!("sensor=2&endDate={until}")).await;
    assert_eq!(fields(&past), (value!([]), value!(true)));
    assert_eq!(past["ageSeconds"], 25 * 3600 + 300);
}

#[tokio::test]
async fn a_short_mean_describes_the_present_for_three_hours() {
    let rig = Rig::start(Options::default()).await;
    let minutes = [(Window::Hour, 179), (Window::Hour, 181), (Window::FiveMinutes, 181)];
    let minutes = minutes.into_iter().chain([(Window::Day24, 181), (Window::Day, 1439)]);
    let mut readings = Vec::new();
    for (sensor, (window, minutes)) in (1..).zip(minutes) {
        let moment = at(NOW) - SignedDuration::from_mins(minutes);
        let mut reading = Reading::new(sensor, window, moment);
        (reading.pm10, reading.pm25) = (Some(20.into()), Some(10.into()));
        readings.push(reading);
    }
    rig.store.put(&readings).await.unwrap();
    for (sensor, old) in [(1, false), (2, true), (3, true), (4, false), (5, false)] {
        let series = json(rig.get(&format!("/api/series?sensor={sensor}")).await).await;
        assert_eq!(series["old"], old, "{series}");
    }
}
