//! Telling the end of a job to the URL that its client named.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airshed_common::reason;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use crate::jobs::{Callback, Job, Jobs, JobsError};

/// For how long it is tried again, at each sweep.
const TRIED: SignedDuration = SignedDuration::from_hours(1);

/// Callbacks that are sent at once: of one job, to one host, and in all.
const AT_ONCE: usize = 8;
const TO_ONE_HOST: usize = 4;
const IN_ALL: usize = 64;

/// How long a callback waits for its turn; then the next sweep tries again.
const TURN: Duration = Duration::from_secs(10);

/// Sends messages to URLs of clients.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Whether messages can be sent to a URL at all; if not, why.
    fn check(&self, url: &str) -> Result<(), String>;

    /// Sends a message once; if it was not accepted, why.
    async fn post(&self, url: &str, message: &Value) -> Result<(), String>;
}

/// The callbacks that are being sent: targets that do not answer leave room for others.
#[derive(Debug, Clone)]
pub(crate) struct Calls(Arc<Turns>);

#[derive(Debug)]
struct Turns {
    all: Semaphore,
    /// Of hosts that are being called.
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Calls {
    fn default() -> Self {
        Self(Arc::new(Turns { all: Semaphore::new(IN_ALL), hosts: Mutex::default() }))
    }
}

impl Calls {
    fn of_host(&self, url: &str) -> Arc<Semaphore> {
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = authority.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, turns| Arc::strong_count(turns) > 1);
        Arc::clone(hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(TO_ONE_HOST))))
    }
}

impl Jobs {
    /// Tells the clients of a job that has ended, those who share its work as well. What cannot be told
    /// is tried again by the sweeper.
    pub(crate) async fn tell_end(&self, work: Uuid) -> Result<(), JobsError> {
        if self.webhooks().is_none() {
            return Ok(());
        }
        let mut ids = self.joined(work).await?;
        ids.push(work);
        let telling = futures::stream::iter(ids).map(|id| self.tell_one(id));
        telling.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Tells the client of a job, as that sees it.
    pub(crate) async fn tell_one(&self, id: Uuid) -> Result<(), JobsError> {
        let Some(webhooks) = self.webhooks() else { return Ok(()) };
        match self.get(id).await? {
            Some(job) => self.tell(&job, webhooks).await,
            None => Ok(()),
        }
    }

    /// Tells the end of a job, if that is to be told and was not.
    async fn tell(&self, job: &Job, webhooks: &Arc<dyn Webhooks>) -> Result<(), JobsError> {
        let Some(callback) = pending(job) else { return Ok(()) };
        let calls = self.calls();
        let host = calls.of_host(&callback.url);
        let turn = async { (host.acquire().await.ok(), calls.0.all.acquire().await.ok()) };
        let Ok(_turn) = timeout(TURN, turn).await else { return Ok(()) };
        let posted = webhooks.post(&callback.url, &message(job, &callback.base)).await;
        metrics::counter!("airshed_callbacks_total", "sent" => posted.is_ok().to_string())
            .increment(1);
        if let Err(why) = &posted {
            tracing::warn!(id = %job.id, url = callback.url, why, "cannot tell that a job has ended");
            if self.without_progress(job) < TRIED {
                return Ok(());
            }
        }
        match self.note_told(job).await {
            Err(error) if error.is_conflict() => {
                tracing::debug!(id = %job.id, reason = reason(&error), "it may be told twice");
                Ok(())
            }
            noted => noted.map(drop),
        }
    }
}

/// The callback of a job that has ended, unless it was called.
pub(crate) fn pending(job: &Job) -> Option<&Callback> {
    job.callback.as_ref().filter(|callback| callback.told.is_none() && job.state.is_final())
}

fn message(job: &Job, base: &str) -> Value {
    let mut message = serde_json::to_value(&job.state).unwrap_or_default(); // plain JSON
    message["id"] = json!(job.id);
    message["state"] = job.state.name().into();
    message["location"] = format!("{base}/api/results/{}", job.id).into();
    message
}
