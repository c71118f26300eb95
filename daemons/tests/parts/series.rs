//! Long series: means and extremes by interval, beside a naive model.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;
use store::{Decimal, Reading, Window};

use super::support::{Options, Rig, at, json};

/// Three years of days and of hours; some hours are missing, some have one pollutant, no index, or
/// come twice.
fn readings() -> Vec<Reading> {
    let start = at("2023-01-01T00:00:00Z");
    let hour = |hour: i64| {
        let jumps = hour * hour % 211 + hour % 7;
        let moment = start + SignedDuration::from_hours(hour);
        let mut reading = Reading::new(7, Window::Hour, moment);
        reading.pm10 = (jumps % 11 != 0).then(|| Decimal::new(jumps * 37 + 1, 2));
        reading.pm25 = (jumps % 13 != 0).then(|| Decimal::new(jumps * 29, 2));
        if reading.pm10.is_none() {
            reading.pm25 = Some(Decimal::new(jumps, 1));
        }
        reading.temperature = (jumps % 3 != 0).then(|| Decimal::new(jumps - 90, 1));
        reading.humidity = (jumps % 4 != 0).then(|| Decimal::new(jumps, 1));
        reading.hours = Some(if jumps % 17 == 0 { 3 } else { 12 }); // low capture has no index
        (jumps % 5 != 0).then_some(reading)
    };
    let hours: Vec<_> = (1..3 * 365 * 24).filter_map(hour).collect();
    let day = |reading: &Reading| Reading { window: Window::Day, ..reading.clone() };
    let days: Vec<_> =
        hours.iter().filter(|r| r.timestamp.as_second() % 86_400 == 0).map(day).collect();
    hours.into_iter().chain(days).collect()
}

fn numbers(values: &Value) -> Vec<Option<f64>> {
    values.as_array().unwrap().iter().map(Value::as_f64).collect()
}

fn float(value: Decimal) -> f64 {
    value.to_string().parse().unwrap()
}

#[tokio::test]
async fn a_long_series_is_thinned_to_means_and_extremes() {
    let rig = Rig::start(Options { window: Some(Window::Hour), ..Options::default() }).await;
    let all = readings();
    rig.store.put(&all).await.unwrap();
    let path = "/api/series?sensor=7&startDate=2020-01-01&endDate=2099-12-31";
    for points in [2, 10, 500] {
        let series = json(rig.get(&format!("{path}&points={points}")).await).await;
        let interval = series["intervalSeconds"].as_i64().unwrap();
        let hours: Vec<_> = all.iter().filter(|r| r.window == Window::Hour).collect();
        let first = all.iter().map(|r| r.timestamp.as_second()).min().unwrap();
        let mut groups: BTreeMap<i64, Vec<&Reading>> = BTreeMap::new();
        for hour in hours {
            groups.entry((hour.timestamp.as_second() - first) / interval).or_default().push(hour);
        }
        assert!(groups.len() <= points && groups.len() * 2 > points, "{points}: {}", groups.len());
        let groups: Vec<_> = groups.into_values().collect();
        let of = |value: &dyn Fn(&[&Reading]) -> Option<f64>| -> Vec<_> {
            groups.iter().map(|group| value(group)).collect()
        };
        let values = |group: &[&Reading], get: fn(&Reading) -> Option<Decimal>| -> Vec<_> {
            group.iter().filter_map(|reading| get(reading)).collect()
        };
        for (name, get) in [
            ("P1", (|r| r.pm10) as fn(&Reading) -> Option<Decimal>),
            ("P2", |r| r.pm25),
            ("temperature", |r| r.temperature),
            ("humidity", |r| r.humidity),
        ] {
            let mean = |group: &[&Reading]| {
                let values = values(group, get);
                let sum: Decimal = values.iter().sum();
                Some(float((sum / Decimal::from(values.len())).round_dp(6)))
            };
            assert_eq!(numbers(&series[name]), of(&mean), "{points} {name}");
            let least = |group: &[&Reading]| values(group, get).into_iter().min().map(float);
            let greatest = |group: &[&Reading]| values(group, get).into_iter().max().map(float);
            assert_eq!(numbers(&series[format!("{name}_min")]), of(&least), "{points} {name}");
            assert_eq!(numbers(&series[format!("{name}_max")]), of(&greatest), "{points} {name}");
        }
        let index = |reading: &&Reading| reading.index().map(|index| f64::from(index.get()));
        let least = |group: &[&Reading]| group.iter().filter_map(index).reduce(f64::min);
        let greatest = |group: &[&Reading]| group.iter().filter_map(index).reduce(f64::max);
        assert_eq!(numbers(&series["AQI_min"]), of(&least));
        assert_eq!(numbers(&series["AQI_max"]), of(&greatest));
        let of_means = |group: &[&Reading]| {
            let mean = |get| {
                values(group, get).iter().sum::<Decimal>() / Decimal::from(values(group, get).len())
            };
            let mut reading = Reading::new(7, Window::Hour, at("2023-01-01T00:00:00Z"));
            reading.pm10 = Some(mean(|r| r.pm10));
            reading.pm25 = Some(mean(|r| r.pm25));
            reading.index().map(|index| f64::from(index.get()))
        };
        assert_eq!(numbers(&series["AQI"]), of(&of_means));
        let counts: Vec<_> = groups.iter().map(|group| group.len()).collect();
        assert_eq!(series["readings"], serde_json::json!(counts));
        let last = |group: &[&Reading]| {
            group.iter().map(|r| r.timestamp.as_second() as f64).reduce(f64::max)
        };
        assert_eq!(numbers(&series["timestamp"]), of(&last));
    }
    // The newest reading is itself, not a mean.
    let series = json(rig.get(&format!("{path}&points=2")).await).await;
    let newest =
        all.iter().filter(|r| r.window == Window::Hour).max_by_key(|r| r.timestamp).unwrap();
    assert_eq!(series["newest"]["timestamp"], newest.timestamp.as_second());
    assert_eq!(series["newest"]["P2"].as_f64(), newest.pm25.map(float));

    // Few readings are returned as they are, and so are many if no number of points is given.
    let days = json(rig.get(&format!("{path}&window=day&points=2000")).await).await;
    let expected = all.iter().filter(|r| r.window == Window::Day).count();
    assert_eq!(
        (days["P1"].as_array().unwrap().len(), &days["intervalSeconds"]),
        (expected, &Value::Null)
    );
    let hours = json(rig.get(path).await).await;
    let expected = all.iter().filter(|r| r.window == Window::Hour).count();
    assert_eq!(
        (hours["P1"].as_array().unwrap().len(), &hours["intervalSeconds"]),
        (expected, &Value::Null)
    );

    for wrong in ["points=1", "points=10001", "points=x", "points=5&points=6"] {
        let refused = rig.get(&format!("{path}&{wrong}")).await;
        assert_eq!(refused.status(), 400, "{wrong}");
        assert_eq!(json(refused).await["field"], "points", "{wrong}");
    }
}

/// A kept series is never older than the readings.
#[tokio::test]
async fn a_series_shows_a_correction_at_once() {
    let rig = Rig::start(Options::default()).await;
    let mut reading = Reading::new(7, Window::Hour, at("2026-01-30T01:00:00Z"));
    for value in 1..=3 {
        reading.pm10 = Some(value.into());
        rig.store.put(std::slice::from_ref(&reading)).await.unwrap();
        for _ in 0..2 {
            let series = json(rig.get("/api/series?sensor=7").await).await;
            assert_eq!(series["P1"], serde_json::json!([value]));
        }
    }
    let other = json(rig.get("/api/series?sensor=7&index=us_aqi:2024").await).await;
    assert_eq!(other["index"], "us_aqi:2024");
}

/// Like a file: if the sensor has only means over other periods, the answer names them.
#[tokio::test]
async fn a_series_without_readings_says_which_there_are() {
    let rig = Rig::start(Options { window: Some(Window::Day24), ..Options::default() }).await;
    let mut reading = Reading::new(7, Window::Hour, at("2026-01-30T01:00:00Z"));
    reading.pm10 = Some(1.into());
    rig.store.put(&[reading]).await.unwrap();
    let nothing = rig.get("/api/series?sensor=7").await;
    assert_eq!(nothing.status(), 404);
    let detail = json(nothing).await["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("window=1h"), "{detail}");
}
