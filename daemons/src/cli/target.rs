//! The target of a command's puts.

use std::sync::Arc;

use airshed::control::{self, Client, ClientError};
use airshed::networks::Networks;
use airshed::{Destination, reason};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use store::{Error, ErrorKind, Reading, Store};
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Failure;
use super::store_flags::{Access, Reached, StoreFlags};

/// A store that is opened directly, or used through the process that has it open. If that process
/// exits meanwhile, the store is opened directly.
pub(super) struct Target {
    flags: StoreFlags,
    /// The retention period of the readings.
    keep: Option<SignedDuration>,
    /// The name of this process in the status of the control socket.
    daemon: &'static str,
    /// Whose data other commands find in it.
    networks: Arc<Networks>,
    way: Mutex<Way>,
}

enum Way {
    /// Not opened yet: a new store is created only with its first reading.
    Unknown,
    /// A store opened by this process, and its control socket for other commands.
    Opened(Arc<dyn Store>, #[expect(dead_code, reason = "stops when dropped")] DropGuard),
    /// A store opened by another process.
    Held(Client),
}

#[derive(Clone, Copy)]
enum Call<'a> {
    Put(&'a [Reading]),
    DeleteBefore(Timestamp),
    Readings,
}

impl Target {
    /// Of an import: the store is opened if it exists, else created with its first reading.
    pub(super) async fn of_import(flags: &StoreFlags) -> Result<Self, Failure> {
        let target = Self::new(flags, None, "import", Arc::default());
        if flags.is_there() {
            target.open().await?;
        }
        Ok(target)
    }

    /// Of a single collection: the store is opened or created.
    pub(super) async fn of_collection(
        flags: &StoreFlags,
        keep: Option<SignedDuration>,
        networks: Arc<Networks>,
    ) -> Result<Self, Failure> {
        let target = Self::new(flags, keep, "collect", networks);
        target.open().await?;
        Ok(target)
    }

    fn new(
        flags: &StoreFlags,
        keep: Option<SignedDuration>,
        daemon: &'static str,
        networks: Arc<Networks>,
    ) -> Self {
        Self { flags: flags.clone(), keep, daemon, networks, way: Mutex::new(Way::Unknown) }
    }

    async fn open(&self) -> Result<(), Failure> {
        *self.way.lock().await = self.reach().await?;
        Ok(())
    }

    /// The store, if this process has it open.
    pub(super) async fn opened(&self) -> Option<Arc<dyn Store>> {
        match &*self.way.lock().await {
            Way::Opened(store, _) => Some(Arc::clone(store)),
            _ => None,
        }
    }

    async fn call(&self, call: Call<'_>) -> Result<u64, Error> {
        let mut way = self.way.lock().await;
        let mut again = true;
        loop {
            if matches!(*way, Way::Unknown) {
                *way = Box::pin(self.reach()).await.map_err(not_reached)?;
            }
            match &mut *way {
                Way::Unknown => {}
                Way::Opened(store, _) => return on_store(store.as_ref(), call).await,
                Way::Held(client) => match through(client, call).await {
                    // Puts are idempotent, so repeating a completed one is harmless.
                    Err(failure) if again && failure.has_ended() => {
                        (*way, again) = (Way::Unknown, false);
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
                let stop = CancellationToken::new();
                if let Some(socket) = self.flags.socket() {
                    let (store, networks) = (Arc::clone(&store), Arc::clone(&self.networks));
                    let parts = control::Parts { store, networks, daemon: self.daemon };
                    tokio::spawn(control::run(parts, socket, stop.clone()));
                }
                Way::Opened(store, stop.drop_guard())
            }
        })
    }
}

async fn on_store(store: &dyn Store, call: Call<'_>) -> Result<u64, Error> {
    match call {
        Call::Put(batch) => store.put(batch).await.map(|()| 0),
        Call::DeleteBefore(moment) => store.delete_before(moment).await,
        Call::Readings => Ok(store.summary().await?.readings()),
    }
}

async fn through(client: &mut Client, call: Call<'_>) -> Result<u64, ClientError> {
    match call {
        Call::Put(batch) => client.put(batch).await.map(|()| 0),
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
        self.call(Call::Put(batch)).await.map(drop)
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.call(Call::DeleteBefore(moment)).await
    }

    async fn readings(&self) -> Result<u64, Error> {
        self.call(Call::Readings).await
    }
}
