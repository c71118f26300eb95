//! What was stored, told to whoever listens: by network and averaging window, after each put.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use store::{Network, Reading, Window};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Events that a slow listener may be behind before it loses some.
const BEHIND: usize = 256;

/// The readings of a network and window that a put brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stored {
    /// Whose sensors they are of.
    #[serde(serialize_with = "as_text")]
    pub network: Network,
    /// What they are means over: `5min`, `1h`, `24h` or `day`.
    #[serde(serialize_with = "as_text")]
    pub window: Window,
    /// The earliest moment.
    pub from: Timestamp,
    /// The latest moment.
    pub until: Timestamp,
    /// How many there are.
    pub readings: usize,
}

fn as_text<S: Serializer>(shown: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

/// Takes what was stored from a [`Notifying`](store::Notifying) store to the listeners.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Stored>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

impl Events {
    /// Tells of a put: the hook of a store.
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
            let _ = self.0.send(event); // the last listener may have gone
        }
    }

    /// What is stored from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }

    pub(crate) fn listeners(&self) -> usize {
        self.0.receiver_count()
    }
}

/// Hears of what is stored.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<Stored>);

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Something was stored.
    Stored(Stored),
    /// So many events were lost, since the listener was too slow.
    Lost(u64),
}

impl Listener {
    /// The next; `None` once nothing will be stored any more. Dropped while waiting, it can be called
    /// again.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(stored) => Some(Heard::Stored(stored)),
            Err(RecvError::Lagged(lost)) => Some(Heard::Lost(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}
