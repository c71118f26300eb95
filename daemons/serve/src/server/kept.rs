//! A cache of recent responses, for repeated queries while the data is unchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use airshed_common::hexadecimal;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use store::{Error, View};

use super::whole::{Effort, Whole};
use crate::request::QueryRequest;

/// Estimated number of entries. With more, the cache would be split into shards too small for a
/// long response.
const ANSWERS: usize = 32;

/// Responses of at most this size are not compressed.
const SHORT: usize = 1024;

/// The responses, by a tag of the query and of the store's version.
pub(super) struct Kept {
    answers: Cache<String, Arc<Whole>, Weight>,
    /// Longer responses are not cached: a few of them would evict all others.
    longest: usize,
    /// The remaining budget in bytes for recording responses in progress, which bounds the cost of
    /// slow clients.
    room: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<Whole>> for Weight {
    fn weight(&self, tag: &String, whole: &Arc<Whole>) -> u64 {
        (tag.len() + whole.bytes()) as u64
    }
}

impl Kept {
    /// A cache of this many bytes in total.
    pub(super) fn new(bytes: u64) -> Self {
        let answers = Cache::with_weighter(ANSWERS, bytes, Weight);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let room = Arc::new(AtomicUsize::new(bytes / 4));
        Self { answers, longest: bytes / 8, room }
    }

    /// The tag of a response: a hash of the query and the store's version; `None` if the store has
    /// no version, or the cache is disabled.
    pub(super) async fn tag(
        &self,
        request: &QueryRequest,
        view: &dyn View,
    ) -> Result<Option<String>, Error> {
        if self.answers.capacity() == 0 {
            return Ok(None);
        }
        let Some(state) = request.state_of(view).await? else { return Ok(None) };
        let question = serde_json::to_string(&request.to_object()).unwrap_or_default(); // plain JSON
        let all = [env!("CARGO_PKG_VERSION"), &state, &question];
        let digest = Sha256::digest(all.join("\n"));
        Ok(Some(format!("W/\"{}\"", &hexadecimal(&digest)[..32])))
    }

    pub(super) fn get(&self, tag: &str) -> Option<Arc<Whole>> {
        let found = self.answers.get(tag);
        let outcome = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!("airshed_cache_total", "cache" => "answers", "outcome" => outcome)
            .increment(1);
        found
    }

    /// Starts to record a response.
    pub(super) fn collecting(&self, tag: Option<String>) -> Collecting {
        let room = Arc::clone(&self.room);
        Collecting { tag, chunks: Vec::new(), length: 0, longest: self.longest, room }
    }

    /// Caches a complete response, if it is not too long.
    pub(super) fn keep(
        &self,
        mut collected: Collecting,
        request: &QueryRequest,
        headers: HeaderMap,
    ) {
        let (chunks, length) = (std::mem::take(&mut collected.chunks), collected.length);
        let Some(tag) = collected.tag.take() else { return };
        let text = match <[Bytes; 1]>::try_from(chunks) {
            Ok([whole]) => whole,
            Err(chunks) => {
                let mut text = BytesMut::with_capacity(length);
                chunks.iter().for_each(|chunk| text.extend_from_slice(chunk));
                text.freeze()
            }
        };
        let compressed_already = request.format.name() == "parquet" || length < SHORT;
        let effort = if compressed_already { Effort::None } else { Effort::Some };
        let whole = Whole::new(text, tag.clone(), headers, effort);
        self.answers.insert(tag, Arc::new(whole));
    }
}

/// A response in progress, recorded while it is short enough.
pub(super) struct Collecting {
    /// `None`: not recorded.
    tag: Option<String>,
    chunks: Vec<Bytes>,
    length: usize,
    longest: usize,
    room: Arc<AtomicUsize>,
}

impl Collecting {
    pub(super) fn add(&mut self, chunk: &Bytes) {
        if self.tag.is_none() {
            return;
        }
        let taken = |room: usize| room.checked_sub(chunk.len());
        let fits = self.length + chunk.len() <= self.longest
            && self.room.fetch_update(Relaxed, Relaxed, taken).is_ok();
        if fits {
            self.length += chunk.len();
            self.chunks.push(chunk.clone());
        } else {
            (self.tag, self.chunks) = (None, Vec::new());
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        self.room.fetch_add(std::mem::take(&mut self.length), Relaxed);
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.give_back();
    }
}
