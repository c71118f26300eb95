//! The target of a command's puts.

use std::sync::Arc;

use airshed::control::{self, Client, ClientError};
use airshed::{Destination, reason};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use store::{Error, ErrorKind, Reading, Store};
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Failure;
use super::settings::{Access, Reached, StoreFlags};

/// A store that is opened directly, or used through the process that has it open. If that process
/// exits meanwhile, the store is opened directly.
pub(super) struct Target {
    flags: StoreFlags,
    /// The retention period of the readings.
    keep: Option<SignedDuration>,
    /// The name of this process in the status of the control socket.
    daemon: &'static str,
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
    /// Opens the store if it exists.
    pub(super) async fn of_import(flags: &StoreFlags) -> Result<Self, Failure> {
        let way = match flags.is_there() {
            true => reach(flags, None, "import").await?,
            false => Way::Unknown,
        };
        Ok(Self { flags: flags.clone(), keep: None, daemon: "import", way: Mutex::new(way) })
    }

    /// Opens or creates the store.
    pub(super) async fn of_collection(
        flags: &StoreFlags,
        keep: Option<SignedDuration>,
    ) -> Result<Self, Failure> {
        let way = Mutex::new(reach(flags, keep, "collect").await?);
        Ok(Self { flags: flags.clone(), keep, daemon: "collect", way })
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
                let reached = Box::pin(reach(&self.flags, self.keep, self.daemon));
                *way = reached.await.map_err(unreachable)?;
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
}

async fn reach(
    flags: &StoreFlags,
    keep: Option<SignedDuration>,
    daemon: &'static str,
) -> Result<Way, Failure> {
    Ok(match flags.reach_to_keep(keep, Access::Make).await? {
        Reached::Held(client) => {
            tracing::info!("another process has the store open: putting readings through it");
            Way::Held(client)
        }
        Reached::Opened(store) => {
            let stop = CancellationToken::new();
            if let Some(socket) = flags.socket() {
                let (shared, networks) = (Arc::clone(&store), Arc::default());
                let parts = control::Parts { store: shared, networks, daemon };
                tokio::spawn(control::run(parts, socket, stop.clone()));
            }
            Way::Opened(store, stop.drop_guard())
        }
    })
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

fn unreachable(failure: Failure) -> Error {
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
