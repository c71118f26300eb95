//! What the page asks for beside files: the latest readings, series, summaries, estimates;
//! and jobs that are cancelled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airshed::jobs::{Cancellation, Jobs, State};
use airshed::networks::{Networks, Terms};
use airshed::objects::Objects;
use airshed::request::Defaults;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use serde_json::{Value, json as value};
use store::{
    Error, Flags, Memory, Network, Page, Position, Query, Reading, Store, Summary, View, Window,
};

use super::support::{Options, Rig, at, clock, json, location, readings};
use airshed::trace::RequestContext;

/// Fifty sensors in three countries over two days, some in two windows, one without a place.
fn network() -> Vec<Reading> {
    let mut all = Vec::new();
    for sensor in 1..=50_u64 {
        for hour in 0..48_i64 {
            let timestamp = at("2026-01-30T00:30:00Z") + SignedDuration::from_hours(hour);
            // The last sensors fall silent: some for hours, some for more than a day.
            if sensor > 40 && hour > (sensor as i64 - 30) * 2 {
                continue;
            }
            let mut reading = Reading::new(sensor, Window::Day24, timestamp);
            reading.pm10 = Some(((sensor * 7 + hour as u64 * 3) % 130).into());
            reading.pm25 = Some(((sensor * 5 + hour as u64) % 80).into());
            reading.country = Some(["DE", "FR", "GB"][sensor as usize % 3].parse().unwrap());
            reading.latitude = (sensor != 9).then(|| "50.123456".parse().unwrap());
            reading.longitude = (sensor != 9).then(|| (sensor as i64 - 25).into());
            reading.sensor_type = Some("SDS011".parse().unwrap());
            all.push(reading);
        }
    }
    all
}

async fn rig() -> Rig {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&network()).await.unwrap();
    rig
}

/// The newest reading of each sensor within a time, by a plain look at all.
fn newest_of_each(all: &[Reading], from: Timestamp, until: Timestamp) -> BTreeMap<u64, &Reading> {
    let mut newest = BTreeMap::new();
    let within = all.iter().filter(|r| r.timestamp >= from && r.timestamp <= until);
    for reading in within {
        let known: &mut &Reading = newest.entry(reading.sensor.id).or_insert(reading);
        if known.timestamp < reading.timestamp {
            *known = reading;
        }
    }
    newest
}

#[tokio::test]
async fn latest_is_the_newest_of_each_sensor_and_is_asked_again_cheaply() {
    let (rig, all) = (rig().await, network());
    let last = all.iter().map(|reading| reading.timestamp).max().unwrap();
    let answer = rig.get("/api/latest").await;
    assert_eq!(answer.headers()["content-type"], "application/geo+json");
    assert!(answer.headers()["link"].to_str().unwrap().contains("odbl"));
    let tag = answer.headers()["etag"].clone();
    let latest = json(answer).await;
    assert_eq!(latest["newest"], value!(last.to_string()));
    let expected = newest_of_each(&all, last - SignedDuration::from_hours(24), last);
    let features = latest["features"].as_array().unwrap();
    assert_eq!(features.len(), expected.len());
    assert!(expected.len() < 50, "some have been silent for too long");
    for feature in features {
        let reading = expected[&feature["id"].as_u64().unwrap()];
        let properties = &feature["properties"];
        assert_eq!(properties["AQI"].as_u64(), reading.index().map(|i| u64::from(i.get())));
        assert_eq!(properties["loc_country"], value!(reading.country.unwrap().as_str()));
        assert_eq!(properties["P1"].to_string(), reading.pm10.unwrap().to_string());
        let age = (last - reading.timestamp).as_hours();
        assert_eq!(properties["ageHours"].as_i64().unwrap_or(0), age);
        match reading.latitude {
            None => assert!(feature["geometry"].is_null()),
            Some(_) => assert_eq!(feature["geometry"]["coordinates"][1], value!(50.1235)),
        }
    }

    let again = rig.http.get(format!("{}/api/latest", rig.base)).header("if-none-match", &tag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.text().await.unwrap(), "");
    let plain = rig.get("/api/latest").await.bytes().await.unwrap();
    for encoding in ["zstd", "gzip"] {
        let asked = rig.http.get(format!("{}/api/latest", rig.base));
        let answer = asked.header("accept-encoding", encoding).send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], encoding);
        assert_eq!(answer.headers()["etag"], tag);
        let body = answer.bytes().await.unwrap();
        let text = match encoding {
            "zstd" => zstd::decode_all(&*body).unwrap(),
            _ => {
                let mut text = Vec::new();
                let mut decoder = flate2::read::GzDecoder::new(&*body);
                std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
                text
            }
        };
        assert_eq!(text, plain);
    }
    let refused = rig.http.get(format!("{}/api/latest", rig.base));
    let refused = refused.header("accept-encoding", "gzip;q=0, zstd;q=0").send().await.unwrap();
    assert!(!refused.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn latest_names_a_moment_only_where_there_is_a_reading_of_it() {
    let (rig, all) = (rig().await, network());
    for path in ["?endDate=2010-01-01 00:00:00", "?country=CH", "?sensor=999"] {
        let latest = json(rig.get(&format!("/api/latest{path}")).await).await;
        assert_eq!((&latest["features"], latest.get("newest")), (&value!([]), None), "{path}");
    }
    for sensor in [1, 45, 50] {
        let path = format!("/api/latest?startDate=2026-01-01&sensor={sensor}");
        let last = all.iter().filter(|r| r.sensor.id == sensor).map(|r| r.timestamp).max().unwrap();
        assert_eq!(json(rig.get(&path).await).await["newest"], last.to_string(), "{sensor}");
    }
}

#[tokio::test]
async fn every_answer_names_the_network_that_its_data_is_of() {
    let attribution = "simulated by \"us\" & others";
    let terms = Terms::new(attribution, None);
    let networks = Arc::new(Networks::only(store::Network::SENSOR_COMMUNITY, terms));
    let rig = Rig::start(Options { networks, ..Options::default() }).await;
    rig.store.put(&network()).await.unwrap();
    let credit = store::AqiStandard::DEFAULT.credit(attribution);
    let dates = "startDate=2026-01-30&endDate=2026-01-31";
    for path in [
        "/api/latest".to_owned(),
        "/api/summary".to_owned(),
        "/api/series?sensor=1".to_owned(),
        format!("/api/query?{dates}&format=geojson"),
    ] {
        assert_eq!(json(rig.get(&path).await).await["attribution"], credit, "{path}");
    }
    let job = rig.get_as_job(&format!("/api/query?{dates}&format=geojson")).await;
    let file = rig.get(&format!("{}?wait=30", location(&job))).await;
    assert_eq!(json(file).await["attribution"], credit);
}

#[tokio::test]
async fn latest_at_an_earlier_moment_and_filtered() {
    let (rig, all) = (rig().await, network());
    let (from, until) = (at("2026-01-30T06:00:00Z"), at("2026-01-30T12:00:00Z"));
    let path = format!("/api/latest?startDate={from}&endDate={until}&country=FR&minAqi=2");
    let latest = json(rig.get(&path).await).await;
    let fits = |reading: &&Reading| {
        reading.country.unwrap().as_str() == "FR" && reading.index().unwrap().get() >= 2
    };
    let matching: Vec<_> = all.iter().filter(fits).cloned().collect();
    let expected = newest_of_each(&matching, from, until);
    let mut found: Vec<_> = latest["features"].as_array().unwrap().iter().collect();
    found.sort_by_key(|feature| feature["id"].as_u64());
    let found: Vec<_> = found.iter().map(|feature| feature["id"].as_u64().unwrap()).collect();
    assert_eq!(found, expected.keys().copied().collect::<Vec<_>>());
    assert!(!found.is_empty());
    for (path, field) in [
        ("/api/latest?format=csv", "format"),
        ("/api/latest?minAqi=11", "minAqi"),
        ("/api/series?sensor=1&limit=3", "limit"),
        ("/api/series?sensor=1,2", "sensor"),
        ("/api/series", "sensor"),
        ("/api/summary?columns=all", "columns"),
        ("/api/estimate?country=DE", "startDate"),
        ("/api/estimate?startDate=2026-01-01&endDate=2026-01-02&limit=0", "limit"),
        ("/api/results/00000000-0000-4000-8000-000000000000/status?wait=x", "wait"),
        ("/api/results/00000000-0000-4000-8000-000000000000?wait=61", "wait"),
    ] {
        let refused = rig.get(path).await;
        assert_eq!(refused.status(), 400, "{path}");
        assert_eq!(json(refused).await["field"], field, "{path}");
    }
}

#[tokio::test]
async fn latest_shows_what_is_put() {
    let rig = rig().await;
    let sensors = |latest: &Value| latest["features"].as_array().unwrap().len();
    let before = json(rig.get("/api/latest").await).await;
    let mut fresh = Reading::new(1000, Window::Day24, at("2026-02-01T11:00:00Z"));
    fresh.pm25 = Some(5.into());
    rig.store.put(&[fresh]).await.unwrap();
    // The answer that was made before is given out for five seconds more.
    loop {
        let latest = json(rig.get("/api/latest").await).await;
        if sensors(&latest) > sensors(&before) {
            // One sensor that is ahead of all others makes none of them older.
            assert_eq!(latest["newest"], before["newest"]);
            assert_eq!(sensors(&latest), sensors(&before) + 1);
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_series_is_one_sensors_readings() {
    let (rig, all) = (rig().await, network());
    let mut hourly = Reading::new(4, Window::Hour, at("2026-01-30T01:00:00Z"));
    hourly.pm10 = Some(3.into());
    rig.store.put(&[hourly]).await.unwrap();
    let series = json(rig.get("/api/series?sensor=4").await).await;
    let expected: Vec<_> = all.iter().filter(|reading| reading.sensor.id == 4).collect();
    let times: Vec<_> = expected.iter().map(|reading| reading.timestamp.as_second()).collect();
    assert_eq!(series["timestamp"], value!(times));
    let pm10: Vec<u64> =
        expected.iter().map(|r| r.pm10.unwrap().to_string().parse().unwrap()).collect();
    assert_eq!(series["P1"], value!(pm10));
    let indices: Vec<_> = expected.iter().map(|r| r.index().unwrap().get()).collect();
    assert_eq!(series["AQI"], value!(indices));
    assert_eq!(series["window"], "24h");
    assert_eq!(series["windows"], value!(["1h", "24h"]));
    assert_eq!(series["intervalSeconds"], value!(null));
    assert!(series.get("readings").is_none());
    assert_eq!(series["location"]["latitude"], value!(50.123456));
    let other = json(rig.get("/api/series?sensor=4&window=1h").await).await;
    assert_eq!(other["P1"], value!([3]));
    assert_eq!(rig.get("/api/series?sensor=77").await.status(), 404);
}

#[tokio::test]
async fn the_dominant_pollutant_is_that_of_the_newest_index() {
    let rig = Rig::start(Options::default()).await;
    for (sensor, pm10, pm25, dominant) in [
        (1, Some(60), Some(5), value!(["PM10"])),
        (2, Some(5), Some(40), value!(["PM2.5"])),
        (3, Some(51), Some(36), value!(["PM10", "PM2.5"])),
        (4, Some(-1), None, value!([])),
    ] {
        let mut reading = Reading::new(sensor, Window::Day24, at("2026-01-30T01:00:00Z"));
        (reading.pm10, reading.pm25) = (pm10.map(i64::into), pm25.map(i64::into));
        rig.store.put(&[reading]).await.unwrap();
        let series = json(rig.get(&format!("/api/series?sensor={sensor}")).await).await;
        assert_eq!(series["dominant"], dominant, "{sensor}");
    }
}

#[tokio::test]
async fn a_summary_tells_of_all_and_of_a_selection() {
    let (rig, all) = (rig().await, network());
    let summary = json(rig.get("/api/summary").await).await;
    assert_eq!(summary["readings"], value!(all.len()));
    assert_eq!(summary["dataAgeSeconds"], value!(12 * 3600 + 1800));
    assert_eq!(summary["stale"], false);
    assert!(summary.get("selection").is_none());
    let path = "/api/summary?startDate=2026-01-30&endDate=2026-01-31&country=DE,FR&maxAqi=6";
    for quality in ["plausible", "all"] {
        let answer = json(rig.get(&format!("{path}&quality={quality}")).await).await;
        let selection = answer["selection"].clone();
        let fits = |reading: &&Reading| {
            let counts = quality == "all" || !reading.flags().intersects(Flags::IMPLAUSIBLE);
            let inside = reading.country.unwrap().as_str() != "GB";
            counts && inside && reading.index().unwrap().get() <= 6
        };
        let matching: Vec<_> = all.iter().filter(fits).collect();
        let mut indices = [0; 10];
        matching.iter().for_each(|r| indices[usize::from(r.index().unwrap().get()) - 1] += 1);
        assert_eq!(selection["indices"], value!(indices));
        assert_eq!(selection["readings"], value!(matching.len()));
        assert_eq!(selection["complete"], true);
        let germany = &selection["countries"][0];
        assert_eq!(germany["country"], "DE");
        // The sensors that were silent for the last day are in no mean.
        let last = all.iter().map(|reading| reading.timestamp).max().unwrap();
        let silent = |sensor: u64| {
            let mut heard = all.iter().filter(|r| r.sensor.id == sensor).map(|r| r.timestamp);
            quality == "plausible"
                && heard.all(|t| last.duration_since(t) > SignedDuration::from_hours(24))
        };
        let of_germany = matching.iter().filter(|r| r.country.unwrap().as_str() == "DE");
        assert_eq!(germany["readings"], value!(of_germany.clone().count()));
        let values: Vec<f64> = of_germany
            .filter(|reading| !silent(reading.sensor.id))
            .map(|reading| reading.pm25.unwrap().to_string().parse::<f64>().unwrap())
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((germany["meanP2"].as_f64().unwrap() - mean).abs() < 0.006, "{germany} {mean}");
        assert_eq!(germany["averaged"], value!(values.len()));
        assert_eq!(germany["sensors"], 16);
    }
}

#[tokio::test]
async fn an_estimate_of_what_can_be_counted_is_exact() {
    let rig = rig().await;
    for fields in ["country=DE&minAqi=4", "bbox=-10,40,10,60", "minAqi=10", "limit=7", "country=CH"]
    {
        let when = "startDate=2026-01-30&endDate=2026-01-31";
        let estimate = json(rig.get(&format!("/api/estimate?{when}&{fields}")).await).await;
        let file = rig.get(&format!("/api/query?{when}&{fields}")).await;
        let (status, file) = (file.status(), file.text().await.unwrap());
        let rows = if status == 404 { 0 } else { file.lines().count() as u64 - 1 };
        assert_eq!(estimate["rows"], value!(rows), "{fields}");
        assert_eq!(estimate["exact"], true);
        let bytes = if rows == 0 { 0 } else { file.len() as u64 };
        let estimated = estimate["bytes"].as_u64().unwrap();
        assert_eq!(estimate["bytesExact"], rows <= 1000, "{fields}");
        match rows {
            0..=1000 => assert_eq!(estimated, bytes, "{fields}"),
            _ => assert!(estimated.abs_diff(bytes) < bytes / 50, "{fields}: {estimated}, {bytes}"),
        }
    }
}

#[tokio::test]
async fn a_limit_gives_the_first_rows_and_few_rows_are_never_a_job() {
    let rig = Rig::start(Options { in_flight: 0, ..Options::default() }).await;
    rig.store.put(&readings(3000)).await.unwrap();
    let all = "/api/query?startDate=2026-01-01&endDate=2026-01-31";
    let job = rig.get(&format!("{all}&limit=2000")).await;
    assert_eq!(job.status(), 202);
    let file = rig.get(&format!("{}?wait=30", location(&job))).await.text().await.unwrap();
    assert_eq!(file.lines().count(), 2001);
    for limit in [1, 999, 1000] {
        let answer = rig.get(&format!("{all}&limit={limit}")).await;
        assert_eq!(answer.status(), 200);
        let lines = answer.text().await.unwrap();
        assert_eq!(lines.lines().count(), limit + 1);
        assert!(file.starts_with(&lines), "the first {limit}");
    }
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_and_says_so() {
    let rig = Rig::start(Options { workers: 0, ..Options::default() }).await;
    rig.store.put(&readings(3)).await.unwrap();
    let all = "/api/query?startDate=2026-01-01&endDate=2026-01-31";
    let job = location(&rig.get_as_job(all).await);
    let status = json(rig.get(&format!("{job}/status")).await).await;
    assert_eq!((&status["state"], &status["waiting"]), (&value!("queued"), &value!(1)));
    let delete = |path: String| rig.http.delete(format!("{}{path}", rig.base)).send();
    let cancelled = delete(job.clone()).await.unwrap();
    assert_eq!(cancelled.status(), 200);
    assert_eq!(json(cancelled).await["status"], "cancelled");
    let gone = rig.get(&job).await;
    assert_eq!(gone.status(), 410);
    assert_eq!(json(gone).await["type"], "urn:airshed:problem:cancelled");
    assert_eq!(json(rig.get(&format!("{job}/status")).await).await["status"], "cancelled");
    let twice = delete(job).await.unwrap();
    assert_eq!(twice.status(), 409);
    assert_eq!(json(twice).await["type"], "urn:airshed:problem:ended-job");
    let unknown = "/api/results/00000000-0000-4000-8000-000000000000".to_owned();
    assert_eq!(delete(unknown).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_job_that_others_wait_for_goes_on_and_of_one_that_is_done_the_result_goes() {
    let fresh_for = SignedDuration::from_mins(10);
    let rig = Rig::start(Options { workers: 0, fresh_for, ..Options::default() }).await;
    rig.store.put(&readings(3)).await.unwrap();
    let all = "/api/query?startDate=2026-01-01&endDate=2026-01-31";
    let (one, other) = (rig.get_as_job(all).await, rig.get_as_job(all).await);
    let (job, other) = (location(&one), location(&other));
    assert_ne!(job, other);
    let cancelled = rig.http.delete(format!("{}{job}", rig.base)).send().await.unwrap();
    assert_eq!(json(cancelled).await["state"], "cancelled");
    assert_eq!(rig.get(&job).await.status(), 410);
    let status = json(rig.get(&format!("{other}/status")).await).await;
    assert_eq!(status["state"], "queued");

    let rig = Rig::start(Options { fresh_for, ..Options::default() }).await;
    rig.store.put(&readings(3)).await.unwrap();
    let job = location(&rig.get_as_job(all).await);
    assert_eq!(rig.get(&format!("{job}?wait=30")).await.status(), 200);
    let delete = rig.http.delete(format!("{}{job}", rig.base)).send();
    assert_eq!(json(delete.await.unwrap()).await["state"], "expired");
    assert_eq!(rig.get(&job).await.status(), 410);
    assert_ne!(location(&rig.get_as_job(all).await), job, "it answers for nobody any more");
    // What was cancelled does not answer for who asks next.
    let rig = Rig::start(Options { workers: 0, fresh_for, ..Options::default() }).await;
    let first = location(&rig.get_as_job(all).await);
    rig.http.delete(format!("{}{first}", rig.base)).send().await.unwrap();
    assert_ne!(location(&rig.get_as_job(all).await), first);
}

#[tokio::test]
async fn in_a_directory_too_a_record_only_changes_over_the_one_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let objects = Objects::open(&url).await.unwrap();
    let jobs = Jobs::new(objects, clock(), SignedDuration::from_hours(24));
    let ask =
        Defaults::default().json(br#"{"startDate":"2026-01-01","endDate":"2026-01-01"}"#).unwrap();
    let job = jobs.create(ask.to_object(), RequestContext::default()).await.unwrap();
    let running = State::Running { rows: 1, estimate: None };
    let begun = jobs.update(&job, running.clone()).await.unwrap();
    let cancelled = jobs.cancel(job.id).await.unwrap();
    let Some(Cancellation::Done(cancelled)) = cancelled else { panic!("{cancelled:?}") };
    assert!(matches!(cancelled.state, State::Cancelled { .. }));
    assert!(jobs.update(&begun, running).await.unwrap_err().is_conflict());
    assert!(jobs.fail(&job, "too late", true).await.unwrap_err().is_conflict());
    assert_eq!(jobs.get(job.id).await.unwrap().unwrap().state, cancelled.state);
}

/// A store that panics at the first question.
struct Panicking(Memory, AtomicBool);

#[async_trait]
impl View for Panicking {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.0.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.0.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.0.networks().await
    }
}

#[async_trait]
impl Store for Panicking {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.0.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.0.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.0.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        assert!(self.1.swap(true, Ordering::SeqCst), "the first time it panics");
        self.0.snapshot().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_is_replaced_and_its_job_done() {
    let store = Arc::new(Panicking(Memory::new(), AtomicBool::new(false)));
    store.put(&readings(3)).await.unwrap();
    let rig = Rig::start(Options { store, ..Options::default() }).await;
    let ask =
        Defaults::default().json(br#"{"startDate":"2026-01-01","endDate":"2026-01-31"}"#).unwrap();
    let job = rig.jobs.create(ask.to_object(), RequestContext::default()).await.unwrap();
    rig.queues
        .requests
        .send(&airshed::message::of(job.id, &RequestContext::default()))
        .await
        .unwrap();
    let done = loop {
        let job = rig.jobs.get(job.id).await.unwrap().unwrap();
        if job.state.is_final() {
            break job;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    };
    assert!(matches!(done.state, State::Done { rows: 3, .. }), "{done:?}");
    assert_eq!(done.attempts, 2);
}

/// A reading that replaces another changes no count, and shows all the same.
#[tokio::test]
async fn latest_shows_a_correction() {
    let rig = Rig::start(Options::default()).await;
    let mut reading = readings(1).remove(0);
    reading.pm10 = Some(11.into());
    rig.store.put(&[reading.clone()]).await.unwrap();
    let shown = async || {
        let latest = json(rig.get("/api/latest").await).await;
        latest["features"][0]["properties"]["P1"].as_f64().unwrap()
    };
    assert_eq!(shown().await, 11.0);
    reading.pm10 = Some(77.into());
    rig.store.put(&[reading]).await.unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while shown().await != 77.0 {
        assert!(std::time::Instant::now() < deadline, "the earlier value");
    }
}
