//! Another air-quality index than the default, by request and by deployment, everywhere.

use airshed::request::Defaults;
use serde_json::{Value, json};
use store::{AqiStandard, Reading, Window};

use super::support::{Options, Rig, at, json};

const WHEN: &str = "startDate=2026-02-01&endDate=2026-02-01";

/// PM2.5 of four sensors: US 2024 has them at 50, 51, 137 and 1645, since its scale goes on.
async fn rig(index: AqiStandard) -> Rig {
    let options = Options { index, ..Options::default() };
    let rig = Rig::start(options).await;
    let moment = at("2026-02-01T11:00:00Z");
    let values = ["9.0", "9.1", "50", "900"];
    let reading = |(sensor, value): (u64, &str)| {
        let mut reading = Reading::new(sensor, Window::Day24, moment);
        reading.pm25 = Some(value.parse().unwrap());
        reading.country = Some("DE".parse().unwrap());
        reading
    };
    let readings: Vec<_> = (1..).zip(values).map(reading).collect();
    rig.store.put(&readings).await.unwrap();
    rig
}

async fn text(rig: &Rig, path: &str) -> String {
    let answer = rig.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

fn us() -> AqiStandard {
    "us_aqi:2024".parse().unwrap()
}

#[tokio::test]
async fn every_answer_follows_the_index_that_is_asked_for_or_the_deployments() {
    let (asked, deployed) = (rig(AqiStandard::DEFAULT).await, rig(us()).await);
    for (rig, index) in [(&asked, "&index=us_aqi:2024"), (&deployed, "")] {
        let columns = "&columns=sensor_id,AQI,AQI_text,Range,index_basis";
        let file = text(rig, &format!("/api/query?{WHEN}{index}{columns}")).await;
        let expected = "sensor_id,AQI,AQI_text,Range,index_basis\n\
            1,50,50,Good,defined\n\
            2,51,51,Moderate,defined\n\
            3,137,137,Unhealthy for Sensitive Groups,defined\n\
            4,1645,1645,Hazardous,defined\n";
        assert_eq!(file, expected);

        for (filter, sensors) in [
            ("minAqi=51", "2 3 4"),
            ("maxAqi=50", "1"),
            ("minAqi=51&maxAqi=150", "2 3"),
            ("range=moderate,Good", "1 2"),
            ("range=Unhealthy%20for%20Sensitive%20Groups", "3"),
        ] {
            let path = format!("/api/query?{WHEN}{index}&{filter}&columns=sensor_id");
            let found: Vec<_> = text(rig, &path).await.lines().skip(1).map(str::to_owned).collect();
            assert_eq!(found.join(" "), sensors, "{filter}");
        }
        let refused = rig.get(&format!("/api/query?{WHEN}{index}&range=Low")).await;
        assert_eq!(refused.status(), 400);
        let refused = json(refused).await;
        assert!(refused["detail"].as_str().unwrap().contains("Good, Moderate"), "{refused}");

        let latest =
            json(rig.get(&format!("/api/latest?{}", index.trim_start_matches('&'))).await).await;
        assert_eq!(latest["index"], "us_aqi:2024");
        let mut numbers: Vec<_> = latest["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|feature| feature["properties"]["AQI"].as_u64().unwrap())
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers[..3], [50, 51, 137]);
        let credit = latest["attribution"].as_str().unwrap();
        assert!(credit.contains("US EPA Air Quality Index"), "{credit}");

        let series = json(rig.get(&format!("/api/series?sensor=3{index}")).await).await;
        assert_eq!((&series["AQI"], &series["dominant"]), (&json!([137]), &json!(["PM2.5"])));
        let summary =
            json(rig.get(&format!("/api/summary?country=DE{index}&quality=all")).await).await;
        let selection = &summary["selection"];
        assert_eq!(
            (&selection["index"], &selection["indices"]),
            (&json!("us_aqi:2024"), &Value::Null)
        );
        let bands: Vec<_> = selection["bands"]
            .as_array()
            .unwrap()
            .iter()
            .map(|band| (band["name"].as_str().unwrap(), band["readings"].as_u64().unwrap()))
            .collect();
        assert_eq!(
            bands[..3],
            [("Good", 1), ("Moderate", 1), ("Unhealthy for Sensitive Groups", 1)]
        );
        assert_eq!(bands.iter().map(|(_, readings)| readings).sum::<u64>(), 4);

        // A job keeps the index that it was asked for with.
        let request =
            rig.http.get(format!("{}/api/query?{WHEN}{index}&columns=AQI&maxAqi=137", rig.base));
        let taken = request.header("Prefer", "respond-async").send().await.unwrap();
        assert_eq!(taken.status(), 202);
        let place = taken.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(text(rig, &format!("{place}?wait=30")).await, "AQI\n50\n51\n137\n");
    }
    for (rig, index) in
        [(&asked, "UK Daily Air Quality Index"), (&deployed, "US EPA Air Quality Index")]
    {
        let form = text(rig, "/form").await;
        assert!(form.contains(&format!("The index is the\n{index}")), "{form}");
        assert!(form.contains(store::ATTRIBUTION) && !form.contains("{{"), "{form}");
    }
    let usual = text(&asked, &format!("/api/query?{WHEN}&columns=AQI")).await;
    assert_eq!(usual, "AQI\n1\n1\n6\n10\n");
    let usual = text(&deployed, &format!("/api/query?{WHEN}&columns=AQI&index=uk_daqi")).await;
    assert_eq!(usual, "AQI\n1\n1\n6\n10\n");
}

#[test]
fn however_the_index_is_written_the_question_is_the_same() {
    let written = |index: &str| {
        Defaults::default().form(format!("{WHEN}&index={index}").as_bytes()).unwrap().to_object()
    };
    for same in ["us_aqi:2024", "US-AQI", "us_aqi"] {
        assert_eq!(written(same)["index"], "us_aqi:2024");
    }
    // The default need not be named, and the report has it whatever the deployment's is.
    let plain = Defaults::default().form(WHEN.as_bytes()).unwrap().to_object();
    assert_eq!(written("UK_DAQI"), plain);
    let deployed = Defaults { index: us(), ..Defaults::default() };
    let report = deployed.form(format!("{WHEN}&dialect=report").as_bytes()).unwrap();
    assert_eq!(report.query.standard, AqiStandard::DEFAULT);
    let json = br#"{"startDate":"2026-02-01"}"#;
    let refused = Defaults::default().form(json).unwrap_err();
    assert!(refused.reason.contains("Content-Type: application/json"), "{refused}");
}

#[tokio::test]
async fn strict_leaves_means_out_that_the_index_is_not_defined_on() {
    let rig = Rig::start(Options::default()).await;
    let moment = at("2026-02-01T11:00:00Z");
    let readings = Window::KEPT.map(|window| {
        let mut reading = Reading::new(window as u64 + 1, window, moment);
        reading.pm10 = Some(20.into());
        reading
    });
    rig.store.put(&readings).await.unwrap();
    for (filter, windows) in [
        ("", "5min 1h 24h day"),
        ("&strict=true", "24h day"),
        ("&strict=true&window=day", "day"),
        ("&strict=false&window=1h", "1h"),
        ("&strict=true&index=de_lqi:2025", "1h"),
    ] {
        let file = text(&rig, &format!("/api/query?{WHEN}{filter}&columns=window")).await;
        assert_eq!(file.lines().skip(1).collect::<Vec<_>>().join(" "), windows, "{filter}");
    }
    for (filter, field) in [
        ("&strict=true&window=1h", "window"),
        ("&index=us_aqi:1066", "index"),
        ("&index=ca_aqhi", "index"),
        ("&index=us_aqi&dialect=report", "index"),
        ("&index=us_aqi:2012&minAqi=502", "minAqi"),
        ("&index=us_aqi&maxAqi=-1", "maxAqi"),
    ] {
        let refused = rig.get(&format!("/api/query?{WHEN}{filter}")).await;
        assert_eq!(refused.status(), 400, "{filter}");
        assert_eq!(json(refused).await["field"], field, "{filter}");
    }
}

#[tokio::test]
async fn the_index_of_hours_is_that_of_a_mean_over_them_where_that_is_asked_for() {
    let clock: airshed::Clock = std::sync::Arc::new(|| at("2026-02-02T12:00:00Z"));
    let rig = Rig::start(Options { clock, ..Options::default() }).await;
    // Twenty hours up to midnight: twelve of 40 µg/m³ in the end.
    let hours = (0..20i64).map(|hour| {
        let moment = at("2026-02-01T05:00:00Z") + jiff::SignedDuration::from_hours(hour);
        let mut reading = Reading::new(7, Window::Hour, moment);
        reading.pm25 = Some(if hour < 8 { 10 } else { 40 }.into());
        reading.country = Some("DE".parse().unwrap());
        reading
    });
    rig.store.put(&hours.collect::<Vec<_>>()).await.unwrap();
    let columns = "columns=timestamp,window,P2,AQI,index_basis,hours";
    let ask =
        |more: &str| format!("/api/query?startDate=2026-02-02&endDate=2026-02-02&{columns}&{more}");
    let header = "timestamp,window,P2,AQI,index_basis,hours\n";
    for (more, row) in [
        ("index=us_aqi:2024", "1h,40,112,indicative,"),
        ("index=us_aqi:2024&mean=nowcast", "nowcast,40,112,defined,12"),
        ("index=us_aqi:2024&mean=24h", "24h,28,86,defined,20"),
        ("mean=24h", "24h,28,3,defined,20"),
        ("mean=nowcast", "nowcast,40,4,indicative,12"),
        ("mean=24h&strict=true&minAqi=3&maxAqi=3", "24h,28,3,defined,20"),
    ] {
        let file = text(&rig, &ask(more)).await;
        assert_eq!(file, format!("{header}2026-02-02T00:00:00Z,{row}\n"), "{more}");
    }
    assert_eq!(rig.get(&ask("mean=24h&minAqi=4")).await.status(), 404);
    for (more, field) in [
        ("mean=24h&window=1h", "window"),
        ("mean=8h", "mean"),
        ("window=nowcast", "window"),
        ("mean=nowcast&strict=true", "window"),
    ] {
        let refused = rig.get(&ask(more)).await;
        assert_eq!(refused.status(), 400, "{more}");
        assert_eq!(json(refused).await["field"], field, "{more}");
    }
    // Beside files, and as a job.
    let series = json(rig.get("/api/series?sensor=7&mean=24h").await).await;
    assert_eq!((&series["window"], series["P2"].as_array().unwrap().len()), (&json!("24h"), 3));
    for (mean, index) in [("24h", 3), ("nowcast", 4)] {
        let latest = json(rig.get(&format!("/api/latest?mean={mean}")).await).await;
        assert_eq!(latest["features"][0]["properties"]["AQI"], index, "{latest}");
    }
    let summary = json(rig.get("/api/summary?mean=24h&quality=all").await).await;
    assert_eq!(summary["selection"]["readings"], 3);
    let job = super::support::location(&rig.get_as_job(&ask("mean=24h")).await);
    let file = text(&rig, &format!("{job}?wait=20")).await;
    assert_eq!(file, format!("{header}2026-02-02T00:00:00Z,24h,28,3,defined,20\n"));
}
