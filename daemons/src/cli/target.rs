//! The target of a command's puts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airshed::control::{self, Client, ClientError};
use airshed::networks::Networks;
use airshed::{BATCH, Destination, Flagging, put_means, put_means_of_some, reason};
use async_trait::async_trait;
use jiff::Timestamp;
use store::{Error, ErrorKind, Reading, Store};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Failure;
use super::store_flags::{Access, Reached, Retention, StoreFlags};

/// How long a call is repeated while the process that has the store open exits: longer than it takes
/// to release its lock.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// How long this process waits, when it is done, for the commands of others.
const DRAIN: Duration = Duration::from_secs(60);

/// A store that is opened directly, or used through the process that has it open. If that process
/// exits meanwhile, the store is opened directly.
#[derive(Clone)]
pub(super) struct Target(Arc<Inner>);

struct Inner {
    flags: StoreFlags,
    keep: Retention,
    /// The name of this process in the status of the control socket.
    daemon: &'static str,
    /// Whose data other commands find in it.
    networks: Arc<Networks>,
    way: Mutex<Way>,
    /// The commands of other processes on the store that this one has open.
    commands: TaskTracker,
    stop: CancellationToken,
}

enum Way {
    /// Not opened yet: a new store is created only with its first reading.
    Unknown,
    /// A store opened by this process.
    Opened(Arc<dyn Store>),
    /// A store opened by another process.
    Held(Client),
}

#[derive(Clone, Copy)]
enum Call<'a> {
    Put(&'a [Reading]),
    PutMeans(&'a [Reading]),
    PutMeansOfSome(&'a [Reading], &'a Flagging),
    DeleteBefore(Timestamp),
    Readings,
}

impl Target {
    /// Of an import: the store is opened if it exists, else created with its first reading.
    pub(super) async fn of_import(flags: &StoreFlags) -> Result<Self, Failure> {
        let target = Self::new(flags, Retention::default(), "import", Arc::default());
        if flags.is_there() {
            target.open().await?;
        }
        Ok(target)
    }

    /// Of a single collection: the store is opened or created.
    pub(super) async fn of_collection(
        flags: &StoreFlags,
        keep: Retention,
        networks: Arc<Networks>,
    ) -> Result<Self, Failure> {
        let target = Self::new(flags, keep, "collect", networks);
        target.open().await?;
        Ok(target)
    }

    fn new(
        flags: &StoreFlags,
        keep: Retention,
        daemon: &'static str,
        networks: Arc<Networks>,
    ) -> Self {
        let (way, commands, stop) =
            (Mutex::new(Way::Unknown), TaskTracker::new(), CancellationToken::new());
        Self(Arc::new(Inner { flags: flags.clone(), keep, daemon, networks, way, commands, stop }))
    }

    async fn open(&self) -> Result<(), Failure> {
        *self.0.way.lock().await = self.0.reach().await?;
        Ok(())
    }

    /// Ends the control socket, when the commands that use it are done.
    pub(super) async fn close(&self) {
        self.0.stop.cancel();
        self.0.commands.close();
        self.0.commands.wait().await;
    }

    /// How long the process that has the store open keeps readings; `None`: for ever, or this one
    /// has it.
    #[cfg(feature = "backfill")]
    pub(super) async fn kept_elsewhere(&self) -> Result<Option<jiff::SignedDuration>, Failure> {
        match &mut *self.0.way.lock().await {
            Way::Held(client) => Ok(client.keep().await?),
            _ => Ok(None),
        }
    }

    /// The store, if this process has it open.
    pub(super) async fn opened(&self) -> Option<Arc<dyn Store>> {
        match &*self.0.way.lock().await {
            Way::Opened(store) => Some(Arc::clone(store)),
            _ => None,
        }
    }
}

impl Inner {
    async fn call(&self, call: Call<'_>) -> Result<u64, Error> {
        let mut way = self.way.lock().await;
        let (begun, mut has_ended) = (Instant::now(), false);
        loop {
            if matches!(*way, Way::Unknown) {
                match Box::pin(self.reach()).await {
                    Ok(reached) => *way = reached,
                    // A process that is being killed still holds the lock, but answers nobody.
                    Err(_) if has_ended && begun.elapsed() < PATIENCE => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    Err(failure) => return Err(not_reached(failure)),
                }
            }
            match &mut *way {
                Way::Unknown => {}
                Way::Opened(store) => return on_store(store.as_ref(), call).await,
                Way::Held(client) => match through(client, call).await {
                    // Puts are idempotent, so repeating a completed one is harmless.
                    Err(failure) if failure.has_ended() && begun.elapsed() < PATIENCE => {
                        (*way, has_ended) = (Way::Unknown, true);
                        tokio::time::sleep(PAUSE).await;
                    }
                    done => return done.map_err(failed),
                },
            }
        }
    }

    async fn reach(&self) -> Result<Way, Failure> {
        Ok(match self.flags.reach_to_keep(self.keep, Access::Make).await? {
            Reached::Held(client) => {
                tracing::info!("another process has the store open: putting readings through it");
                Way::Held(client)
            }
            Reached::Opened(store) => {
                if let Some(socket) = self.flags.socket() {
                    let (store, networks) = (Arc::clone(&store), Arc::clone(&self.networks));
                    let (daemon, drain) = (self.daemon, DRAIN);
                    let policy = control::Policy { keep: self.keep.readings, ..Default::default() };
                    let parts = control::Parts { store, networks, daemon, drain, policy };
                    self.commands.spawn(control::run(parts, socket, self.stop.clone()));
                }
                Way::Opened(store)
            }
        })
    }
}

async fn on_store(store: &dyn Store, call: Call<'_>) -> Result<u64, Error> {
    match call {
        Call::Put(batch) => store.put(batch).await.map(|()| 0),
        Call::PutMeans(means) => put_means(store, means).await.map(|()| 0),
        Call::PutMeansOfSome(means, flagging) => {
            put_means_of_some(store, means, flagging).await.map(|()| 0)
        }
        Call::DeleteBefore(moment) => store.delete_before(moment).await,
        Call::Readings => Ok(store.summary().await?.readings()),
    }
}

async fn through(client: &mut Client, call: Call<'_>) -> Result<u64, ClientError> {
    match call {
        Call::Put(batch) => client.put(batch).await.map(|()| 0),
        Call::PutMeans(means) => {
            for batch in means.chunks(BATCH) {
                client.put_means(batch).await?;
            }
            Ok(0)
        }
        // By the limits of that process, as of its own means.
        Call::PutMeansOfSome(means, _) => {
            for batch in means.chunks(BATCH) {
                client.put_means_of_some(batch).await?;
            }
            Ok(0)
        }
        Call::DeleteBefore(moment) => client.delete_before(moment).await,
        Call::Readings => client.readings().await,
    }
}

fn not_reached(failure: Failure) -> Error {
    Error::new(ErrorKind::Io, reason(failure.as_ref()))
}

fn failed(error: ClientError) -> Error {
    Error::new(ErrorKind::Io, reason(&error))
}

#[async_trait]
impl Destination for Target {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.0.call(Call::Put(batch)).await.map(drop)
    }

    async fn put_means(&self, batch: &[Reading]) -> Result<(), Error> {
        self.0.call(Call::PutMeans(batch)).await.map(drop)
    }

    async fn put_means_of_some(&self, batch: &[Reading], flagging: &Flagging) -> Result<(), Error> {
        self.0.call(Call::PutMeansOfSome(batch, flagging)).await.map(drop)
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.0.call(Call::DeleteBefore(moment)).await
    }

    async fn readings(&self) -> Result<u64, Error> {
        self.0.call(Call::Readings).await
    }
}
