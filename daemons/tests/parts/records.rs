//! Records of jobs that outlive their files: cited, and compared with what is made again.

use std::collections::BTreeSet;
use std::sync::Arc;

use airshed::jobs::{Job, Jobs, State};
use airshed::objects::Objects;
use airshed::sweeper::Sweeper;
use airshed::trace::RequestContext;
use futures::TryStreamExt;
use jiff::SignedDuration;
use object_store::ObjectStore;
use proptest::prelude::*;
use serde_json::{Value, json as value};
use store::{Reading, Window};

use super::support::{Options, Rig, at, in_memory, json, location, readings};

const QUERY: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-05";

/// A reading at noon of a day of January.
fn reading(sensor: u64, day: i64, value: u32) -> Reading {
    let noon = at("2025-12-31T12:00:00Z") + SignedDuration::from_hours(24 * day);
    Reading { pm10: Some(value.into()), ..Reading::new(sensor, Window::Day24, noon) }
}

/// Asks for a file as a job and fetches it.
async fn made(rig: &Rig, query: &str) -> (String, Vec<u8>) {
    let job = location(&rig.get_as_job(query).await);
    let answer = rig.get(&format!("{job}?wait=30")).await;
    assert_eq!(answer.status(), 200);
    (job, answer.bytes().await.unwrap().to_vec())
}

async fn delete(rig: &Rig, job: &str) {
    let deleted = rig.http.delete(format!("{}{job}", rig.base)).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
}

async fn post(rig: &Rig, job: &str) -> reqwest::Response {
    rig.http.post(format!("{}{job}", rig.base)).send().await.unwrap()
}

/// Makes the file of a job again; the new job, and how its file compares.
async fn again(rig: &Rig, job: &str) -> (String, Value) {
    let answer = post(rig, job).await;
    assert_eq!(answer.status(), 202);
    let next = location(&answer);
    let status = json(rig.get(&format!("{next}/status?wait=30")).await).await;
    assert_eq!(status["state"], "done", "{status}");
    (next, status["record"]["compared"].clone())
}

#[tokio::test]
async fn what_was_fetched_is_remembered_with_a_citation_when_the_file_is_gone() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(1234)).await.unwrap();
    let (job, file) = made(&rig, &format!("{QUERY}&country=DE,FR&format=ndjson")).await;
    let status = json(rig.get(&format!("{job}/status")).await).await;
    delete(&rig, &job).await;
    let gone = rig.get(&job).await;
    assert_eq!(gone.status(), 410);
    let gone = json(gone).await;
    let record = &gone["record"];
    assert_eq!(*record, status["record"], "the same before and after");
    let after = json(rig.get(&format!("{job}/status")).await).await;
    assert_eq!((&after["state"], &after["record"]), (&value!("expired"), record));

    let rows = file.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!((&record["rows"], &record["bytes"]), (&value!(rows), &value!(file.len())));
    let sha256 = airshed_sha256(&file);
    assert_eq!(record["sha256"], sha256);
    assert_eq!(record["licences"], value!([store::LICENCE]));
    assert_eq!(record["query"]["country"], "DE,FR");
    assert_eq!(record["software"], store::SOFTWARE);
    assert!(record["madeFrom"].is_string());
    let citation = record["citation"].as_str().unwrap();
    for part in [
        "Sensor.Community contributors, Open Database License (ODbL) 1.0. Air-quality readings",
        "2026-01-01T00:00:00Z to 2026-01-05T23:59:59Z, DE FR",
        "UK Daily Air Quality Index (uk_daqi:2013)",
        "Made on 2026-02-01 by Airshed ",
        &format!("{rows} rows, {} bytes, SHA-256 {sha256}", file.len()),
        &format!("{}{job}", rig.base),
    ] {
        assert!(citation.contains(part), "{part} is not in {citation}");
    }
    assert!(gone["detail"].as_str().unwrap().contains(citation));
}

fn airshed_sha256(file: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn made_again_a_file_is_equal_or_the_days_that_changed_are_named() {
    for query in
        [QUERY.to_owned(), format!("{QUERY}&format=parquet"), format!("{QUERY}&format=geojson")]
    {
        let rig = Rig::start(Options::default()).await;
        let five: Vec<_> = (1..=5).map(|day| reading(7, day, 20)).collect();
        rig.store.put(&five).await.unwrap();
        let (job, file) = made(&rig, &query).await;
        delete(&rig, &job).await;

        let (second, compared) = again(&rig, &job).await;
        assert_ne!(second, job);
        assert_eq!(compared["equal"], true);
        assert_eq!(compared["changed"], value!([]));
        assert_eq!(compared["before"]["rows"], 5);
        assert!(job.ends_with(compared["id"].as_str().unwrap()));
        assert_eq!(rig.get(&second).await.bytes().await.unwrap(), file);

        rig.store.put(&[reading(7, 2, 30), reading(8, 4, 5), reading(9, 9, 5)]).await.unwrap();
        for earlier in [&job, &second] {
            let (_, compared) = again(&rig, earlier).await;
            assert_eq!(compared["equal"], false);
            assert_eq!(
                compared["changed"],
                value!([
                    { "from": "2026-01-02T00:00:00Z", "until": "2026-01-02T23:59:59Z" },
                    { "from": "2026-01-04T00:00:00Z", "until": "2026-01-04T23:59:59Z" },
                ])
            );
            assert_eq!(compared["before"]["rows"], 5);
            assert_eq!(compared["before"]["sha256"], airshed_sha256(&file));
        }
    }
}

/// Not days on which only other readings have changed, and not those that were there and are again.
#[tokio::test]
async fn the_days_that_changed_are_those_of_the_files_rows() {
    let rig = Rig::start(Options::default()).await;
    let four: Vec<_> = (1..=4).flat_map(|day| [reading(7, day, 20), reading(8, day, 20)]).collect();
    rig.store.put(&four).await.unwrap();
    let path = format!("{QUERY}&sensor=7&columns=timestamp,P1");
    let (job, _) = made(&rig, &path).await;
    rig.store.put(&[reading(8, 1, 99), reading(9, 2, 5), reading(7, 3, 30)]).await.unwrap();
    let (second, compared) = again(&rig, &job).await;
    let third = value!([{ "from": "2026-01-03T00:00:00Z", "until": "2026-01-03T23:59:59Z" }]);
    assert_eq!(compared["changed"], third);
    // A column that the file does not have.
    let moved = Reading { location: Some(5), ..reading(7, 4, 20) };
    rig.store.put(&[moved, reading(7, 3, 20)]).await.unwrap();
    let (_, compared) = again(&rig, &second).await;
    assert_eq!((&compared["equal"], &compared["changed"]), (&value!(false), &third));
    let (_, compared) = again(&rig, &job).await;
    assert_eq!((&compared["equal"], &compared["changed"]), (&value!(true), &value!([])));
}

#[tokio::test]
async fn only_a_job_with_a_file_can_be_made_again() {
    let rig = Rig::start(Options { workers: 0, ..Options::default() }).await;
    assert_eq!(post(&rig, &format!("/api/results/{}", uuid::Uuid::new_v4())).await.status(), 404);
    assert_eq!(post(&rig, "/api/results/x").await.status(), 404);
    let queued = location(&rig.get_as_job(QUERY).await);
    let refused = post(&rig, &queued).await;
    assert_eq!(refused.status(), 409);
    assert!(json(refused).await["detail"].as_str().unwrap().contains("queued"));
}

/// However often it is asked for while nothing changes.
#[tokio::test]
async fn a_file_is_made_again_once() {
    let fresh_for = SignedDuration::from_mins(10);
    let rig = Rig::start(Options { fresh_for, ..Options::default() }).await;
    rig.store.put(&[reading(7, 1, 20)]).await.unwrap();
    let (job, _) = made(&rig, QUERY).await;
    let (second, _) = again(&rig, &job).await;
    assert_ne!(second, job);
    for _ in 0..3 {
        let same = location(&post(&rig, &job).await);
        let id = same.rsplit('/').next().unwrap().parse().unwrap();
        let work = rig.jobs.get(id).await.unwrap().unwrap().work_id();
        assert_eq!(format!("/api/results/{work}"), second);
    }
    let (third, _) = again(&rig, &second).await;
    assert_ne!(third, second, "compared with another");
}

/// Jobs among the same objects, at another time.
fn at_time(objects: &Objects, text: &'static str) -> Jobs {
    Jobs::new(objects.clone(), Arc::new(move || at(text)), SignedDuration::from_hours(24))
}

async fn sweep(jobs: &Jobs) {
    let queues = queue::open("channel:", 10, 1).await.unwrap();
    Sweeper::new(jobs.clone(), Arc::clone(&queues.requests)).sweep().await.unwrap();
}

#[tokio::test]
async fn records_of_fetched_files_are_kept_for_good_and_others_forgotten() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&[reading(7, 1, 20)]).await.unwrap();
    let (path, _) = made(&rig, QUERY).await;
    let cited =
        rig.jobs.get(path.rsplit('/').next().unwrap().parse().unwrap()).await.unwrap().unwrap();
    assert!(cited.is_lasting());
    // As they stand in another store.
    let objects = in_memory();
    let first = at_time(&objects, "2026-02-01T12:00:00Z");
    let mut ids = Vec::new();
    for fetched in [cited.fetched, None] {
        let made = first.create(serde_json::Map::new(), RequestContext::default()).await.unwrap();
        let job = Job { made: cited.made.clone(), fetched, attempts: 1, ..made };
        ids.push(first.update(&job, cited.state.clone()).await.unwrap().id);
    }
    let expired = at_time(&objects, "2026-02-02T12:00:00Z");
    sweep(&expired).await;
    assert_eq!(
        expired.ids().await.unwrap(),
        [ids[1]],
        "those for good are not read at every sweep"
    );
    let years_later = at_time(&objects, "2036-02-02T12:00:00Z");
    sweep(&years_later).await;
    let kept = years_later.get(ids[0]).await.unwrap().unwrap();
    assert_eq!((&kept.state, &kept.made), (&State::Expired, &cited.made));
    assert_eq!(years_later.get(ids[1]).await.unwrap(), None);
    let left: Vec<_> = objects.list(None).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].location.to_string(), format!("records/{}.json", ids[0]));
}

#[tokio::test]
async fn a_record_of_an_earlier_version_is_read() {
    let objects = in_memory();
    let id = uuid::Uuid::new_v4();
    let text = value!({
        "id": id, "status": "done", "rows": 1, "bytes": 5, "sha256": "00",
        "expires": "2026-02-02T12:00:00Z", "query": {}, "created": "2026-02-01T12:00:00Z",
        "updated": "2026-02-01T12:00:00Z", "attempts": 1, "madeFrom": "7",
    });
    let path = object_store::path::Path::from(format!("jobs/{id}.json"));
    objects.put_opts(&path, text.to_string().into(), Default::default()).await.unwrap();
    let job = at_time(&objects, "2026-02-01T13:00:00Z").get(id).await.unwrap().unwrap();
    assert_eq!((job.state.name(), job.made.as_ref(), job.is_lasting()), ("done", None, false));
    let later = at_time(&objects, "2026-03-01T13:00:00Z");
    sweep(&later).await;
    assert_eq!(later.get(id).await.unwrap(), None);
}

/// Puts of a sensor's value on a day.
fn puts() -> impl Strategy<Value = Vec<(u64, i64, u32)>> {
    proptest::collection::vec((1u64..4, 1i64..8, 1u32..5), 1..6)
}

/// Whatever is put between: a file is said to be equal when it is, and every day whose rows differ is
/// among the changed ones.
#[test]
fn a_comparison_is_that_of_the_files() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() };
    proptest!(config, |(before in puts(), between in puts(), country in any::<bool>())| {
        runtime.block_on(async {
            let rig = Rig::start(Options::default()).await;
            let put = async |puts: &[(u64, i64, u32)]| {
                let reading = |(sensor, day, value): &(u64, i64, u32)| Reading {
                    country: country.then(|| "DE".parse().unwrap()),
                    ..reading(*sensor, *day, *value)
                };
                rig.store.put(&puts.iter().map(reading).collect::<Vec<_>>()).await.unwrap();
            };
            put(&[(1, 1, 1)]).await; // never without a row
            put(&before).await;
            let (job, first) = made(&rig, QUERY).await;
            put(&between).await;
            let (next, compared) = again(&rig, &job).await;
            let second = rig.get(&next).await.bytes().await.unwrap();
            assert_eq!(compared["equal"], first == second);
            let rows = |file: &[u8]| -> BTreeSet<String> {
                String::from_utf8(file.to_vec()).unwrap().lines().map(str::to_owned).collect()
            };
            let changed = compared["changed"].as_array().unwrap();
            for row in rows(&first).symmetric_difference(&rows(&second)) {
                let timestamp = row.split(',').nth(1).unwrap();
                let is_within = |range: &Value| {
                    (range["from"].as_str().unwrap()..=range["until"].as_str().unwrap()).contains(&timestamp)
                };
                assert!(changed.iter().any(is_within), "{row} is not within {changed:?}");
            }
            let days: BTreeSet<_> = between.iter().map(|(_, day, _)| (*day).min(5)).collect();
            assert!(changed.len() <= days.len(), "only days that were put to: {changed:?}");
            rig.stop.cancel();
        });
    });
}
