//! The bytes of a result.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetResultPayload, ObjectStoreExt, Result};

use crate::objects::Objects;

/// Bytes read of a file at a time.
const CHUNK: usize = 256 << 10;

/// How often a read that was interrupted is continued without having read anything.
const ATTEMPTS: u32 = 4;

/// A complete result. If its file is replaced, reading it fails.
pub struct ResultFile {
    objects: Objects,
    path: Path,
    tag: Option<String>,
    length: u64,
}

/// Where the next bytes come from.
enum Source {
    File(File),
    Remote(BoxStream<'static, Result<Bytes>>),
}

impl ResultFile {
    pub(super) async fn open(objects: Objects, path: Path) -> Result<Self> {
        let found = objects.head(&path).await?;
        Ok(Self { objects, path, tag: found.e_tag, length: found.size })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Some of its bytes. They are read as they are taken: a slow reader holds little memory, and a
    /// call to a remote store that is interrupted is continued.
    pub fn read(self, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send {
        let state = Some((self, range, None, 0));
        stream::unfold(state, |state| async {
            let (file, mut range, mut source, mut failures) = state?;
            if range.is_empty() {
                return None;
            }
            loop {
                match file.next(&range, &mut source).await {
                    Ok(bytes) => {
                        range.start += bytes.len() as u64;
                        return Some((Ok(bytes), Some((file, range, source, 0))));
                    }
                    Err(error) => {
                        failures += 1;
                        let is_final =
                            matches!(error, Error::NotFound { .. } | Error::Precondition { .. });
                        if is_final || failures == ATTEMPTS {
                            return Some((Err(error), None));
                        }
                        source = None;
                    }
                }
            }
        })
    }

    /// The next bytes of a range.
    async fn next(&self, range: &Range<u64>, source: &mut Option<Source>) -> Result<Bytes> {
        let current = match source.take() {
            Some(current) => current,
            None => self.source(range.clone()).await?,
        };
        let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let ended = || {
            let source = "the file ended before its length".into();
            Error::Generic { store: "results", source }
        };
        match current {
            Source::File(file) => {
                let read = tokio::task::spawn_blocking(move || read(file, left.min(CHUNK))).await;
                let (file, bytes) = read.map_err(generic)?.map_err(generic)?;
                *source = Some(Source::File(file));
                if bytes.is_empty() { Err(ended()) } else { Ok(bytes) }
            }
            Source::Remote(mut chunks) => loop {
                let bytes = chunks.next().await.transpose()?.ok_or_else(ended)?;
                if !bytes.is_empty() {
                    *source = Some(Source::Remote(chunks));
                    return Ok(bytes);
                }
            },
        }
    }

    async fn source(&self, range: Range<u64>) -> Result<Source> {
        let options = GetOptions::new().with_range(Some(range)).with_if_match(self.tag.clone());
        let found = self.objects.get_opts(&self.path, options).await?;
        let start = found.range.start;
        Ok(match found.payload {
            GetResultPayload::File(mut file, _) => {
                let sought = tokio::task::spawn_blocking(move || {
                    file.seek(SeekFrom::Start(start)).map(|_| file)
                });
                Source::File(sought.await.map_err(generic)?.map_err(generic)?)
            }
            GetResultPayload::Stream(chunks) => Source::Remote(chunks),
        })
    }
}

fn read(mut file: File, most: usize) -> std::io::Result<(File, Bytes)> {
    let mut bytes = Vec::with_capacity(most);
    Read::by_ref(&mut file).take(most as u64).read_to_end(&mut bytes)?;
    Ok((file, bytes.into()))
}

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic { store: "results", source: Box::new(error) }
}
