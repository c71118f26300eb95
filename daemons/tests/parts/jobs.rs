//! Jobs: every one ends, and its file is the direct answer's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use airshed::jobs::{Jobs, State};
use airshed::networks::Networks;
use airshed::objects::Objects;
use airshed::request::Defaults;
use airshed::sweeper::Sweeper;
use airshed::trace::RequestContext;
use airshed::{message, worker};
use async_trait::async_trait;
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use object_store::ObjectStore;
use queue::Queues;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Error, Memory, Network, Page, Position, Query, Reading, Store, Summary, View};
use uuid::Uuid;

use super::support::{Options, Rig, at, clock, in_memory, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

#[tokio::test]
async fn a_jobs_file_is_the_direct_answer() {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(60_000)).await.unwrap();
    let formats = [
        "json",
        "json&metadata=true",
        "ndjson",
        "geojson",
        "parquet",
        "arrow",
        "csv&decimal=comma&bom=1",
        "csv&metadata=true&quality=plausible",
    ];
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
        (still.status().as_u16(), json(still).await["state"].clone()),
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
    let fresh = queue::open("channel:", 10, 1).await.unwrap();
    let sweeper = Sweeper::new(rig.jobs.clone(), Arc::clone(&fresh.requests));
    assert_eq!(sweeper.resume(rig.jobs.ids().await.unwrap()).await.unwrap(), 1);
    let worker = worker::Worker {
        store: Arc::clone(&rig.store),
        queues: fresh,
        jobs: rig.jobs.clone(),
        concurrency: 1,
        heartbeat_timeout: worker::HEARTBEAT_TIMEOUT,
        networks: Arc::default(),
    };
    tokio::spawn(worker::run(worker, rig.stop.clone()));
    assert_eq!(rig.get(&format!("{path}?wait=30")).await.status(), 200);
}

#[tokio::test]
async fn a_job_that_cannot_be_done_fails_with_the_reason() {
    let rig = Rig::start(Options::default()).await;
    let unreadable = json!({ "startDate": "once upon a time" }).as_object().unwrap().clone();
    let job = rig.jobs.create(unreadable, RequestContext::default()).await.unwrap();
    rig.queues.requests.send(&message::of(job.id, &RequestContext::default())).await.unwrap();
    let answer = rig.get(&format!("/api/results/{}?wait=30", job.id)).await;
    assert_eq!(answer.status(), 500);
    let problem = json(answer).await;
    assert_eq!(problem["retryable"], false);
    assert!(problem["detail"].as_str().unwrap().contains("startDate"), "{problem}");
}

#[tokio::test]
async fn a_job_that_was_begun_too_often_fails() {
    let rig = Rig::start(Options::default()).await;
    let ask =
        Defaults::default().json(br#"{"startDate":"2026-01-01","endDate":"2026-01-01"}"#).unwrap();
    let job = rig.jobs.create(ask.to_object(), RequestContext::default()).await.unwrap();
    let begun = airshed::jobs::Job { attempts: 5, ..job };
    let begun =
        rig.jobs.update(&begun, State::Running { rows: 7, estimate: Some(9) }).await.unwrap();
    let state = json(rig.get(&format!("/api/results/{}", begun.id)).await).await;
    assert_eq!((&state["state"], &state["rows"]), (&json!("running"), &json!(7)));
    assert_eq!(state["status"], "processing", "the report's word");
    assert_eq!(state["estimate"], 9);
    rig.queues.requests.send(&message::of(begun.id, &RequestContext::default())).await.unwrap();
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

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.0.networks().await
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

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.0.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.clone()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_long_is_begun_once() {
    let jobs = Jobs::new(in_memory(), clock(), SignedDuration::from_hours(24));
    let store = Slow(Arc::default());
    store.put(&readings(3)).await.unwrap();
    let queues = queue::open("channel:", 10, 1).await.unwrap();
    let ask =
        Defaults::default().json(br#"{"startDate":"2026-01-01","endDate":"2026-01-01"}"#).unwrap();
    let job = jobs.create(ask.to_object(), RequestContext::default()).await.unwrap();
    queues.requests.send(&message::of(job.id, &RequestContext::default())).await.unwrap();
    let (store, heartbeat_timeout) = (Arc::new(store), worker::HEARTBEAT_TIMEOUT);
    let jobs_of_worker = jobs.clone();
    let worker = worker::Worker {
        store,
        queues,
        jobs: jobs_of_worker,
        concurrency: 3,
        heartbeat_timeout,
        networks: Arc::default(),
    };
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
    let job = rig.jobs.create(serde_json::Map::new(), RequestContext::default()).await.unwrap();
    let begun = airshed::jobs::Job { attempts: 5, ..job };
    let job = rig.jobs.update(&begun, State::Running { rows: 0, estimate: None }).await.unwrap();
    for body in [
        "nonsense",
        "{}",
        &message::of(Uuid::new_v4(), &RequestContext::default()),
        &message::of(job.id, &RequestContext::default()),
    ] {
        rig.queues.dead_requests.send(body).await.unwrap();
    }
    let answer = rig.get(&format!("/api/results/{}?wait=30", job.id)).await;
    assert_eq!(answer.status(), 500);
    assert_eq!(json(answer).await["retryable"], true);
    for body in ["nonsense", "{\"id\":7}", &message::of(Uuid::new_v4(), &RequestContext::default())]
    {
        rig.queues.requests.send(body).await.unwrap();
    }
    rig.store.put(&readings(3)).await.unwrap();
    let queued = rig.get_as_job(ALL).await;
    assert_eq!(rig.get(&format!("{}?wait=30", location(&queued))).await.status(), 200);
}

/// Jobs among the same objects, at another time.
fn at_time(objects: &Objects, text: &'static str) -> Jobs {
    Jobs::new(objects.clone(), Arc::new(move || at(text)), SignedDuration::from_hours(24))
}

async fn sweep(jobs: &Jobs) -> Queues {
    let queues = queue::open("channel:", 10, 1).await.unwrap();
    let mut sweeper = Sweeper::new(jobs.clone(), Arc::clone(&queues.requests));
    sweeper.sweep().await.unwrap();
    queues
}

#[tokio::test]
async fn results_expire_are_remembered_as_such_and_forgotten_in_the_end() {
    let objects = in_memory();
    let first = at_time(&objects, "2026-02-01T12:00:00Z").fresh_for(SignedDuration::from_hours(1));
    let job = first.create(serde_json::Map::new(), RequestContext::default()).await.unwrap();
    first.publish(&job).await.unwrap();
    let (sha256, expires) = (String::new(), first.expiry());
    let state = State::Done {
        rows: 1,
        doubtful: 0,
        truncated: false,
        left_out: None,
        bytes: 5,
        sha256,
        expires,
    };
    let job = first.update(&airshed::jobs::Job { attempts: 2, ..job }, state).await.unwrap();
    let mut writer = first.result_writer(&job);
    tokio::io::AsyncWriteExt::write_all(&mut writer, b"a\n1\n\n").await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut writer).await.unwrap();

    let later = at_time(&objects, "2026-02-02T11:59:59Z");
    sweep(&later).await;
    assert_eq!(later.get(job.id).await.unwrap().unwrap().state.name(), "done");
    assert!(later.result(&job).await.unwrap().is_some());

    let next_day = at_time(&objects, "2026-02-02T12:00:00Z");
    assert_eq!(next_day.get(job.id).await.unwrap().unwrap().state, State::Expired);
    sweep(&next_day).await;
    assert!(next_day.result(&job).await.unwrap().is_none(), "deleted");
    assert_eq!(next_day.get(job.id).await.unwrap().unwrap().state, State::Expired);
    let left: Vec<_> = objects.list(None).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(left.len(), 1, "the record alone: {left:?}");

    let next_month = at_time(&objects, "2026-03-02T12:00:00Z");
    sweep(&next_month).await;
    assert_eq!(next_month.get(job.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_job_that_everybody_forgot_is_sent_again_and_fails_in_the_end() {
    let objects = in_memory();
    let asked = at_time(&objects, "2026-02-01T12:00:00Z");
    let queued = asked.create(serde_json::Map::new(), RequestContext::default()).await.unwrap();
    let running = asked.create(serde_json::Map::new(), RequestContext::default()).await.unwrap();
    let state = State::Running { rows: 0, estimate: None };
    asked.update(&running, state).await.unwrap();
    let sent = async |text: &'static str| {
        let queues = sweep(&at_time(&objects, text)).await;
        let (hidden, wait) = (Duration::from_secs(30), Duration::ZERO);
        let deliveries = queues.requests.receive(10, hidden, wait).await.unwrap();
        let mut ids: Vec<_> =
            deliveries.iter().map(|one| message::id_in(&one.body).unwrap()).collect();
        ids.sort();
        ids
    };
    assert_eq!(sent("2026-02-01T12:04:59Z").await, Vec::<Uuid>::new());
    assert_eq!(sent("2026-02-01T12:05:00Z").await, [running.id]);
    let mut both = [running.id, queued.id];
    both.sort();
    assert_eq!(sent("2026-02-01T13:00:00Z").await, both);
    // One sweeper does not send it again at each look.
    let later = at_time(&objects, "2026-02-01T13:00:00Z");
    let queues = queue::open("channel:", 10, 1).await.unwrap();
    let mut sweeper = Sweeper::new(later, Arc::clone(&queues.requests));
    for _ in 0..3 {
        sweeper.sweep().await.unwrap();
    }
    let hidden = Duration::from_secs(30);
    assert_eq!(queues.requests.receive(10, hidden, Duration::ZERO).await.unwrap().len(), 2);

    assert_eq!(sent("2026-02-02T12:00:01Z").await, Vec::<Uuid>::new());
    for id in both {
        let ended = asked.get(id).await.unwrap().unwrap();
        assert!(matches!(ended.state, State::Failed { retryable: true, .. }), "{ended:?}");
    }
}

#[tokio::test]
async fn equal_queries_share_a_job_while_its_result_is_fresh() {
    let fresh_for = SignedDuration::from_mins(10);
    let rig = Rig::start(Options { fresh_for, workers: 0, ..Options::default() }).await;
    rig.store.put(&readings(30)).await.unwrap();
    // At the same time, too.
    let asked: Vec<_> = futures::future::join_all((0..20).map(|_| rig.get_as_job(ALL))).await;
    let ids: BTreeSet<_> = asked.iter().map(location).collect();
    assert_eq!(ids.len(), 20, "an id is its client's secret");
    let mut works = BTreeSet::new();
    for location in &ids {
        works.insert(job_at(&rig, location).await.work_id());
    }
    assert_eq!(works.len(), 1);
    let work = *works.first().unwrap();
    let first = format!("/api/results/{work}");
    let other = location(&rig.get_as_job(&format!("{ALL}&country=FR")).await);
    assert_ne!(job_at(&rig, &other).await.work_id(), work);
    let worker = worker::Worker {
        store: Arc::clone(&rig.store),
        queues: rig.queues.clone(),
        jobs: rig.jobs.clone(),
        concurrency: 1,
        heartbeat_timeout: worker::HEARTBEAT_TIMEOUT,
        networks: Arc::default(),
    };
    tokio::spawn(worker::run(worker, rig.stop.clone()));
    for location in &ids {
        assert_eq!(rig.get(&format!("{location}?wait=30")).await.status(), 200);
    }
    let again = rig.get_as_job(ALL).await;
    assert_eq!(job_at(&rig, &location(&again)).await.work_id(), work, "done and fresh");
    assert_eq!(json(again).await["status"], "done");

    // Not one that is no longer fresh, nor one that failed.
    let ask = Defaults::default().form(ALL.split_once('?').unwrap().1.as_bytes()).unwrap();
    let query = ask.to_object();
    let id = first.rsplit('/').next().unwrap().parse().unwrap();
    let job = rig.jobs.get(id).await.unwrap().unwrap();
    let ask = Networks::default().restrict(ask, &rig.store.networks().await.unwrap()).unwrap();
    let state = ask.state_of(rig.store.snapshot().await.unwrap().as_ref()).await.unwrap();
    let same = async || rig.jobs.find_by_query(&query, state.as_deref()).await.unwrap();
    assert_eq!(same().await.as_ref(), Some(&job));
    assert_eq!(
        rig.jobs.find_by_query(&query, None).await.unwrap(),
        None,
        "an unknown version is like none"
    );
    rig.jobs.fail(&job, "for a test", true).await.unwrap();
    assert_eq!(same().await, None);
    let next = location(&rig.get_as_job(ALL).await);
    assert_ne!(job_at(&rig, &next).await.work_id(), work);
}

async fn job_at(rig: &Rig, location: &str) -> airshed::jobs::Job {
    let id = location.rsplit('/').next().unwrap().parse().unwrap();
    rig.jobs.get(id).await.unwrap().unwrap()
}

/// From the moment that a worker has it.
#[tokio::test]
async fn equal_queries_share_a_job_that_is_running() {
    let fresh_for = SignedDuration::from_mins(10);
    let rig = Rig::start(Options { fresh_for, ..Options::default() }).await;
    rig.store.put(&readings(100_000)).await.unwrap();
    let mut jobs = BTreeSet::new();
    loop {
        let answer = rig.get_as_job(&format!("{ALL}&columns=all")).await;
        jobs.insert(job_at(&rig, &location(&answer)).await.work_id());
        if json(answer).await["state"] == "done" {
            break;
        }
    }
    assert_eq!(jobs.len(), 1, "{jobs:?}");
}

#[tokio::test]
async fn beyond_the_room_for_large_queries_they_become_jobs() {
    let rig = Rig::start(Options { large: 1000, ..Options::default() }).await;
    rig.store.put(&readings(200_000)).await.unwrap();
    let large = format!("{ALL}&columns=all");
    // Its first page is there; the rest waits for its client.
    let held = rig.get(&large).await;
    assert_eq!(held.status(), 200);
    let second = rig.get(&large).await;
    assert_eq!(second.status(), 202);
    let hour = "/api/query?startDate=2026-01-01T00:00:00Z&endDate=2026-01-01T00:10:00Z";
    assert_eq!(rig.get(hour).await.status(), 200, "small ones have their own room");
    let whole = held.bytes().await.unwrap();
    let result = rig.get(&format!("{}?wait=30", location(&second))).await;
    assert_eq!(result.bytes().await.unwrap(), whole);
}

#[tokio::test]
async fn an_expired_result_is_gone() {
    let rig = Rig::start(Options::default()).await;
    let job = rig.jobs.create(serde_json::Map::new(), RequestContext::default()).await.unwrap();
    rig.jobs.update(&job, State::Expired).await.unwrap();
    assert_eq!(rig.get(&format!("/api/results/{}", job.id)).await.status(), 410);
}

/// What may happen between two questions.
#[derive(Debug, Clone)]
enum Step {
    /// A collection: of so many sensors, on a day, with a value.
    Put(u64, i64, u32),
    DeleteBefore(i64),
    /// As a job, for the days from one to another.
    QueryRequest(i64, i64),
    DeleteJob,
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let step = prop_oneof![
        3 => (1u64..5, 0i64..4, 1u32..90).prop_map(|(sensors, day, value)| Step::Put(sensors, day, value)),
        1 => (0i64..4).prop_map(Step::DeleteBefore),
        5 => (0i64..4, 0i64..4).prop_map(|(a, b)| Step::QueryRequest(a.min(b), a.max(b))),
        1 => Just(Step::DeleteJob),
    ];
    proptest::collection::vec(step, 10..30)
}

/// Collections, deletions and questions in any order: a job has the rows that a direct answer
/// has when it is asked for, whoever asked for the same before.
#[test]
fn a_job_has_the_rows_of_now_whatever_was_asked_before() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let config = proptest::test_runner::Config {
        cases: cases.unwrap_or(1000u32).min(1000),
        failure_persistence: None,
        ..Default::default()
    };
    proptest::proptest!(config, |(steps in steps())| {
        runtime.block_on(async {
            let fresh_for = SignedDuration::from_hours(1);
            let rig = Rig::start(Options { fresh_for, workers: 2, ..Options::default() }).await;
            let day = |day: i64| at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * day);
            let mut last_job = None;
            for step in steps {
                match step {
                    Step::Put(sensors, of_day, value) => {
                        let reading = |sensor| Reading {
                            pm10: Some(value.into()),
                            ..Reading::new(sensor, store::Window::Day24, day(of_day))
                        };
                        let batch: Vec<_> = (0..sensors).map(reading).collect();
                        rig.store.put(&batch).await.unwrap();
                    }
                    Step::DeleteBefore(of_day) => {
                        rig.store.delete_before(day(of_day)).await.unwrap();
                    }
                    Step::QueryRequest(from, until) => {
                        let path = format!(
                            "/api/query?startDate={}&endDate={}",
                            day(from),
                            day(until)
                        );
                        let direct = rig.get(&path).await.bytes().await.unwrap();
                        let job = location(&rig.get_as_job(&path).await);
                        let result = rig.get(&format!("{job}?wait=30")).await;
                        assert_eq!(result.bytes().await.unwrap(), direct, "{path}");
                        last_job = Some(job);
                    }
                    Step::DeleteJob => {
                        let Some(job) = last_job.take() else { continue };
                        let url = format!("{}{job}", rig.base);
                        let deleted = rig.http.delete(&url).send().await.unwrap().status();
                        let left = rig.get(&job).await.status();
                        match deleted.as_u16() {
                            200 => assert_eq!(left, 410, "a deleted result is gone"),
                            status => assert_eq!(status, 409, "refused"),
                        }
                    }
                }
            }
            rig.stop.cancel();
        });
    });
}

#[tokio::test]
async fn a_finished_job_is_deleted_with_its_file_or_refuses_with_the_reason() {
    let fresh_for = SignedDuration::from_mins(10);
    let rig = Rig::start(Options { fresh_for, ..Options::default() }).await;
    rig.store.put(&readings(3)).await.unwrap();
    let delete =
        async |path: &str| rig.http.delete(format!("{}{path}", rig.base)).send().await.unwrap();
    let job = location(&rig.get_as_job(ALL).await);
    assert_eq!(rig.get(&format!("{job}?wait=30")).await.status(), 200);
    assert_eq!(delete(&job).await.status(), 200);
    assert_eq!(rig.get(&job).await.status(), 410);
    let again = delete(&job).await;
    assert_eq!(again.status(), 409);
    assert!(json(again).await["detail"].as_str().unwrap().contains("already expired"));
    let next = location(&rig.get_as_job(ALL).await);
    assert_ne!(next, job, "the query was forgotten");
    // Asked for by two, it stays for the other one, and goes with the last.
    let other = location(&rig.get_as_job(ALL).await);
    assert_eq!(rig.get(&format!("{next}?wait=30")).await.status(), 200);
    assert_eq!(delete(&next).await.status(), 200);
    assert_eq!(rig.get(&next).await.status(), 410);
    assert_eq!(rig.get(&other).await.status(), 200);
    let work = job_at(&rig, &other).await;
    assert_eq!(delete(&other).await.status(), 200);
    assert_eq!(rig.get(&other).await.status(), 410);
    assert!(rig.jobs.result(&work).await.unwrap().is_none());
}

#[tokio::test]
async fn a_job_says_how_many_rows_are_doubtful_and_whether_some_are_missing() {
    let rig = Rig::start(Options::default()).await;
    let zero = |reading: Reading| match reading.sensor.id % 10 {
        0 => Reading { pm10: Some(0.into()), ..reading },
        _ => Reading { pm10: Some(5.into()), ..reading },
    };
    let all: Vec<_> = readings(40_000).into_iter().map(zero).collect();
    rig.store.put(&all).await.unwrap();
    for (filter, doubtful, truncated, left_out) in [
        ("", "4000", "?0", Some("0")),
        ("&quality=all", "4000", "?0", Some("0")),
        ("&quality=plausible", "0", "?0", Some("4000")),
        ("&quality=plausible&limit=100", "0", "?1", None),
        ("&country=FR&limit=100", "10", "?1", Some("0")),
        ("&limit=30000", "3000", "?1", Some("0")),
        ("&limit=40000", "4000", "?0", Some("0")),
    ] {
        let direct = rig.get(&format!("{ALL}{filter}")).await;
        let job = location(&rig.get_as_job(&format!("{ALL}{filter}")).await);
        let result = rig.get(&format!("{job}?wait=30")).await;
        for answer in [direct, result] {
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            let counted = answer.headers().get("airshed-left-out-rows");
            assert_eq!(counted.map(|rows| rows.to_str().unwrap()), left_out, "{filter}");
            assert_eq!(header("airshed-truncated"), truncated, "{filter}");
            let counted = header("airshed-doubtful-rows");
            if !filter.contains("FR") {
                assert_eq!(counted, doubtful, "{filter}");
            }
            let name = header("content-disposition");
            assert_eq!(name.contains("-first-"), truncated == "?1", "{name}");
        }
    }
}

#[tokio::test]
async fn files_and_their_descriptions_say_how_many_readings_were_left_out() {
    let rig = Rig::start(Options::default()).await;
    let zero = |reading: Reading| Reading {
        pm10: Some(u32::from(!reading.sensor.id.is_multiple_of(10)).into()),
        ..reading
    };
    let all: Vec<_> = readings(2_000).into_iter().map(zero).collect();
    rig.store.put(&all).await.unwrap();
    let path = format!("{ALL}&quality=plausible");
    for (format, name) in [
        ("geojson", "\"leftOutRows\":200"),
        ("json&metadata=true", "\"leftOutRows\":200"),
        ("parquet", "left_out_rows"),
        ("arrow", "left_out_rows"),
    ] {
        let path = format!("{path}&format={format}");
        let direct = rig.get(&path).await.bytes().await.unwrap();
        let job = location(&rig.get_as_job(&path).await);
        let file = rig.get(&format!("{job}?wait=30")).await.bytes().await.unwrap();
        assert!(direct == file, "{format}: {} bytes, {}", direct.len(), file.len());
        assert!(file.windows(name.len()).any(|part| part == name.as_bytes()), "{format}");
        let record = &json(rig.get(&format!("{job}/status")).await).await["record"];
        assert_eq!((&record["leftOut"], &record["rows"]), (&json!(200), &json!(1_800)));
        let described = json(rig.get(&format!("{job}/csv-metadata.json")).await).await;
        assert_eq!(described["notes"][0]["leftOutRows"], 200);
    }
    let described = path.replace("/api/query", "/api/query.csv-metadata.json");
    let described = json(rig.get(&described).await).await;
    assert_eq!(described["notes"][0]["leftOutRows"], 200);
    let whole = rig.get(&format!("{ALL}&format=geojson")).await.text().await.unwrap();
    assert!(!whole.contains("leftOutRows"));
}

#[tokio::test]
async fn one_object_that_cannot_be_deleted_ends_no_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(&format!("file:{}", folder.path().display())).await.unwrap();
    let jobs = at_time(&objects, "2026-02-01T12:00:00Z");
    let mut expired = Vec::new();
    for _ in 0..3 {
        let job = jobs.create(serde_json::Map::new(), RequestContext::default()).await.unwrap();
        let job = airshed::jobs::Job { attempts: 1, ..job };
        expired.push(jobs.update(&job, State::Expired).await.unwrap());
    }
    std::fs::create_dir_all(folder.path().join("results")).unwrap();
    let result = |job: &airshed::jobs::Job| folder.path().join(format!("results/{}-1", job.id));
    for job in &expired {
        std::fs::write(result(job), "a").unwrap();
    }
    // A folder in the place of a file: it cannot be deleted as one.
    std::fs::remove_file(result(&expired[1])).unwrap();
    std::fs::create_dir_all(result(&expired[1]).join("x")).unwrap();
    // Foreign files, too.
    std::fs::write(folder.path().join("jobs/notes.txt"), "mine").unwrap();
    std::fs::write(folder.path().join("jobs/a\\b*.json"), "mine").unwrap();
    sweep(&jobs).await;
    assert!(!result(&expired[0]).exists() && !result(&expired[2]).exists());
    assert!(folder.path().join("jobs/notes.txt").exists());
}
