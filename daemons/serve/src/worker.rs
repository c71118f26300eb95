//! The worker: receives jobs from the queue and writes their results.
//!
//! Jobs are idempotent, so a worker may die at any point: the message is redelivered. Every job
//! reaches a final state: it is failed by its worker, after five attempts, or as a dead letter.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use airshed_common::{hexadecimal, is_disk_full, reason};
use futures::FutureExt;
use object_store::buffered::BufWriter;
use queue::{Delivery, Queues};
use sha2::{Digest, Sha256};
use store::{Encoder, Store, View};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, error_span, info, warn};
use uuid::Uuid;

use crate::jobs::{
    Comparison, Fingerprints, Job, Jobs, JobsError, Made, OverQuota, State, parts_of,
};
use crate::message;
use crate::networks::Networks;
use crate::request::{BadRequest, QueryRequest};
use crate::trace::RequestContext;

/// Maximum number of attempts of a job.
const MAX_ATTEMPTS: u32 = 5;

/// Number of heartbeats, with progress, per heartbeat timeout.
const HEARTBEATS: u32 = 6;

/// Interval of checking dead letters. Those that name no job stay in the queue for inspection.
const DEAD_LOOK: Duration = Duration::from_secs(600);

/// How long a message is hidden after a transient failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Maximum wait of a receive, as in SQS.
const WAIT: Duration = Duration::from_secs(20);

/// The parts of a worker.
#[derive(Clone)]
pub struct Worker {
    /// The store of readings.
    pub store: Arc<dyn Store>,
    /// The queues of jobs and of their completions.
    pub queues: Queues,
    /// The job records and results.
    pub jobs: Jobs,
    /// Maximum number of concurrent jobs.
    pub concurrency: usize,
    /// The heartbeat timeout, after which a job is requeued.
    pub heartbeat_timeout: Duration,
    /// The networks and their terms.
    pub networks: Arc<Networks>,
}

/// The default heartbeat timeout.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(30);

/// Processes jobs until stopped; then requeues unfinished ones.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let (mut tasks, concurrency) = (JoinSet::new(), worker.concurrency.max(1));
    info!(concurrency, "worker started");
    for _ in 0..concurrency {
        let (worker, stop) = (worker.clone(), stop.clone());
        tasks.spawn(again_after_panic(move || work(worker.clone(), stop.clone())));
    }
    tasks.spawn(again_after_panic(move || drain_dead_letters(worker.clone(), stop.clone())));
    while tasks.join_next().await.is_some() {}
}

/// After a panic the worker is restarted; the message of its job is redelivered.
async fn again_after_panic<F: Future<Output = ()>>(task: impl Fn() -> F) {
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        error!("a worker panicked; restarting it");
    }
}

/// The reason of failure after the maximum number of attempts.
fn died() -> String {
    format!(
        "failed after {MAX_ATTEMPTS} attempts: each worker crashed or stopped sending heartbeats"
    )
}

/// Why an attempt of a job ended early.
enum JobError {
    /// Permanent: a retry cannot help.
    Permanent(Failure),
    /// There is no room for the file: other jobs come first, and a client may ask again.
    NoRoom(Failure),
    /// Transient: a retry may help.
    Transient(Failure),
    /// The worker is shutting down.
    Requeued,
    /// Another worker has the message now.
    LeaseLost,
}

/// A failure: a message for the client, and one for the log (with paths and messages of services).
struct Failure {
    public: String,
    log: String,
}

impl Failure {
    fn new(public: &str, error: &dyn std::error::Error) -> Self {
        Self { public: public.to_owned(), log: reason(error) }
    }
}

const STORE_UNAVAILABLE: &str = "The store of readings was unavailable.";
const STORE_DAMAGED: &str = "Some of the stored readings cannot be read.";
const RESULTS_UNAVAILABLE: &str = "The store of results was unavailable.";
const NO_ROOM: &str =
    "There was no room on the server's disk for the file. Try again later, or ask for less.";

impl JobError {
    /// The file could not be written.
    fn unwritten(error: &std::io::Error) -> Self {
        match is_disk_full(error) {
            true => Self::NoRoom(Failure::new(NO_ROOM, error)),
            false => Self::Transient(Failure::new(RESULTS_UNAVAILABLE, error)),
        }
    }
}

impl From<JobsError> for JobError {
    fn from(error: JobsError) -> Self {
        match error.is_conflict() {
            true => Self::LeaseLost,
            false => Self::Transient(Failure::new(RESULTS_UNAVAILABLE, &error)),
        }
    }
}

impl From<store::Error> for JobError {
    fn from(error: store::Error) -> Self {
        match error.is_transient() {
            true => Self::Transient(Failure::new(STORE_UNAVAILABLE, &error)),
            false => Self::Permanent(Failure::new(STORE_DAMAGED, &error)),
        }
    }
}

async fn work(worker: Worker, stop: CancellationToken) {
    let requests = &worker.queues.requests;
    while !stop.is_cancelled() {
        let received = tokio::select! {
            biased;
            received = requests.receive(1, worker.heartbeat_timeout, WAIT) => received,
            () = stop.cancelled() => return,
        };
        match received {
            Ok(deliveries) => {
                for delivery in deliveries {
                    let origin = message::origin_in(&delivery.body);
                    let span = error_span!("job", request = origin.request);
                    origin.is_parent_of(&span);
                    worker.handle(&delivery, &stop).instrument(span).await;
                }
            }
            Err(error) => {
                warn!(reason = reason(&error), "cannot receive; retrying");
                pause(&stop).await;
            }
        }
    }
}

/// Fails or requeues the jobs of dead letters.
async fn drain_dead_letters(worker: Worker, stop: CancellationToken) {
    let dead = &worker.queues.dead_requests;
    while !stop.is_cancelled() {
        let received = tokio::select! {
            biased;
            received = dead.receive(10, worker.heartbeat_timeout, WAIT) => received,
            () = stop.cancelled() => return,
        };
        let Ok(deliveries) = received else {
            pause(&stop).await;
            continue;
        };
        for delivery in deliveries {
            let span = error_span!("job", request = message::origin_in(&delivery.body).request);
            match worker.take_dead_letter(&delivery).instrument(span).await {
                Ok(true) => drop(dead.ack(&delivery.receipt).await),
                Ok(false) => drop(dead.extend(&delivery.receipt, DEAD_LOOK).await),
                Err(error) => {
                    warn!(reason = reason(&error), "cannot process a dead letter; retrying");
                    let _ = dead.extend(&delivery.receipt, PAUSE).await;
                }
            }
        }
    }
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = tokio::time::sleep(PAUSE) => {}
        () = stop.cancelled() => {}
    }
}

/// What a job is computed from.
struct Prepared {
    /// The request, restricted to the networks that are served.
    request: QueryRequest,
    view: Arc<dyn View>,
    /// See [`Job::made_from`].
    state: Option<String>,
}

impl Worker {
    async fn handle(&self, delivery: &Delivery, stop: &CancellationToken) {
        let requests = &self.queues.requests;
        let Some(id) = message::id_in(&delivery.body) else {
            warn!(
                body = delivery.body,
                "a message that names no job; left to become a dead \
                                         letter"
            );
            return drop(requests.extend(&delivery.receipt, Duration::ZERO).await);
        };
        let job = match self.jobs.record(id).await {
            Ok(Some(job)) => job,
            Ok(None) => {
                warn!(%id, "a message about a job that has no record; dropped");
                return drop(requests.ack(&delivery.receipt).await);
            }
            Err(error) => {
                warn!(%id, reason = reason(&error), "cannot read the job's record; retrying");
                return drop(requests.extend(&delivery.receipt, PAUSE).await);
            }
        };
        if job.state.is_final() {
            return self.finish(delivery, id).await;
        }
        if job.attempts >= MAX_ATTEMPTS {
            // Its delivery count was reset when it was requeued: it belongs to the dead letters all
            // the same.
            let _ = self.queues.dead_requests.send(&message::of(id, &job.origin)).await;
            let why = Failure { public: died(), log: died() };
            return self.give_up(&job, delivery, &why, true).await;
        }
        let mut job = Job { attempts: job.attempts + 1, ..job };
        match self.execute(&mut job, delivery, stop).await {
            Ok(()) => {
                info!(%id, state = job.state.name(), attempts = job.attempts, "job done");
                self.finish(delivery, id).await;
            }
            Err(JobError::Permanent(why)) => self.give_up(&job, delivery, &why, false).await,
            Err(JobError::NoRoom(why)) => self.give_up(&job, delivery, &why, true).await,
            Err(JobError::Transient(why)) if job.attempts >= MAX_ATTEMPTS => {
                self.give_up(&job, delivery, &why, true).await;
            }
            Err(JobError::Transient(why)) => {
                let why = why.log;
                warn!(%id, why, attempts = job.attempts, "job interrupted; retrying");
                let _ = self.jobs.update(&job, State::Queued).await;
                let _ = requests.extend(&delivery.receipt, PAUSE).await;
            }
            Err(JobError::Requeued) => {
                info!(%id, "shutting down; job requeued");
                let handed_back = Job { attempts: job.attempts - 1, ..job };
                let _ = self.jobs.update(&handed_back, State::Queued).await;
                let _ = requests.extend(&delivery.receipt, Duration::ZERO).await;
            }
            Err(JobError::LeaseLost) => match self.jobs.record(id).await {
                Ok(Some(Job { state, .. })) if state.is_final() => {
                    info!(%id, state = state.name(), "job ended elsewhere");
                    self.finish(delivery, id).await;
                }
                _ => warn!(%id, "job taken over by another worker"),
            },
        }
    }

    /// A snapshot, its version, and the query on its networks.
    async fn prepare(&self, request: QueryRequest) -> Result<Prepared, JobError> {
        let view = self.store.snapshot().await?;
        let request = readable(self.networks.restrict(request, &view.networks().await?))?;
        let state = request.state_of(request.view_of(Arc::clone(&view)).as_ref()).await?;
        Ok(Prepared { request, view, state })
    }

    async fn execute(
        &self,
        job: &mut Job,
        delivery: &Delivery,
        stop: &CancellationToken,
    ) -> Result<(), JobError> {
        let request = readable(QueryRequest::from_object(job.query.clone()))?;
        let running = || State::Running { rows: 0, estimate: None };
        // An attempt is recorded before anything can go wrong with it.
        (job.made_from, job.parts) = (None, Vec::new());
        *job = self.jobs.update(job, running()).await?;
        let Prepared { request, view, state } = self.prepare(request).await?;
        let readings = request.view_of(Arc::clone(&view));
        let stored = request.stored_at(readings.as_ref()).await?;
        let earlier = match job.again {
            Some(id) => self.jobs.get(id).await?,
            None => None,
        };
        if state.is_some() {
            job.made_from = state;
            *job = self.jobs.update(job, running()).await?;
            job.parts = parts_of(&request, earlier.as_ref(), readings.as_ref()).await?;
        }
        let mut fingerprints = Fingerprints::new(&request, &job.parts)?;
        debug!(id = %job.id, attempts = job.attempts, "job begun");

        let mut writer = self.jobs.result_writer(job);
        let progress = Progress::default();
        let metadata = self.networks.metadata(&request).with_stored(stored);
        let encoder = request.encoder(metadata)?;
        let file = ResultFile {
            writer: &mut writer,
            hash: Sha256::new(),
            bytes: 0,
            job: job.clone(),
            jobs: &self.jobs,
        };
        let writing =
            self.write_result(file, encoder, (&request, view), &progress, &mut fingerprints);
        let written = self.write_alive(writing, &request, job, delivery, stop, &progress).await;
        let is_written = written.is_ok();
        let ended = match written {
            Ok(state) => {
                fingerprints.complete(&mut job.parts);
                self.record(job, state, &request, earlier.as_ref(), readings.as_ref()).await
            }
            Err(stopped) => {
                // A writer that is closing cannot be aborted; its file is deleted below.
                if !progress.closing.load(Relaxed) {
                    let _ = writer.abort().await;
                }
                Err(stopped)
            }
        };
        match ended {
            Ok(done) => {
                // Files of attempts that ended between writing the file and the record, if any.
                let _ = self.jobs.delete_earlier_results(&done).await;
                if let State::Done { rows, .. } = done.state {
                    let took = done.updated.duration_since(done.created).as_secs_f64();
                    metrics::histogram!("airshed_query_seconds", "path" => "job").record(took);
                    metrics::histogram!("airshed_query_rows", "path" => "job").record(rows as f64);
                }
                *job = done;
                Ok(())
            }
            Err(stopped) => {
                if !is_written || self.is_superseded(job, &stopped).await {
                    let _ = self.jobs.delete_result(job).await;
                }
                Err(stopped)
            }
        }
    }

    /// Whether the complete file of this attempt is nobody's, since its record was not changed. If only
    /// the answer to that change was lost, the record has the file; while it is unknown, it stays,
    /// until the job is cleared.
    async fn is_superseded(&self, job: &Job, stopped: &JobError) -> bool {
        if !matches!(stopped, JobError::LeaseLost) {
            return false;
        }
        match self.jobs.get(job.id).await {
            Ok(Some(now)) => {
                !matches!(now.state, State::Done { .. }) || now.attempts != job.attempts
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Records that the file is made, and, if its query was made before, how the files differ.
    async fn record(
        &self,
        job: &mut Job,
        state: State,
        request: &QueryRequest,
        earlier: Option<&Job>,
        readings: &dyn View,
    ) -> Result<Job, JobError> {
        let mut made = Made::of(&state, self.jobs.now(), request, &self.networks);
        if let Some(made) = &mut made {
            made.stored = request.stored_at(readings).await?;
        }
        if let (Some(earlier), Some(made)) = (earlier, &mut made) {
            made.compared = Comparison::with(earlier, made, &job.parts, readings).await?;
        }
        job.made = made;
        Ok(self.jobs.update(job, state).await?)
    }

    /// Writes the result, and sends a heartbeat every few seconds, however long a page takes.
    async fn write_alive(
        &self,
        writing: impl Future<Output = Result<State, JobError>>,
        request: &QueryRequest,
        job: &mut Job,
        delivery: &Delivery,
        stop: &CancellationToken,
        progress: &Progress,
    ) -> Result<State, JobError> {
        let mut writing = pin!(writing);
        let mut estimate = None;
        loop {
            tokio::select! {
                biased;
                written = &mut writing => return written,
                () = stop.cancelled() => return Err(JobError::Requeued),
                () = tokio::time::sleep(self.heartbeat_timeout / HEARTBEATS) => {}
            }
            // Awaited outside of the select: a progress update that is dropped half way could still
            // be applied, with an unknown version.
            let extended =
                self.queues.requests.extend(&delivery.receipt, self.heartbeat_timeout).await;
            match extended {
                Err(error) if error.kind() == queue::ErrorKind::Expired => {
                    return Err(JobError::LeaseLost);
                }
                Err(error) => debug!(id = %job.id, reason = reason(&error), "not extended"),
                Ok(()) => {}
            }
            if estimate.is_none() {
                estimate = self.store.summary().await.ok().map(|all| all.estimate(&request.query));
            }
            let state = State::Running { rows: progress.rows.load(Relaxed), estimate };
            match self.jobs.update(job, state).await {
                Ok(now) => *job = now,
                Err(error) if error.is_conflict() => return Err(JobError::LeaseLost),
                Err(error) => debug!(id = %job.id, reason = reason(&error), "not recorded"),
            }
        }
    }

    async fn write_result(
        &self,
        mut file: ResultFile<'_>,
        mut encoder: Encoder,
        (request, view): (&QueryRequest, Arc<dyn View>),
        progress: &Progress,
        fingerprints: &mut Fingerprints,
    ) -> Result<State, JobError> {
        let (mut text, mut doubtful) = (Vec::new(), 0);
        let mut pages = request.pages_of(view);
        while let Some(page) = pages.next().await.transpose()? {
            // A page takes milliseconds: whoever waits for this thread has it between them.
            encoder.page(&mut text, &page)?;
            tokio::task::yield_now().await;
            fingerprints.add(&page)?;
            tokio::task::yield_now().await;
            progress.rows.fetch_add(page.len() as u64, Relaxed);
            doubtful += page.implausible() as u64;
            file.take(&mut text).await?;
        }
        let (truncated, left_out) = (pages.has_more().await?, pages.left_out().await?);
        encoder.set_left_out(left_out);
        encoder.finish(&mut text)?;
        file.take(&mut text).await?;
        progress.closing.store(true, Relaxed);
        let (bytes, sha256) = file.close().await?;
        let (rows, expires) = (progress.rows.load(Relaxed), self.jobs.expiry());
        Ok(State::Done { rows, doubtful, truncated, left_out, bytes, sha256, expires })
    }

    async fn give_up(&self, job: &Job, delivery: &Delivery, why: &Failure, retryable: bool) {
        warn!(id = %job.id, why = why.log, attempts = job.attempts, "job failed");
        // Not recorded: the message is redelivered, and this is retried.
        if self.jobs.fail(job, &why.public, retryable).await.is_ok() {
            self.finish(delivery, job.id).await;
        }
    }

    /// Whether the dead letter can be deleted.
    async fn take_dead_letter(&self, delivery: &Delivery) -> Result<bool, JobsError> {
        let Some(id) = message::id_in(&delivery.body) else {
            warn!(body = delivery.body, "a dead letter that names no job");
            return Ok(false);
        };
        let Some(job) = self.jobs.record(id).await? else { return Ok(true) };
        if !job.state.is_final() && job.attempts < MAX_ATTEMPTS {
            // It was received the maximum number of times, but the attempts were not used: the
            // deliveries were lost, for example those to a worker that was just killed.
            info!(%id, attempts = job.attempts, "requeueing a dead letter");
            return Ok(message::send(self.queues.requests.as_ref(), &job).await.is_ok());
        }
        if !job.state.is_final() {
            warn!(%id, "job failed: its workers crashed or stopped sending heartbeats");
            self.jobs.fail(&job, &died(), true).await?;
            self.announce(id).await;
        }
        Ok(job.state == State::Expired)
    }

    async fn finish(&self, delivery: &Delivery, id: Uuid) {
        self.announce(id).await;
        if let Err(error) = self.queues.requests.ack(&delivery.receipt).await {
            debug!(%id, reason = reason(&error), "not acknowledged; it will be redelivered");
        }
    }

    /// Wakes requests that wait for the job. They also poll, at longer intervals.
    async fn announce(&self, id: Uuid) {
        let jobs = self.jobs.clone();
        let notifying = async move { jobs.notify_clients(id).await };
        tokio::spawn(log_failure(id, notifying).in_current_span());
        if let Err(error) =
            self.queues.responses.send(&message::of(id, &RequestContext::default())).await
        {
            debug!(%id, reason = reason(&error), "cannot publish the job's completion");
        }
    }
}

/// The progress of writing a result.
#[derive(Default)]
struct Progress {
    rows: AtomicU64,
    closing: AtomicBool,
}

/// A result being written.
struct ResultFile<'a> {
    writer: &'a mut BufWriter,
    hash: Sha256,
    bytes: u64,
    job: Job,
    jobs: &'a Jobs,
}

impl ResultFile<'_> {
    async fn take(&mut self, text: &mut Vec<u8>) -> Result<(), JobError> {
        self.bytes += text.len() as u64;
        self.hash.update(&text);
        self.jobs.note_written(&self.job, self.bytes).map_err(|over| {
            let public = no_room(over);
            JobError::NoRoom(Failure { log: public.clone(), public })
        })?;
        let written = self.writer.write_all(text).await;
        text.clear();
        written.map_err(|error| JobError::unwritten(&error))
    }

    /// The length and the SHA-256 of the whole file.
    async fn close(self) -> Result<(u64, String), JobError> {
        let closed = self.writer.shutdown().await;
        closed.map_err(|error| JobError::unwritten(&error))?;
        Ok((self.bytes, hexadecimal(&self.hash.finalize())))
    }
}

async fn log_failure(id: Uuid, notifying: impl Future<Output = Result<(), JobsError>>) {
    if let Err(error) = notifying.await {
        warn!(%id, reason = reason(&error), "cannot notify the clients of a job; retrying at the next sweep");
    }
}

fn no_room(over: OverQuota) -> String {
    let what = match over {
        OverQuota::Own { most, .. } => {
            format!("With it your results would have more than {most} bytes")
        }
        OverQuota::All { most } => format!("With it all results would have more than {most} bytes"),
        OverQuota::Open(jobs) => format!("You have {jobs} jobs that have not ended"),
    };
    format!(
        "{what}. Ask for fewer rows, or for the compressed format parquet; or delete results, and retry."
    )
}

/// A request that cannot be parsed is a permanent failure.
fn readable(request: Result<QueryRequest, BadRequest>) -> Result<QueryRequest, JobError> {
    request.map_err(|error| {
        let why = format!("The request cannot be read: {error}.");
        JobError::Permanent(Failure { public: why.clone(), log: why })
    })
}
