//! Temperature and humidity of backfilled days.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use airshed::backfill::{self, Archive, Backfill, Files};
use airshed_history::Day;
use airshed_history::archive::Report;
use airshed_history::climate::Locations;
use jiff::civil::date;
use serde_json::json as value;
use store::{Flags, Network, Reading, Store, Window};
use tokio_util::sync::CancellationToken;

use super::support::{Options, Rig, at, json};

/// A file of the archive: a sample every two and a half minutes.
fn file(sensor: u64, model: &str, columns: &str, values: impl Fn(u64) -> String) -> String {
    let mut text = format!("sensor_id;sensor_type;location;lat;lon;timestamp;{columns}\n");
    for sample in 0..576 {
        let (hour, minute, second) = (sample / 24, sample * 5 / 2 % 60, sample % 2 * 30);
        let values = values(hour);
        text += &format!(
            "{sensor};{model};500;52.52;13.405;2021-02-13T{hour:02}:{minute:02}:{second:02};{values}\n"
        );
    }
    text
}

/// Of a whole day at 99 % and more, not of one with an hour of less, and only of days.
#[test]
fn a_humidity_that_is_pinned_is_flagged() {
    let read = |name: &str, text: String| {
        let mut day = Day::new(date(2021, 2, 13));
        day.read(text.as_bytes(), name, &mut Report::default()).unwrap();
        day.finish(None)
    };
    for (humidity, least_hour, is_pinned) in [
        ("99.9", "99.9", true),
        ("99.9", "99", true),
        ("99.9", "98.99", false),
        ("60", "60", false),
    ] {
        let mut readings =
            read("2021-02-13_sds011_sensor_1.csv", file(1, "SDS011", "P1;P2", |_| "9;5".into()))
                .readings;
        let values = |hour: u64| format!("5;{}", if hour == 7 { least_hour } else { humidity });
        let climate = read(
            "2021-02-13_bme280_sensor_2.csv",
            file(2, "BME280", "temperature;humidity", values),
        );
        let mut locations = Locations::default();
        locations.add(&climate.climate);
        locations.set(&mut readings);
        for reading in readings {
            let expected = is_pinned && reading.window == Window::Day;
            let found = reading.flags().contains(Flags::RH_PINNED);
            assert_eq!(found, expected, "{humidity} {least_hour} {}", reading.window);
        }
    }
}

#[tokio::test]
async fn temperature_and_humidity_stand_beside_the_particulates_of_their_location() {
    let folder = tempfile::tempdir().unwrap();
    let particulates = file(1, "SDS011", "P1;P2", |hour| format!("{};{}", 10 + hour, 5 + hour));
    // Warmer by a degree each hour; humid in the last six hours.
    let climate = |hour: u64| format!("{};{}", hour as i64 - 4, if hour < 18 { 80 } else { 96 });
    let climate = file(2, "BME280", "temperature;humidity", climate);
    // A broken one at the same location.
    let broken = file(3, "BME280", "temperature;humidity", |_| "-145.75;100".to_owned());
    fs::write(folder.path().join("2021-02-13_bme280_sensor_3.csv"), broken).unwrap();
    fs::write(folder.path().join("2021-02-13_sds011_sensor_1.csv"), particulates).unwrap();
    fs::write(folder.path().join("2021-02-13_bme280_sensor_2.csv"), climate).unwrap();
    let plan = Backfill {
        archive: Archive::Paths(vec![folder.path().to_owned()]),
        days: date(2021, 2, 13)..=date(2021, 2, 13),
        files: Files::default(),
        countries: Vec::new(),
        area: None,
        windows: vec![Window::Hour, Window::Day],
        flagging: Default::default(),
        network: Network::SENSOR_COMMUNITY,
        record: None,
        again: false,
        client: Default::default(),
        pause: Duration::ZERO,
        copies: None,
        disk: Default::default(),
    };
    let rig = Rig::start(Options::default()).await;
    let store = Arc::clone(&rig.store) as Arc<dyn Store>;
    // Of more samples than the archive has, of as many, and of fewer.
    let known = |end: &str, samples| {
        let mut known = Reading::new(1, Window::Hour, at(end));
        (known.pm10, known.hours, known.samples) = (Some(99.into()), Some(12), Some(samples));
        known.country = Some("DE".parse().unwrap());
        known
    };
    let known = [
        known("2021-02-13T03:00:00Z", 25),
        known("2021-02-13T04:00:00Z", 24),
        known("2021-02-13T05:00:00Z", 23),
    ];
    store.put(&known).await.unwrap();
    let now = at("2026-02-01T12:00:00Z");
    let done = backfill::run(&plan, &store, now, &|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((done.files, done.readings), (3, 25), "the climate sensor has no readings itself");

    let query = "/api/query?startDate=2021-02-13&endDate=2021-02-14&sensor=1\
                 &columns=timestamp,P1,temperature,humidity,flags";
    let text = rig.get(&format!("{query}&window=1h")).await.text().await.unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1], "2021-02-13T01:00:00Z,10,-4,80,stuck no_neighbours");
    assert_eq!(lines[24], "2021-02-14T00:00:00Z,33,19,96,stuck no_neighbours humid");
    // A mean never replaces one of more samples, which still gets what it lacks.
    assert_eq!(lines[3], "2021-02-13T03:00:00Z,99,-2,80,one_pollutant");
    assert_eq!(lines[4], "2021-02-13T04:00:00Z,13,-1,80,stuck no_neighbours");
    assert_eq!(lines[5], "2021-02-13T05:00:00Z,14,0,80,stuck no_neighbours");
    let text = rig.get(&format!("{query}&window=day")).await.text().await.unwrap();
    assert_eq!(
        text.lines().nth(1).unwrap(),
        "2021-02-14T00:00:00Z,21.5,7.5,84,stuck no_neighbours"
    );
    assert_eq!(
        rig.get(&format!("{query}&window=1h&without=humid"))
            .await
            .text()
            .await
            .unwrap()
            .lines()
            .count(),
        19
    );

    let series = "/api/series?startDate=2021-02-13&endDate=2021-02-14&sensor=1";
    let hours = json(rig.get(&format!("{series}&window=1h")).await).await;
    assert_eq!((&hours["temperature"][0], &hours["humidity"][23]), (&value!(-4), &value!(96)));
    let means = json(rig.get(&format!("{series}&window=1h&points=2")).await).await;
    assert_eq!(means["temperature"].as_array().unwrap().len(), 2, "{means}");
    let temperature = means["temperature"][0].as_f64().unwrap();
    let hours = means["readings"][0].as_i64().unwrap();
    assert_eq!(temperature, (0..hours).map(|hour| hour as f64 - 4.0).sum::<f64>() / hours as f64);
}
