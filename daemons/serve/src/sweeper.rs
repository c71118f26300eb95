//! The sweeper: expires finished jobs and requeues stalled ones.
//!
//! Expired results are deleted, and their records forgotten in the end. A job whose worker
//! has fallen silent although the queue knows nothing more of it is sent again; one that
//! nobody took up at all in the time that its result would have been kept has failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use airshed_common::reason;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use queue::Queue;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error_span, info, warn};
use uuid::Uuid;

use crate::jobs::{Job, Jobs, JobsError, State};
use crate::message;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(120);

/// The silence after which a running job has no worker any more: far beyond the time after
/// which its message comes again by itself.
const RUNNING_SILENT: SignedDuration = SignedDuration::from_mins(5);

/// The silence after which a queued job's message may be lost: with many jobs waiting, most
/// of them are only waiting.
const QUEUED_SILENT: SignedDuration = SignedDuration::from_hours(1);

/// Records that are read at the same time.
const READS_AT_ONCE: usize = 16;

/// Looks after the jobs of a system. There may be several.
pub struct Sweeper {
    jobs: Jobs,
    requests: Arc<dyn Queue>,
    /// What is known of jobs for which nothing is to be done yet, so that a look costs a
    /// listing and the records of what is new or under way.
    known: HashMap<Uuid, Known>,
}

#[derive(Clone, Copy)]
struct Known {
    state: &'static str,
    created: Timestamp,
    /// When to look again.
    later: Timestamp,
}

/// Sweeps until told to stop.
pub async fn run(mut sweeper: Sweeper, stop: CancellationToken) {
    loop {
        if let Err(error) = sweeper.sweep().await {
            warn!(reason = reason(&error), "the jobs could not be swept");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Sweeper {
    /// A sweeper of jobs that are taken from a queue.
    pub fn new(jobs: Jobs, requests: Arc<dyn Queue>) -> Self {
        Self { jobs, requests, known: HashMap::new() }
    }

    /// Takes up again, oldest first, the jobs that a queue within the process forgot when it
    /// ended; how many.
    pub async fn resume(&self) -> Result<usize, JobsError> {
        let mut unfinished = self.read(self.jobs.ids().await?).await;
        unfinished.retain(|job| !job.state.is_final());
        unfinished.sort_by_key(|job| job.created);
        let mut resumed = 0;
        for job in unfinished {
            match self.requests.send(&message::of(job.id, &job.origin)).await {
                Ok(()) => resumed += 1,
                Err(error) => {
                    warn!(id = %job.id, reason = reason(&error), "an interrupted job is not resumed");
                    let why = "Interrupted by a restart, and the queue did not take it again.";
                    self.jobs.fail(&job, why, true).await?;
                }
            }
        }
        Ok(resumed)
    }

    /// Looks at every job for which something may have to be done.
    pub async fn sweep(&mut self) -> Result<(), JobsError> {
        let now = self.jobs.now();
        let ids = self.jobs.ids().await?;
        let there = ids.iter().filter_map(|id| Some((*id, *self.known.get(id)?)));
        self.known = there.collect();
        let is_due = |id: &Uuid| self.known.get(id).is_none_or(|known| known.later <= now);
        let due = ids.into_iter().filter(is_due);
        for job in self.read(due.collect()).await {
            // Looked at again next time, if nothing below says otherwise.
            let (state, created) = (job.state.name(), job.created);
            self.known.insert(job.id, Known { state, created, later: now });
            let looked = match job.state {
                State::Done { expires, .. }
                | State::Failed { expires, .. }
                | State::Cancelled { expires } => Ok(Some(expires)),
                State::Expired => self.jobs.clear(&job).await,
                State::Queued | State::Running { .. } => {
                    let span = error_span!("job", request = job.origin.request);
                    self.wake(&job).instrument(span).await
                }
            };
            // What of one job cannot be deleted or changed must not hold up the others.
            let later = looked.unwrap_or_else(|error| {
                warn!(id = %job.id, reason = reason(&error), "a job was not swept; next time");
                None
            });
            if let Some(later) = later {
                self.known.insert(job.id, Known { state, created, later });
            }
        }
        self.tell(now);
        Ok(())
    }

    /// Tells how many jobs there are in each state, and how old the oldest is.
    fn tell(&self, now: Timestamp) {
        for state in ["queued", "running", "done", "failed", "cancelled", "expired"] {
            let created = self.known.values().filter(|known| known.state == state);
            let created: Vec<_> = created.map(|known| known.created).collect();
            metrics::gauge!("airshed_jobs", "state" => state).set(created.len() as f64);
            let oldest = created.iter().min().map(|oldest| now.duration_since(*oldest));
            let age = oldest.map_or(0.0, |age| age.as_secs_f64().max(0.0));
            metrics::gauge!("airshed_job_age_seconds", "state" => state).set(age);
        }
    }

    /// Sends a job again that has fallen silent. When to do so again.
    async fn wake(&self, job: &Job) -> Result<Option<Timestamp>, JobsError> {
        let patience = match job.state {
            State::Running { .. } => RUNNING_SILENT,
            _ => QUEUED_SILENT,
        };
        if self.jobs.silence(job) < patience {
            return Ok(None);
        }
        if self.jobs.is_overdue(job) {
            warn!(id = %job.id, "job failed: nobody finished it in time");
            let why = "given up: no worker finished it in the time that its result would have \
                       been kept";
            match self.jobs.fail(job, why, true).await {
                Err(error) if !error.is_conflict() => return Err(error),
                _ => return Ok(None),
            }
        }
        match self.requests.send(&message::of(job.id, &job.origin)).await {
            Ok(()) => info!(id = %job.id, "a job that has fallen silent is sent again"),
            Err(error) => {
                warn!(id = %job.id, reason = reason(&error), "a silent job was not sent again");
            }
        }
        // Not at once again: the message may have to wait.
        Ok(self.jobs.now().saturating_add(patience).ok())
    }

    async fn read(&self, ids: Vec<Uuid>) -> Vec<Job> {
        let records = futures::stream::iter(ids).map(|id| self.jobs.get(id));
        let readable = records.buffer_unordered(READS_AT_ONCE).filter_map(|job| async {
            // One record that cannot be read must not hold up the others; one that went
            // between the listing and the look is none.
            job.unwrap_or_else(|error| {
                warn!(reason = reason(&error), "a job's record was passed over");
                None
            })
        });
        readable.collect().await
    }
}
