//! `/api/sensors/<id>` and `/sensor/<id>`: what is known of a sensor.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json as value};
use store::{Decimal, Flags, Reading, Window};

use super::support::{NOW, Options, Rig, at, json};

/// Daily means of a sensor until the end of January, from so many days before.
fn days(sensor: u64, count: i64, pm25: &str) -> Vec<Reading> {
    let day = |number: i64| Reading {
        pm25: pm25.parse().ok(),
        sensor_type: "SDS011".parse().ok(),
        latitude: Some("57.14".parse().unwrap()),
        longitude: Some(Decimal::new(-2100 - sensor as i64, 3)),
        country: "GB".parse().ok(),
        exact: Some(false),
        hours: Some(24),
        ..Reading::new(
            sensor,
            Window::Day,
            at("2026-02-01T00:00:00Z") - SignedDuration::from_hours(24 * number),
        )
    };
    (0..count).map(day).collect()
}

async fn rig() -> Rig {
    let rig = Rig::start(Options::default()).await;
    for (sensor, count, pm25) in
        [(1, 70, "14"), (2, 60, "10"), (3, 60, "10"), (4, 60, "11"), (5, 10, "2")]
    {
        rig.store.put(&days(sensor, count, pm25)).await.unwrap();
    }
    rig
}

#[tokio::test]
async fn a_sensor_has_stars_with_their_reason() {
    let rig = rig().await;
    let answer = rig.get("/api/sensors/1").await;
    assert!(answer.headers()["link"].to_str().unwrap().contains("odbl"));
    let known = json(answer).await;
    assert_eq!((&known["sensor"], &known["sensorType"]), (&value!(1), &value!("SDS011")));
    assert_eq!(
        (&known["network"], &known["complete"]),
        (&value!("sensor.community"), &value!(true))
    );
    assert_eq!(known["location"]["latitude"], value!(57.14));
    assert_eq!(
        (&known["location"]["country"], &known["location"]["exact"]),
        (&value!("GB"), &value!(false))
    );
    assert_eq!(known["first"], "2025-11-24T00:00:00Z");
    assert_eq!(
        (&known["last"], &known["windows"]),
        (&value!("2026-02-01T00:00:00Z"), &value!(["day"]))
    );
    let expected = value!({
        "stars": 4,
        "reason": "60 of the last 60 days are valid; PM2.5 is 1.40 times that of its neighbours; \
                   0 faulty days (stuck, zero or saturated); 0 days above or below its neighbours. \
                   5 stars need a factor of at most 1.28 from its neighbours",
        "ruleVersion": 1,
        "from": "2025-12-03T00:00:00Z",
        "until": "2026-02-01T00:00:00Z",
        "validDays": 60, "faultyDays": 0, "deviatingDays": 0, "daysWithoutNeighbours": 0,
        "pollutant": "PM2.5", "factor": 1.4, "m": 0.3365,
        "neighbours": [{ "sensor": 2, "days": 60 }, { "sensor": 3, "days": 60 },
                       { "sensor": 4, "days": 60 }, { "sensor": 5, "days": 10 }],
    });
    assert_eq!(known["plausibility"], expected);
    let unknown = json(rig.get("/api/sensors/5").await).await;
    assert_eq!(unknown["plausibility"]["stars"], Value::Null);
    let reason = "unknown: 10 of the last 60 days are valid; 20 are needed";
    assert_eq!(unknown["plausibility"]["reason"], reason);
}

#[tokio::test]
async fn a_sensor_that_moved_has_the_neighbours_of_each_place() {
    let rig = rig().await;
    // Until the middle of the time it was alone in the mountains.
    let mut moved = days(7, 60, "10");
    for day in moved.iter_mut().skip(25) {
        day.latitude = Some(47.into());
    }
    rig.store.put(&moved).await.unwrap();
    let known = json(rig.get("/api/sensors/7").await).await;
    let rated = &known["plausibility"];
    assert_eq!((&rated["daysWithoutNeighbours"], &rated["stars"]), (&value!(35), &Value::Null));
    let mut moved = days(7, 60, "10");
    for day in moved.iter_mut().skip(35) {
        day.latitude = Some(47.into());
    }
    rig.store.put(&moved).await.unwrap();
    let known = json(rig.get("/api/sensors/7").await).await;
    let rated = &known["plausibility"];
    assert_eq!((&rated["daysWithoutNeighbours"], &rated["stars"]), (&value!(25), &value!(5)));
    assert_eq!(rated["neighbours"][0], value!({ "sensor": 1, "days": 35 }));
}

#[tokio::test]
async fn completeness_counts_the_valid_days_of_each_month() {
    let rig = rig().await;
    let mut short = days(8, 40, "9");
    short[3].hours = Some(17); // the 28th of January
    short.extend((0..30).map(|hour| {
        // Without daily means: from the last day of June to the first of July.
        let end = at("2025-06-30T22:30:00Z") + SignedDuration::from_hours(hour);
        Reading { pm10: Some(5.into()), ..Reading::new(8, Window::Hour, end) }
    }));
    rig.store.put(&short).await.unwrap();
    let known = json(rig.get("/api/sensors/8").await).await;
    let month = |name: &str, days: u32, of: u32, basis: &str| value!({ "month": name, "days": days, "of": of, "basis": basis });
    let expected = value!([
        month("2026-01", 30, 31, "day"),
        month("2025-12", 9, 31, "day"),
        month("2025-11", 0, 30, "any"),
        month("2025-10", 0, 31, "any"),
        month("2025-09", 0, 30, "any"),
        month("2025-08", 0, 31, "any"),
        month("2025-07", 2, 31, "any"),
        month("2025-06", 1, 30, "any"),
    ]);
    assert_eq!(known["completeness"], expected);
    assert_eq!(known["windows"], value!(["1h", "day"]));
    assert_eq!(known["first"], "2025-06-30T22:30:00Z");
}

#[tokio::test]
async fn the_page_says_the_same_and_escapes_everything() {
    let rig = rig().await;
    let mut odd = days(6, 30, "10");
    for day in &mut odd {
        day.sensor.network = "my-school".parse().unwrap();
        day.stored_flags = Flags::SPIKE;
    }
    rig.store.put(&odd).await.unwrap();
    let answer = rig.get("/sensor/1").await;
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(
        answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'self'")
    );
    let page = answer.text().await.unwrap();
    for part in [
        "<title>Sensor 1 · Airshed</title>",
        "★★★★☆</span> 4 of 5 stars",
        "PM2.5 is 1.40 times that of its neighbours",
        "for the days from 2025-12-03 to 2026-01-31 (UTC)",
        "<a href=\"/sensor/2\">2</a> (60)",
        "57.14, -2.101 (rounded to protect privacy)",
        "<tr><th scope=\"row\">2026-01</th><td>31</td><td>31</td></tr>",
        "href=\"/api/series?sensor=1&amp;startDate=2026-01-26&amp;endDate=2026-02-01\"",
        "sensor=1&amp;startDate=2026-01-02&amp;endDate=2026-02-01",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("{{"), "{page}");
    let networks = std::sync::Arc::new(airshed::networks::Networks::default().with(
        "my-school".parse().unwrap(),
        airshed::networks::Terms::new("<i>Our School", Some("https://example.org/?a=1&b=2")),
    ));
    let rig = Rig::start(Options {
        networks,
        store: std::sync::Arc::clone(&rig.store),
        ..Options::default()
    })
    .await;
    for id in ["my-school:6", "my-school%3A6"] {
        let page = rig.get(&format!("/sensor/{id}")).await.text().await.unwrap();
        for part in ["&lt;i&gt;Our School", "a=1&amp;b=2", "sensor=my-school%3A6"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<i>"), "{page}");
    }
}

#[tokio::test]
async fn every_link_of_the_page_leads_somewhere_also_of_a_sensor_that_fell_silent() {
    let rig = rig().await;
    let mut silent = days(6, 30, "10");
    for day in &mut silent {
        day.timestamp -= jiff::SignedDuration::from_hours(24 * 400);
    }
    rig.store.put(&silent).await.unwrap();
    for sensor in [1, 6] {
        let page = rig.get(&format!("/sensor/{sensor}")).await.text().await.unwrap();
        let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let own: Vec<_> = links.filter(|link| link.starts_with('/')).collect();
        assert!(own.len() >= 4, "{own:?}");
        for link in own {
            let answer = rig.get(&link.replace("&amp;", "&")).await;
            assert_eq!(answer.status(), 200, "{link} of {sensor}");
        }
    }
}

#[tokio::test]
async fn what_is_no_sensor_of_this_server_has_no_page() {
    let rig = rig().await;
    for (id, status) in [
        ("99", 404),
        ("x", 400),
        ("1,2", 400),
        ("1&country=DE", 400),
        ("1=2", 400),
        ("elsewhere:1", 400),
        ("%20", 400),
        ("9223372036854775808", 404),
    ] {
        for path in ["/api/sensors", "/sensor"] {
            assert_eq!(rig.get(&format!("{path}/{id}")).await.status(), status, "{path}/{id}");
        }
    }
    let empty = Rig::start(Options::default()).await;
    assert_eq!(empty.get("/api/sensors/1").await.status(), 404);
}

#[tokio::test]
async fn a_sensor_that_fell_silent_loses_its_stars() {
    let rig = rig().await;
    // A server with the same readings, some days later.
    let known_after = async |days: i64| {
        let now = at(NOW) + SignedDuration::from_hours(24 * days);
        let (store, clock) = (Arc::clone(&rig.store), Arc::new(move || now));
        let later = Rig::start(Options { store, clock, ..Options::default() }).await;
        json(later.get("/api/sensors/2").await).await
    };
    let stars = |known: &Value| {
        (known["plausibility"]["stars"].clone(), known["plausibility"]["validDays"].clone())
    };
    assert_eq!(stars(&known_after(0).await), (value!(5), value!(60)));
    // Others go on.
    for (later, expected) in [
        (15, (value!(4), value!(45))),
        (35, (value!(3), value!(25))),
        (45, (Value::Null, value!(15))),
    ] {
        let mut day = days(1, 1, "14").remove(0);
        day.timestamp += SignedDuration::from_hours(24 * later + 10);
        day.window = Window::Day24;
        rig.store.put(&[day]).await.unwrap();
        assert_eq!(stars(&known_after(later).await), expected, "{later} days later");
    }
    let known = known_after(45).await;
    assert_eq!(
        known["plausibility"]["reason"],
        "unknown: 15 of the last 60 days are valid; 20 are needed"
    );
    assert_eq!(known["last"], "2026-02-01T00:00:00Z");
}
