//! A store in an SQLite file, for several concurrent processes.
//!
//! Readings are the rows of one table, in the order of [`Page`]s; they can be queried with other
//! tools:
//!
//! ```sql
//! SELECT datetime(day * 86400 + second, 'unixepoch'), sensor, pm10 FROM readings WHERE country = 'DE';
//! ```
//!
//! The file is in WAL mode: readers do not wait for a writer nor a writer for readers, and a
//! snapshot is a transaction that stays open. While a snapshot is held, the `-wal` file beside the
//! store grows with each put. A put is synced to disk before it returns.

mod failure;
mod rows;
mod schema;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::Connection;
use store::{
    Error, ErrorKind, Network, Page, Position, Query, Reading, Store, Summary, Timestamp, View,
};

use failure::Failure;

/// A store in an SQLite file. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Sqlite {
    writer: Arc<Handle>,
    reader: Arc<Handle>,
}

impl Sqlite {
    /// Opens the store in a file, and creates it if missing.
    ///
    /// [`Invalid`](ErrorKind::Invalid) for another program's database,
    /// [`TooNew`](ErrorKind::TooNew) for one of a later version of this,
    /// [`Damaged`](ErrorKind::Damaged) for a file that is not a database.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        blocking(move || {
            let writer = Handle::open(&path)?;
            writer.with("opening", schema::prepare)?;
            let reader = Handle::open(&path)?;
            Ok(Self { writer: Arc::new(writer), reader: Arc::new(reader) })
        })
        .await
    }
}

#[async_trait]
impl View for Sqlite {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.reader.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.reader.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.reader.networks().await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.reader.version(from, until).await
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        for reading in batch {
            reading.check().map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        }
        let (writer, batch) = (Arc::clone(&self.writer), batch.to_vec());
        blocking(move || writer.with("putting", |connection| rows::put(connection, &batch))).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        let writer = Arc::clone(&self.writer);
        blocking(move || writer.with("deleting", |c| rows::delete_before(c, moment))).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        let (writer, query) = (Arc::clone(&self.writer), query.clone());
        blocking(move || writer.with("deleting", |c| rows::delete(c, &query))).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        let path = self.reader.path.clone();
        blocking(move || {
            let snapshot = Handle::open(&path)?;
            // The snapshot is taken at the first read.
            snapshot.with("holding a state", |connection| {
                Ok(connection.execute_batch("BEGIN; SELECT count(*) FROM changes")?)
            })?;
            Ok(Arc::new(Snapshot(Arc::new(snapshot))) as Arc<dyn View>)
        })
        .await
    }
}

/// One state of the store, until it is dropped.
#[derive(Debug)]
struct Snapshot(Arc<Handle>);

#[async_trait]
impl View for Snapshot {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        self.0.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.0.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.0.networks().await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        self.0.version(from, until).await
    }
}

/// A connection, which one call uses at a time.
struct Handle {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Handle {
    fn open(path: &Path) -> Result<Self, Error> {
        let connection = schema::connect(path).map_err(|failure| failure.at("opening", path))?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    fn with<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|failure| failure.at(operation, &self.path))
    }

    async fn query(
        self: &Arc<Self>,
        query: &Query,
        after: Option<Position>,
    ) -> Result<Page, Error> {
        let (handle, query) = (Arc::clone(self), query.clone());
        blocking(move || handle.with("reading", |c| rows::page(c, &query, after))).await
    }

    async fn summary(self: &Arc<Self>) -> Result<Summary, Error> {
        let handle = Arc::clone(self);
        blocking(move || handle.with("counting", |c| rows::summary(c))).await
    }

    async fn networks(self: &Arc<Self>) -> Result<Vec<Network>, Error> {
        let handle = Arc::clone(self);
        blocking(move || handle.with("looking", |c| rows::networks(c))).await
    }

    async fn version(
        self: &Arc<Self>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<String>, Error> {
        let handle = Arc::clone(self);
        blocking(move || handle.with("looking", |c| rows::version(c, from, until))).await
    }
}

/// Runs file operations on a blocking thread. They complete even if the caller is dropped.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Error::new(ErrorKind::Io, "work on the store was interrupted").because(e))?
}
