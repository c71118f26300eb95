//! Job records and results: objects in one store, so that every server and worker sees
//! the same, after a restart too.
//!
//! `jobs/<id>.json` is the record, `results/<id>` the file. A record goes
//! queued → running → done or failed, and from there to expired, when the file is gone;
//! a worker that stops puts it back to queued. Each change is one atomic put.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Clock;
use crate::collector::reason;

/// How long an expired job is remembered as such.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The job records and results of a system.
#[derive(Clone)]
pub struct Jobs {
    objects: Arc<dyn ObjectStore>,
    clock: Clock,
    kept_for: SignedDuration,
}

/// What is known of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Unguessable: whoever knows it may have the result.
    pub id: Uuid,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// The request, as [`Ask::to_object`](crate::request::Ask::to_object) gives it.
    pub query: Map<String, Value>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When the record last changed.
    pub updated: Timestamp,
    /// How often a worker has begun.
    pub attempts: u32,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum State {
    /// No worker has it.
    Queued,
    /// A worker has it.
    Running {
        /// Rows written so far.
        rows: u64,
    },
    /// The result is there.
    Done {
        /// Rows in it, without the header line.
        rows: u64,
        /// Its length.
        bytes: u64,
        /// Its SHA-256, hexadecimal.
        sha256: String,
        /// When it will be deleted.
        expires: Timestamp,
    },
    /// It will not be done.
    Failed {
        /// Why.
        reason: String,
        /// Whether asking again can help.
        retryable: bool,
        /// When the record will be deleted.
        expires: Timestamp,
    },
    /// The result has been deleted.
    Expired,
}

impl State {
    /// Whether nothing more will happen to the job but expiry.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Queued | Self::Running { .. })
    }

    /// The word for it: `queued`, `running`, `done`, `failed` or `expired`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running { .. } => "running",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Expired => "expired",
        }
    }
}

/// The job records or results could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the result store failed at {path}")]
pub struct JobsError {
    path: Path,
    source: object_store::Error,
}

impl Jobs {
    /// Records and results in an object store, kept for a time after they are done.
    pub fn new(objects: Arc<dyn ObjectStore>, clock: Clock, kept_for: SignedDuration) -> Self {
        Self { objects, clock, kept_for }
    }

    /// A new job, queued and recorded.
    pub async fn create(&self, query: Map<String, Value>) -> Result<Job, JobsError> {
        let now = (self.clock)();
        let (id, state) = (Uuid::new_v4(), State::Queued);
        let job = Job { id, state, query, created: now, updated: now, attempts: 0 };
        self.put(&job).await?;
        Ok(job)
    }

    /// The record; `None` for an id that was never given out, or long ago.
    pub async fn get(&self, id: Uuid) -> Result<Option<Job>, JobsError> {
        let path = record_path(id);
        let bytes = match self.objects.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        let bytes = bytes.map_err(|source| JobsError { path: path.clone(), source })?;
        let job: Job = serde_json::from_slice(&bytes).map_err(|error| JobsError {
            path: path.clone(),
            source: object_store::Error::Generic { store: "job record", source: error.into() },
        })?;
        Ok(Some(self.as_of_now(job)))
    }

    /// Records a change of state; the job as it now is.
    pub async fn update(&self, job: &Job, state: State) -> Result<Job, JobsError> {
        let changed = Job { state, updated: (self.clock)(), ..job.clone() };
        self.put(&changed).await?;
        metrics::counter!("airshed_jobs_total", "state" => changed.state.name()).increment(1);
        Ok(changed)
    }

    /// Records that it will not be done.
    pub async fn fail(&self, job: &Job, reason: &str, retryable: bool) -> Result<Job, JobsError> {
        let expires = self.expiry();
        self.update(job, State::Failed { reason: reason.to_owned(), retryable, expires }).await
    }

    /// When a result that is done now will be deleted.
    pub fn expiry(&self) -> Timestamp {
        (self.clock)().saturating_add(self.kept_for).unwrap_or(Timestamp::MAX)
    }

    /// A writer of the result. It appears whole when shut down, and not at all before.
    pub fn result_writer(&self, id: Uuid) -> BufWriter {
        BufWriter::new(Arc::clone(&self.objects), result_path(id))
    }

    /// The result's bytes; `None` when somebody has deleted the file.
    pub async fn result(
        &self,
        id: Uuid,
    ) -> Result<Option<impl Stream<Item = object_store::Result<Bytes>> + use<>>, JobsError> {
        let path = result_path(id);
        match self.objects.get(&path).await {
            Ok(found) => Ok(Some(found.into_stream())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(JobsError { path, source }),
        }
    }

    /// Takes back a job that could not be queued.
    pub async fn withdraw(&self, id: Uuid) -> Result<(), JobsError> {
        self.delete(record_path(id)).await
    }

    /// Jobs that are queued or running, oldest first.
    pub async fn unfinished(&self) -> Result<Vec<Job>, JobsError> {
        let mut jobs = self.all().await?;
        jobs.retain(|job| !job.state.is_final());
        jobs.sort_by_key(|job| job.created);
        Ok(jobs)
    }

    /// Deletes what has expired, and forgets what expired long ago.
    pub async fn sweep(&self) -> Result<(), JobsError> {
        let now = (self.clock)();
        for job in self.all().await? {
            if !matches!(job.state, State::Expired) {
                continue;
            }
            self.delete(result_path(job.id)).await?;
            let forgotten = job.created.saturating_add(self.kept_for + REMEMBERED);
            if forgotten.is_ok_and(|forgotten| forgotten < now) {
                self.delete(record_path(job.id)).await?;
            }
        }
        Ok(())
    }

    async fn all(&self) -> Result<Vec<Job>, JobsError> {
        let folder = Path::from("jobs");
        let failed = |source| JobsError { path: folder.clone(), source };
        let paths: Vec<_> = self
            .objects
            .list(Some(&folder))
            .map_ok(|object| object.location)
            .try_collect()
            .await
            .map_err(failed)?;
        let ids = paths.iter().filter_map(|path| path.filename()?.strip_suffix(".json"));
        let ids: Vec<Uuid> = ids.filter_map(|id| id.parse().ok()).collect();
        let jobs = futures::stream::iter(ids).map(|id| self.get(id)).buffer_unordered(16);
        let readable = jobs.filter_map(|job| async {
            // One record that cannot be read must not hold up the others; one that went
            // between the listing and the look is none.
            job.unwrap_or_else(|error| {
                tracing::warn!(reason = reason(&error), "a job's record was passed over");
                None
            })
        });
        Ok(readable.collect().await)
    }

    /// A result whose time has come is expired, whether it was swept yet or not.
    fn as_of_now(&self, job: Job) -> Job {
        match job.state {
            State::Done { expires, .. } | State::Failed { expires, .. }
                if expires <= (self.clock)() =>
            {
                Job { state: State::Expired, ..job }
            }
            _ => job,
        }
    }

    async fn put(&self, job: &Job) -> Result<(), JobsError> {
        let path = record_path(job.id);
        let text = serde_json::to_vec(job).unwrap_or_default(); // a Job is plain JSON
        let put = self.objects.put(&path, PutPayload::from(text)).await;
        put.map(drop).map_err(|source| JobsError { path, source })
    }

    async fn delete(&self, path: Path) -> Result<(), JobsError> {
        match self.objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(JobsError { path, source }),
        }
    }
}

fn record_path(id: Uuid) -> Path {
    Path::from(format!("jobs/{id}.json"))
}

fn result_path(id: Uuid) -> Path {
    Path::from(format!("results/{id}"))
}
