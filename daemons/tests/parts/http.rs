//! The HTTP contract, in one process on a free port.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use store::{Embedded, Query, Reading};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use airshed::feed_status::FeedStatus;
use futures::StreamExt;

use super::support::{Options, RawServer, Rig, answer, collector, feed_of};
use super::support::{json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

#[tokio::test]
async fn rows_are_answered_as_the_contract_says() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(7)).await.unwrap();
    let answer = rig
        .http
        .post(format!("{}/api/query", rig.base))
        .header("content-type", "application/json; charset=utf-8")
        .body(
            json!({ "startDate": "2026-01-01 00:00:00", "endDate": "2026-01-01 00:00:05",
                    "country": "DE", "range": "Low", "minAqi": 1, "maxAqi": 3 })
            .to_string(),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8; header=present");
    let name =
        "attachment; filename=\"airshed-DE-low-aqi1to3-20260101T000000Z-20260101T000005Z.csv\"";
    assert_eq!(header("content-disposition"), name);
    assert!(header("link").contains("odbl"), "{}", header("link"));
    assert_eq!(
        answer.text().await.unwrap(),
        "id,timestamp,P1,P2,loc_id,loc_lat,loc_long,loc_alt,loc_country,AQI,Range\n\
         0,2026-01-01T00:00:00Z,0,,,,,,DE,1,Low\n\
         3,2026-01-01T00:00:03Z,3,,,,,,DE,1,Low\n"
    );
    let twin =
        rig.get("/api/query?startDate=2026-01-01&endDate=2026-01-01&country=DE&columns=id,P1");
    assert_eq!(twin.await.text().await.unwrap(), "id,P1\n0,0\n3,3\n6,6\n");
    let nothing = rig.get("/api/query?startDate=2025-01-01&endDate=2025-01-01").await;
    assert_eq!(nothing.status(), 404);
    assert_eq!(json(nothing).await["detail"], "No data found.");
}

#[tokio::test]
async fn a_record_of_the_feed_comes_out_as_a_row_at_once_and_by_a_job() {
    let rig = Rig::start(Options::default()).await;
    let body = feed_of(1..4, "2026-02-01 11:00:00");
    let feed = RawServer::start(vec![answer("200 OK", "", &body)]).await;
    collector(&feed.url, Arc::clone(&rig.store)).collect().await.unwrap();
    let path = "/api/query?startDate=2026-02-01&endDate=2026-02-01&minAqi=4&maxAqi=4&country=DE";
    let expected = "id,timestamp,P1,P2,loc_id,loc_lat,loc_long,loc_alt,loc_country,AQI,Range\n\
                    1000001,2026-02-01T11:00:00Z,51,,1,,,,DE,4,Moderate\n\
                    1000002,2026-02-01T11:00:00Z,51,,1,,,,DE,4,Moderate\n\
                    1000003,2026-02-01T11:00:00Z,51,,1,,,,DE,4,Moderate\n";
    assert_eq!(rig.get(path).await.text().await.unwrap(), expected);
    let queued = rig.get_as_job(path).await;
    let result = rig.get(&format!("{}?wait=30", location(&queued))).await;
    assert_eq!(result.text().await.unwrap(), expected);
}

#[tokio::test]
async fn a_long_answer_is_streamed_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("r"), store::Options::default()).unwrap();
    let rig = Rig::start(Options { store: Arc::new(store), ..Options::default() }).await;
    rig.store.put(&readings(100_000)).await.unwrap();
    let text = rig.get(&format!("{ALL}&columns=all")).await.text().await.unwrap();
    let expected =
        store::conformance::csv_of(rig.store.as_ref(), &Query::everything(), store::Column::ALL)
            .await;
    assert!(text.as_bytes() == expected, "{} bytes for {}", text.len(), expected.len());
}

#[tokio::test]
async fn bad_requests_get_their_status_with_the_field() {
    let rig = Rig::start(Options::default()).await;
    let url = format!("{}/api/query", rig.base);
    let big = format!("{{\"startDate\":\"{}\"}}", "x".repeat(70_000));
    let cases = [
        ("application/json", "{\"startDate\":\"x\",\"endDate\":\"2026-01-01\"}", "startDate", 400),
        ("application/json", "nonsense", "body", 400),
        ("application/json", big.as_str(), "body", 413),
        ("text/plain", "{}", "Content-Type", 415),
        ("application/x-www-form-urlencoded", "minAqi=3", "startDate", 400),
    ];
    for (kind, body, field, status) in cases {
        let request = rig.http.post(&url).header("content-type", kind).body(body.to_owned());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{field}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(json(answer).await["field"], field);
    }
    for (path, field) in [
        ("/api/query", "startDate"),
        ("/api/query?startDate=2026-01-01&endDate=2026-01-01&x=1", "x"),
        ("/api/query?%ff%fe=%00", "\u{fffd}\u{fffd}"),
        ("/api/results/00000000-0000-4000-8000-000000000000?wait=soon", "wait"),
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(json(answer).await["field"], field);
    }
    let posted =
        rig.http.post(format!("{url}?startDate=2026-01-01")).body("{}").send().await.unwrap();
    assert_eq!(posted.status(), 400);
}

#[tokio::test]
async fn nonsense_on_the_wire_breaks_nothing() {
    let rig = Rig::start(Options::default()).await;
    let address = rig.base.trim_start_matches("http://").to_owned();
    for nonsense in [
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{0}\u{1}\u{2}",
        "POST /api/query HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        "POST /api/query HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
        "POST /api/query HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "GET /api/query?startDate=%zz&endDate=%c3%28 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET /api/results/../../x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(nonsense.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let status = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
        assert!(!status.contains(" 5"), "{nonsense:?}: {status}");
        assert_eq!(rig.get("/healthz").await.status(), 200, "{nonsense:?}");
    }
}

#[tokio::test]
async fn every_path_answers_its_methods_and_only_those() {
    let rig = Rig::start(Options::default()).await;
    for path in [
        "/",
        "/form",
        "/api/latest",
        "/api/summary",
        "/dataset",
        "/dataset.jsonld",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/assets/page.js",
    ] {
        assert_eq!(rig.get(path).await.status(), 200, "{path}");
        let head = rig.http.head(format!("{}{path}", rig.base)).send().await.unwrap();
        assert_eq!(head.status(), 200, "HEAD {path}");
        let posted = rig.http.post(format!("{}{path}", rig.base)).send().await.unwrap();
        assert_eq!(posted.status(), 405, "{path}");
        assert_eq!(posted.headers()["allow"], "GET, HEAD");
    }
    assert_eq!(rig.get("/nowhere").await.status(), 404);
    assert_eq!(rig.get("/api/results/x").await.status(), 404);
    let deleted = rig.http.delete(format!("{}/api/query", rig.base)).send().await.unwrap();
    assert_eq!(deleted.status(), 405);
    let preflight = rig
        .http
        .request(reqwest::Method::OPTIONS, format!("{}/api/query", rig.base))
        .header("origin", "https://example.org")
        .header("access-control-request-method", "POST")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn the_openapi_document_names_every_field_and_route() {
    let rig = Rig::start(Options::default()).await;
    let document = json(rig.get("/openapi.json").await).await;
    let named = document["components"]["schemas"]["Query"]["properties"].as_object().unwrap();
    let mut named: Vec<_> = named.keys().map(String::as_str).collect();
    let mut fields = airshed::request::FIELDS;
    named.sort_unstable();
    fields.sort_unstable();
    assert_eq!(named, fields);
    let mut routes: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    routes.sort_unstable();
    let mut known = [
        "/api/area",
        "/api/estimate",
        "/api/events",
        "/api/latest",
        "/api/push",
        "/api/query",
        "/.well-known/security.txt",
        "/api/query.csv-metadata.json",
        "/api/jobs",
        "/api/results/{id}",
        "/api/results/{id}/csv-metadata.json",
        "/api/results/{id}/status",
        "/api/sensors/{id}",
        "/api/series",
        "/api/summary",
        "/dataset",
        "/data/{network}/{window}/{file}",
        "/dataset.jsonld",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/readyz",
    ];
    known.sort_unstable();
    assert_eq!(routes, known);
}

/// A field of the query, with a value that is valid beside [`ALL`].
fn example(field: &str) -> &'static str {
    match field {
        "startDate" => "2026-01-01",
        "endDate" => "2026-01-31",
        "index" => "us_aqi",
        "strict" | "bom" | "metadata" | "indoor" => "true",
        "country" => "DE",
        "range" => "Low",
        "minAqi" => "2",
        "maxAqi" => "5",
        "alarm" => "confirmed",
        "columns" => "timestamp",
        "format" => "csv",
        "dialect" => "spreadsheet",
        "delimiter" => "comma",
        "decimal" => "point",
        "network" => "sensor.community",
        "sensor" => "7",
        "sensorType" => "SDS011",
        "window" => "day",
        "mean" => "24h",
        "tz" => "Europe/Berlin",
        "times" => "local",
        "bbox" => "0,0,1,1",
        "near" => "0,0,1",
        "without" => "zero",
        "quality" => "all",
        "limit" => "5",
        "callback" => "https://example.org/",
        other => panic!("{other} has no example"),
    }
}

#[tokio::test]
async fn the_openapi_document_names_the_fields_that_each_route_takes() {
    let sender = airshed::webhooks::WebhookSender::new(airshed::webhooks::Range::Public).unwrap();
    let (window, webhooks) = (Some(store::Window::Day), Some(Arc::new(sender) as _));
    let rig = Rig::start(Options { window, webhooks, ..Options::default() }).await;
    let document = json(rig.get("/openapi.json").await).await;
    let shared = &document["components"]["parameters"];
    for (route, needed) in [
        ("/api/query", ""),
        ("/api/query.csv-metadata.json", ""),
        ("/api/estimate", ""),
        ("/api/latest", ""),
        ("/api/summary", ""),
        ("/api/series", "sensor=7"),
        ("/api/area", "bbox=0,0,1,1"),
    ] {
        let listed = document["paths"][route]["get"]["parameters"].as_array().unwrap();
        let listed: Vec<_> = listed
            .iter()
            .map(|one| match one["$ref"].as_str() {
                None => one["name"].as_str().unwrap(),
                Some(name) => shared[name.rsplit('/').next().unwrap()]["name"].as_str().unwrap(),
            })
            .collect();
        for field in airshed::request::FIELDS {
            let mut fields = vec![("startDate", "2026-01-01"), ("endDate", "2026-01-31")];
            fields.extend(needed.split_once('='));
            match field {
                "alarm" => fields.push(("minAqi", "2")),
                "mean" => fields.push(("window", "24h")),
                "times" => fields.push(("tz", "Europe/Berlin")),
                _ => {}
            }
            let others = if field == "near" { "bbox" } else { field };
            fields.retain(|(name, _)| *name != field && *name != others);
            fields.push((field, example(field)));
            let query: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = rig.get(&format!("{route}?{}", query.join("&"))).await;
            let is_refused = answer.status() == 400;
            let text = answer.text().await.unwrap();
            assert_eq!(is_refused, !listed.contains(&field), "{route}?{}: {text}", query.join("&"));
        }
    }
}

#[tokio::test]
async fn readiness_and_metrics_tell_the_datas_age() {
    let rig = Rig::start(Options::default()).await;
    let empty = json(rig.get("/readyz").await).await;
    assert_eq!((&empty["ready"], &empty["dataAgeSeconds"]), (&json!(true), &json!(null)));
    let newest = super::support::at("2026-02-01T11:00:00Z");
    let newest = Reading::new(1, store::Window::Day24, newest);
    rig.store.put(&[Reading { pm10: Some(5.into()), ..newest }]).await.unwrap();
    let ready = json(rig.get("/readyz").await).await;
    assert_eq!((&ready["readings"], &ready["dataAgeSeconds"]), (&json!(1), &json!(3600)));
    let metrics = rig.get("/metrics").await.text().await.unwrap();
    // Other servers of this test process measure into the same registry.
    assert!(metrics.contains("# HELP airshed_data_age_seconds"), "{metrics}");
    assert!(metrics.contains("airshed_queries_in_flight"), "{metrics}");
}

#[tokio::test]
async fn beyond_the_room_queries_become_jobs_and_beyond_the_queue_they_are_refused() {
    let options = Options { in_flight: 0, queue_capacity: 2, workers: 0, ..Options::default() };
    let rig = Rig::start(options).await;
    rig.store.put(&readings(3)).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = rig.get(ALL).await;
        assert_eq!(answer.status(), 202);
        assert_eq!(answer.headers()["retry-after"], "1");
        let path = location(&answer);
        let body = json(answer).await;
        assert_eq!(path, format!("/api/results/{}", body["id"].as_str().unwrap()));
        let state = rig.get(&path).await;
        assert_eq!(state.status(), 202);
        let state = json(state).await;
        assert_eq!((&state["status"], &state["state"]), (&json!("processing"), &json!("queued")));
        ids.push(path);
    }
    assert_ne!(ids[0], ids[1]);
    let refused = rig.get(ALL).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(rig.jobs.ids().await.unwrap().len(), 2, "a refused query leaves no record");
}

#[tokio::test]
async fn without_workers_within_reach_no_job_is_promised() {
    let rig = Rig::start(Options { job_backend: false, in_flight: 0, ..Options::default() }).await;
    assert_eq!(rig.get(ALL).await.status(), 503);
    let rig = Rig::start(Options { job_backend: false, ..Options::default() }).await;
    rig.store.put(&readings(3)).await.unwrap();
    assert_eq!(rig.get_as_job(ALL).await.status(), 200);
}

#[tokio::test]
async fn a_browser_without_scripts_is_led_to_its_file() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(3)).await.unwrap();
    let form = rig.get("/").await;
    let policy = form.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'"), "{policy}");
    let form = form.text().await.unwrap();
    assert!(form.contains("<option value=\"DE\">DE (1)</option>"), "{form}");
    assert!(form.contains("Sensor.Community"), "the attribution");
    let ask = rig.http.get(format!("{}{ALL}&country=&minAqi=&range=", rig.base));
    let ask = ask.header("accept", "text/html,*/*").header("prefer", "respond-async");
    // The client follows the redirect; the worker may or may not be done by then.
    let mut answer = ask.send().await.unwrap();
    while answer.status() == 202 {
        let url = answer.url().clone();
        let page = answer.text().await.unwrap();
        assert!(page.contains("http-equiv=\"refresh\""), "{page}");
        answer = rig.http.get(url).header("accept", "text/html").send().await.unwrap();
    }
    assert_eq!(answer.text().await.unwrap().lines().count(), 4);
    let bad = rig.http.get(format!("{}/api/query?startDate=<script>", rig.base));
    let bad = bad.header("accept", "text/html").send().await.unwrap();
    assert_eq!(bad.status(), 400);
    let page = bad.text().await.unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("`<script"), "{page}");
}

#[tokio::test]
async fn answers_are_compressed_for_whom_accepts_it() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(60_000)).await.unwrap();
    let plain = rig.get(ALL).await;
    assert!(!plain.headers().contains_key("content-encoding"));
    let plain = plain.bytes().await.unwrap();
    let ask = async |encoding: &str, path: &str| {
        let request = rig.http.get(format!("{}{path}", rig.base));
        request.header("accept-encoding", encoding).send().await.unwrap()
    };
    let answer = ask("br, zstd", ALL).await;
    assert_eq!(answer.headers()["content-encoding"], "zstd");
    assert!(answer.headers()["vary"].to_str().unwrap().contains("accept-encoding"));
    let compressed = answer.bytes().await.unwrap();
    assert!(compressed.len() * 4 < plain.len());
    assert!(zstd::decode_all(&compressed[..]).unwrap() == plain);
    let answer = ask("gzip;q=0.5, zstd;q=0", ALL).await;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let gunzips = reqwest::Client::new();
    let answer = gunzips.get(format!("{}{ALL}", rig.base)).send().await.unwrap();
    assert!(answer.bytes().await.unwrap() == plain);

    let parquet = ask("gzip, zstd", &format!("{ALL}&format=parquet")).await;
    assert!(!parquet.headers().contains_key("content-encoding"));
    assert_eq!(parquet.headers()["content-type"], "application/vnd.apache.parquet");
    let queued = rig.get_as_job(ALL).await;
    let result = ask("zstd", &format!("{}?wait=30", location(&queued))).await;
    assert_eq!(result.headers()["content-encoding"], "zstd");
    assert!(result.headers()["etag"].to_str().unwrap().starts_with("W/\""));
}

#[tokio::test]
async fn a_stop_lets_open_answers_end_and_takes_no_more() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(100_000)).await.unwrap();
    let open = rig.get(ALL).await;
    assert_eq!(open.status(), 200);
    rig.stop.cancel();
    let text = open.text().await.unwrap();
    assert_eq!(text.lines().count(), 100_001);
    rig.server.await.unwrap();
    let refused = rig.http.get(format!("{}/healthz", rig.base)).send().await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn not_ready_before_the_first_collection_has_ended_nor_while_the_store_takes_no_readings() {
    let feed = Arc::new(FeedStatus::starting(false));
    let rig = Rig::start(Options { feed: Arc::clone(&feed), ..Options::default() }).await;
    let waiting = rig.get("/readyz").await;
    assert_eq!(waiting.status(), 503);
    assert_eq!(json(waiting).await["reason"], "the first collection has not finished");
    // It ends, with or without success.
    let broken = RawServer::start(vec![answer("500 Oh", "", "")]).await;
    let mut collector = collector(&broken.url, Arc::clone(&rig.store));
    collector.status = feed;
    // It is tried again for a day, and ready after the first time.
    let until = Some(super::support::at("2026-02-02T12:00:00Z"));
    let stop = rig.stop.clone();
    let patient = tokio::spawn(async move { collector.collect_patiently(until, &stop).await });
    let waiting = async {
        while rig.get("/readyz").await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
    patient.abort();
    let ready = rig.get("/readyz").await;
    assert_eq!(ready.status(), 200);
    let ready = json(ready).await;
    let failure = &ready["feed"]["failure"];
    assert_eq!(
        (&failure["code"], &failure["reason"]),
        (&json!("status"), &json!("the feed's server answered 500"))
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings.redb");
    let store = store::Embedded::open(&path, store::Options::default()).unwrap();
    // Whether it collects or not.
    let options = Options { store: Arc::new(store), collects: false, ..Options::default() };
    let rig = Rig::start(options).await;
    assert_eq!(rig.get("/readyz").await.status(), 200);
    std::fs::remove_file(&path).unwrap();
    let refused = rig.get("/readyz").await;
    assert_eq!(refused.status(), 503);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("the store rejects writes"), "{refused}");
    assert!(!refused.contains("redb"), "no path of the server: {refused}");
    let error = rig.store.put(&readings(1)).await.unwrap_err();
    assert!(error.to_string().contains("readings.redb"), "{error}");
}

#[tokio::test]
async fn one_clock_ahead_makes_no_old_data_new() {
    let rig = Rig::start(Options::default()).await;
    let reading = |sensor, moment: &str| Reading {
        pm10: Some(8.into()),
        ..Reading::new(sensor, store::Window::Day24, super::support::at(moment))
    };
    // All of 30 hours ago, and one of tomorrow.
    let old = (1..=10).map(|sensor| reading(sensor, "2026-01-31T06:00:00Z"));
    let batch: Vec<_> = old.chain([reading(11, "2026-02-02T11:00:00Z")]).collect();
    rig.store.put(&batch).await.unwrap();
    let summary = json(rig.get("/api/summary").await).await;
    assert_eq!(summary["newest"], "2026-01-31T06:00:00Z");
    assert_eq!((&summary["dataAgeSeconds"], &summary["stale"]), (&json!(30 * 3600), &json!(true)));
    let latest = json(rig.get("/api/latest").await).await;
    let features = latest["features"].as_array().unwrap();
    assert_eq!(features.len(), 10, "what has not been yet is not the newest");
    assert!(features.iter().all(|feature| feature["properties"].get("ageHours").is_none()));
}

#[tokio::test]
async fn the_reports_program_finds_what_it_expects() {
    let rig = Rig::start(Options::default()).await;
    let hour: Vec<_> = readings(300)
        .into_iter()
        .map(|reading| Reading {
            country: Some("DE".parse().unwrap()),
            pm10: Some((reading.sensor.id % 12 + 1).into()),
            ..reading
        })
        .collect();
    rig.store.put(&hour).await.unwrap();
    let payload = json!({
        "id": "5c8e", "startDate": "2026-01-01 00:00:00", "endDate": "2026-01-01 01:00:00",
        "country": "DE", "minAqi": 0, "maxAqi": 10, "range": "Low",
    });
    let asked = (0..1000).map(|_| {
        let request = rig.http.post(format!("{}/api/query", rig.base));
        let request = request.header("content-type", "application/json");
        let request = request.body(payload.to_string()).send();
        async { request.await.unwrap().status().as_u16() }
    });
    let statuses: Vec<_> = futures::stream::iter(asked).buffer_unordered(100).collect().await;
    let direct = statuses.iter().filter(|status| **status == 200).count();
    let queued = statuses.iter().filter(|status| **status == 202).count();
    assert_eq!(direct + queued, 1000, "{statuses:?}");
    // Nothing found, for a client that reads text.
    let nothing = rig
        .http
        .get(format!("{}/api/query?startDate=2020-01-01&endDate=2020-01-01", rig.base))
        .header("accept", "text/plain, application/json;q=0.5")
        .send()
        .await
        .unwrap();
    assert_eq!(nothing.status(), 404);
    assert_eq!(nothing.text().await.unwrap(), "No data found.");
}
