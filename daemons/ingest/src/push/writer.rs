//! Stores pushed readings, and makes means of them.

use std::sync::Arc;
use std::time::Duration;

use airshed_common::push::Refusal;
use airshed_common::{Clock, reason};
use store::{Reading, Store};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::means::LiveMeans;

/// Messages that wait for a put; beyond that, senders are told to come back.
pub(super) const WAITING: usize = 4096;

/// How often is looked whether an hour has ended.
const TICK: Duration = Duration::from_secs(60);

/// The readings of a message, and whom to tell when they are durable.
pub(super) struct Waiting {
    pub(super) readings: Vec<Reading>,
    pub(super) stored: oneshot::Sender<Result<(), Refusal>>,
}

/// Puts the readings of all messages that wait in one transaction, so that many boards that push at
/// once cost as much as one. Nobody waits for means, which take a while when a process starts.
pub struct Writer {
    pub(super) waiting: mpsc::Receiver<Waiting>,
    pub(super) store: Arc<dyn Store>,
    pub(super) means: Arc<LiveMeans>,
    pub(super) clock: Clock,
}

impl Writer {
    /// Stores until stopped. Messages that wait then are not acknowledged.
    pub async fn run(self, stop: CancellationToken) {
        let Self { waiting, store, means, clock } = self;
        means.look_at_store().await;
        let (stored, samples) = mpsc::unbounded_channel();
        tokio::select! {
            () = put_all(waiting, store, stored, &stop) => {}
            // What is not made now is made by the next process.
            () = make_means(&means, samples, &clock) => {}
        }
    }
}

async fn put_all(
    mut waiting: mpsc::Receiver<Waiting>,
    store: Arc<dyn Store>,
    stored: mpsc::UnboundedSender<Option<Vec<Reading>>>,
    stop: &CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            count = waiting.recv_many(&mut batch, WAITING) => if count == 0 { return },
        }
        let (readings, senders): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|waiting| (waiting.readings, waiting.stored)).unzip();
        let readings = readings.concat();
        let put = store.put(&readings).await;
        debug!(messages = senders.len(), readings = readings.len(), "pushed readings put");
        let answer = put.map_err(|error| {
            let (reason, transient) = (reason(&error), error.is_transient());
            warn!(reason, "pushed readings not stored");
            Refusal::Failed { reason, transient }
        });
        // The other end is there for as long as this one.
        let _ = stored.send(answer.is_ok().then_some(readings));
        for sender in senders {
            // A client that has gone need not be told.
            let _ = sender.send(answer.clone());
        }
    }
}

/// Makes means of what was stored, and of hours that have ended. After a failed put, which may have
/// been done, nothing is known: the store is read again.
async fn make_means(
    means: &LiveMeans,
    mut stored: mpsc::UnboundedReceiver<Option<Vec<Reading>>>,
    clock: &Clock,
) {
    let mut batches: Vec<Option<Vec<Reading>>> = Vec::new();
    loop {
        if batches.iter().any(Option::is_none) {
            drop(means.begin().await);
        }
        let samples: Vec<_> = batches.drain(..).flatten().flatten().collect();
        if let Err(error) = means.follow(&samples, clock()).await {
            // The next attempt reads the store.
            warn!(reason = reason(&error), "means not made; retrying within a minute");
        }
        let wait = match means.look_back(clock()).await {
            Ok(Some(_)) => Duration::ZERO,
            Ok(None) => TICK,
            Err(error) => {
                let reason = reason(&error);
                warn!(reason, "means of an earlier day not made; retrying within a minute");
                TICK
            }
        };
        tokio::select! {
            count = stored.recv_many(&mut batches, WAITING) => if count == 0 { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}
