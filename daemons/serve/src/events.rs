//! Events about stored readings for listeners: by network and averaging period, after each put.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use store::{Network, Reading, Window};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Maximum number of events that a slow listener may lag before it loses some.
const BEHIND: usize = 256;

/// The readings of one network and averaging period in a put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stored {
    /// The network.
    #[serde(serialize_with = "as_text")]
    pub network: Network,
    /// The averaging period: `5min`, `1h`, `24h` or `day`.
    #[serde(serialize_with = "as_text")]
    pub window: Window,
    /// The earliest timestamp.
    pub from: Timestamp,
    /// The latest timestamp.
    pub until: Timestamp,
    /// The number of readings.
    pub readings: usize,
}

fn as_text<S: Serializer>(shown: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

/// Publishes the puts of a [`Notifying`](store::Notifying) store to listeners.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Stored>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

impl Events {
    /// Publishes a put: the hook of a store.
    pub fn stored(&self, readings: &[Reading]) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let mut of_each = BTreeMap::new();
        for reading in readings {
            let moment = reading.timestamp;
            let (count, from, until) = of_each
                .entry((reading.sensor.network, reading.window))
                .or_insert((0, moment, moment));
            *count += 1;
            (*from, *until) = ((*from).min(moment), (*until).max(moment));
        }
        for ((network, window), (readings, from, until)) in of_each {
            let event = Stored { network, window, from, until, readings };
            let _ = self.0.send(event); // there may be no listener
        }
    }

    /// Subscribes to future events.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// A subscription to events.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<Stored>);

/// What a listener receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Readings were stored.
    Stored(Stored),
    /// This number of events was lost because the listener was too slow.
    Lost(u64),
}

impl Listener {
    /// The next event; `None` once the publisher is gone. Cancel-safe: if dropped while waiting, it
    /// can be called again.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(stored) => Some(Heard::Stored(stored)),
            Err(RecvError::Lagged(lost)) => Some(Heard::Lost(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}
