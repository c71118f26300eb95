//! A small at-least-once message queue.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), airshed_queue::Error> {
//! use std::time::Duration;
//! use airshed_queue::{Channel, Options, Queue};
//!
//! let queue = Channel::new(Options::default());
//! queue.send("say hello").await?;
//! let (hidden, wait) = (Duration::from_secs(30), Duration::ZERO);
//! for delivery in queue.receive(10, hidden, wait).await? {
//!     assert_eq!(delivery.body, "say hello");
//!     queue.ack(&delivery.receipt).await?;
//! }
//! # Ok(()) }
//! ```
//!
//! - [`Queue`] is the contract: send, receive with a visibility timeout and a wait, acknowledge,
//!   extend. [`Channel`] implements it within one process, `sqs` (feature) on AWS; `conformance`
//!   (feature) tests the contract. [`open`] selects by URL.
//! - A [`Delivery`] has the message, its number of receives, and the [`Receipt`] for acknowledging
//!   it.
//!
//! # Write your own queue
//!
//! Implement [`Queue`] (with the `async-trait` crate): [`Delivery::new`], [`Receipt::new`] and
//! [`Error::new`] create the values that it returns. Then run `conformance::run` as a test.
//! `examples/file-queue` in the repository is such a crate: a durable queue in a directory, for
//! several processes.
//!
//! Out of scope: the contents of messages. They should be small: a reference to a task, not its
//! data.

#![warn(missing_debug_implementations)]

mod channel;
mod contract;
mod error;
mod open;
mod ready;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "sqs")]
pub mod sqs;

pub use channel::{Channel, Options};
pub use contract::{Delivery, Depth, Queue, Receipt, Sender};
pub use error::{Error, ErrorKind};
pub use open::{Queues, open};
