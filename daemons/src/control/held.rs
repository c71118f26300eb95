use std::path::PathBuf;

use airshed_ingest::Destination;
use async_trait::async_trait;
use jiff::Timestamp;
use store::{Error, ErrorKind, Reading};

use super::{Client, ClientError};

/// The way to a store that another process holds, for a collector. Each call connects anew, so
/// that the process may be restarted in between.
#[derive(Debug)]
pub struct Held {
    socket: PathBuf,
}

impl Held {
    /// By its socket.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    async fn client(&self) -> Result<Client, Error> {
        Client::connect(&self.socket).await.map_err(failed)
    }
}

#[async_trait]
impl Destination for Held {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.client().await?.put(batch).await.map_err(failed)
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.client().await?.delete_before(moment).await.map_err(failed)
    }

    async fn readings(&self) -> Result<u64, Error> {
        self.client().await?.readings().await.map_err(failed)
    }
}

fn failed(error: ClientError) -> Error {
    Error::new(ErrorKind::Io, "the process that holds the store did not do it").because(error)
}
