//! Answers that are given again: the same bytes in every form, and never old ones.

use std::io::Read;
use std::sync::Arc;

use airshed::networks::{Networks, Terms};
use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH};
use store::{Memory, Network, Reading, Store, Window};

use super::support::{Options, Rig, at, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

/// The body, unpacked.
async fn body(answer: reqwest::Response) -> Vec<u8> {
    let encoding = answer.headers().get(CONTENT_ENCODING).map(|e| e.to_str().unwrap().to_owned());
    let bytes = answer.bytes().await.unwrap();
    let mut text = Vec::new();
    match encoding.as_deref() {
        Some("gzip") => drop(flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap()),
        Some("zstd") => text = zstd::decode_all(&*bytes).unwrap(),
        _ => text = bytes.to_vec(),
    }
    text
}

async fn ask(rig: &Rig, path: &str, encoding: &str) -> reqwest::Response {
    let request = rig.http.get(format!("{}{path}", rig.base)).header(ACCEPT_ENCODING, encoding);
    request.send().await.unwrap()
}

#[tokio::test]
async fn an_answer_is_the_same_in_every_form_and_every_time() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(30_000)).await.unwrap();
    for format in ["csv", "json", "ndjson", "geojson", "parquet", "arrow"] {
        for filter in ["", "&country=DE&limit=1200", "&sensor=100"] {
            // A concentration of zero is doubtful.
            let rows = rig.get(&format!("{ALL}{filter}&columns=P1")).await.text().await.unwrap();
            let expected = rows.lines().filter(|row| *row == "0").count();
            assert!(expected > 0);
            let path = format!("{ALL}{filter}&format={format}");
            let first = ask(&rig, &path, "identity").await;
            assert_eq!(first.status(), 200);
            let (tag, disposition) =
                (first.headers()[ETAG].clone(), first.headers()["content-disposition"].clone());
            let plain = body(first).await;
            assert!(!plain.is_empty());
            for encoding in ["identity", "gzip", "zstd", "identity", "zstd"] {
                let again = ask(&rig, &path, encoding).await;
                assert_eq!(again.headers()[ETAG], tag);
                assert_eq!(again.headers()["content-disposition"], disposition);
                let doubtful = again.headers()["airshed-doubtful-rows"].to_str().unwrap();
                assert_eq!(doubtful, expected.to_string(), "{path}");
                let given = again.headers().get(CONTENT_ENCODING).map(|e| e.to_str().unwrap());
                let packs = encoding != "identity" && format != "parquet";
                assert_eq!(given, packs.then_some(encoding), "{path}");
                assert!(again.headers().contains_key("content-length"), "{path}");
                assert!(body(again).await == plain, "{path} as {encoding}");
            }
        }
    }
    let metrics = rig.get("/metrics").await.text().await.unwrap();
    let hits = "airshed_cache_total{cache=\"answers\",outcome=\"hit\"}";
    assert!(metrics.lines().any(|line| line.starts_with(hits)), "{metrics}");
}

#[tokio::test]
async fn a_client_that_has_an_answer_is_told_so_until_it_changes() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(100)).await.unwrap();
    let first = rig.get(ALL).await;
    let tag = first.headers()[ETAG].clone();
    assert!(tag.to_str().unwrap().starts_with("W/"), "also of its compressed forms");
    let asked = async || {
        let request = rig.http.get(format!("{}{ALL}", rig.base)).header(IF_NONE_MATCH, &tag);
        request.send().await.unwrap()
    };
    // A star stands for any answer, but there has to be one.
    let empty = format!("{}/api/query?startDate=2020-01-01&endDate=2020-01-31", rig.base);
    let starred = rig.http.get(empty).header(IF_NONE_MATCH, "*").send().await.unwrap();
    assert_eq!(starred.status(), StatusCode::NOT_FOUND);
    let unchanged = asked().await;
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.headers()[ETAG], tag);
    assert!(unchanged.bytes().await.unwrap().is_empty());
    // Another day is not what was asked for.
    let mut other = Reading::new(7, Window::Hour, at("2026-02-01T12:00:00Z"));
    other.pm10 = Some(20.into());
    rig.store.put(&[other.clone()]).await.unwrap();
    assert_eq!(asked().await.status(), StatusCode::NOT_MODIFIED);
    other.timestamp = at("2026-01-01T12:00:00Z");
    rig.store.put(&[other]).await.unwrap();
    let changed = asked().await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers()[ETAG], tag);
    assert_eq!(changed.text().await.unwrap().lines().count(), 102);
}

#[tokio::test]
async fn what_is_kept_takes_no_place() {
    let rig = Rig::start(Options { in_flight: 0, workers: 0, ..Options::default() }).await;
    rig.store.put(&readings(5000)).await.unwrap();
    assert_eq!(rig.get(ALL).await.status(), 202, "there is no place");
    let few = format!("{ALL}&limit=1000");
    let first = rig.get(&few).await.text().await.unwrap();
    assert_eq!(rig.get(&few).await.text().await.unwrap(), first);
}

/// Puts, deletions and questions in any order: a server that keeps answers says what one says
/// that keeps none.
#[test]
fn no_answer_is_older_than_what_it_is_of() {
    let step = prop_oneof![
        2 => (0..40u64, 0..3i64).prop_map(|(sensor, day)| (0, sensor, day)),
        1 => (0..3i64).prop_map(|day| (1, 0, day)),
        1 => (0..3i64).prop_map(|day| (3, 0, day)),
        8 => (0..6u64, 0..3i64).prop_map(|(question, encoding)| (2, question, encoding)),
    ];
    let steps = proptest::collection::vec(step, 1..60);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = ProptestConfig::default();
    config.cases = config.cases.min(256) / 8;
    proptest!(config, |(steps in steps)| {
        runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(Memory::new());
            let networks = Arc::new(Networks::default().with("my-school".parse().unwrap(), Terms::new("My school", None)));
            let options = || Options { store: Arc::clone(&store), networks: Arc::clone(&networks), ..Options::default() };
            let keeps = Rig::start(options()).await;
            let other = Options { kept_answers: 0, ..options() };
            let forgets = Rig::start(other).await;
            let mut network = "my-school".parse().unwrap();
            for (number, (kind, one, two)) in (1i64..).zip(steps) {
                let day = at("2026-01-10T00:00:00Z") + jiff::SignedDuration::from_hours(24 * two);
                match kind {
                    0 => {
                        let mut reading = Reading::new(one, Window::Hour, day);
                        reading.pm25 = Some(number.into());
                        reading.sensor.network = network;
                        reading.country = Some(["DE", "FR"][one as usize % 2].parse().unwrap());
                        store.put(&[reading]).await.unwrap();
                    }
                    1 => drop(store.delete_before(day).await.unwrap()),
                    // What a number of a sensor means depends on the networks that are there.
                    3 => network = Network::SENSOR_COMMUNITY,
                    _ => {
                        let filter = [
                            "",
                            "&country=DE",
                            "&minAqi=3",
                            "&quality=plausible",
                            "&sensor=6&columns=sensor_id,network,P2",
                            "&sensor=6&network=my-school",
                        ][one as usize];
                        let path = format!("{ALL}{filter}");
                        let encoding = ["identity", "gzip", "zstd"][two as usize];
                        let [kept, anew] = [&keeps, &forgets].map(|rig| ask(rig, &path, encoding));
                        let (kept, anew) = (kept.await, anew.await);
                        assert_eq!(kept.status(), anew.status());
                        if kept.status() == 200 {
                            assert!(!anew.headers().contains_key(ETAG));
                            assert_eq!(body(kept).await, body(anew).await);
                        }
                    }
                }
            }
            keeps.stop.cancel();
            forgets.stop.cancel();
        });
    });
}

/// The encoding that a client prefers, by RFC 9110: of a response that is computed, and of a cached
/// one.
#[tokio::test]
async fn a_client_gets_the_encoding_that_it_prefers_the_first_time_and_later() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(3000)).await.unwrap();
    let preferences = [
        ("zstd;q=0.1, gzip;q=1", Some("gzip")),
        ("gzip, zstd", Some("zstd")),
        ("gzip;q=0.1, identity;q=1", None),
        ("GZIP;Q=0.5", Some("gzip")),
        ("gzip;Q=0", None),
        ("gzip;q=abc", None),
        ("x-gzip", Some("gzip")),
        ("*", Some("gzip")),
        ("*;q=0", None),
        ("identity;q=0, br", None),
        ("", None),
    ];
    for (number, (accepted, expected)) in preferences.into_iter().enumerate() {
        let path = format!("{ALL}&limit={}", 2000 + number);
        for turn in ["computed", "cached"] {
            let answer = ask(&rig, &path, accepted).await;
            assert_eq!(answer.status(), 200, "{accepted}, {turn}");
            let given = answer.headers().get(CONTENT_ENCODING).map(|e| e.to_str().unwrap());
            assert_eq!(given, expected, "{accepted}, {turn}");
            let rows = body(answer).await.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(rows, 2001 + number);
        }
    }
}

#[tokio::test]
async fn tags_are_compared_whole() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(100)).await.unwrap();
    let tag = rig.get(ALL).await.headers()[ETAG].to_str().unwrap().to_owned();
    let opaque = tag.trim_start_matches("W/");
    let known =
        [opaque.to_owned(), format!("\"a,b\", {tag}"), format!("\"*\",{opaque}"), "*".into()];
    let unknown = [format!("W/{tag}"), "\"x,*,y\"".into(), opaque.replace('"', ""), "\"\"".into()];
    for (tags, status) in known.map(|t| (t, 304)).into_iter().chain(unknown.map(|t| (t, 200))) {
        let request = rig.http.get(format!("{}{ALL}", rig.base)).header(IF_NONE_MATCH, &tags);
        assert_eq!(request.send().await.unwrap().status(), status, "{tags}");
    }
    // With POST it does not ask for a file that the client has.
    let request = rig.http.post(format!("{}/api/query", rig.base)).header(IF_NONE_MATCH, &tag);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.body("startDate=2026-01-01&endDate=2026-01-31");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}
