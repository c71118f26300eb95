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
/// once cost as much as one.
pub struct Writer {
    pub(super) waiting: mpsc::Receiver<Waiting>,
    pub(super) store: Arc<dyn Store>,
    pub(super) means: Arc<LiveMeans>,
    pub(super) clock: Clock,
}

impl Writer {
    /// Stores until stopped. Messages that wait then are not acknowledged.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            self.write(std::mem::take(&mut batch)).await;
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                count = self.waiting.recv_many(&mut batch, WAITING) => if count == 0 { return },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// An empty batch makes the means of hours that have ended.
    async fn write(&self, batch: Vec<Waiting>) {
        let making = self.means.begin().await;
        let (readings, senders): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.readings, waiting.stored)).unzip();
        let readings = readings.concat();
        if !readings.is_empty() {
            let put = self.store.put(&readings).await;
            debug!(messages = senders.len(), readings = readings.len(), "pushed readings put");
            let answer = put.map_err(|error| {
                let (reason, transient) = (reason(&error), error.is_transient());
                warn!(reason, "pushed readings not stored");
                Refusal::Failed { reason, transient }
            });
            for sender in senders {
                // A client that has gone need not be told.
                let _ = sender.send(answer.clone());
            }
            if answer.is_err() {
                return;
            }
        }
        if let Err(error) = making.finish(&readings, (self.clock)()).await {
            warn!(reason = reason(&error), "means not made; retrying within a minute");
        }
    }
}
