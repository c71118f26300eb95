//! A queue in a directory, for processes of one machine: a file for each message, and renaming
//! is the step that only one of them can do.
//!
//! ```text
//! new/     being written                 nobody looks here
//! ready/   SENT-RANDOM.RECEIVES          waits to be received
//! hidden/  SENT-RANDOM.RECEIVES.UNTIL    received; ready again from UNTIL on
//! dead/    the same once more            given up; no message is given up there
//! ```
//!
//! `SENT` and `UNTIL` are nanoseconds since 1970, `RECEIVES` says how often the message was
//! received. A message and its number of receives name a delivery: that is its receipt. What
//! power can fail at: a send is on the disk when it returns; a receive or an acknowledgement
//! that was not yet is undone, which delivers the message again.

mod files;
mod name;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use queue::{Delivery, Depth, Error, ErrorKind, Queue, Receipt};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use files::Files;

/// How often a receiver that waits looks for a message.
const POLL: Duration = Duration::from_millis(100);

/// A queue in a directory. Clones, and whoever else opens the directory, have the same queue.
#[derive(Debug, Clone)]
pub struct FileQueue(Arc<Files>);

/// How a [`FileQueue`] behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How often a message is received before it moves to the dead letters; default 5.
    pub max_receives: u32,
    /// What time it is; the same for all who use the queue. Default: the system's clock.
    pub clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_receives: 5, clock: Arc::new(SystemTime::now) }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let max_receives = &self.max_receives;
        f.debug_struct("Options").field("max_receives", max_receives).finish_non_exhaustive()
    }
}

impl FileQueue {
    /// The queue in a directory and the queue of its dead letters; both are made where they are
    /// not there.
    pub async fn open(
        directory: impl Into<PathBuf>,
        options: Options,
    ) -> Result<(Self, Self), Error> {
        let directory = directory.into();
        let opened = tokio::task::spawn_blocking(move || Files::open(directory, options)).await;
        let (queue, dead) = opened.map_err(interrupted)??;
        Ok((Self(queue), Self(dead)))
    }

    /// Work with files, away from where tasks run. It is done to its end, even when nobody
    /// waits for it any more.
    async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let files = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&files)).await.map_err(interrupted)?
    }

    /// What is ready now. When nobody waits for it any more, it is handed back.
    async fn take(&self, max: usize, visibility: Duration) -> Result<Vec<Delivery>, Error> {
        let (sender, receiver) = oneshot::channel();
        let files = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            if let Err(Ok(unwanted)) = sender.send(files.take(max, visibility)) {
                for delivery in unwanted {
                    // Otherwise the end of its time hands it back.
                    let _ = files.extend(&delivery.receipt, Duration::ZERO);
                }
            }
        });
        receiver.await.map_err(interrupted)?
    }
}

#[async_trait]
impl Queue for FileQueue {
    async fn send(&self, body: &str) -> Result<(), Error> {
        self.send_all(&[body.to_owned()]).await
    }

    async fn send_all(&self, bodies: &[String]) -> Result<(), Error> {
        let bodies = bodies.to_vec();
        self.with_files(move |files| files.send_all(&bodies)).await
    }

    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, Error> {
        let deadline = Instant::now() + wait;
        loop {
            let taken = self.take(max, visibility).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !taken.is_empty() || max == 0 || left.is_zero() {
                return Ok(taken);
            }
            sleep(left.min(POLL)).await;
        }
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), Error> {
        self.ack_all(std::slice::from_ref(receipt)).await
    }

    async fn ack_all(&self, receipts: &[Receipt]) -> Result<(), Error> {
        let receipts = receipts.to_vec();
        self.with_files(move |files| files.remove_all(&receipts)).await
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), Error> {
        let receipt = receipt.clone();
        self.with_files(move |files| files.extend(&receipt, visibility)).await
    }

    async fn depth(&self) -> Result<Depth, Error> {
        self.with_files(Files::depth).await
    }
}

fn interrupted(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Io, "work on the queue's files was interrupted").because(cause)
}
