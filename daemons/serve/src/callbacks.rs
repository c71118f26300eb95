//! Callbacks: notifies clients of the end of their jobs, at the URLs that they named.

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

/// For how long a failed callback is retried, at each sweep.
const RETRIED: SignedDuration = SignedDuration::from_hours(1);

/// Maximum number of concurrent callbacks: of one job, to one host, and in all.
const AT_ONCE: usize = 8;
const TO_ONE_HOST: usize = 4;
const IN_ALL: usize = 64;

/// How long a callback waits for a permit; then it is retried at the next sweep.
const PERMIT_WITHIN: Duration = Duration::from_secs(10);

/// Sends messages to URLs of clients.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Whether messages can be sent to a URL at all; if not, why.
    fn check(&self, url: &str) -> Result<(), String>;

    /// Sends a message once; if it was not accepted, why.
    async fn post(&self, url: &str, message: &Value) -> Result<(), String>;
}

/// Limits of concurrent callbacks, so that hosts that do not respond do not delay the others.
#[derive(Debug, Clone)]
pub(crate) struct CallbackLimits(Arc<Permits>);

#[derive(Debug)]
struct Permits {
    all: Semaphore,
    /// By host, while it is being called.
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for CallbackLimits {
    fn default() -> Self {
        Self(Arc::new(Permits { all: Semaphore::new(IN_ALL), hosts: Mutex::default() }))
    }
}

impl CallbackLimits {
    fn of_host(&self, url: &str) -> Arc<Semaphore> {
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = authority.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, permits| Arc::strong_count(permits) > 1);
        Arc::clone(hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(TO_ONE_HOST))))
    }
}

impl Jobs {
    /// Notifies the clients of a job that has ended, and of those that share its work. The sweeper
    /// retries what fails.
    pub(crate) async fn notify_clients(&self, work: Uuid) -> Result<(), JobsError> {
        if self.webhooks().is_none() {
            return Ok(());
        }
        let mut ids = self.joined(work).await?;
        ids.push(work);
        let notifying = futures::stream::iter(ids).map(|id| self.notify_client(id));
        notifying.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Notifies the client of one job.
    pub(crate) async fn notify_client(&self, id: Uuid) -> Result<(), JobsError> {
        let Some(webhooks) = self.webhooks() else { return Ok(()) };
        match self.get(id).await? {
            Some(job) => self.notify(&job, webhooks).await,
            None => Ok(()),
        }
    }

    /// Notifies the client of a job, unless that was done.
    async fn notify(&self, job: &Job, webhooks: &Arc<dyn Webhooks>) -> Result<(), JobsError> {
        let Some(callback) = pending(job) else { return Ok(()) };
        let limits = self.callback_limits();
        let host = limits.of_host(&callback.url);
        let permits = async { (host.acquire().await.ok(), limits.0.all.acquire().await.ok()) };
        let Ok(_permits) = timeout(PERMIT_WITHIN, permits).await else { return Ok(()) };
        let posted = webhooks.post(&callback.url, &message(job, &callback.base)).await;
        metrics::counter!("airshed_callbacks_total", "sent" => posted.is_ok().to_string())
            .increment(1);
        if let Err(why) = &posted {
            tracing::warn!(id = %job.id, url = callback.url, why, "a callback failed");
            if self.without_progress(job) < RETRIED {
                return Ok(());
            }
        }
        match self.record_notified(job).await {
            Err(error) if error.is_conflict() => {
                tracing::debug!(id = %job.id, reason = reason(&error), "the client may be notified twice");
                Ok(())
            }
            noted => noted.map(drop),
        }
    }
}

/// The callback of a job that has ended, unless it was called.
pub(crate) fn pending(job: &Job) -> Option<&Callback> {
    job.callback.as_ref().filter(|callback| callback.notified.is_none() && job.state.is_final())
}

fn message(job: &Job, base: &str) -> Value {
    let mut message = serde_json::to_value(&job.state).unwrap_or_default(); // plain JSON
    message["id"] = json!(job.id);
    message["state"] = job.state.name().into();
    message["location"] = format!("{base}/api/results/{}", job.id).into();
    message
}
