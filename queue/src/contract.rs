use std::time::Duration;

use async_trait::async_trait;

use crate::Error;

/// A message queue with at-least-once delivery.
///
/// - A message is redelivered until it is acknowledged. It can be delivered twice: handlers must be
///   idempotent.
/// - A delivered message is hidden from other receivers for the visibility timeout;
///   not acknowledged by then, it is delivered again.
/// - A message that was received the maximum number of times without acknowledgement moves to the
///   dead-letter queue; without one, it stays.
/// - Order is not guaranteed.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Sends a message. [`Full`](crate::ErrorKind::Full) if the queue is bounded and full; then it
    /// was not sent.
    async fn send(&self, body: &str) -> Result<(), Error>;

    /// Sends a message of one of several senders, among whom a queue may be fair: one that sends many
    /// then does not keep others waiting. A queue that is not ignores who it is from.
    async fn send_from(&self, body: &str, sender: Sender<'_>) -> Result<(), Error> {
        let _ = sender;
        self.send(body).await
    }

    /// Sends several messages in batches. After an error some may have been sent.
    async fn send_all(&self, bodies: &[String]) -> Result<(), Error> {
        for body in bodies {
            self.send(body).await?;
        }
        Ok(())
    }

    /// Receives up to `max` messages and hides each for `visibility`. Returns as soon as at least
    /// one is available, or with none after `wait`. Cancel-safe: dropping the future loses no
    /// message.
    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, Error>;

    /// Acknowledges a message, so that it is not delivered again. Acknowledging late (after
    /// redelivery) or twice is not an error.
    async fn ack(&self, receipt: &Receipt) -> Result<(), Error>;

    /// Acknowledges several messages in batches.
    async fn ack_all(&self, receipts: &[Receipt]) -> Result<(), Error> {
        for receipt in receipts {
            self.ack(receipt).await?;
        }
        Ok(())
    }

    /// Sets the visibility timeout to `visibility` from now on; zero makes it available at once.
    /// [`Expired`](crate::ErrorKind::Expired) if another receiver may have the message.
    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), Error>;

    /// The approximate number of messages. A remote queue may count with a delay.
    async fn depth(&self) -> Result<Depth, Error>;
}

/// Who sends a message, and how much work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sender<'a> {
    /// A name, of ASCII letters, digits and punctuation, at most 128; empty if it is not known.
    pub name: &'a str,
    /// Whether it is much work: a queue may deliver others before it, and few of these at a time.
    pub is_large: bool,
}

impl<'a> Sender<'a> {
    /// A sender of a message.
    pub fn new(name: &'a str, is_large: bool) -> Self {
        Self { name, is_large }
    }
}

/// The depth of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Depth {
    /// Waiting messages.
    pub waiting: usize,
    /// In-flight messages: received, not acknowledged, and still hidden.
    pub hidden: usize,
    /// Age of the oldest waiting message; `None` if none is waiting, or if the queue does not
    /// provide it (SQS reports it only to CloudWatch, as `ApproximateAgeOfOldestMessage`).
    pub oldest: Option<Duration>,
}

impl Depth {
    /// The depth of a queue with these numbers of messages.
    pub fn new(waiting: usize, hidden: usize, oldest: Option<Duration>) -> Self {
        Self { waiting, hidden, oldest }
    }
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The body of the message.
    pub body: String,
    /// The number of receives, including this one.
    pub receives: u32,
    /// The receipt for [`Queue::ack`] and [`Queue::extend`].
    pub receipt: Receipt,
}

impl Delivery {
    /// A message that has been received `receives` times, including this time.
    pub fn new(body: impl Into<String>, receives: u32, receipt: Receipt) -> Self {
        Self { body: body.into(), receives, receipt }
    }
}

/// Identifies one delivery of a message. Its contents are opaque to receivers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(String);

impl Receipt {
    /// A receipt with which the queue can find the delivery.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The contents set by the queue.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
