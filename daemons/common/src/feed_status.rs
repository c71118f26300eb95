//! Feed status: written by the collector, published by the server.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::StoreWatch;

/// The status of the feed.
#[derive(Debug, Default)]
pub struct FeedStatus {
    state: Mutex<FeedState>,
    every: OnceLock<SignedDuration>,
    /// Whether the store accepts its readings.
    pub store: StoreWatch,
}

/// The state of the last fetches.
#[derive(Debug, Clone, Copy, Default)]
pub struct FeedState {
    /// When the feed was last fetched successfully, or was unchanged.
    pub last_success: Option<Timestamp>,
    /// When and why a later fetch failed.
    pub failure: Option<(Timestamp, Trouble)>,
    /// Whether the store had readings at start, or the first collection has ended, successfully or
    /// not.
    pub first_ended: bool,
}

impl FeedStatus {
    /// The initial status of a collector, given whether the store already has readings.
    pub fn starting(has_readings: bool) -> Self {
        let state = FeedState { first_ended: has_readings, ..FeedState::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// The time between two fetches, if it is known.
    pub fn every(&self) -> Option<SignedDuration> {
        self.every.get().copied()
    }

    /// Sets the time between two fetches, once.
    pub fn fetched_every(&self, every: SignedDuration) {
        let _ = self.every.set(every); // it stays as it was first set
    }

    /// The current state.
    pub fn get(&self) -> FeedState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates the state.
    pub fn set(&self, change: impl FnOnce(&mut FeedState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Serialised for responses: `lastSuccess`, and `failure` with `at`, `code` and `reason`.
impl Serialize for FeedState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Failure {
            at: Timestamp,
            code: &'static str,
            reason: String,
        }
        let failure = self.failure.map(|(at, trouble)| {
            let (code, reason) = (trouble.code(), trouble.to_string());
            Failure { at, code, reason }
        });
        let mut state = serializer.serialize_struct("FeedState", 2)?;
        state.serialize_field("lastSuccess", &self.last_success)?;
        state.serialize_field("failure", &failure)?;
        state.end()
    }
}

/// Why a collection failed, safe to publish: without URLs, paths or messages of services, which are
/// only in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The feed's server gave no complete response.
    Unreachable,
    /// The feed's server answered with this HTTP status.
    Status(u16),
    /// The response is not a feed.
    NotAFeed,
    /// The feed has no records.
    Empty,
    /// No record could be stored, or the clock is wrong.
    Refused,
    /// The feed's file cannot be read.
    File,
    /// The store rejects writes.
    Store,
}

impl Trouble {
    /// A machine-readable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Status(_) => "status",
            Self::NotAFeed => "not-a-feed",
            Self::Empty => "empty",
            Self::Refused => "refused",
            Self::File => "file",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("the feed's server cannot be reached"),
            Self::Status(status) => write!(f, "the feed's server answered {status}"),
            Self::NotAFeed => f.write_str("the response of the feed's server is not a feed"),
            Self::Empty => f.write_str("the feed is empty"),
            Self::Refused => f.write_str("no record of the feed could be stored"),
            Self::File => f.write_str("the feed's file cannot be read"),
            Self::Store => f.write_str("the store rejects writes"),
        }
    }
}
