//! `P1_scaled` and `P2_scaled`: concentrations divided by the sensor's usual ratio to its neighbours.

use airshed::networks::{Networks, Terms};
use jiff::SignedDuration;
use store::{Decimal, Reading, Window};

use super::support::{Options, Rig, at, json, location};

fn reading(sensor: u64, window: Window, hours: i64, pm10: i64) -> Reading {
    Reading {
        pm10: Some(Decimal::new(pm10, 1)),
        pm25: Some(4.into()),
        sensor_type: "SDS011".parse().ok(),
        latitude: Some(Decimal::new(5714, 2)),
        longitude: Some(Decimal::new(-2100 - sensor as i64, 3)),
        country: Some(if sensor == 2 { "DE" } else { "GB" }.parse().unwrap()),
        ..Reading::new(
            sensor,
            window,
            at("2026-01-31T00:00:00Z") + SignedDuration::from_hours(hours),
        )
    }
}

/// Sensor 1 reads twice as much as four others on every day but the last, sensor 9 is far away.
async fn rig() -> Rig {
    let rig = Rig::start(Options::default()).await;
    let mut readings = Vec::new();
    for day in -40..=0 {
        let air = 200 + 3 * day;
        for sensor in 2..=5 {
            readings.push(reading(sensor, Window::Day, 24 * day, air));
        }
        readings.push(reading(1, Window::Day, 24 * day, if day == 0 { 7 } else { 2 * air }));
        readings
            .push(Reading { latitude: Some(47.into()), ..reading(9, Window::Day, 24 * day, air) });
    }
    for hour in -30..=5 {
        readings.push(reading(1, Window::Hour, hour, 50 + hour));
    }
    rig.store.put(&readings).await.unwrap();
    rig
}

#[tokio::test]
async fn scaled_concentrations_are_there_when_they_are_named() {
    let rig = rig().await;
    let ask = async |rest: &str| {
        let query =
            "/api/query?startDate=2026-01-01&endDate=2026-02-01&columns=sensor_id,timestamp,P1";
        rig.get(&format!("{query}{rest}")).await.text().await.unwrap()
    };
    // Of one sensor and of the whole network, in both directions of row order.
    let one = ask(",P1_scaled,P2_scaled&sensor=1&window=day").await;
    let line = |text: &str, start: &str| {
        text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
    };
    assert_eq!(line(&one, "1,2026-01-31T"), "1,2026-01-31T00:00:00Z,0.7,0.35,4");
    assert_eq!(line(&one, "1,2026-01-30T"), "1,2026-01-30T00:00:00Z,39.4,19.7,4");
    // Until then there are fewer than twenty days.
    assert_eq!(line(&one, "1,2026-01-11T"), "1,2026-01-11T00:00:00Z,28.0,14,4");
    assert_eq!(line(&one, "1,2026-01-10T"), "1,2026-01-10T00:00:00Z,27.4,,");
    let all = ask(",P1_scaled,P2_scaled&window=day").await;
    for row in one.lines() {
        assert!(all.lines().any(|line| line == row), "{row}");
    }
    // Of more sensors than a few.
    let several = ask(",P1_scaled,P2_scaled&sensor=1,2,3,4,5,9&window=day").await;
    assert_eq!(several, all);
    assert_eq!(line(&all, "2,2026-01-31T"), "2,2026-01-31T00:00:00Z,20.0,20,4");
    assert_eq!(line(&all, "9,2026-01-31T"), "9,2026-01-31T00:00:00Z,20.0,,", "alone");
    // Hours have the factor of their day, a job's file has the same rows.
    let hours = ask(",P1_scaled&sensor=1&window=1h").await;
    assert_eq!(line(&hours, "1,2026-01-31T05"), "1,2026-01-31T05:00:00Z,5.5,2.75");
    assert_eq!(hours.lines().count(), 37);
    let mean = ask(",P1_scaled&sensor=1&mean=24h").await;
    assert_eq!(line(&mean, "1,2026-01-31T05"), "1,2026-01-31T05:00:00Z,4.35,2.18");
    let query = "/api/query?startDate=2026-01-01&endDate=2026-02-01&sensor=1&window=day";
    let columns = "columns=sensor_id,timestamp,P1,P1_scaled,P2_scaled";
    let taken = rig.get_as_job(&format!("{query}&{columns}")).await;
    let job = rig.get(&format!("{}?wait=30", location(&taken))).await;
    assert_eq!(job.text().await.unwrap(), one);
    // Not named, they are not computed.
    let every = ask("&columns=").await;
    assert!(!every.contains("scaled"));
    let every = rig
        .get("/api/query?startDate=2026-01-30&endDate=2026-01-30&columns=all&window=day&sensor=1")
        .await;
    let every = every.text().await.unwrap();
    assert!(
        every.contains("P1_scaled") && every.lines().nth(1).unwrap().ends_with(",,"),
        "{every}"
    );
    let openapi = json(rig.get("/openapi.json").await).await.to_string();
    assert!(openapi.contains("P2_scaled"));
}

/// New daily means change the answer of a day long after.
#[tokio::test]
async fn an_answer_is_not_kept_when_the_days_before_change() {
    let rig = rig().await;
    let query = "/api/query?startDate=2026-01-30&endDate=2026-01-30&columns=P1,P1_scaled&window=day&sensor=1";
    let first = rig.get(query).await;
    let tag = first.headers()["etag"].clone();
    assert_eq!(first.text().await.unwrap(), "P1,P1_scaled\n0.7,0.35\n");
    assert_eq!(rig.get(query).await.headers()["etag"], tag);
    let mut higher = Vec::new();
    for day in -40..0 {
        higher.push(reading(1, Window::Day, 24 * day, 4 * (200 + 3 * day)));
    }
    rig.store.put(&higher).await.unwrap();
    let again = rig.get(query).await;
    assert_ne!(again.headers()["etag"], tag);
    assert_eq!(again.text().await.unwrap(), "P1,P1_scaled\n0.7,0.18\n"); // 0.175, to even
}

/// Neighbours may be of any network, also where the query is for one of them.
#[tokio::test]
async fn the_neighbours_of_a_network_are_those_of_all() {
    let own: store::Network = "my-school".parse().unwrap();
    let terms = Terms::new("My school", None);
    let networks = std::sync::Arc::new(Networks::default().with(own, terms));
    let rig = Rig::start(Options { networks, ..Options::default() }).await;
    let mut readings = Vec::new();
    for day in -40..=0 {
        for sensor in 2..=5 {
            readings.push(reading(sensor, Window::Day, 24 * day, 200 + 3 * day));
        }
        let mut of_school = reading(1, Window::Day, 24 * day, 2 * (200 + 3 * day));
        of_school.sensor.network = own;
        readings.push(of_school);
    }
    rig.store.put(&readings).await.unwrap();
    let query =
        "/api/query?startDate=2026-01-30&endDate=2026-01-30&columns=P1,P1_scaled&window=day";
    for filter in ["network=my-school", "sensor=my-school:1"] {
        let answer = rig.get(&format!("{query}&{filter}")).await.text().await.unwrap();
        assert_eq!(answer, "P1,P1_scaled\n40.0,20\n", "{filter}");
    }
}

/// A day that ends in the morning, UTC, has most of its hours in the day before: that one is left out.
#[tokio::test]
async fn a_local_day_is_not_scaled_by_itself() {
    let rig = rig().await;
    let mut readings = Vec::new();
    for hour in -72..=12 {
        readings.push(reading(1, Window::Hour, hour, 500));
    }
    rig.store.put(&readings).await.unwrap();
    let query = "/api/query?startDate=2026-01-29&endDate=2026-01-30&columns=timestamp,P1,P1_scaled\
                 &window=day&tz=America/Los_Angeles&sensor=1";
    let answer = rig.get(query).await.text().await.unwrap();
    assert_eq!(
        answer,
        "timestamp,P1,P1_scaled\n2026-01-30T08:00:00Z,50,25\n2026-01-31T08:00:00Z,50,25\n"
    );
    // Another ratio on the day before does not matter.
    let last = reading(1, Window::Day, 0, 99_990);
    rig.store.put(&[last]).await.unwrap();
    assert_eq!(rig.get(query).await.text().await.unwrap(), answer);
}
