use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Block;
use super::stations::Stations;
use crate::csv::CachedRows;
use crate::{AqiStandard, Error};

/// A cache of recently read data, each kind limited in bytes. Values are immutable under their
/// number, so entries are never stale.
pub(crate) struct Caches {
    pub(crate) blocks: BlockCache,
    tables: TableCache,
    /// Blocks' rows as text.
    texts: Arc<TextCache>,
}

pub(crate) type BlockCache = quick_cache::sync::Cache<u64, Arc<Block>, Bytes>;
type TableCache = quick_cache::sync::Cache<u64, Arc<Stations>, Bytes>;

/// Rendered rows by the number that their block got when it was read, and the standard of the
/// index.
#[derive(Debug)]
pub(crate) struct TextCache {
    texts: quick_cache::sync::Cache<(u64, AqiStandard), Arc<CachedRows>, Bytes>,
    next: AtomicU64,
    declined: AtomicU64,
}

impl Caches {
    /// A cache of the given total size in bytes: half for blocks, which are compact, a third for
    /// the text of frequently requested ones.
    pub(crate) fn new(bytes: u64) -> Self {
        let (tables, texts) = (bytes / 6, bytes / 3);
        let blocks = bytes - tables - texts;
        let items = |bytes: u64, typical: u64| (bytes / typical).max(16) as usize;
        Self {
            blocks: BlockCache::with_weighter(items(blocks, 1 << 17), blocks, Bytes),
            tables: TableCache::with_weighter(items(tables, 1 << 16), tables, Bytes),
            texts: Arc::new(TextCache {
                texts: quick_cache::sync::Cache::with_weighter(items(texts, 1 << 20), texts, Bytes),
                next: AtomicU64::new(0),
                declined: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn table(
        &self,
        number: u64,
        read: impl FnOnce() -> Result<Stations, Error>,
    ) -> Result<Arc<Stations>, Error> {
        self.tables.get_or_insert_with(&number, || read().map(Arc::new))
    }

    pub(crate) fn known_table(&self, number: u64) -> Option<Arc<Stations>> {
        self.tables.get(&number)
    }

    pub(crate) fn insert_table(&self, number: u64, table: Arc<Stations>) {
        self.tables.insert(number, table);
    }

    /// A block that is about to be cached: its text is cached from now on, too.
    pub(crate) fn adopt(&self, mut block: Block) -> Arc<Block> {
        block.text.keep_in(Arc::clone(&self.texts), self.texts.next.fetch_add(1, Relaxed));
        Arc::new(block)
    }
}

impl TextCache {
    pub(crate) fn get(&self, number: u64, standard: AqiStandard) -> Option<Arc<CachedRows>> {
        self.texts.get(&(number, standard))
    }

    pub(crate) fn insert(&self, number: u64, standard: AqiStandard, text: Arc<CachedRows>) {
        self.texts.insert((number, standard), text);
    }

    /// Whether a text is worth caching now. If the cache is full, one of eight: a response larger
    /// than the cache must not render all of it in vain.
    pub(crate) fn has_room(&self) -> bool {
        self.texts.weight() < self.texts.capacity() / 10 * 9
            || self.declined.fetch_add(1, Relaxed).is_multiple_of(8)
    }
}

/// Counts cache lookups: `airshed_cache_total`, by `cache` (blocks of a file, pages of a remote
/// store) and `outcome` (hit or miss).
pub(crate) fn count(cache: &'static str, outcome: &'static str, times: u64) {
    let labels = [("cache", cache), ("outcome", outcome)];
    metrics::counter!("airshed_cache_total", &labels).increment(times);
}

#[derive(Debug, Clone)]
pub(crate) struct Bytes;

impl quick_cache::Weighter<u64, Arc<Block>> for Bytes {
    fn weight(&self, _: &u64, block: &Arc<Block>) -> u64 {
        block.memory_bytes() as u64
    }
}

impl quick_cache::Weighter<u64, Arc<Stations>> for Bytes {
    fn weight(&self, _: &u64, table: &Arc<Stations>) -> u64 {
        table.memory_bytes() as u64
    }
}

impl quick_cache::Weighter<(u64, AqiStandard), Arc<CachedRows>> for Bytes {
    fn weight(&self, _: &(u64, AqiStandard), text: &Arc<CachedRows>) -> u64 {
        text.memory_bytes() as u64
    }
}
