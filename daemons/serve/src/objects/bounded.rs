//! Objects on a disk whose reserve results leave free.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use airshed_common::{Disk, Taken};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};

/// The folder of what is bounded.
const RESULTS: &str = "results";

/// An object store whose results stop before the reserve of its disk, also while they are written.
#[derive(Debug)]
pub(super) struct Bounded {
    inner: Arc<dyn ObjectStore>,
    disk: Disk,
}

impl Bounded {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, disk: Disk) -> Self {
        Self { inner, disk }
    }

    fn is_bounded(path: &Path) -> bool {
        path.parts().next().is_some_and(|folder| folder.as_ref() == RESULTS)
    }
}

fn take(disk: &Disk, payload: &PutPayload) -> Result<Taken> {
    let taken = disk.take(payload.content_length() as u64);
    taken.map_err(|full| Error::Generic { store: RESULTS, source: full.into() })
}

impl fmt::Display for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, with a reserve", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Bounded {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let _taken = Self::is_bounded(path).then(|| take(&self.disk, &payload)).transpose()?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(path, options).await?;
        Ok(match Self::is_bounded(path) {
            true => Box::new(Upload { inner: upload, disk: self.disk.clone() }),
            false => upload,
        })
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

/// A result that is written in parts.
#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    disk: Disk,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let taken = match take(&self.disk, &payload) {
            Ok(taken) => taken,
            Err(full) => return Box::pin(async { Err(full) }),
        };
        let part = self.inner.put_part(payload);
        Box::pin(async move {
            let _taken = taken;
            part.await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
