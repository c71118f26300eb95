//! A queue in a directory, for processes on one machine: one file per message; renaming is atomic,
//! so only one process succeeds.
//!
//! ```text
//! new/     being written                 not visible to receivers ready/   SENT-RANDOM.RECEIVES
//! waits to be received hidden/  SENT-RANDOM.RECEIVES.UNTIL    received; ready again from UNTIL on
//! dead/    the same layout               dead letters; messages stay there
//! ```
//!
//! `SENT` and `UNTIL` are nanoseconds since 1970, `RECEIVES` is the number of receives. The receipt
//! of a delivery is the message and its number of receives. Durability: a send is on disk when it
//! returns; a power cut may undo a receive or an acknowledgement, so the message is redelivered.

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

/// Polling interval of a waiting receiver.
const POLL: Duration = Duration::from_millis(100);

/// A queue in a directory. Clones, and other processes that open the directory, share the queue.
#[derive(Debug, Clone)]
pub struct FileQueue(Arc<Files>);

/// Options of a [`FileQueue`].
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Maximum number of receives of a message before it becomes a dead letter; default 5.
    pub max_receives: u32,
    /// The clock; must be the same for all users of the queue. Default: the system clock.
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
    /// Opens the queue in a directory and its dead-letter queue; both are created if missing.
    pub async fn open(
        directory: impl Into<PathBuf>,
        options: Options,
    ) -> Result<(Self, Self), Error> {
        let directory = directory.into();
        let opened = tokio::task::spawn_blocking(move || Files::open(directory, options)).await;
        let (queue, dead) = opened.map_err(interrupted)??;
        Ok((Self(queue), Self(dead)))
    }

    /// Runs file operations on a blocking thread. They complete even if the caller is dropped.
    async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let files = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&files)).await.map_err(interrupted)?
    }

    /// The ready messages. If the caller is dropped, they become available again.
    async fn take(&self, max: usize, visibility: Duration) -> Result<Vec<Delivery>, Error> {
        let (sender, receiver) = oneshot::channel();
        let files = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            if let Err(Ok(unwanted)) = sender.send(files.take(max, visibility)) {
                for delivery in unwanted {
                    // On failure it becomes available after its timeout.
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
