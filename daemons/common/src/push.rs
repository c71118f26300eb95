//! Measurements that sensors push: the contract between the server, which has the request, and
//! whatever knows the sensors.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// A pushed measurement.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// The sender's token.
    pub token: &'a str,
    /// What the sender calls itself, beside the body.
    pub sender: Option<&'a str>,
    /// The measured values.
    pub body: &'a [u8],
    /// When it arrived.
    pub arrived: Timestamp,
}

/// What became of a pushed measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The sensors whose readings are stored.
    pub sensors: Vec<String>,
    /// The values that were left out, and why.
    pub left_out: Vec<String>,
}

/// Why nothing of a pushed measurement was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The token is unknown.
    UnknownToken,
    /// The token is not for this sender.
    Forbidden(String),
    /// The measurement cannot be read, or has nothing that is stored.
    Invalid(String),
    /// The sender's previous measurement came only just before.
    TooSoon {
        /// When the next one is accepted.
        retry_after: Duration,
    },
    /// Too many measurements wait to be stored, or the process ends.
    Busy,
    /// The store failed.
    Failed {
        /// Why, for the log.
        reason: String,
        /// Whether it may succeed later.
        transient: bool,
    },
}

/// Takes pushed measurements.
#[async_trait]
pub trait PushReceiver: Send + Sync + 'static {
    /// The readings are durable when it returns `Ok`.
    async fn take(&self, push: Push<'_>) -> Result<Accepted, Refusal>;
}
