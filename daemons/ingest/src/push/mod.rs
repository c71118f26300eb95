//! Measurements that boards with the airRohr firmware push, for a network of one's own.
//!
//! `message` reads them; `tokens` says who may push, `pace` how often, `places` where the boards are;
//! `writer` puts their readings into the store and has [`means`](crate::means) made of them, as of a
//! five-minute feed. A message has no time: that of its arrival counts.
//!
//! The id of a sensor is the number of its board times 16, plus the number of its model
//! (`PARTICULATES`), so several sensors of one board have different ids; the id of the location is
//! the number of the board.

mod board;
mod message;
mod pace;
mod places;
mod tokens;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

pub use airshed_common::push::PushReceiver;
use airshed_common::push::{Accepted, Push, Refusal};
use airshed_common::{Clock, check_moment};
use async_trait::async_trait;
use jiff::Timestamp;
use store::{Network, Store};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

pub use self::board::{BadBoard, Board};
use self::pace::{Excess, Pace};
pub use self::places::Places;
use self::tokens::TokenNumber;
pub use self::tokens::Tokens;
pub use self::writer::Writer;
use self::writer::{WAITING, Waiting};
use crate::means::LiveMeans;

/// Takes messages.
pub struct Receiver {
    tokens: Arc<Tokens>,
    places: Arc<Places>,
    network: Network,
    pace: Mutex<Pace>,
    queue: mpsc::Sender<Waiting>,
}

/// A receiver of messages, and the writer that stores what it takes. `means` are those of the
/// network in this store; no other task may put samples of the network there without them.
pub fn receiver(
    tokens: Arc<Tokens>,
    places: Arc<Places>,
    network: Network,
    store: Arc<dyn Store>,
    means: Arc<LiveMeans>,
    clock: Clock,
) -> (Receiver, Writer) {
    let (queue, waiting) = mpsc::channel(WAITING);
    let pace = Mutex::default();
    let receiver = Receiver { tokens, places, network, pace, queue };
    (receiver, Writer { waiting, store, means, clock })
}

#[async_trait]
impl PushReceiver for Receiver {
    async fn take(&self, push: Push<'_>) -> Result<Accepted, Refusal> {
        let taken = self.store(push).await;
        match &taken {
            Ok(Accepted { left_out, .. }) if !left_out.is_empty() => log_left_out(left_out),
            Err(Refusal::Invalid(reason)) => log_left_out(std::slice::from_ref(reason)),
            _ => {}
        }
        let outcome = match &taken {
            Ok(_) => "stored",
            Err(Refusal::Busy | Refusal::Failed { .. }) => "failed",
            Err(_) => "refused",
        };
        metrics::counter!("airshed_pushes_total", "outcome" => outcome).increment(1);
        taken
    }
}

/// A line of bounded length, as senders repeat themselves.
fn log_left_out(reasons: &[String]) {
    const LONGEST: usize = 300;
    let reasons: String = reasons.join("; ").chars().take(LONGEST).collect();
    info!(reasons, "values of a push left out");
}

impl Receiver {
    fn admit(
        &self,
        token: TokenNumber,
        is_bound: bool,
        board: Board,
        now: Timestamp,
    ) -> Result<(), Excess> {
        // Whoever panicked while it was locked left a usable state.
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.admit(token, is_bound, board, now)
    }

    async fn store(&self, push: Push<'_>) -> Result<Accepted, Refusal> {
        let token = self.tokens.find(push.token).ok_or(Refusal::UnknownToken)?;
        // A machine without a clock of its own begins in 1970.
        check_moment(push.arrived, push.arrived).map_err(|wrong| {
            let reason = format!("check the system clock: {wrong}");
            Refusal::Failed { reason, transient: true }
        })?;
        let mut message = message::read(push.body, push.sender).map_err(Refusal::Invalid)?;
        let board = message.board;
        if !self.tokens.permits(token, board) {
            return Err(Refusal::Forbidden(format!("The token is not for {board}.")));
        }
        let readings = message.readings(self.network, self.places.of(board), push.arrived);
        if readings.is_empty() {
            return Err(Refusal::Invalid(message.left_out.join("; ")));
        }
        let is_bound = self.tokens.is_bound(token);
        self.admit(token, is_bound, board, push.arrived).map_err(|excess| match excess {
            Excess::TooSoon(retry_after) => Refusal::TooSoon { retry_after },
            Excess::TooManyBoards(most) => Refusal::Forbidden(format!(
                "{most} boards have used the token: the operator can name its boards in the file \
                 of tokens."
            )),
        })?;
        let sensors = readings.iter().map(|reading| reading.sensor.to_string()).collect();
        let (sender, stored) = oneshot::channel();
        let waiting = Waiting { readings, stored: sender };
        self.queue.try_send(waiting).map_err(|full| match full {
            TrySendError::Full(_) | TrySendError::Closed(_) => Refusal::Busy,
        })?;
        stored.await.unwrap_or(Err(Refusal::Busy))?;
        Ok(Accepted { sensors, left_out: message.left_out })
    }
}
