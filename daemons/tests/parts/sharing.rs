//! Equal queries share the work of a job, never its id or the right to cancel it.

use std::collections::BTreeMap;
use std::sync::Arc;

use airshed::jobs::{Job, Jobs, State};
use airshed::networks::Networks;
use airshed::sweeper::Sweeper;
use airshed::worker::{self, Worker};
use futures::TryStreamExt;
use jiff::SignedDuration;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use proptest::prelude::*;
use serde_json::json as value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::support::{Options, Rig, clock, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

/// What clients do with one query.
#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    /// One of those who asked deletes its job.
    Delete(usize),
    /// A worker does all that is queued.
    Work,
    Sweep,
    /// The server is started anew, with other objects in memory but the same in the store of results.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Ask),
        3 => any::<usize>().prop_map(Step::Delete),
        1 => Just(Step::Work),
        1 => Just(Step::Sweep),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..25)
}

/// What the one who has an id expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Queued,
    Done,
    Cancelled,
    Deleted,
}

impl Expected {
    fn of(state: &State) -> Self {
        match state {
            State::Queued | State::Running { .. } => Self::Queued,
            State::Done { .. } => Self::Done,
            State::Cancelled { .. } => Self::Cancelled,
            State::Expired => Self::Deleted,
            State::Failed { reason, .. } => panic!("{reason}"),
        }
    }
}

async fn start(objects: &Arc<InMemory>, store: &Arc<dyn store::Store>) -> Rig {
    let objects = airshed::objects::Objects::new(Arc::clone(objects) as Arc<dyn ObjectStore>);
    let fresh_for = SignedDuration::from_hours(1);
    let store = Arc::clone(store);
    Rig::start_with(objects, Options { fresh_for, workers: 0, store, ..Options::default() }).await
}

async fn sweep(rig: &Rig) {
    let mut sweeper = Sweeper::new(rig.jobs.clone(), Arc::clone(&rig.queues.requests));
    sweeper.sweep().await.unwrap();
}

/// Until none of the jobs waits.
async fn work(rig: &Rig, ids: impl Iterator<Item = &Uuid>) {
    let stop = CancellationToken::new();
    let worker = Worker {
        store: Arc::clone(&rig.store),
        queues: rig.queues.clone(),
        jobs: rig.jobs.clone(),
        concurrency: 1,
        heartbeat_timeout: worker::HEARTBEAT_TIMEOUT,
        networks: Arc::new(Networks::default()),
    };
    let working = tokio::spawn(worker::run(worker, stop.clone()));
    for id in ids {
        rig.get(&format!("/api/results/{id}/status?wait=30")).await;
    }
    stop.cancel();
    working.await.unwrap();
}

async fn results(objects: &Arc<InMemory>, folder: &str) -> Vec<String> {
    let listed = objects.list(Some(&folder.into()));
    let listed: Vec<_> =
        listed.map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
    listed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each client sees its own job only, whatever the others do with theirs; work is done once, is not
    /// done for nobody, and leaves nothing behind when nobody needs it.
    #[test]
    fn each_client_has_a_job_of_its_own(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let objects = Arc::new(InMemory::new());
            let store: Arc<dyn store::Store> = Arc::new(store::Memory::new());
            store.put(&readings(3)).await.unwrap();
            let mut rig = start(&objects, &store).await;
            let mut expected: BTreeMap<Uuid, Expected> = BTreeMap::new();
            let mut asked = Vec::new();
            for step in steps {
                match step {
                    Step::Ask => {
                        let location = location(&rig.get_as_job(ALL).await);
                        let id: Uuid = location.rsplit('/').next().unwrap().parse().unwrap();
                        let job = rig.jobs.get(id).await.unwrap().unwrap();
                        let others = expected.insert(id, Expected::of(&job.state));
                        assert_eq!(others, None, "an id of another client");
                        let is_there = |state| expected.iter().any(|(other, of)| *other != id && *of == state);
                        if is_there(Expected::Done) {
                            assert!(matches!(job.state, State::Done { .. }), "{job:?}");
                        } else if is_there(Expected::Queued) {
                            assert!(job.shares.is_some(), "work that others wait for is shared");
                        }
                        asked.push(id);
                    }
                    Step::Delete(at) if !asked.is_empty() => {
                        let id = asked[at % asked.len()];
                        let url = format!("{}/api/results/{id}", rig.base);
                        let answer = rig.http.delete(url).send().await.unwrap();
                        let now = expected.get_mut(&id).unwrap();
                        let (status, next) = match *now {
                            Expected::Queued => (200, Expected::Cancelled),
                            Expected::Done => (200, Expected::Deleted),
                            ended => (409, ended),
                        };
                        assert_eq!(answer.status(), status, "{}", answer.text().await.unwrap());
                        *now = next;
                    }
                    Step::Work => {
                        let waiting = expected.iter().filter(|(_, state)| **state == Expected::Queued);
                        work(&rig, waiting.map(|(id, _)| id)).await;
                        for state in expected.values_mut().filter(|state| **state == Expected::Queued) {
                            *state = Expected::Done;
                        }
                    }
                    Step::Sweep => sweep(&rig).await,
                    Step::Restart => {
                        rig.stop.cancel();
                        rig = start(&objects, &store).await;
                        let known = rig.jobs.ids().await.unwrap();
                        let sweeper = Sweeper::new(rig.jobs.clone(), Arc::clone(&rig.queues.requests));
                        sweeper.resume(known).await.unwrap();
                    }
                    Step::Delete(_) => {}
                }
                let mut files = std::collections::BTreeSet::new();
                for (id, state) in &expected {
                    let job = rig.jobs.get(*id).await.unwrap().unwrap();
                    assert_eq!(Expected::of(&job.state), *state, "{job:?}");
                    if *state == Expected::Done {
                        let file = rig.get(&format!("/api/results/{id}")).await;
                        assert_eq!(file.status(), 200);
                        files.insert(file.bytes().await.unwrap());
                    }
                }
                assert!(files.len() < 2, "one file for all");
                if expected.values().all(|state| matches!(state, Expected::Cancelled | Expected::Deleted)) {
                    let waiting = rig.jobs.ids().await.unwrap();
                    for id in waiting {
                        let work: Job = rig.jobs.record(id).await.unwrap().unwrap();
                        assert!(work.shares.is_some() || work.state.is_final(), "nobody needs it: {work:?}");
                    }
                    assert_eq!(results(&objects, "results").await, Vec::<String>::new());
                    assert_eq!(results(&objects, "joined").await, Vec::<String>::new());
                }
            }
            rig.stop.cancel();
        });
    }
}

/// The file and the record remain for one who fetched it, when those who asked before are gone.
#[tokio::test]
async fn a_fetched_file_is_remembered_for_each_who_fetched_it() {
    let objects = Arc::new(InMemory::new());
    let store: Arc<dyn store::Store> = Arc::new(store::Memory::new());
    store.put(&readings(3)).await.unwrap();
    let rig = start(&objects, &store).await;
    let (one, other) = (location(&rig.get_as_job(ALL).await), location(&rig.get_as_job(ALL).await));
    let ids = rig.jobs.ids().await.unwrap();
    work(&rig, ids.iter()).await;
    let file = rig.get(&other).await;
    assert_eq!(file.status(), 200);
    let bytes = file.bytes().await.unwrap();
    for path in [&one, &other] {
        let deleted = rig.http.delete(format!("{}{path}", rig.base)).send().await.unwrap();
        assert_eq!(deleted.status(), 200);
    }
    let later = Jobs::new(
        airshed::objects::Objects::new(Arc::clone(&objects) as Arc<dyn ObjectStore>),
        Arc::new(|| clock()() + SignedDuration::from_hours(24 * 30)),
        SignedDuration::from_hours(24),
    );
    let mut sweeper = Sweeper::new(later, Arc::clone(&rig.queues.requests));
    sweeper.sweep().await.unwrap();
    sweeper.sweep().await.unwrap();
    assert_eq!(rig.get(&one).await.status(), 404, "nobody fetched it");
    let remembered = rig.get(&other).await;
    assert_eq!(remembered.status(), 410);
    let record = json(remembered).await["record"].clone();
    assert_eq!(record["bytes"], value!(bytes.len()));
    assert_eq!(record["id"].as_str(), other.rsplit('/').next());
    assert_eq!(results(&objects, "results").await, Vec::<String>::new());
}
