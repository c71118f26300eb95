//! `/api/area`: the statement of an area, as a client gets it.

use std::sync::Arc;

use airshed::networks::{Networks, Terms};
use jiff::SignedDuration;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json as value};
use store::{Flags, Network, Reading, Window};

use super::support::{Options, Rig, at, json};

/// Hours of a night and the day before it, of sensors around a place and of one far away.
fn readings() -> Vec<Reading> {
    let of_sensor = |sensor: u64, window, end: &str, pm25: &str| Reading {
        pm10: Some(20.into()),
        pm25: pm25.parse().ok(),
        latitude: Some("57.14".parse().unwrap()),
        longitude: Some(if sensor == 9 { 10 } else { -2 }.into()),
        country: Some(if sensor == 9 { "DE" } else { "GB" }.parse().unwrap()),
        ..Reading::new(sensor, window, at(end))
    };
    let mut all = Vec::new();
    for sensor in [1, 2, 3, 4, 9] {
        let pm25 = (10 * sensor).to_string();
        for hour in ["2026-01-10T23:00:00Z", "2026-01-11T00:00:00Z", "2026-01-11T01:00:00Z"] {
            all.push(of_sensor(sensor, Window::Hour, hour, &pm25));
        }
        all.push(of_sensor(sensor, Window::Day, "2026-01-11T00:00:00Z", &pm25));
    }
    // From one o'clock on, two of the four do not count.
    for reading in all.iter_mut().filter(|r| r.timestamp == at("2026-01-11T01:00:00Z")) {
        match reading.sensor.id {
            1 => reading.indoor = Some(true),
            2 => reading.stored_flags = Flags::ABOVE_NEIGHBOURS,
            _ => {}
        }
    }
    all
}

async fn rig() -> Rig {
    let window = Some(Window::Day24);
    let rig = Rig::start(Options { window, ..Options::default() }).await;
    rig.store.put(&readings()).await.unwrap();
    rig
}

#[tokio::test]
async fn a_statement_is_the_median_of_three_or_more_sensors() {
    let rig = rig().await;
    for area in ["near=57.14,-2,10", "bbox=-3,57,-1,58", "country=GB"] {
        let path = format!("/api/area?{area}&window=1h&startDate=2026-01-10&endDate=2026-01-11");
        let answer = rig.get(&path).await;
        assert!(answer.headers()["link"].to_str().unwrap().contains("odbl"));
        let message = json(answer).await;
        assert_eq!(message["note"], "particulate matter only, indicative");
        assert_eq!((&message["window"], &message["complete"]), (&value!("1h"), &value!(true)));
        assert_eq!(
            (&message["index"], &message["leastSensors"]),
            (&value!("uk_daqi:2013"), &value!(3))
        );
        assert!(message["attribution"].as_str().unwrap().contains("Sensor.Community"));
        let first = value!({
            "timestamp": "2026-01-10T23:00:00Z",
            "sensors": 4,
            "leftOutSensors": 0,
            "AQI": 3,
            "Range": "Low",
            "AQI_lowest": 2,
            "AQI_highest": 4,
            "P1": { "sensors": 4, "lowest": 20, "lowerQuartile": 20, "median": 20,
                    "upperQuartile": 20, "highest": 20 },
            "P2": { "sensors": 4, "lowest": 10, "lowerQuartile": 17.5, "median": 25,
                    "upperQuartile": 32.5, "highest": 40 },
        });
        assert_eq!(message["statements"][0], first, "{area}");
        let third = value!({
            "timestamp": "2026-01-11T01:00:00Z",
            "sensors": 2,
            "leftOutSensors": 2,
            "AQI": null, "Range": null, "AQI_lowest": null, "AQI_highest": null,
            "P1": null, "P2": null,
            "reason": "no statement: 2 plausible outdoor sensors; 3 of a pollutant are needed",
        });
        assert_eq!(message["statements"][2], third, "{area}");
        assert_eq!(message["statements"].as_array().unwrap().len(), 3);
    }
    let everybody = "/api/area?country=GB,DE&window=1h&startDate=2026-01-10&endDate=2026-01-10";
    let message = json(rig.get(everybody).await).await;
    assert_eq!(message["statements"][0]["P2"]["median"], 30);
    let by_another = json(rig.get(&format!("{everybody}&index=us_aqi")).await).await;
    let message = &by_another["statements"][0];
    assert_eq!(message["AQI"].as_u64().unwrap(), 90, "{by_another}");
    assert_eq!(message["Range"], "Moderate");
}

#[tokio::test]
async fn a_date_is_the_day_in_which_periods_end() {
    let rig = rig().await;
    let times = async |path: &str| {
        let message = json(rig.get(&format!("/api/area?country=GB&{path}")).await).await;
        let statements = message["statements"].as_array().cloned().unwrap_or_default();
        let times =
            statements.iter().map(|one| one["timestamp"].as_str().unwrap()[11..13].to_owned());
        (times.collect::<Vec<_>>(), statements.first().map(|one| one["date"].clone()))
    };
    assert_eq!(times("window=1h&date=2026-01-10").await.0, ["23", "00"]);
    assert_eq!(times("window=1h&date=2026-01-11").await.0, ["01"]);
    let (hours, date) = times("window=day&date=2026-01-10").await;
    assert_eq!(
        (hours.as_slice(), date),
        (["00".to_owned()].as_slice(), Some(value!("2026-01-10")))
    );
    // By default the last seven days.
    assert_eq!(times("window=1h").await.0, ["23", "00", "01"]);
}

#[tokio::test]
async fn csv_has_the_same_statements() {
    let rig = rig().await;
    let path = "/api/area?country=GB&window=1h&startDate=2026-01-11&endDate=2026-01-11&format=csv";
    let answer = rig.get(path).await;
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    let name =
        "attachment; filename=\"airshed-statement-GB-1h-20260111T000000Z-20260111T235959Z.csv\"";
    assert_eq!(answer.headers()["content-disposition"], name);
    assert_eq!(
        answer.text().await.unwrap(),
        "timestamp,window,sensors,left_out_sensors,P1,P1_lowest,P1_lower_quartile,\
         P1_upper_quartile,P1_highest,P2,P2_lowest,P2_lower_quartile,P2_upper_quartile,P2_highest,\
         AQI,Range,AQI_lowest,AQI_highest,note\n\
         2026-01-11T00:00:00Z,1h,4,0,20,20,20,20,20,25,10,17.5,32.5,40,3,Low,2,4,\
         \"particulate matter only, indicative; uk_daqi:2013\"\n\
         2026-01-11T01:00:00Z,1h,2,2,,,,,,,,,,,,,,,\
         no statement: 2 plausible outdoor sensors; 3 of a pollutant are needed\n"
    );
}

#[tokio::test]
async fn running_means_and_sensors_with_timestamps_of_their_own() {
    let rig = rig().await;
    let mut feed = Vec::new();
    for sensor in 1..=3u64 {
        let end = at("2026-01-20T09:10:00Z") + SignedDuration::from_secs(sensor as i64 * 77);
        let mut reading = Reading::new(sensor, Window::Day24, end);
        (reading.pm25, reading.country) = (Some(sensor.into()), "FR".parse().ok());
        feed.push(reading);
    }
    rig.store.put(&feed).await.unwrap();
    let message = json(rig.get("/api/area?country=FR").await).await;
    assert_eq!(message["statements"][0]["timestamp"], "2026-01-20T10:00:00Z");
    assert_eq!(message["statements"][0]["P2"]["median"], 2);
    // 24 hours of each sensor.
    let hours = (0..24).flat_map(|hour| {
        let end = at("2026-01-25T00:00:00Z") + SignedDuration::from_hours(hour);
        (1..=3u64).map(move |sensor| {
            let mut reading = Reading::new(sensor, Window::Hour, end);
            (reading.pm25, reading.country) = (Some((sensor * 10).into()), "FR".parse().ok());
            reading
        })
    });
    rig.store.put(&hours.collect::<Vec<_>>()).await.unwrap();
    let message = json(rig.get("/api/area?country=FR&mean=24h&startDate=2026-01-25").await).await;
    assert_eq!(message["statements"].as_array().unwrap().len(), 7, "from 18 hours on");
    assert_eq!(message["statements"][6]["P2"]["median"], 20);
}

/// Also where days end at half past an hour of UTC.
#[tokio::test]
async fn days_of_an_area_are_those_of_its_time_zone() {
    let rig = Rig::start(Options { window: Some(Window::Hour), ..Options::default() }).await;
    let hours = (0..=72).flat_map(|hour| {
        let end = at("2026-01-10T00:00:00Z") + SignedDuration::from_hours(hour);
        (1..=3u64).map(move |sensor| {
            let mut reading = Reading::new(sensor, Window::Hour, end);
            (reading.pm25, reading.country) = (Some((hour + 1).into()), "IN".parse().ok());
            reading
        })
    });
    rig.store.put(&hours.collect::<Vec<_>>()).await.unwrap();
    // Midnight is at 18:30 UTC, so the hours of the day are those that end from 19:00 to 18:00.
    for (zone, end, median) in [
        ("Asia/Kolkata", "2026-01-11T18:30:00Z", value!(31.5)),
        ("Europe/Berlin", "2026-01-11T23:00:00Z", value!(36.5)),
    ] {
        let area = format!("/api/area?country=IN&tz={zone}&date=2026-01-11");
        let message = json(rig.get(&format!("{area}&window=day")).await).await;
        let statements = message["statements"].as_array().unwrap();
        assert_eq!(statements.len(), 1, "{message}");
        assert_eq!((&statements[0]["timestamp"], &message["tz"]), (&value!(end), &value!(zone)));
        assert_eq!(statements[0]["date"], "2026-01-11");
        assert_eq!(statements[0]["P2"]["median"], median, "{zone}");
        let message = json(rig.get(&area).await).await;
        let hours = message["statements"].as_array().unwrap();
        assert_eq!(hours.len(), 24, "{zone}");
    }
    let utc = json(rig.get("/api/area?country=IN&date=2026-01-11").await).await;
    assert_eq!(utc["statements"][0]["timestamp"], "2026-01-11T01:00:00Z");
    assert_eq!(utc.get("tz"), None);
}

#[tokio::test]
async fn what_is_no_area_or_no_field_of_it_is_refused() {
    let rig = rig().await;
    for (query, field) in [
        ("window=1h", "bbox"),
        ("", "bbox"),
        ("country=GB&window=all", "window"),
        ("country=GB&window=5min", "window"),
        ("country=GB&window=1h,day", "window"),
        ("country=GB&quality=all", "quality"),
        ("country=GB&minAqi=3", "minAqi"),
        ("country=GB&indoor=true", "indoor"),
        ("country=GB&limit=3", "limit"),
        ("country=GB&format=parquet", "format"),
        ("country=GB&format=csv&format=csv", "format"),
        ("country=GB&date=yesterday", "date"),
        ("country=GB&date=2026-01-10&tz=Nowhere", "tz"),
        ("country=GB&date=2026-01-10&endDate=2026-01-11", "endDate"),
        ("near=57,-2", "near"),
        ("country=GB&network=elsewhere", "network"),
        ("country=GB&x=1", "x"),
    ] {
        let refused = rig.get(&format!("/api/area?{query}")).await;
        assert_eq!(refused.status(), 400, "{query}");
        assert_eq!(json(refused).await["field"], field, "{query}");
    }
    let nothing = rig.get("/api/area?country=GB&startDate=2026-01-10&endDate=2026-01-11").await;
    assert_eq!(nothing.status(), 404);
    let detail = json(nothing).await["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("window=1h requests them"), "{detail}");
}

#[tokio::test]
async fn an_answer_is_kept_until_its_readings_change() {
    let rig = rig().await;
    let path = "/api/area?country=GB&window=1h&date=2026-01-10";
    let first = rig.get(path).await;
    let tag = first.headers()[ETAG].clone();
    let first = first.text().await.unwrap();
    let again = rig.get(path).await;
    assert_eq!(again.headers()[ETAG], tag);
    assert_eq!(again.headers()["content-type"], "application/json");
    assert_eq!(again.text().await.unwrap(), first);
    let known = rig.http.get(format!("{}{path}", rig.base)).header(IF_NONE_MATCH, &tag);
    assert_eq!(known.send().await.unwrap().status(), 304);
    // The same readings in another form, and as a file, are other answers.
    for other in [
        &format!("{path}&format=csv"),
        "/api/query?country=GB&window=1h&startDate=2026-01-10T00:00:01Z&endDate=2026-01-11T00:00:00Z",
    ] {
        assert_ne!(rig.get(other).await.headers()[ETAG], tag);
    }
    let mut changed = readings().remove(0);
    changed.pm25 = Some(60.into());
    rig.store.put(&[changed]).await.unwrap();
    let changed = rig.get(path).await;
    assert_ne!(changed.headers()[ETAG], tag);
    let changed: Value = json(changed).await;
    assert_eq!(changed["statements"][0]["P2"]["median"], 35);
}

#[tokio::test]
async fn sensors_of_a_network_without_terms_have_no_part() {
    let networks = Arc::new(Networks::only(Network::SENSOR_COMMUNITY, Terms::new("us", None)));
    let rig = Rig::start(Options { networks, ..Options::default() }).await;
    let mut all = readings();
    for reading in all.iter_mut().filter(|reading| reading.sensor.id == 4) {
        reading.sensor.network = "elsewhere".parse().unwrap();
    }
    rig.store.put(&all).await.unwrap();
    let message = json(rig.get("/api/area?country=GB&window=day").await).await;
    assert_eq!(message["statements"][0]["sensors"], 3);
    assert_eq!(message["statements"][0]["P2"]["median"], 20);
}
