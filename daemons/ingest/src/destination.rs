use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use store::{Error, Reading, Store};

/// Where a collector's readings go: a store, or the way to one that another process holds.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Keeps readings, all or none; durable when it returns. An empty batch fails where none
    /// can be kept.
    async fn put(&self, batch: &[Reading]) -> Result<(), Error>;

    /// Deletes every reading that is older than a moment; how many there were.
    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error>;

    /// How many readings there are.
    async fn readings(&self) -> Result<u64, Error>;
}

#[async_trait]
impl Destination for Arc<dyn Store> {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        (**self).put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        (**self).delete_before(moment).await
    }

    async fn readings(&self) -> Result<u64, Error> {
        Ok(self.summary().await?.readings())
    }
}
