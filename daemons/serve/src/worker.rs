//! The worker: takes jobs from the queue and writes their results.
//!
//! Doing a job twice gives the same file, so that a worker may die at any point: the
//! message comes again. What cannot be done ends as failed, never as silence: by the
//! worker's own word, after five beginnings, or from the dead letters.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use airshed_common::{hexadecimal, reason};
use futures::FutureExt;
use object_store::buffered::BufWriter;
use queue::{Delivery, Queues};
use sha2::{Digest, Sha256};
use store::{Store, View};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, error_span, info, warn};
use uuid::Uuid;

use crate::jobs::{Job, Jobs, JobsError, State};
use crate::message;
use crate::networks::Networks;
use crate::request::{Ask, BadRequest};
use crate::trace::Origin;

/// Beginnings of one job before it is given up.
const MAX_ATTEMPTS: u32 = 5;

/// How often a worker says that it is alive, and how far it has come, in the time that it
/// may be silent.
const HEARTBEATS: u32 = 6;

/// How often dead letters are looked at. They stay where they are, for people to look at.
const DEAD_LOOK: Duration = Duration::from_secs(600);

/// How long a message is hidden after a failure that may pass.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest wait for messages in one go, as SQS has it.
const WAIT: Duration = Duration::from_secs(20);

/// What a worker is made of.
#[derive(Clone)]
pub struct Worker {
    /// Where the readings are.
    pub store: Arc<dyn Store>,
    /// Where the jobs come from, and where their ends are told.
    pub queues: Queues,
    /// The job records and results.
    pub jobs: Jobs,
    /// Jobs done at the same time.
    pub concurrency: usize,
    /// How long a worker may be silent before its job is given to another.
    pub silence: Duration,
    /// Whose data it is and how it may be used.
    pub networks: Arc<Networks>,
}

/// How long a worker may be silent, usually.
pub const SILENCE: Duration = Duration::from_secs(30);

/// Works until told to stop; then hands back what is not finished.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let (mut tasks, concurrency) = (JoinSet::new(), worker.concurrency.max(1));
    info!(concurrency, "worker started");
    for _ in 0..concurrency {
        let (worker, stop) = (worker.clone(), stop.clone());
        tasks.spawn(again_after_panic(move || work(worker.clone(), stop.clone())));
    }
    tasks.spawn(again_after_panic(move || bury(worker.clone(), stop.clone())));
    while tasks.join_next().await.is_some() {}
}

/// A panic must not leave the queue without a worker; the job comes again with its message.
async fn again_after_panic<F: Future<Output = ()>>(task: impl Fn() -> F) {
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        error!("a worker panicked; another takes its place");
    }
}

/// Why a job fails that was begun as often as it may be, and never ended.
fn died() -> String {
    format!(
        "given up after {MAX_ATTEMPTS} attempts: every worker that began it died or fell silent"
    )
}

/// Why a job stopped before its end.
enum Stopped {
    /// Trying again cannot help.
    ForGood(Failure),
    /// Trying again may help.
    ForNow(Failure),
    /// The worker was told to stop.
    HandedBack,
    /// The message is another worker's by now.
    TakenAway,
}

/// What failed: in words for whoever asked, and with what only the log may have (paths, the
/// text of services).
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

impl From<JobsError> for Stopped {
    fn from(error: JobsError) -> Self {
        match error.is_conflict() {
            true => Self::TakenAway,
            false => Self::ForNow(Failure::new(RESULTS_UNAVAILABLE, &error)),
        }
    }
}

impl From<store::Error> for Stopped {
    fn from(error: store::Error) -> Self {
        match error.is_transient() {
            true => Self::ForNow(Failure::new(STORE_UNAVAILABLE, &error)),
            false => Self::ForGood(Failure::new(STORE_DAMAGED, &error)),
        }
    }
}

async fn work(worker: Worker, stop: CancellationToken) {
    let requests = &worker.queues.requests;
    while !stop.is_cancelled() {
        let received = tokio::select! {
            received = requests.receive(1, worker.silence, WAIT) => received,
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
                warn!(reason = reason(&error), "cannot receive; trying again");
                pause(&stop).await;
            }
        }
    }
}

/// Marks the jobs of dead letters as failed.
async fn bury(worker: Worker, stop: CancellationToken) {
    let dead = &worker.queues.dead_requests;
    while !stop.is_cancelled() {
        let received = tokio::select! {
            received = dead.receive(10, worker.silence, WAIT) => received,
            () = stop.cancelled() => return,
        };
        let Ok(deliveries) = received else {
            pause(&stop).await;
            continue;
        };
        for delivery in deliveries {
            let span = error_span!("job", request = message::origin_in(&delivery.body).request);
            match worker.bury_one(&delivery).instrument(span).await {
                Ok(true) => drop(dead.ack(&delivery.receipt).await),
                Ok(false) => drop(dead.extend(&delivery.receipt, DEAD_LOOK).await),
                Err(error) => {
                    warn!(reason = reason(&error), "a dead letter is looked at again");
                    let _ = dead.extend(&delivery.receipt, PAUSE).await;
                }
            }
        }
    }
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(PAUSE) => {}
        () = stop.cancelled() => {}
    }
}

impl Worker {
    async fn handle(&self, delivery: &Delivery, stop: &CancellationToken) {
        let requests = &self.queues.requests;
        let Some(id) = message::id_in(&delivery.body) else {
            warn!(body = delivery.body, "a message that names no job; left to the dead letters");
            return drop(requests.extend(&delivery.receipt, Duration::ZERO).await);
        };
        let job = match self.jobs.get(id).await {
            Ok(Some(job)) => job,
            Ok(None) => {
                warn!(%id, "a message about a job that has no record; dropped");
                return drop(requests.ack(&delivery.receipt).await);
            }
            Err(error) => {
                warn!(%id, reason = reason(&error), "cannot read the job's record; later");
                return drop(requests.extend(&delivery.receipt, PAUSE).await);
            }
        };
        if job.state.is_final() {
            return self.finish(delivery, id).await;
        }
        if job.attempts >= MAX_ATTEMPTS {
            // Its deliveries were counted anew when it was sent again: among the dead
            // letters is its place all the same.
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
            Err(Stopped::ForGood(why)) => self.give_up(&job, delivery, &why, false).await,
            Err(Stopped::ForNow(why)) if job.attempts >= MAX_ATTEMPTS => {
                self.give_up(&job, delivery, &why, true).await;
            }
            Err(Stopped::ForNow(why)) => {
                let why = why.log;
                warn!(%id, why, attempts = job.attempts, "job interrupted; trying again");
                let _ = self.jobs.update(&job, State::Queued).await;
                let _ = requests.extend(&delivery.receipt, PAUSE).await;
            }
            Err(Stopped::HandedBack) => {
                info!(%id, "stopping; job handed back");
                let handed_back = Job { attempts: job.attempts - 1, ..job };
                let _ = self.jobs.update(&handed_back, State::Queued).await;
                let _ = requests.extend(&delivery.receipt, Duration::ZERO).await;
            }
            Err(Stopped::TakenAway) => match self.jobs.get(id).await {
                Ok(Some(Job { state, .. })) if state.is_final() => {
                    info!(%id, state = state.name(), "job ended elsewhere");
                    self.finish(delivery, id).await;
                }
                _ => warn!(%id, "job taken over by another worker"),
            },
        }
    }

    async fn execute(
        &self,
        job: &mut Job,
        delivery: &Delivery,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        let ask = readable(Ask::from_object(job.query.clone()))?;
        job.made_from = None;
        *job = self.jobs.update(job, State::Running { rows: 0, estimate: None }).await?;
        // The version first: what changes before the pages are read makes it an old one. It
        // is recorded with the next change of the record.
        let view = self.store.snapshot().await?;
        let ask = readable(self.networks.restrict(ask, &view.networks().await?))?;
        let wanted = ask.wanted();
        let looked_at = ask.view_of(Arc::clone(&view));
        job.made_from = looked_at.version(wanted.from, wanted.until).await?;
        debug!(id = %job.id, attempts = job.attempts, "job begun");

        let mut writer = self.jobs.result_writer(job);
        let progress = Progress::default();
        let writing = self.write_result(&mut writer, &ask, view, &progress);
        let written = self.write_alive(writing, &ask, job, delivery, stop, &progress).await;
        let ended = match written {
            Ok(state) => self.jobs.update(job, state).await.map_err(Stopped::from),
            Err(stopped) => {
                // A writer that is closing cannot be aborted; what it leaves is deleted below.
                if !progress.closing.load(Relaxed) {
                    let _ = writer.abort().await;
                }
                Err(stopped)
            }
        };
        match ended {
            Ok(done) => {
                // Of attempts that ended between the file and the record, if any.
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
                let _ = self.jobs.delete_result(job).await;
                Err(stopped)
            }
        }
    }

    /// Writes the result, and says every few seconds that it is being written, however
    /// long a page takes.
    async fn write_alive(
        &self,
        writing: impl Future<Output = Result<State, Stopped>>,
        ask: &Ask,
        job: &mut Job,
        delivery: &Delivery,
        stop: &CancellationToken,
        progress: &Progress,
    ) -> Result<State, Stopped> {
        let mut writing = pin!(writing);
        let mut estimate = None;
        loop {
            tokio::select! {
                written = &mut writing => return written,
                () = stop.cancelled() => return Err(Stopped::HandedBack),
                () = tokio::time::sleep(self.silence / HEARTBEATS) => {}
            }
            // Awaited to the end, outside of the select: a record of progress that was
            // dropped half way could still land, and its version would not be known.
            let extended = self.queues.requests.extend(&delivery.receipt, self.silence).await;
            match extended {
                Err(error) if error.kind() == queue::ErrorKind::Expired => {
                    return Err(Stopped::TakenAway);
                }
                Err(error) => debug!(id = %job.id, reason = reason(&error), "not extended"),
                Ok(()) => {}
            }
            if estimate.is_none() {
                estimate = self.store.summary().await.ok().map(|all| all.estimate(&ask.query));
            }
            let state = State::Running { rows: progress.rows.load(Relaxed), estimate };
            match self.jobs.update(job, state).await {
                Ok(now) => *job = now,
                Err(error) if error.is_conflict() => return Err(Stopped::TakenAway),
                Err(error) => debug!(id = %job.id, reason = reason(&error), "not recorded"),
            }
        }
    }

    async fn write_result(
        &self,
        writer: &mut BufWriter,
        ask: &Ask,
        view: Arc<dyn View>,
        progress: &Progress,
    ) -> Result<State, Stopped> {
        let mut encoder = ask.encoder(&self.networks.attribution(&ask.query))?;
        let mut file = ResultFile { writer, hash: Sha256::new(), bytes: 0 };
        let (mut text, mut doubtful) = (Vec::new(), 0);
        let mut pages = ask.pages_of(view);
        while let Some(page) = pages.next().await.transpose()? {
            encoder.page(&mut text, &page)?;
            progress.rows.fetch_add(page.len() as u64, Relaxed);
            doubtful += page.implausible() as u64;
            file.take(&mut text).await?;
        }
        let truncated = pages.has_more().await?;
        encoder.finish(&mut text)?;
        file.take(&mut text).await?;
        progress.closing.store(true, Relaxed);
        let (bytes, sha256) = file.close().await?;
        let (rows, expires) = (progress.rows.load(Relaxed), self.jobs.expiry());
        Ok(State::Done { rows, doubtful, truncated, bytes, sha256, expires })
    }

    async fn give_up(&self, job: &Job, delivery: &Delivery, why: &Failure, retryable: bool) {
        warn!(id = %job.id, why = why.log, attempts = job.attempts, "job failed");
        // Not recorded: the message comes again, and this is tried again.
        if self.jobs.fail(job, &why.public, retryable).await.is_ok() {
            self.finish(delivery, job.id).await;
        }
    }

    /// Whether the letter need not be kept any longer.
    async fn bury_one(&self, delivery: &Delivery) -> Result<bool, JobsError> {
        let Some(id) = message::id_in(&delivery.body) else {
            warn!(body = delivery.body, "a dead letter that names no job");
            return Ok(false);
        };
        let Some(job) = self.jobs.get(id).await? else { return Ok(true) };
        if !job.state.is_final() && job.attempts < MAX_ATTEMPTS {
            // It was received as often as a message may be, but not begun: the deliveries
            // were lost on the way, as those to a worker that was just killed.
            info!(%id, attempts = job.attempts, "a dead letter is sent again");
            return Ok(self.queues.requests.send(&message::of(id, &job.origin)).await.is_ok());
        }
        if !job.state.is_final() {
            warn!(%id, "job failed: its workers died or fell silent");
            self.jobs.fail(&job, &died(), true).await?;
            self.tell(id).await;
        }
        Ok(job.state == State::Expired)
    }

    async fn finish(&self, delivery: &Delivery, id: Uuid) {
        self.tell(id).await;
        if let Err(error) = self.queues.requests.ack(&delivery.receipt).await {
            debug!(%id, reason = reason(&error), "not acknowledged; it will come again");
        }
    }

    /// Wakes whoever waits for the job. They look by themselves too, only later.
    async fn tell(&self, id: Uuid) {
        if let Err(error) = self.queues.responses.send(&message::of(id, &Origin::default())).await {
            debug!(%id, reason = reason(&error), "nobody was told of the job's end");
        }
    }
}

/// How far the writing of a result is.
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
}

impl ResultFile<'_> {
    async fn take(&mut self, text: &mut Vec<u8>) -> Result<(), Stopped> {
        self.bytes += text.len() as u64;
        self.hash.update(&text);
        let written = self.writer.write_all(text).await;
        text.clear();
        written.map_err(|error| Stopped::ForNow(Failure::new(RESULTS_UNAVAILABLE, &error)))
    }

    /// The length and the SHA-256 of the whole file.
    async fn close(self) -> Result<(u64, String), Stopped> {
        let closed = self.writer.shutdown().await;
        closed.map_err(|error| Stopped::ForNow(Failure::new(RESULTS_UNAVAILABLE, &error)))?;
        Ok((self.bytes, hexadecimal(&self.hash.finalize())))
    }
}

/// A request that nobody can read again is not tried again.
fn readable(ask: Result<Ask, BadRequest>) -> Result<Ask, Stopped> {
    ask.map_err(|error| {
        let why = format!("The request cannot be read: {error}.");
        Stopped::ForGood(Failure { public: why.clone(), log: why })
    })
}
