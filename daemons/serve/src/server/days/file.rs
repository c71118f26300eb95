//! The file of a day: in memory, or a temporary file if it is long. Made once, while the readings stay
//! as they are.

use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;

use airshed_common::{Bounded, Disk, hexadecimal, is_disk_full, reason};
use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::super::answer::{Body, BoxError, CutOff, full};
use super::super::problem::Problem;

/// Longer files are on disk.
pub(super) const LONGEST_IN_MEMORY: usize = 16 << 20;

/// Maximum size of the cached files in memory in bytes: a month of hours of a large network.
const MEMORY: u64 = 64 << 20;

/// Maximum size of the cached files on disk in bytes.
const DISK: u64 = 4 << 30;

/// Estimated number of cached files of either kind.
const FILES: usize = 32;

/// Bytes read from a file on disk at a time.
const CHUNK: usize = 256 << 10;

/// The files that were requested before, by request and state of the readings.
pub(crate) struct Days {
    memory: Cache<String, Arc<File>, Weight>,
    disk: Cache<String, Arc<File>, Weight>,
}

impl Default for Days {
    fn default() -> Self {
        Self {
            memory: Cache::with_weighter(FILES, MEMORY, Weight),
            disk: Cache::with_weighter(FILES, DISK, Weight),
        }
    }
}

impl Days {
    pub(super) fn get(&self, key: &str) -> Option<Arc<File>> {
        self.memory.get(key).or_else(|| self.disk.get(key))
    }

    pub(super) fn keep(&self, key: String, file: Arc<File>) {
        match file.content {
            Content::Memory(_) => self.memory.insert(key, file),
            Content::Disk(_) => self.disk.insert(key, file),
        }
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<File>> for Weight {
    fn weight(&self, key: &String, file: &Arc<File>) -> u64 {
        (key.len() + file.length + 1024) as u64
    }
}

pub(super) struct File {
    content: Content,
    pub(super) length: usize,
    /// Of its bytes.
    pub(super) tag: String,
}

enum Content {
    Memory(Bytes),
    /// Without a name: it is gone with its last reader.
    Disk(Arc<fs::File>),
}

impl File {
    /// The bytes of a range, which is within the length.
    pub(super) fn body(&self, range: Range<usize>) -> Body {
        let file = match &self.content {
            Content::Memory(bytes) => return full(bytes.slice(range)),
            Content::Disk(file) => Arc::clone(file),
        };
        let chunks = stream::try_unfold(range, move |rest| {
            let file = Arc::clone(&file);
            async move {
                if rest.is_empty() {
                    return Ok(None);
                }
                let end = rest.end.min(rest.start + CHUNK);
                let read = move || {
                    let mut chunk = vec![0; end - rest.start];
                    file.read_exact_at(&mut chunk, rest.start as u64).map(|()| chunk)
                };
                let chunk = spawn_blocking(read).await.map_err(cut_off)?.map_err(cut_off)?;
                Ok(Some((Frame::data(Bytes::from(chunk)), end..rest.end)))
            }
        });
        StreamBody::new(chunks).boxed_unsync()
    }
}

fn cut_off(error: impl Into<BoxError>) -> CutOff {
    let error = error.into();
    tracing::error!(reason = reason(&*error), "the file of a day cannot be read");
    CutOff(error)
}

/// A file that is being made.
pub(super) struct Making {
    longest_in_memory: usize,
    /// What is not on disk.
    buffer: Vec<u8>,
    disk: Disk,
    file: Option<Bounded<fs::File>>,
    hash: Sha256,
    length: usize,
}

impl Making {
    /// A file that is on disk when it gets longer.
    pub(super) fn begin(longest_in_memory: usize, disk: Disk) -> Self {
        let (buffer, file) = (Vec::new(), None);
        Self { longest_in_memory, buffer, disk, file, hash: Sha256::new(), length: 0 }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.hash.update(bytes);
        self.length += bytes.len();
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(not_written)?,
            None => self.buffer.extend_from_slice(bytes),
        }
        if self.buffer.len() > self.longest_in_memory {
            let mut file = self.disk.bound(without_name().map_err(not_written)?);
            file.write_all(&std::mem::take(&mut self.buffer)).map_err(not_written)?;
            self.file = Some(file);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> File {
        let content = match self.file {
            None => Content::Memory(self.buffer.into()),
            Some(file) => Content::Disk(Arc::new(file.into_inner())),
        };
        let tag = format!("\"{}\"", &hexadecimal(&self.hash.finalize())[..32]);
        File { content, length: self.length, tag }
    }
}

/// A temporary file for this process alone, which is gone when it is closed.
fn without_name() -> io::Result<fs::File> {
    let path = std::env::temp_dir().join(format!("airshed-{}", Uuid::new_v4()));
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn not_written(error: io::Error) -> Problem {
    if is_disk_full(&error) {
        return Problem::NoRoom;
    }
    let folder = std::env::temp_dir();
    let log = format!("cannot write the file of a day to {}: {error}", folder.display());
    Problem::Internal { log, transient: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_file_has_the_same_parts_as_one_in_memory() {
        let bytes: Vec<u8> = (0..CHUNK * 3).map(|at| (at % 251) as u8).collect();
        let made = |longest_in_memory| {
            let mut making = Making::begin(longest_in_memory, Disk::default());
            bytes.chunks(100_000).for_each(|part| making.add(part).unwrap());
            making.finish()
        };
        let (short, long) = (made(bytes.len()), made(bytes.len() - 1));
        assert!(matches!(short.content, Content::Memory(_)));
        assert!(matches!(long.content, Content::Disk(_)));
        assert_eq!((short.length, &short.tag), (long.length, &long.tag));
        for range in [0..bytes.len(), 0..1, 5..CHUNK, CHUNK - 1..2 * CHUNK + 7, 9..9] {
            for file in [&short, &long] {
                let body = file.body(range.clone()).collect().await.unwrap().to_bytes();
                assert!(body == bytes[range.clone()], "{range:?}");
            }
        }
        let days = Days::default();
        days.keep("short".to_owned(), Arc::new(short));
        days.keep("long".to_owned(), Arc::new(long));
        assert!(days.get("short").is_some() && days.get("long").is_some());
    }
}
