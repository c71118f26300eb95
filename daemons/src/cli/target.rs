//! What a command's readings are put into.

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

/// A store that is opened, or gone to through the process that holds it. Should that end
/// meanwhile, the store is opened then.
pub(super) struct Target {
    flags: StoreFlags,
    /// The age from which readings that are put may go.
    keep: Option<SignedDuration>,
    /// What this process is called where others look at what holds the store.
    daemon: &'static str,
    way: Mutex<Way>,
}

enum Way {
    /// None yet: a store is made for the first of its readings, and not for none.
    Unknown,
    /// A store of this process, and what lets other commands at it meanwhile.
    Opened(Arc<dyn Store>, #[expect(dead_code, reason = "stops when dropped")] DropGuard),
    /// A store of another process.
    Held(Client),
}

#[derive(Clone, Copy)]
enum Call<'a> {
    Put(&'a [Reading]),
    DeleteBefore(Timestamp),
    Readings,
}

impl Target {
    /// Opens the store, where there is one.
    pub(super) async fn of_import(flags: &StoreFlags) -> Result<Self, Failure> {
        let way = match flags.is_there() {
            true => reach(flags, None, "import").await?,
            false => Way::Unknown,
        };
        Ok(Self { flags: flags.clone(), keep: None, daemon: "import", way: Mutex::new(way) })
    }

    /// Opens the store, or makes it.
    pub(super) async fn of_collection(
        flags: &StoreFlags,
        keep: Option<SignedDuration>,
    ) -> Result<Self, Failure> {
        let way = Mutex::new(reach(flags, keep, "collect").await?);
        Ok(Self { flags: flags.clone(), keep, daemon: "collect", way })
    }

    /// The store, where this process has it.
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
                    // What it has done already changes nothing when it is done once more.
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
            tracing::info!("another process holds the store: the readings go through it");
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
