//! Work that several clients share, each with a job of its own.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use uuid::Uuid;

use super::record::{Job, JobRequest, State};
use super::{Jobs, JobsError, shared_path};

/// The result of cancelling a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Cancellation {
    /// It was cancelled, or its result deleted.
    Done(Box<Job>),
    /// It is shared with other requests and was kept.
    Shared,
    /// It had already ended without a result, in this state.
    Ended(&'static str),
}

impl Jobs {
    /// A new job that shares the work of another one; `None` if that was cancelled meanwhile.
    pub async fn join(&self, work: &Job, request: JobRequest) -> Result<Option<Job>, JobsError> {
        let job = Job { shares: Some(work.work_id()), ..Job::new(request, (self.clock)()) };
        // Noted before the work is looked at: who cancels it now finds the note.
        let path = joined_path(job.work_id(), job.id);
        let put = self.objects.put(&path, PutPayload::new()).await;
        put.map_err(|source| JobsError { path: path.clone(), source })?;
        let there = self.record(job.work_id()).await?;
        if there.is_none_or(|work| matches!(work.state, State::Cancelled { .. } | State::Expired)) {
            self.delete(path).await?;
            return Ok(None);
        }
        let job = self.record_new(job).await?;
        self.get(job.id).await
    }

    /// Cancels a job that has not ended, or deletes the result of one that is done; returns the
    /// updated job. Its work goes on, and its file remains, as long as others share them. `None` for an
    /// unknown id.
    pub async fn cancel(&self, id: Uuid) -> Result<Option<Cancellation>, JobsError> {
        loop {
            let Some(seen) = self.get(id).await? else { return Ok(None) };
            let state = match seen.state {
                State::Queued | State::Running { .. } => {
                    State::Cancelled { expires: self.expiry() }
                }
                State::Done { .. } => State::Expired,
                State::Failed { .. } | State::Cancelled { .. } | State::Expired => {
                    return Ok(Some(Cancellation::Ended(seen.state.name())));
                }
            };
            if self.read(&shared_path(id)).await?.is_some() {
                return Ok(Some(Cancellation::Shared));
            }
            let is_needed = seen.shares.is_none() && self.is_joined(id).await?;
            let changed = match is_needed {
                true => {
                    self.replace(&seen, Job { withdrawn: Some(state.clone()), ..seen.clone() })
                        .await
                }
                false => self.update(&seen, state.clone()).await,
            };
            match changed {
                // Its worker recorded progress, which happens a few times a minute at most.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
                Ok(job) => {
                    if let Some(work) = job.shares {
                        self.leave(work, id).await?;
                    } else if !is_needed && job.state == State::Expired {
                        self.clear(&job).await?;
                    }
                    return Ok(Some(Cancellation::Done(Box::new(Job { state, ..job }))));
                }
            }
        }
    }

    /// The jobs that share a job's work.
    pub(crate) async fn joined(&self, work: Uuid) -> Result<Vec<Uuid>, JobsError> {
        let folder = joined_folder(work);
        let listed = self.objects.list(Some(&folder)).map_ok(|object| object.location);
        let paths: Result<Vec<Path>, _> = listed.try_collect().await;
        let paths = paths.map_err(|source| JobsError { path: folder, source })?;
        Ok(paths.iter().filter_map(|path| path.filename()?.parse().ok()).collect())
    }

    /// Whether other jobs share a job's work.
    async fn is_joined(&self, work: Uuid) -> Result<bool, JobsError> {
        let folder = joined_folder(work);
        let first = self.objects.list(Some(&folder)).try_next().await;
        first.map(|first| first.is_some()).map_err(|source| JobsError { path: folder, source })
    }

    /// A job that shared another's work needs it no more. The work that nobody needs is cancelled.
    async fn leave(&self, work: Uuid, id: Uuid) -> Result<(), JobsError> {
        self.delete(joined_path(work, id)).await?;
        while let Some(job) = self.record(work).await?.filter(|work| work.withdrawn.is_some()) {
            if self.is_joined(work).await? {
                break;
            }
            let state = match job.state {
                State::Queued | State::Running { .. } => {
                    State::Cancelled { expires: self.expiry() }
                }
                State::Done { .. } => State::Expired,
                State::Failed { .. } | State::Cancelled { .. } | State::Expired => break,
            };
            match self.update(&job, state).await {
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
                Ok(job) if job.state == State::Expired => {
                    self.clear(&job).await?;
                    break;
                }
                Ok(_) => break,
            }
        }
        Ok(())
    }
}

/// The jobs that share a job's work.
fn joined_folder(work: Uuid) -> Path {
    Path::from(format!("joined/{work}"))
}

pub(super) fn joined_path(work: Uuid, id: Uuid) -> Path {
    Path::from(format!("joined/{work}/{id}"))
}
