//! Jobs: every one ends, and its file is the direct answer's.

use std::sync::Arc;
use std::time::Duration;

use airshed::jobs::{Jobs, State};
use airshed::request::Ask;
use airshed::worker::{self, message};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use object_store::memory::InMemory;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Error, Memory, Page, Position, Query, Reading, Store, Summary, View};
use uuid::Uuid;

use super::support::{Options, Rig, at, clock, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

#[tokio::test]
async fn a_jobs_file_is_the_direct_answer() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(60_000)).await.unwrap();
    let formats = ["json", "ndjson", "geojson", "parquet", "arrow", "csv&decimal=comma&bom=1"];
    let filters = ["", "&country=FR", "&minAqi=7&columns=all"].map(str::to_owned).into_iter();
    for filter in filters.chain(formats.map(|format| format!("&country=FR&format={format}"))) {
        let direct = rig.get(&format!("{ALL}{filter}")).await.bytes().await.unwrap();
        let queued = rig.get_as_job(&format!("{ALL}{filter}")).await;
        assert_eq!(queued.status(), 202);
        let result = rig.get(&format!("{}?wait=30", location(&queued))).await;
        assert_eq!(result.status(), 200);
        let again = rig.get(&format!("{ALL}{filter}")).await;
        for header in ["content-type", "content-disposition"] {
            assert_eq!(result.headers()[header], again.headers()[header]);
        }
        let hash: String = Sha256::digest(&direct).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(result.headers()["etag"], format!("\"{hash}\""));
        assert_eq!(result.headers()["content-length"], direct.len().to_string());
        assert!(result.bytes().await.unwrap() == direct);
        // And again: a result can be read more than once.
        assert_eq!(rig.get(&location(&queued)).await.bytes().await.unwrap(), direct);
    }
}

#[tokio::test]
async fn a_job_without_rows_says_so() {
    let rig = Rig::start(Options::default()).await;
    let queued = rig.get_as_job(ALL).await;
    let result = rig.get(&format!("{}?wait=30", location(&queued))).await;
    assert_eq!(result.status(), 404);
    assert_eq!(json(result).await["detail"], "No data found.");
}

#[tokio::test]
async fn waiting_ends_with_the_job_or_with_the_wait() {
    let rig = Rig::start(Options { workers: 0, ..Options::default() }).await;
    let queued = rig.get_as_job(ALL).await;
    let still = rig.get(&format!("{}?wait=1", location(&queued))).await;
    assert_eq!(
        (still.status().as_u16(), json(still).await["status"].clone()),
        (202, json!("queued"))
    );
    // Stopping the server ends a wait as well.
    let path = format!("{}{}?wait=60", rig.base, location(&queued));
    let waiting = tokio::spawn(rig.http.get(path).send());
    rig.stop.cancel();
    let answer =
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("no long wait");
    if let Ok(answer) = answer.unwrap() {
        assert_eq!(answer.status(), 202);
    }
}

#[tokio::test]
async fn what_a_stop_interrupted_is_taken_up_again() {
    let rig = Rig::start(Options { workers: 0, ..Options::default() }).await;
    rig.store.put(&readings(10)).await.unwrap();
    let path = location(&rig.get_as_job(ALL).await);
    // The queue within the process is gone; the record is not.
    let fresh = queue::open("channel:", 10).await.unwrap();
    assert_eq!(worker::resume(&rig.jobs, fresh.requests.as_ref()).await.unwrap(), 1);
    let worker = worker::Worker {
        store: Arc::clone(&rig.store),
        queues: fresh,
        jobs: rig.jobs.clone(),
        concurrency: 1,
    };
    tokio::spawn(worker::run(worker, rig.stop.clone()));
    assert_eq!(rig.get(&format!("{path}?wait=30")).await.status(), 200);
}

#[tokio::test]
async fn a_job_that_cannot_be_done_fails_with_the_reason() {
    let rig = Rig::start(Options::default()).await;
    let unreadable = json!({ "startDate": "once upon a time" }).as_object().unwrap().clone();
    let job = rig.jobs.create(unreadable).await.unwrap();
    rig.queues.requests.send(&message(job.id)).await.unwrap();
    let answer = rig.get(&format!("/api/results/{}?wait=30", job.id)).await;
    assert_eq!(answer.status(), 500);
    let problem = json(answer).await;
    assert_eq!(problem["retryable"], false);
    assert!(problem["detail"].as_str().unwrap().contains("startDate"), "{problem}");
}

#[tokio::test]
async fn a_job_that_was_begun_too_often_fails() {
    let rig = Rig::start(Options::default()).await;
    let ask = Ask::from_json(br#"{"startDate":"2026-01-01","endDate":"2026-01-01"}"#).unwrap();
    let job = rig.jobs.create(ask.to_object()).await.unwrap();
    let begun = airshed::jobs::Job { attempts: 5, ..job };
    let begun = rig.jobs.update(&begun, State::Running { rows: 7 }).await.unwrap();
    let state = json(rig.get(&format!("/api/results/{}", begun.id)).await).await;
    assert_eq!((&state["status"], &state["rows"]), (&json!("running"), &json!(7)));
    rig.queues.requests.send(&message(begun.id)).await.unwrap();
    let answer = rig.get(&format!("/api/results/{}?wait=30", begun.id)).await;
    assert_eq!(answer.status(), 500);
    assert!(json(answer).await["detail"].as_str().unwrap().contains("5 attempts"));
}

/// Takes minutes over a page.
#[derive(Clone)]
struct Slow(Arc<Memory>);

#[async_trait]
impl View for Slow {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        tokio::time::sleep(Duration::from_secs(300)).await;
        self.0.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.0.summary().await
    }
}

#[async_trait]
impl Store for Slow {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.0.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.0.delete_before(moment).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.clone()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_long_is_begun_once() {
    let jobs = Jobs::new(Arc::new(InMemory::new()), clock(), SignedDuration::from_hours(24));
    let store = Slow(Arc::default());
    store.put(&readings(3)).await.unwrap();
    let queues = queue::open("channel:", 10).await.unwrap();
    let ask = Ask::from_json(br#"{"startDate":"2026-01-01","endDate":"2026-01-01"}"#).unwrap();
    let job = jobs.create(ask.to_object()).await.unwrap();
    queues.requests.send(&message(job.id)).await.unwrap();
    let worker =
        worker::Worker { store: Arc::new(store), queues, jobs: jobs.clone(), concurrency: 3 };
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(worker::run(worker, stop.clone()));
    let ended = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let job = jobs.get(job.id).await.unwrap().unwrap();
        if job.state.is_final() {
            break job;
        }
    };
    assert_eq!((ended.state.name(), ended.attempts), ("done", 1));
    stop.cancel();
}

#[tokio::test]
async fn a_dead_letter_fails_its_job_and_nonsense_harms_nobody() {
    let rig = Rig::start(Options::default()).await;
    let job = rig.jobs.create(serde_json::Map::new()).await.unwrap();
    for body in ["nonsense", "{}", &message(Uuid::new_v4()), &message(job.id)] {
        rig.queues.dead_requests.send(body).await.unwrap();
    }
    let answer = rig.get(&format!("/api/results/{}?wait=30", job.id)).await;
    assert_eq!(answer.status(), 500);
    assert_eq!(json(answer).await["retryable"], true);
    for body in ["nonsense", "{\"id\":7}", &message(Uuid::new_v4())] {
        rig.queues.requests.send(body).await.unwrap();
    }
    rig.store.put(&readings(3)).await.unwrap();
    let queued = rig.get_as_job(ALL).await;
    assert_eq!(rig.get(&format!("{}?wait=30", location(&queued))).await.status(), 200);
}

#[tokio::test]
async fn results_expire_are_remembered_as_such_and_forgotten_in_the_end() {
    let objects = Arc::new(InMemory::new());
    let now = |text: &'static str| -> Jobs {
        let clock = Arc::new(move || at(text));
        Jobs::new(objects.clone(), clock, SignedDuration::from_hours(24))
    };
    let first = now("2026-02-01T12:00:00Z");
    let job = first.create(serde_json::Map::new()).await.unwrap();
    let state = State::Done { rows: 1, bytes: 5, sha256: String::new(), expires: first.expiry() };
    first.update(&job, state).await.unwrap();
    let mut writer = first.result_writer(job.id);
    tokio::io::AsyncWriteExt::write_all(&mut writer, b"a\n1\n\n").await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut writer).await.unwrap();

    let later = now("2026-02-02T11:59:59Z");
    later.sweep().await.unwrap();
    assert_eq!(later.get(job.id).await.unwrap().unwrap().state.name(), "done");
    assert!(later.result(job.id).await.unwrap().is_some());

    let next_day = now("2026-02-02T12:00:00Z");
    assert_eq!(next_day.get(job.id).await.unwrap().unwrap().state, State::Expired);
    next_day.sweep().await.unwrap();
    assert!(next_day.result(job.id).await.unwrap().is_none(), "deleted");
    assert_eq!(next_day.get(job.id).await.unwrap().unwrap().state, State::Expired);

    let next_month = now("2026-03-02T12:00:00Z");
    next_month.sweep().await.unwrap();
    assert_eq!(next_month.get(job.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_expired_result_is_gone() {
    let rig = Rig::start(Options::default()).await;
    let job = rig.jobs.create(serde_json::Map::new()).await.unwrap();
    rig.jobs.update(&job, State::Expired).await.unwrap();
    assert_eq!(rig.get(&format!("/api/results/{}", job.id)).await.status(), 410);
}
