//! The sweeper: expires finished jobs and requeues stalled ones.
//!
//! Expired results are deleted, and later their records. A stalled job whose message is lost is
//! requeued; a job that was not finished within the retention period of its result fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use airshed_common::reason;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use queue::Queue;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error_span, info, warn};
use uuid::Uuid;

use crate::callbacks::pending;
use crate::jobs::{Job, Jobs, JobsError, State};
use crate::message;

/// Interval of sweeps.
const EVERY: Duration = Duration::from_secs(120);

/// Time without progress after which a running job is stalled: far beyond the time after which its
/// message is redelivered.
const RUNNING_SILENT: SignedDuration = SignedDuration::from_mins(5);

/// Time without progress after which a queued job's message may be lost; long, because most queued
/// jobs are just waiting.
const QUEUED_SILENT: SignedDuration = SignedDuration::from_hours(1);

/// Number of clients notified concurrently.
const NOTIFIED_AT_ONCE: usize = 64;

/// Number of records read concurrently.
const READS_AT_ONCE: usize = 16;

/// A sweeper. Several can run at the same time.
pub struct Sweeper {
    jobs: Jobs,
    requests: Arc<dyn Queue>,
    /// Jobs that need no action yet, so that a sweep costs a listing and the records of new and
    /// active jobs.
    known: HashMap<Uuid, Known>,
    notifying: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy)]
struct Known {
    state: &'static str,
    created: Timestamp,
    updated: Timestamp,
    /// When its record was first found like this. The clock may leap, this does not.
    since: Instant,
    checked: Timestamp,
    /// When to check again.
    later: Timestamp,
}

impl Known {
    /// Also if the clock was set back meanwhile.
    fn is_due(&self, now: Timestamp) -> bool {
        self.later <= now || now < self.checked
    }
}

/// Sweeps until stopped.
pub async fn run(mut sweeper: Sweeper, stop: CancellationToken) {
    loop {
        if let Err(error) = sweeper.sweep().await {
            warn!(reason = reason(&error), "cannot sweep the jobs");
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Sweeper {
    /// A sweeper for jobs of a queue.
    pub fn new(jobs: Jobs, requests: Arc<dyn Queue>) -> Self {
        Self { jobs, requests, known: HashMap::new(), notifying: None }
    }

    /// Requeues, oldest first, those of some jobs that are not finished: an in-process queue lost them
    /// when the process ended. Returns their number. `known` are the [jobs](Jobs::ids) at the start of
    /// the process: later ones are queued.
    pub async fn resume(&self, known: Vec<Uuid>) -> Result<usize, JobsError> {
        let mut unfinished = self.read(known).await;
        unfinished.retain(|job| !job.state.is_final() && job.shares.is_none());
        unfinished.sort_by_key(|job| job.created);
        let mut resumed = 0;
        for job in unfinished {
            match message::send(self.requests.as_ref(), &job).await {
                Ok(()) => resumed += 1,
                Err(error) => {
                    warn!(id = %job.id, reason = reason(&error), "cannot resume an interrupted job");
                    let why = "Interrupted by a restart, and the queue did not accept it again.";
                    self.jobs.fail(&job, why, true).await?;
                }
            }
        }
        Ok(resumed)
    }

    /// Checks every job that may need an action.
    pub async fn sweep(&mut self) -> Result<(), JobsError> {
        let now = self.jobs.now();
        let ids = self.jobs.ids().await?;
        let there = ids.iter().filter_map(|id| Some((*id, *self.known.get(id)?)));
        self.known = there.collect();
        let is_due = |id: &Uuid| self.known.get(id).is_none_or(|known| known.is_due(now));
        let due = ids.into_iter().filter(is_due);
        let mut unnotified = Vec::new();
        for job in self.read(due.collect()).await {
            // Checked again next time, unless set below.
            let (state, created, updated) = (job.state.name(), job.created, job.updated);
            let same = self.known.get(&job.id).filter(|known| known.updated == updated);
            let since = same.map_or_else(Instant::now, |known| known.since);
            let known = Known { state, created, updated, since, checked: now, later: now };
            self.known.insert(job.id, known);
            let looked = match job.state {
                _ if pending(&job).is_some() && self.jobs.webhooks().is_some() => {
                    unnotified.push(job.id);
                    Ok(None)
                }
                State::Done { expires, .. }
                | State::Failed { expires, .. }
                | State::Cancelled { expires } => Ok(Some(expires)),
                State::Expired => self.jobs.clear(&job).await,
                State::Queued | State::Running { .. } if job.shares.is_some() => Ok(None),
                State::Queued | State::Running { .. } => {
                    let span = error_span!("job", request = job.origin.request);
                    self.wake(&job, since).instrument(span).await
                }
            };
            // A failure for one job must not block the others.
            let later = looked.unwrap_or_else(|error| {
                warn!(id = %job.id, reason = reason(&error), "cannot sweep a job; retrying at the next sweep");
                None
            });
            if let Some(later) = later {
                self.known.insert(job.id, Known { later, ..known });
            }
        }
        self.notify(unnotified);
        self.report(now);
        Ok(())
    }

    /// Sets the gauges: the number of jobs in each state, and the age of the oldest.
    fn report(&self, now: Timestamp) {
        metrics::gauge!("airshed_results_bytes").set(self.jobs.result_bytes() as f64);
        for state in State::NAMES {
            let created = self.known.values().filter(|known| known.state == state);
            let created: Vec<_> = created.map(|known| known.created).collect();
            metrics::gauge!("airshed_jobs", "state" => state).set(created.len() as f64);
            let oldest = created.iter().min().map(|oldest| now.duration_since(*oldest));
            let age = oldest.map_or(0.0, |age| age.as_secs_f64().max(0.0));
            metrics::gauge!("airshed_job_age_seconds", "state" => state).set(age);
        }
    }

    /// Notifies clients in the background: a sweep must not wait for them. Skipped while the previous notifications are running.
    fn notify(&mut self, ids: Vec<Uuid>) {
        if ids.is_empty()
            || self.notifying.as_ref().is_some_and(|notifying| !notifying.is_finished())
        {
            return;
        }
        let jobs = self.jobs.clone();
        let notifying = async move {
            let calls = futures::stream::iter(ids).map(async |id| {
                if let Err(error) = jobs.notify_client(id).await {
                    warn!(%id, reason = reason(&error), "cannot notify the client of a job");
                }
            });
            calls.buffer_unordered(NOTIFIED_AT_ONCE).collect::<()>().await;
        };
        self.notifying = Some(tokio::spawn(notifying));
    }

    /// Requeues a stalled job. Returns when to do so again.
    async fn wake(&self, job: &Job, since: Instant) -> Result<Option<Timestamp>, JobsError> {
        let patience = match job.state {
            State::Running { .. } => RUNNING_SILENT,
            _ => QUEUED_SILENT,
        };
        let unchanged = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
        if self.jobs.without_progress(job).max(unchanged) < patience {
            return Ok(None);
        }
        if self.jobs.is_overdue(job) {
            warn!(id = %job.id, "job failed: not finished in time");
            let why = "failed: no worker finished it within the retention period of its result";
            match self.jobs.fail(job, why, true).await {
                Err(error) if !error.is_conflict() => return Err(error),
                _ => return Ok(None),
            }
        }
        match message::send(self.requests.as_ref(), job).await {
            Ok(()) => info!(id = %job.id, "requeueing a stalled job"),
            Err(error) => {
                warn!(id = %job.id, reason = reason(&error), "cannot requeue a stalled job");
            }
        }
        // Not immediately again: the message may have to wait.
        Ok(self.jobs.now().saturating_add(patience).ok())
    }

    async fn read(&self, ids: Vec<Uuid>) -> Vec<Job> {
        let records = futures::stream::iter(ids).map(|id| self.jobs.to_sweep(id));
        let readable = records.buffer_unordered(READS_AT_ONCE).filter_map(|job| async {
            // An unreadable record must not block the others; a record deleted since the listing is
            // ignored.
            job.unwrap_or_else(|error| {
                warn!(reason = reason(&error), "ignoring an unreadable job record");
                None
            })
        });
        readable.collect().await
    }
}
