//! The object store of job records and results: memory, a directory, or S3.

mod bounded;
#[cfg(feature = "s3")]
pub mod s3;

use std::ops::Deref;
use std::path::Path as FilePath;
use std::sync::Arc;

use airshed_common::Disk;
use async_trait::async_trait;
use http::HeaderValue;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, Result};

use self::bounded::Bounded;

/// Objects by path, in a store shared by all servers and workers.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    presigner: Option<Arc<dyn Presigner>>,
    disk: Disk,
}

/// Creates presigned URLs.
#[async_trait]
trait Presigner: std::fmt::Debug + Send + Sync {
    /// A presigned URL whose response has these headers.
    async fn presign(
        &self,
        path: &Path,
        media_type: &str,
        disposition: &str,
    ) -> Result<HeaderValue>;
}

/// The object store could not be opened: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl Objects {
    /// Objects in a store without presigned URLs.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, presigner: None, disk: Disk::default() }
    }

    /// The same on a disk, whose reserve results leave free. Records, which are small, may use it: what
    /// became of a job is recorded in any case.
    #[must_use]
    pub fn on(self, disk: Disk) -> Self {
        let store = Arc::new(Bounded::new(self.store, disk.clone()));
        Self { store, disk, ..self }
    }

    /// Whether there is room for results.
    pub fn has_room(&self) -> bool {
        self.disk.take(0).is_ok()
    }

    /// Opens the object store of a URL: `memory:`, `file:DIR` (created if missing) or
    /// `s3://BUCKET/PREFIX` (which must exist).
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        if url == "memory:" {
            return Ok(Self::new(Arc::new(InMemory::new())));
        }
        if url.starts_with("s3:") {
            #[cfg(feature = "s3")]
            return s3::open(url).await;
            #[cfg(not(feature = "s3"))]
            return Err(OpenError(format!(
                "--results `{url}`: this binary was built without S3 (feature `s3`)"
            )));
        }
        let Some(folder) = url.strip_prefix("file:").filter(|folder| !folder.is_empty()) else {
            let message =
                format!("--results `{url}`: expected memory:, file:DIR or s3://BUCKET/PREFIX");
            return Err(OpenError(message));
        };
        let unusable = |error: &dyn std::error::Error| {
            OpenError(format!("cannot create the folder {folder}: {error}"))
        };
        std::fs::create_dir_all(folder).map_err(|error| unusable(&error))?;
        let files = LocalFileSystem::new_with_prefix(folder).map_err(|error| unusable(&error))?;
        let files = files.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self::new(Arc::new(files)))
    }

    /// The store itself, for writers that need ownership.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// A presigned URL of an object, valid for a quarter of an hour, whose response has these
    /// headers; `None` if the store does not support presigned URLs.
    pub async fn presign(
        &self,
        path: &Path,
        media_type: &str,
        disposition: &str,
    ) -> Option<Result<HeaderValue>> {
        let presigner = self.presigner.as_ref()?;
        Some(presigner.presign(path, media_type, disposition).await)
    }
}

impl Deref for Objects {
    type Target = Arc<dyn ObjectStore>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

/// Deletes incomplete files of a killed process in the folders of a directory: `object_store`
/// writes a temporary file `NAME#1`, and renames it when it is complete.
pub fn remove_unfinished(directory: &FilePath) {
    let folders = ["jobs", "queries", "results", "shared"].map(|name| directory.join(name));
    let files = folders.into_iter().flat_map(std::fs::read_dir).flatten().flatten();
    let is_unfinished = |name: &str| {
        let number = name.rsplit_once('#').map(|(_, number)| number);
        number.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    for file in files.filter(|file| is_unfinished(&file.file_name().to_string_lossy())) {
        // A file that cannot be deleted only takes up space.
        let _ = std::fs::remove_file(file.path());
    }
}
