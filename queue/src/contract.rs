use std::time::Duration;

use async_trait::async_trait;

use crate::Error;

/// Messages from some to others, each handled by one of them, at least once.
///
/// - A message that was sent is delivered until it is acknowledged. It can be delivered
///   twice: handling must bear that.
/// - A delivered message is hidden from other receivers for the visibility timeout;
///   not acknowledged by then, it is delivered again.
/// - A message that was received as often as the queue allows and never acknowledged
///   moves to the queue's dead-letter queue; where it has none, it stays.
/// - Order is not promised.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Sends a message. [`Full`](crate::ErrorKind::Full) when the queue is bounded and
    /// full; then it was not sent.
    async fn send(&self, body: &str) -> Result<(), Error>;

    /// Sends several messages, in as few calls as the queue can. After an error some may
    /// have been sent.
    async fn send_all(&self, bodies: &[String]) -> Result<(), Error> {
        for body in bodies {
            self.send(body).await?;
        }
        Ok(())
    }

    /// Receives up to `max` messages and hides each for `visibility`. Returns as soon
    /// as there is one, or with none after `wait`. Dropping the future loses nothing.
    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, Error>;

    /// The message has been handled: never deliver it again. Too late (it was delivered
    /// again meanwhile) or twice is not an error.
    async fn ack(&self, receipt: &Receipt) -> Result<(), Error>;

    /// The same for several, in as few calls as the queue can.
    async fn ack_all(&self, receipts: &[Receipt]) -> Result<(), Error> {
        for receipt in receipts {
            self.ack(receipt).await?;
        }
        Ok(())
    }

    /// Hides the message for `visibility` from now on; zero hands it back at once.
    /// [`Expired`](crate::ErrorKind::Expired) when it is no longer the receiver's.
    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), Error>;

    /// About how many messages there are. A queue elsewhere may count late and roughly.
    async fn depth(&self) -> Result<Depth, Error>;
}

/// What is in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Depth {
    /// Messages that wait to be received.
    pub waiting: usize,
    /// Messages that were received, and are neither acknowledged nor to be seen again.
    pub hidden: usize,
    /// How long ago the oldest of those that wait was sent; `None` when none waits, and
    /// where the queue cannot tell (SQS tells CloudWatch, as `ApproximateAgeOfOldestMessage`).
    pub oldest: Option<Duration>,
}

impl Depth {
    /// Of a queue with so many messages.
    pub fn new(waiting: usize, hidden: usize, oldest: Option<Duration>) -> Self {
        Self { waiting, hidden, oldest }
    }
}

/// A message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The message.
    pub body: String,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// What [`Queue::ack`] and [`Queue::extend`] ask for.
    pub receipt: Receipt,
}

impl Delivery {
    /// A message that has been received `receives` times, this time included.
    pub fn new(body: impl Into<String>, receives: u32, receipt: Receipt) -> Self {
        Self { body: body.into(), receives, receipt }
    }
}

/// Names one delivery of one message. What is in it is the queue's own affair: whoever
/// receives messages hands it back as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(String);

impl Receipt {
    /// A receipt by which the queue that gives it finds the delivery again.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What the queue that gave it put in.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
