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

#[derive(Clone)]
pub(crate) struct Bytes;

impl quick_cache::Weighter<u64, Arc<Block>> for Bytes {
    fn weight(&self, _: &u64, block: &Arc<Block>) -> u64 {
        block.memory_bytes() as u64
    }
}
