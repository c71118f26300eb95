//! The load tester: simulates many clients, follows every response to its file, and measures until
//! the file is complete.
//!
//! [`Target`] is the server, [`Mix`] the queries, a [`Step`] the number of requests and clients.
//! Each query is sent once before the test as a reference; a response that differs from it in rows
//! or bytes is an error. Steps are **closed-loop**: each client sends its next request when it has
//! its response; or, with a rate, **open-loop**: requests are started at scheduled times, and
//! latency is measured from those, so coordinated omission is avoided. `client` is the HTTP client,
//! `measure` records, `figures` draws charts and `html` writes the report.

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

/// Number of idle connections that are opened concurrently.
const OPENED_AT_ONCE: usize = 64;

/// The number of requests, and of concurrent clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The number of requests.
    pub requests: u64,
    /// The maximum number of concurrent requests.
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
    /// Its weight relative to the other queries.
    #[serde(default = "once")]
    pub weight: u32,
    /// The fields of `/api/query`.
    pub query: Map<String, Value>,
}

fn once() -> u32 {
    1
}

/// The queries.
pub type Mix = Vec<Weighted>;

/// The plan of a test.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The queries; at least one with a weight.
    pub mix: Mix,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Open-loop rate in requests per second; `None`: closed loop.
    pub rate: Option<f64>,
    /// Warm-up requests before each step.
    pub warm_up: u64,
    /// Pause before each step.
    pub pause: Duration,
    /// Timeout of a request until its file is complete.
    pub timeout: Duration,
    /// Number of idle connections held open during the test.
    pub idle: usize,
}

/// The results.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// The server.
    pub target: String,
    /// The start time.
    pub started: jiff::Timestamp,
    /// The version of the tester.
    pub version: String,
    /// The queries.
    pub mix: Mix,
    /// The rows and bytes of each query's file.
    pub reference: Vec<Reference>,
    /// Number of idle connections open at the start of the last step.
    pub idle: usize,
    /// The steps.
    pub steps: Vec<Measured>,
}

/// The reference response of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Number of lines, without the CSV header.
    pub rows: u64,
    /// The file's length.
    pub bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

/// Why the test failed.
#[derive(Debug, thiserror::Error)]
pub enum LoadTestError {
    /// The server cannot be reached, or does not answer the query.
    #[error(
        "the query {query} to {target} failed: {failure}; choose another with --query or --mix"
    )]
    Reference {
        /// The query.
        query: String,
        /// The server.
        target: String,
        /// The failure.
        failure: Failure,
    },
}

/// Runs the plan. `progress` is called regularly with the progress of a step. When stopped, it ends
/// the current step and returns the results so far.
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
        // The server may close long-idle connections: they are replaced.
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

/// The queries and the server.
struct Asked {
    queries: Vec<(u32, Prepared, File)>,
    target: Arc<Target>,
    timeout: Duration,
}

impl Asked {
    /// A query chosen by weight, and its expected response.
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

/// Idle connections.
#[derive(Default)]
struct Idle(Vec<Connection>);

impl Idle {
    /// Opens connections until there are `count`, or as many as possible; the results have the
    /// number.
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

/// Runs one step.
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
                // Waiting for a free client counts as latency.
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
            _ = tick.tick() => recorder.report(progress),
        }
    }
    recorder.report(progress);
    recorder.measured()
}
