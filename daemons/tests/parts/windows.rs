//! An answer never mixes averaging periods unless asked.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use store::{Reading, Window};

use super::support::{Options, Rig, at, json, location};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31&columns=window,P1";

/// Hours of a day, with the 24 hours up to each, and the day.
fn readings(windows: &[Window]) -> Vec<Reading> {
    let reading = |(window, hour): (Window, i64)| {
        let moment = at("2026-01-10T00:00:00Z") + SignedDuration::from_hours(hour);
        let mut reading = Reading::new(7, window, moment);
        reading.pm10 = Some(hour.into());
        reading.pm25 = Some(hour.into());
        reading
    };
    let each = windows.iter().flat_map(|window| match window {
        Window::Day => vec![(Window::Day, 24)],
        window => (1..=24).map(|hour| (*window, hour)).collect(),
    });
    each.map(reading).collect()
}

async fn windows_of(rig: &Rig, path: &str) -> (BTreeSet<String>, usize) {
    let text = rig.get(path).await.text().await.unwrap();
    let rows: Vec<_> = text.lines().skip(1).collect();
    let windows = rows.iter().map(|row| row.split(',').next().unwrap().to_owned());
    (windows.collect(), rows.len())
}

fn only(window: &str) -> BTreeSet<String> {
    BTreeSet::from([window.to_owned()])
}

#[tokio::test]
async fn the_deployment_s_averaging_period_is_the_default() {
    let window = Some(Window::Day24);
    let rig = Rig::start(Options { window, ..Options::default() }).await;
    rig.store.put(&readings(&[Window::Hour, Window::Day24, Window::Day])).await.unwrap();
    assert_eq!(windows_of(&rig, ALL).await, (only("24h"), 24));
    assert_eq!(windows_of(&rig, &format!("{ALL}&window=1h")).await, (only("1h"), 24));
    assert_eq!(windows_of(&rig, &format!("{ALL}&window=day")).await, (only("day"), 1));
    assert_eq!(windows_of(&rig, &format!("{ALL}&window=all")).await.1, 49);
    assert_eq!(windows_of(&rig, &format!("{ALL}&window=1h,day")).await.1, 25);
    // The index says what it is defined for, and a mean what it is computed from.
    assert_eq!(windows_of(&rig, &format!("{ALL}&strict=true")).await, (only("24h"), 24));
    for several in ["all,day", "all&window=day", "day&window=all"] {
        assert_eq!(rig.get(&format!("{ALL}&window={several}")).await.status(), 400, "{several}");
    }
    assert_eq!(windows_of(&rig, &format!("{ALL}&strict=false")).await.1, 24);
    assert_eq!(windows_of(&rig, &format!("{ALL}&mean=24h")).await, (only("24h"), 7));
    // The same as a job, by a worker that has another default.
    let job = location(&rig.get_as_job(ALL).await);
    assert_eq!(windows_of(&rig, &format!("{job}?wait=30")).await, (only("24h"), 24));

    let series =
        json(rig.get("/api/series?sensor=7&startDate=2026-01-01&endDate=2026-01-31").await).await;
    assert_eq!(series["windows"], serde_json::json!(["24h"]), "{series}");
    let summary = json(rig.get("/api/summary?startDate=2026-01-01&endDate=2026-01-31").await).await;
    assert_eq!(summary["selection"]["readings"], 24);
}

#[tokio::test]
async fn a_store_that_has_only_others_says_which() {
    let window = Some(Window::Day24);
    let rig = Rig::start(Options { window, ..Options::default() }).await;
    rig.store.put(&readings(&[Window::Hour, Window::Day])).await.unwrap();
    let nothing = rig.get(ALL).await;
    assert_eq!(nothing.status(), 404);
    let detail = json(nothing).await["detail"].as_str().unwrap().to_owned();
    assert_eq!(
        detail,
        "No data found. There are readings averaged over 1h, day; window=1h requests them."
    );
    let nothing = rig.get(&format!("{ALL}&minAqi=9")).await;
    assert_eq!(json(nothing).await["detail"], "No data found.");
}

/// The cells of the only row.
async fn row_of(rig: &Rig, path: &str) -> String {
    let text = rig.get(path).await.text().await.unwrap();
    let [_, row] = text.lines().collect::<Vec<_>>()[..] else { panic!("{path}: {text}") };
    row.to_owned()
}

#[tokio::test]
async fn days_are_also_those_of_a_time_zone() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(&[Window::Hour, Window::Day24, Window::Day])).await.unwrap();
    let day = "/api/query?startDate=2026-01-10&endDate=2026-01-10&window=day\
               &columns=timestamp,P1,hours,flags,window";
    // A date is that of the mean, whose timestamp is the next midnight.
    assert_eq!(row_of(&rig, day).await, "2026-01-11T00:00:00Z,24,,,day");
    let berlin = format!("{day}&tz=Europe/Berlin");
    let in_berlin = "2026-01-10T23:00:00Z,12,23,,day"; // of the hours 1 to 23
    assert_eq!(row_of(&rig, &berlin).await, in_berlin);
    assert_eq!(row_of(&rig, &format!("{day}&tz=europe/berlin")).await, in_berlin);
    assert_eq!(row_of(&rig, &format!("{day}&tz=UTC")).await, "2026-01-11T00:00:00Z,24,,,day");
    // The rest of the hours is too little of the next day, for which there is no index.
    let next = berlin.replace("2026-01-10", "2026-01-11");
    assert_eq!(rig.get(&next).await.status(), 404, "a day that has not ended by the data");
    let mut later = readings(&[Window::Hour]).remove(0);
    (later.sensor, later.timestamp) = (8.into(), at("2026-01-11T23:30:00Z"));
    rig.store.put(&[later]).await.unwrap();
    assert_eq!(row_of(&rig, &next).await, "2026-01-11T23:00:00Z,24,1,low_capture,day");
    assert_eq!(rig.get(&format!("{next}&minAqi=2")).await.status(), 404);
    // As a job, whose file says the same.
    let job = location(&rig.get_as_job(&berlin).await);
    assert_eq!(row_of(&rig, &format!("{job}?wait=30")).await, in_berlin);
    let series = json(
        rig.get(
            "/api/series?sensor=7&startDate=2026-01-01&endDate=2026-01-31\
                               &window=day&tz=Europe/Berlin",
        )
        .await,
    )
    .await;
    assert_eq!(series["P1"], serde_json::json!([12, 24]), "{series}");

    // Dates, and times without an offset, are in the zone; others are not.
    let hours = "/api/query?window=1h&columns=timestamp&tz=America/New_York&startDate";
    let text = rig.get(&format!("{hours}=2026-01-09&endDate=2026-01-09")).await.text().await;
    let text = text.unwrap();
    let rows: Vec<_> = text.lines().skip(1).collect();
    assert_eq!((rows.len(), rows[0], rows[3]), (4, "2026-01-10T01:00:00Z", "2026-01-10T04:00:00Z"));
    let one = format!("{hours}=2026-01-10T05:00&endDate=2026-01-10T05:59:59");
    assert_eq!(row_of(&rig, &one).await, "2026-01-10T10:00:00Z");
    let one = format!("{hours}=2026-01-10T05:00Z&endDate=2026-01-10T05:59:59Z");
    assert_eq!(row_of(&rig, &one).await, "2026-01-10T05:00:00Z");

    // UTC has several names, and the days that are stored.
    for utc in ["UTC", "Etc/UTC", "etc/utc", "Zulu", "GMT", "Etc/GMT-0"] {
        let text = row_of(&rig, &format!("{day}&tz={utc}")).await;
        assert_eq!(text, "2026-01-11T00:00:00Z,24,,,day", "{utc}");
    }

    for refused in
        ["tz=Europe/Berlim&window=day", "tz=Europe/Berlin", "tz=Europe/Berlin&window=day,1h"]
    {
        let answer = rig.get(&format!("{ALL}&{refused}")).await;
        assert_eq!(answer.status(), 400, "{refused}");
        assert_eq!(json(answer).await["field"], "tz", "{refused}");
    }
}

#[tokio::test]
async fn a_time_that_occurs_twice_begins_at_the_first_and_ends_at_the_second() {
    let rig = Rig::start(Options::default()).await;
    let hours = ["2025-10-25T23:00:00Z", "2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z"];
    let reading = |time: &str| {
        let mut reading = Reading::new(7, Window::Hour, at(time));
        reading.pm10 = Some(5.into());
        reading
    };
    rig.store.put(&hours.map(reading)).await.unwrap();
    // In London, the hour from 1 to 2 o'clock was that from 0 and that from 1 o'clock UTC.
    let query =
        "/api/query?window=1h&columns=timestamp&tz=Europe/London&startDate=2025-10-26 01:00:00";
    for (end, expected) in [("01:00:00", 2), ("01:30:00", 2), ("00:59:59", 0)] {
        let answer = rig.get(&format!("{query}&endDate=2025-10-26 {end}")).await;
        match expected {
            0 => assert_eq!(answer.status(), 400, "{end}"),
            rows => assert_eq!(answer.text().await.unwrap().lines().count() - 1, rows, "{end}"),
        }
    }
}
