use std::sync::Arc;

use crate::Block;

/// Decoded blocks that were used lately, bounded in bytes. A block never changes under
/// its number, so nothing here is ever stale.
pub(crate) type BlockCache = quick_cache::sync::Cache<u64, Arc<Block>, Bytes>;

pub(crate) fn block_cache(bytes: u64) -> BlockCache {
    const TYPICAL_BLOCK_BYTES: u64 = 1 << 20;
    let items = (bytes / TYPICAL_BLOCK_BYTES).max(16) as usize;
    BlockCache::with_weighter(items, bytes, Bytes)
}

/// Counts what was asked of a cache: `airshed_cache_total`, by `cache` (blocks of a file,
/// pages of a store elsewhere) and `outcome` (hit or miss).
pub(crate) fn count(cache: &'static str, outcome: &'static str, times: u64) {
    let labels = [("cache", cache), ("outcome", outcome)];
    metrics::counter!("airshed_cache_total", &labels).increment(times);
}

#[derive(Clone)]
pub(crate) struct Bytes;

impl quick_cache::Weighter<u64, Arc<Block>> for Bytes {
    fn weight(&self, _: &u64, block: &Arc<Block>) -> u64 {
        block.memory_bytes() as u64
    }
}
