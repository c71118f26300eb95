use std::sync::Arc;

use airshed_history::Flagging;
use async_trait::async_trait;
use jiff::Timestamp;
use store::{Error, Reading, Store};

use crate::{put_means, put_means_of_some};

/// The destination of a collector's readings: a store, or a client of the process that has it open.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Stores readings atomically; they are durable when this returns. An empty batch fails if the
    /// store rejects writes.
    async fn put(&self, batch: &[Reading]) -> Result<(), Error>;

    /// Stores means, as many as [`BATCH`](crate::BATCH) at a time like [`put`](Self::put), beside those
    /// that are there: of two of the same sensor, averaging period and time, the one of more hours and
    /// samples stays. What is there is read once, which is billed on AWS: all means of a day belong in
    /// one call.
    async fn put_means(&self, means: &[Reading]) -> Result<(), Error>;

    /// The same for means of some sensors, whose neighbours are those that are there (see
    /// [`put_means_of_some`](crate::put_means_of_some)).
    async fn put_means_of_some(&self, means: &[Reading], flagging: &Flagging) -> Result<(), Error>;

    /// Deletes all readings before a timestamp; returns their number.
    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error>;

    /// The number of stored readings.
    async fn readings(&self) -> Result<u64, Error>;
}

#[async_trait]
impl Destination for Arc<dyn Store> {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        (**self).put(batch).await
    }

    async fn put_means(&self, means: &[Reading]) -> Result<(), Error> {
        put_means(&**self, means).await
    }

    async fn put_means_of_some(&self, means: &[Reading], flagging: &Flagging) -> Result<(), Error> {
        put_means_of_some(&**self, means, flagging).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        (**self).delete_before(moment).await
    }

    async fn readings(&self) -> Result<u64, Error> {
        Ok(self.summary().await?.readings())
    }
}
