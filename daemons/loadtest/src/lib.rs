//! The load tester: asks a server as many people would, follows every answer to its file, and
//! measures until the file is there.
//!
//! [`Target`] is the server, [`Mix`] what it is asked, a [`Step`] how often and by how many at
//! once. Each query is asked once beforehand; an answer that differs from that in rows or
//! bytes is an error, however fast it was. Steps are **closed**: so many clients ask, each as
//! soon as it has its answer; or, with a rate, **open**: requests begin at fixed moments, and
//! times count from those, so that a server that stalls cannot hide it by being asked less
//! (coordinated omission). `client` speaks HTTP, `measure` counts, `figures` draws and `html`
//! writes a report.

mod client;
mod figures;
mod html;
mod measure;
mod question;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

pub use client::{Failure, Target, TargetError};
pub use html::page;
pub use measure::{Measured, Progress, Times};
pub use question::{NoQuestion, default_question};

use client::{Connection, File, Prepared};
use measure::Recorder;

/// The report's request: one hour of Germany, Low.
pub const REPORTS_QUERY: &str = r#"{"startDate":"2023-01-30 09:00:00","endDate":"2023-01-30 10:00:00","country":"DE","minAqi":0,"maxAqi":10,"range":"Low"}"#;

/// Connections that are opened at the same time when many are to be held idle.
const OPENED_AT_ONCE: usize = 64;

/// How many requests, and how many at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// All of them.
    pub requests: u64,
    /// At the same time, at most.
    pub concurrency: u64,
}

/// The steps of the report.
pub const REPORTS_STEPS: [Step; 5] = [
    Step { requests: 10, concurrency: 10 },
    Step { requests: 100, concurrency: 50 },
    Step { requests: 500, concurrency: 100 },
    Step { requests: 1000, concurrency: 500 },
    Step { requests: 2500, concurrency: 500 },
];

/// One query of a mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighted {
    /// How often it is asked beside the others.
    #[serde(default = "once")]
    pub weight: u32,
    /// The fields of `/api/query`.
    pub query: Map<String, Value>,
}

fn once() -> u32 {
    1
}

/// What is asked.
pub type Mix = Vec<Weighted>;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The queries; at least one with a weight.
    pub mix: Mix,
    /// One after the other.
    pub steps: Vec<Step>,
    /// Requests a second that begin, whatever becomes of them; `None`: as fast as answers come.
    pub rate: Option<f64>,
    /// Requests before each step that are not counted.
    pub warm_up: u64,
    /// Rest before each step.
    pub pause: Duration,
    /// The longest that a person waits for the file.
    pub timeout: Duration,
    /// Connections that are held open all the while, and ask nothing.
    pub idle: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// The server.
    pub target: String,
    /// When it began.
    pub started: jiff::Timestamp,
    /// The version of the tester.
    pub version: String,
    /// What was asked.
    pub mix: Mix,
    /// The rows and bytes of each query's file.
    pub reference: Vec<Reference>,
    /// Idle connections that were open when the last step began.
    pub idle: usize,
    /// Each step.
    pub steps: Vec<Measured>,
}

/// What a query was answered with before the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Lines without the first, which is the header of CSV.
    pub rows: u64,
    /// The file's length.
    pub bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

/// Why there is nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum LoadTestError {
    /// The server cannot be reached, or does not answer what is to be asked.
    #[error(
        "{query} cannot be asked of {target}: {failure}; --query and --mix ask for something else"
    )]
    Reference {
        /// What was asked.
        query: String,
        /// Of whom.
        target: String,
        /// What came instead of a file.
        failure: Failure,
    },
}

/// Asks as planned. `progress` is told now and then how a step goes. Told to stop, it ends
/// the step that is under way and gives what was measured.
pub async fn run(
    target: Target,
    plan: &Plan,
    progress: impl Fn(&Progress<'_>),
    stop: &CancellationToken,
) -> Result<Results, LoadTestError> {
    let target = Arc::new(target);
    let mut queries = Vec::new();
    let mut connection = Connection::new(Arc::clone(&target));
    for Weighted { query, weight } in &plan.mix {
        let prepared = Prepared::new(&target, query);
        let file = connection.ask(&prepared, plan.timeout).await;
        let failed = |failure| LoadTestError::Reference {
            query: Value::Object(query.clone()).to_string(),
            target: target.to_string(),
            failure,
        };
        queries.push((*weight, prepared, file.map_err(failed)?));
    }
    drop(connection);
    let asked = Arc::new(Asked { queries, target, timeout: plan.timeout });
    let mut idle = Idle::default();
    idle.open(&asked.target, plan.idle).await;
    let mut results = Results {
        target: asked.target.to_string(),
        started: jiff::Timestamp::now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mix: plan.mix.clone(),
        reference: asked.queries.iter().map(|(_, _, file)| file.reference()).collect(),
        idle: 0,
        steps: Vec::new(),
    };
    for step in &plan.steps {
        if stop.is_cancelled() {
            break;
        }
        sleep(plan.pause).await;
        // The server may close what has been idle for long: others take their places.
        idle.open(&asked.target, plan.idle).await;
        if plan.warm_up > 0 {
            let requests = plan.warm_up;
            let warm_up = Step { requests, concurrency: step.concurrency.min(requests) };
            take(&asked, warm_up, None, &|_| {}, stop).await;
        }
        results.idle = idle.0.len();
        results.steps.push(take(&asked, *step, plan.rate, &progress, stop).await);
    }
    Ok(results)
}

/// What is asked of whom.
struct Asked {
    queries: Vec<(u32, Prepared, File)>,
    target: Arc<Target>,
    timeout: Duration,
}

impl Asked {
    /// One of the queries by its weight, and what its answer has to be.
    fn any(&self) -> (&Prepared, &File) {
        let all: u32 = self.queries.iter().map(|(weight, ..)| weight).sum();
        let mut left = if self.queries.len() > 1 { rand::rng().random_range(0..all) } else { 0 };
        for (weight, prepared, file) in &self.queries {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return (prepared, file),
            }
        }
        let (_, prepared, file) = &self.queries[0]; // a mix has a query
        (prepared, file)
    }
}

/// Connections that ask nothing.
#[derive(Default)]
struct Idle(Vec<Connection>);

impl Idle {
    /// Opens so many that there are `count`, or as many as are to be had: the results tell.
    async fn open(&mut self, target: &Arc<Target>, count: usize) {
        self.0.retain(Connection::is_open);
        while self.0.len() < count {
            let mut opening = JoinSet::new();
            for _ in 0..OPENED_AT_ONCE.min(count - self.0.len()) {
                let mut connection = Connection::new(Arc::clone(target));
                opening.spawn(async move { connection.connect().await.map(|()| connection) });
            }
            let opened = opening.join_all().await;
            let refused = opened.iter().any(Result::is_err);
            self.0.extend(opened.into_iter().flatten());
            if refused {
                return;
            }
        }
    }
}

/// Takes one step.
async fn take(
    asked: &Arc<Asked>,
    step: Step,
    rate: Option<f64>,
    progress: &impl Fn(&Progress<'_>),
    stop: &CancellationToken,
) -> Measured {
    const TELL: Duration = Duration::from_millis(200);
    let recorder = Arc::new(Recorder::new(step, rate));
    let next = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..step.concurrency.min(step.requests) {
        let (asked, recorder, next) = (Arc::clone(asked), Arc::clone(&recorder), Arc::clone(&next));
        let stop = stop.clone();
        clients.spawn(async move {
            let mut connection = Connection::new(Arc::clone(&asked.target));
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number >= step.requests || stop.is_cancelled() {
                    return;
                }
                let due = rate.map(|rate| begin + Duration::from_secs_f64(number as f64 / rate));
                if let Some(due) = due {
                    tokio::select! {
                        () = sleep_until(due) => {}
                        () = stop.cancelled() => return,
                    }
                }
                // A request that found no client free is late by as much.
                let since = due.unwrap_or_else(Instant::now);
                let (prepared, expected) = asked.any();
                let answer = connection.ask(prepared, asked.timeout).await;
                recorder.record(since.elapsed(), answer, expected);
            }
        });
    }
    let mut tick = tokio::time::interval(TELL);
    loop {
        tokio::select! {
            ended = clients.join_next() => if ended.is_none() { break },
            _ = tick.tick() => recorder.tell(progress),
        }
    }
    recorder.tell(progress);
    recorder.measured()
}
