//! Job records and results: objects in a shared store, so that every server and worker sees the
//! same state, also after a restart.
//!
//! `jobs/<id>.json` is the record, `results/<id>-<attempt>` the file, so that two workers that have
//! the same job never write the same file; `queries/<hash>` refers to the job of a query. A record
//! goes queued → running → done or failed, and from there to expired, when the file is deleted; a
//! worker that stops puts it back to queued. An expired record of a file that somebody fetched moves
//! to `records/<id>.json`, which is kept for good and never listed; others are deleted a week later.
//! Each change is one atomic put, conditional on the record that it changes, so a late change fails. (Directories do not support conditional puts:
//! there a process compares before it puts, and serialises its changes; of two processes at the
//! same instant the last one wins.)
//!
//! Equal queries share the work: each has a job of its own, whose id only its client knows and which it
//! can cancel, and `joined/<work>/<id>` says which jobs need another one's work. Of a job that others
//! have joined, cancelling only ends it for its client. (Before, they shared the id, which is marked by
//! `shared/<id>`; those nobody can cancel.) `owners/<key>/` has the jobs of a key, the newest first.

mod client;
mod download;
mod fingerprint;
mod owned;
mod record;
mod shared;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use airshed_common::{Clock, hexadecimal};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutPayload, PutResult, UpdateVersion};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;
use uuid::Uuid;

pub use self::download::ResultFile;
pub(crate) use self::fingerprint::Fingerprints;
pub use self::owned::Listed;
pub(crate) use self::record::parts_of;
pub use self::record::{
    Before, Callback, Comparison, Job, JobRequest, Made, Part, State, TimeRange,
};
pub use self::shared::Cancellation;
use self::shared::joined_path;
use self::usage::Usage;
pub use self::usage::{OverQuota, OwnQuota, Quota};
use crate::callbacks::{CallbackLimits, Webhooks};
use crate::objects::Objects;
use crate::trace::RequestContext;

/// How long the record of an expired job is kept.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Bytes written of a result per part. S3 allows 10,000 parts: a result has at most 160 GB.
const PART: usize = 16 << 20;

/// The pauses between attempts to change a record double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long an equal query waits for a job that is starting.
const STARTS_WITHIN: Duration = Duration::from_secs(1);

/// Concurrent part uploads, so that a job holds at most three parts in memory.
const PARTS_AT_ONCE: usize = 2;

/// The job records and results of a system.
#[derive(Clone)]
pub struct Jobs {
    objects: Objects,
    /// Held from compare to put if the object store has no conditional puts.
    turn: Arc<Mutex<()>>,
    clock: Clock,
    kept_for: SignedDuration,
    fresh_for: SignedDuration,
    salt: Arc<OnceCell<[u8; 32]>>,
    usage: Arc<Usage>,
    webhooks: Option<Arc<dyn Webhooks>>,
    callback_limits: CallbackLimits,
}

/// The job records or results could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the result store failed at {path}")]
pub struct JobsError {
    path: Path,
    source: object_store::Error,
}

impl JobsError {
    /// Whether the record was not changed because another process had changed it.
    pub fn is_conflict(&self) -> bool {
        use object_store::Error::{NotFound, Precondition};
        matches!(self.source, Precondition { .. } | NotFound { .. })
    }
}

impl Jobs {
    /// Records and results in an object store, with a retention period after completion.
    pub fn new(objects: Objects, clock: Clock, kept_for: SignedDuration) -> Self {
        let (turn, fresh_for) = (Arc::default(), SignedDuration::ZERO);
        let (salt, usage) = (Arc::default(), Arc::default());
        Self {
            objects,
            turn,
            clock,
            kept_for,
            fresh_for,
            salt,
            usage,
            webhooks: None,
            callback_limits: CallbackLimits::default(),
        }
    }

    /// Notifies clients of the end of their jobs, if they asked for that.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Arc<dyn Webhooks>) -> Self {
        Self { webhooks: Some(webhooks), ..self }
    }

    pub(crate) fn callback_limits(&self) -> &CallbackLimits {
        &self.callback_limits
    }

    /// What sends the notifications, if anything does.
    pub(crate) fn webhooks(&self) -> Option<&Arc<dyn Webhooks>> {
        self.webhooks.as_ref()
    }

    /// Bounds what results occupy.
    #[must_use]
    pub fn with_quota(self, quota: Quota) -> Self {
        Self { usage: Arc::new(Usage::new(quota)), ..self }
    }

    /// Reuses results for equal queries for a time after completion.
    #[must_use]
    pub fn fresh_for(self, fresh_for: SignedDuration) -> Self {
        Self { fresh_for, ..self }
    }

    /// Whether there is room on the disk for results.
    pub fn has_room(&self) -> bool {
        self.objects.has_room()
    }

    /// A new job, queued and recorded.
    pub async fn create(
        &self,
        query: Map<String, Value>,
        origin: RequestContext,
    ) -> Result<Job, JobsError> {
        self.request(JobRequest { query, origin, ..JobRequest::default() }).await
    }

    /// The same, with all that can be said about it.
    pub async fn request(&self, request: JobRequest) -> Result<Job, JobsError> {
        self.record_new(Job::new(request, (self.clock)())).await
    }

    async fn record_new(&self, job: Job) -> Result<Job, JobsError> {
        let failed = |source| JobsError { path: record_path(job.id), source };
        self.list_for_owner(&job).await?;
        let put = self.put(&job, &text_of(&job), PutMode::Overwrite).await.map_err(failed)?;
        self.usage.note(&job);
        Ok(Job { version: Some(put.into()), ..job })
    }

    /// The job as its client sees it; `None` for an id that is unknown or was forgotten.
    pub async fn get(&self, id: Uuid) -> Result<Option<Job>, JobsError> {
        let Some(job) = self.record(id).await? else { return Ok(None) };
        if let Some(work) = job.shares {
            let work = self.record(work).await?;
            return Ok(Some(self.as_of_now(job.seen_in(work))));
        }
        Ok(Some(match job.withdrawn.clone() {
            None => job,
            Some(state) => self.as_of_now(Job { state, ..job }),
        }))
    }

    /// The record as it is, for workers: also of a job that was cancelled by its client while others share its work.
    pub async fn record(&self, id: Uuid) -> Result<Option<Job>, JobsError> {
        // Moved in this order, so it is in one place or in both.
        match self.get_at(record_path(id)).await? {
            None => self.get_at(lasting_path(id)).await,
            found => Ok(found),
        }
    }

    /// The job as the sweeper sees it: one that shares another's work by that work's state.
    pub(crate) async fn to_sweep(&self, id: Uuid) -> Result<Option<Job>, JobsError> {
        match self.record(id).await? {
            Some(Job { shares: Some(_), .. }) => self.get(id).await,
            work => Ok(work),
        }
    }

    async fn get_at(&self, path: Path) -> Result<Option<Job>, JobsError> {
        let Some((bytes, version)) = self.read(&path).await? else { return Ok(None) };
        let job: Job = serde_json::from_slice(&bytes).map_err(|error| JobsError {
            path: path.clone(),
            source: object_store::Error::Generic { store: "job record", source: error.into() },
        })?;
        if job.format > record::FORMAT {
            let why = "it was written by a later version of Airshed: use that one";
            let source = object_store::Error::Generic { store: "job record", source: why.into() };
            return Err(JobsError { path, source });
        }
        let job = self.as_of_now(Job { version: Some(version), ..job });
        self.usage.note(&job);
        Ok(Some(job))
    }

    /// A job whose result equals that of the query now: it is queued, or running or recently done
    /// on readings in this state. A state of `None` equals no other.
    pub async fn find_by_query(
        &self,
        query: &Map<String, Value>,
        state: Option<&str>,
    ) -> Result<Option<Job>, JobsError> {
        if !self.fresh_for.is_positive() {
            return Ok(None);
        }
        let Some((named, _)) = self.read(&query_path(query)).await? else { return Ok(None) };
        let id = std::str::from_utf8(&named).ok().and_then(|id| id.parse().ok());
        let Some(id) = id else { return Ok(None) };
        let mut job = self.record(id).await?.filter(|job| job.query == *query);
        // Its worker is about to record what it is computed from.
        let begun = Instant::now();
        let is_starting =
            |job: &Job| matches!(job.state, State::Running { .. }) && job.made_from.is_none();
        while state.is_some()
            && job.as_ref().is_some_and(is_starting)
            && begun.elapsed() < STARTS_WITHIN
        {
            tokio::time::sleep(STARTS_WITHIN / 50).await;
            job = self.record(id).await?;
        }
        Ok(job.filter(|job| {
            let unchanged = state.is_some() && job.made_from.as_deref() == state;
            let age = (self.clock)().duration_since(job.updated);
            match job.state {
                State::Queued => true,
                State::Running { .. } => unchanged,
                State::Done { .. } => unchanged && age < self.fresh_for,
                State::Failed { .. } | State::Cancelled { .. } | State::Expired => false,
            }
        }))
    }

    /// Makes the job visible to [`find_by_query`](Self::find_by_query).
    pub async fn publish(&self, job: &Job) -> Result<(), JobsError> {
        if !self.fresh_for.is_positive() {
            return Ok(());
        }
        let path = query_path(&job.query);
        let put = self.objects.put(&path, PutPayload::from(job.id.to_string())).await;
        put.map(drop).map_err(|source| JobsError { path, source })
    }

    /// Records a change of state; returns the updated job. A [conflict](JobsError::is_conflict) if
    /// the record was changed meanwhile.
    pub async fn update(&self, job: &Job, state: State) -> Result<Job, JobsError> {
        let changed =
            self.replace(job, Job { state, updated: (self.clock)(), ..job.clone() }).await?;
        // A job that runs records its progress, too.
        if changed.state.name() != job.state.name() {
            metrics::counter!("airshed_jobs_total", "state" => changed.state.name()).increment(1);
        }
        Ok(changed)
    }

    /// Records that somebody fetched the file, so that the record is kept for good; returns the
    /// updated job.
    pub async fn note_fetched(&self, job: &Job) -> Result<Job, JobsError> {
        match job.fetched {
            Some(_) => Ok(job.clone()),
            None => self.replace(job, Job { fetched: Some((self.clock)()), ..job.clone() }).await,
        }
    }

    async fn replace(&self, job: &Job, changed: Job) -> Result<Job, JobsError> {
        let (path, text) = (record_path(job.id), text_of(&changed));
        let mut pause = FIRST_PAUSE;
        let version = loop {
            let mode = job.version.clone().map_or(PutMode::Overwrite, PutMode::Update);
            let put = match self.put(&changed, &text, mode).await {
                Err(object_store::Error::NotImplemented { .. }) => {
                    self.compare_and_put(&changed, &text).await?
                }
                put => put,
            };
            let source = match put {
                Ok(put) => break put.into(),
                Err(source) => source,
            };
            // The response to an earlier attempt may have been lost, so this may look like a
            // conflict with itself.
            match self.read(&path).await? {
                Some((there, version)) if *there == *text => break version,
                Some((_, version)) if Some(&version) == job.version.as_ref() => {}
                _ => {
                    let path_text = path.to_string();
                    let source = object_store::Error::Precondition {
                        path: path_text,
                        source: source.into(),
                    };
                    return Err(JobsError { path, source });
                }
            }
            if pause > LONGEST_PAUSE {
                return Err(JobsError { path, source });
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        };
        let changed = Job { version: Some(version), ..changed };
        self.usage.note(&changed);
        Ok(changed)
    }

    /// Overwrites the record of a job without a conditional put, after checking that it is still
    /// the one that the job was read from.
    async fn compare_and_put(
        &self,
        changed: &Job,
        text: &Bytes,
    ) -> Result<object_store::Result<PutResult>, JobsError> {
        let _turn = self.turn.lock().await;
        let path = record_path(changed.id);
        let there = self.read(&path).await?.map(|(_, version)| version);
        if there != changed.version {
            let source = "the record has changed".into();
            return Ok(Err(object_store::Error::Precondition { path: path.to_string(), source }));
        }
        Ok(self.put(changed, text, PutMode::Overwrite).await)
    }

    /// Records that the client was notified of the end of a job, or that this was given up.
    pub(crate) async fn record_notified(&self, job: &Job) -> Result<Job, JobsError> {
        let notified = Some((self.clock)());
        let callback = job.callback.clone().map(|callback| Callback { notified, ..callback });
        // Of a job that was withdrawn, the state is that of its client.
        let state = match job.withdrawn {
            Some(_) => self.record(job.id).await?.map_or(job.state.clone(), |work| work.state),
            None => job.state.clone(),
        };
        self.replace(job, Job { callback, state, ..job.clone() }).await
    }

    /// Records a failure.
    pub async fn fail(&self, job: &Job, reason: &str, retryable: bool) -> Result<Job, JobsError> {
        let expires = self.expiry();
        self.update(job, State::Failed { reason: reason.to_owned(), retryable, expires }).await
    }

    /// When a result that is done now will be deleted.
    pub fn expiry(&self) -> Timestamp {
        (self.clock)().saturating_add(self.kept_for).unwrap_or(Timestamp::MAX)
    }

    /// The time since a job's record changed.
    pub fn without_progress(&self, job: &Job) -> SignedDuration {
        (self.clock)().duration_since(job.updated)
    }

    /// Whether a job was created so long ago that its result would have expired.
    pub fn is_overdue(&self, job: &Job) -> bool {
        (self.clock)().duration_since(job.created) > self.kept_for
    }

    /// A writer of the result of this attempt. The result appears atomically when the writer is
    /// shut down.
    pub fn result_writer(&self, job: &Job) -> BufWriter {
        let path = result_path(job.id, job.attempts);
        let writer = BufWriter::with_capacity(self.objects.store(), path, PART);
        writer.with_max_concurrency(PARTS_AT_ONCE)
    }

    /// The result of the last attempt; `None` if the file was deleted.
    pub async fn result(&self, job: &Job) -> Result<Option<ResultFile>, JobsError> {
        let path = result_path(job.work_id(), job.attempts);
        match ResultFile::open(self.objects.clone(), path.clone()).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(JobsError { path, source }),
        }
    }

    /// A presigned URL of the result, whose response has these headers; `None` if the store does
    /// not support presigned URLs.
    pub async fn presign(
        &self,
        job: &Job,
        media_type: &str,
        disposition: &str,
    ) -> Result<Option<HeaderValue>, JobsError> {
        let path = result_path(job.work_id(), job.attempts);
        let link = self.objects.presign(&path, media_type, disposition).await.transpose();
        link.map_err(|source| JobsError { path, source })
    }

    /// Deletes a job that could not be queued.
    pub async fn withdraw(&self, job: &Job) -> Result<(), JobsError> {
        self.forget(job).await
    }

    async fn forget(&self, job: &Job) -> Result<(), JobsError> {
        self.delete(record_path(job.id)).await?;
        self.usage.forget(job.id);
        self.unlist_for_owner(job).await
    }

    /// Deletes the result of this attempt.
    pub async fn delete_result(&self, job: &Job) -> Result<(), JobsError> {
        self.delete(result_path(job.id, job.attempts)).await
    }

    /// Deletes the results of attempts before the job's last.
    pub async fn delete_earlier_results(&self, job: &Job) -> Result<(), JobsError> {
        for attempt in 1..job.attempts {
            self.delete(result_path(job.id, attempt)).await?;
        }
        Ok(())
    }

    /// Deletes the objects of an expired job. Its record is moved to those that are kept for good, or
    /// finally deleted, when its retention has ended. Returns when to check again; `None`: nothing is
    /// left.
    pub async fn clear(&self, job: &Job) -> Result<Option<Timestamp>, JobsError> {
        if let Some(work) = job.shares {
            self.delete(joined_path(work, job.id)).await?;
        } else {
            for attempt in 1..=job.attempts {
                self.delete(result_path(job.id, attempt)).await?;
            }
            self.delete(shared_path(job.id)).await?;
        }
        let named = query_path(&job.query);
        let read = self.read(&named).await?;
        if read.is_some_and(|(id, _)| *id == *job.id.to_string().as_bytes()) {
            self.delete(named).await?;
        }
        if job.is_lasting() {
            let (path, payload) = (lasting_path(job.id), PutPayload::from(text_of(job)));
            let put = self.objects.put(&path, payload).await;
            put.map_err(|source| JobsError { path, source })?;
            self.delete(record_path(job.id)).await?;
            self.usage.forget(job.id);
            return Ok(None);
        }
        let forgotten = job.created.saturating_add(self.kept_for + REMEMBERED);
        let forgotten = forgotten.unwrap_or(Timestamp::MAX);
        if (self.clock)() < forgotten {
            return Ok(Some(forgotten));
        }
        self.forget(job).await?;
        Ok(None)
    }

    /// The ids of all job records, but for those kept for good.
    pub async fn ids(&self) -> Result<Vec<Uuid>, JobsError> {
        let folder = Path::from("jobs");
        let failed = |source| JobsError { path: folder.clone(), source };
        let mut listed = self.objects.list(Some(&folder)).map_ok(|object| object.location);
        let mut paths: Vec<Path> = Vec::new();
        while let Some(path) = listed.next().await {
            match path {
                Ok(path) => paths.push(path),
                // A foreign file, with a name that is not a job id.
                Err(object_store::Error::InvalidPath { source }) => {
                    tracing::warn!(%source, "ignored an unknown file among the jobs");
                }
                Err(object_store::Error::NotFound { .. }) => {} // deleted since it was listed
                Err(source) => return Err(failed(source)),
            }
        }
        let ids = paths.iter().filter_map(|path| path.filename()?.strip_suffix(".json"));
        Ok(ids.filter_map(|id| id.parse().ok()).collect())
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A result past its retention is expired, whether it was swept yet or not.
    fn as_of_now(&self, job: Job) -> Job {
        match job.state {
            State::Done { expires, .. }
            | State::Failed { expires, .. }
            | State::Cancelled { expires }
                if expires <= (self.clock)() =>
            {
                Job { state: State::Expired, ..job }
            }
            _ => job,
        }
    }

    async fn read(&self, path: &Path) -> Result<Option<(Bytes, UpdateVersion)>, JobsError> {
        let read = async {
            let found = self.objects.get(path).await?;
            let (e_tag, version) = (found.meta.e_tag.clone(), found.meta.version.clone());
            Ok((found.bytes().await?, UpdateVersion { e_tag, version }))
        };
        match read.await {
            Ok(read) => Ok(Some(read)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(JobsError { path: path.clone(), source }),
        }
    }

    async fn put(&self, job: &Job, text: &Bytes, mode: PutMode) -> object_store::Result<PutResult> {
        let payload = PutPayload::from(text.clone());
        self.objects.put_opts(&record_path(job.id), payload, mode.into()).await
    }

    async fn delete(&self, path: Path) -> Result<(), JobsError> {
        match self.objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(JobsError { path, source }),
        }
    }
}

fn text_of(job: &Job) -> Bytes {
    serde_json::to_vec(job).unwrap_or_default().into() // a Job is plain JSON
}

fn record_path(id: Uuid) -> Path {
    Path::from(format!("jobs/{id}.json"))
}

fn lasting_path(id: Uuid) -> Path {
    Path::from(format!("records/{id}.json"))
}

fn result_path(id: Uuid, attempt: u32) -> Path {
    Path::from(format!("results/{id}-{attempt}"))
}

fn shared_path(id: Uuid) -> Path {
    Path::from(format!("shared/{id}"))
}

fn query_path(query: &Map<String, Value>) -> Path {
    let text = serde_json::to_vec(query).unwrap_or_default(); // plain JSON, in order of names
    Path::from(format!("queries/{}", hexadecimal(&Sha256::digest(text))))
}
