//! How the feed is doing: what the collector knows and the server tells.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::StoreWatch;

/// How the feed is doing.
#[derive(Debug, Default)]
pub struct FeedStatus {
    state: Mutex<FeedState>,
    /// Whether its readings can be stored.
    pub store: StoreWatch,
}

/// What is known of the last fetches.
#[derive(Debug, Clone, Copy, Default)]
pub struct FeedState {
    /// When the feed was last fetched whole, or found unchanged.
    pub last_success: Option<Timestamp>,
    /// When and why it failed since.
    pub failure: Option<(Timestamp, Trouble)>,
    /// Whether the store had readings from the start, or the first collection has ended, with
    /// or without success.
    pub first_ended: bool,
}

impl FeedStatus {
    /// Of a collector that starts, and a store that has readings already or not.
    pub fn starting(has_readings: bool) -> Self {
        let state = FeedState { first_ended: has_readings, ..FeedState::default() };
        Self { state: Mutex::new(state), store: StoreWatch::default() }
    }

    /// A look at it.
    pub fn get(&self) -> FeedState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what has changed.
    pub fn set(&self, change: impl FnOnce(&mut FeedState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// As answers tell it: `lastSuccess`, and `failure` with `at`, `code` and `reason`.
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

/// Why a collection failed, as far as the public may know: no address, no path, no text of a
/// service. The log has those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No whole answer came from the feed's server.
    Unreachable,
    /// The feed's server answered with this HTTP status.
    Status(u16),
    /// What came is no feed.
    NotAFeed,
    /// The feed has no records.
    Empty,
    /// No record could be kept, or the clock is wrong.
    Refused,
    /// The feed's file cannot be read.
    File,
    /// The store takes no readings.
    Store,
}

impl Trouble {
    /// A word for programs.
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
            Self::NotAFeed => f.write_str("what the feed's server sent is no feed"),
            Self::Empty => f.write_str("the feed is empty"),
            Self::Refused => f.write_str("no record of the feed could be kept"),
            Self::File => f.write_str("the feed's file cannot be read"),
            Self::Store => f.write_str("the store takes no readings"),
        }
    }
}
