use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use super::lines::print_lines;
use crate::blocks::TextCache;
use crate::{AqiStandard, Block, RowRange};

/// A block's rows as CSV of the default columns: rendered once, then copied.
#[derive(Debug, Default)]
pub(crate) struct CsvCache {
    place: Place,
    /// Number of rows requested so far, until the text is rendered.
    asked: AtomicUsize,
}

#[derive(Debug)]
enum Place {
    /// Stored with the block, by the standard of the index.
    Own(RwLock<Vec<(AqiStandard, Arc<CachedRows>)>>),
    /// Stored in the cache, under a number.
    Cache(Arc<TextCache>, u64),
}

impl Default for Place {
    fn default() -> Self {
        Self::Own(RwLock::default())
    }
}

#[derive(Debug)]
pub(crate) struct CachedRows {
    bytes: Box<[u8]>,
    /// The end of each row in `bytes`.
    ends: Box<[u32]>,
}

impl CsvCache {
    /// Memory of a row, including its end offset.
    pub(crate) const TYPICAL_ROW_BYTES: usize = 92;

    pub(crate) fn keep_in(&mut self, cache: Arc<TextCache>, number: u64) {
        self.place = Place::Cache(cache, number);
    }

    /// The text, if it is cached or worth rendering now: after as many rows as the block has were
    /// requested, and the next request comes. For a few rows, or a single request, only the
    /// requested rows are rendered.
    pub(super) fn of(
        &self,
        block: &Block,
        rows: usize,
        standard: AqiStandard,
    ) -> Option<Arc<CachedRows>> {
        let known = match &self.place {
            Place::Own(texts) => {
                let texts = texts.read().unwrap_or_else(PoisonError::into_inner);
                let found = texts.iter().find(|(known, _)| *known == standard);
                found.map(|(_, text)| Arc::clone(text))
            }
            Place::Cache(cache, number) => cache.get(*number, standard),
        };
        if known.is_some() {
            return known;
        }
        if self.asked.fetch_add(rows, Relaxed) < block.len() {
            return None;
        }
        if let Place::Cache(cache, _) = &self.place
            && !cache.has_room()
        {
            return None;
        }
        let text = Arc::new(CachedRows::of(block, standard));
        match &self.place {
            Place::Own(texts) => {
                let mut texts = texts.write().unwrap_or_else(PoisonError::into_inner);
                if texts.iter().all(|(known, _)| *known != standard) {
                    texts.push((standard, Arc::clone(&text)));
                }
            }
            Place::Cache(cache, number) => cache.insert(*number, standard, Arc::clone(&text)),
        }
        Some(text)
    }
}

impl CachedRows {
    fn of(block: &Block, standard: AqiStandard) -> Self {
        let mut bytes = Vec::with_capacity(block.len() * CsvCache::TYPICAL_ROW_BYTES);
        let mut ends = Vec::with_capacity(block.len());
        let all = std::iter::once(0..block.len());
        print_lines(&mut bytes, block, all, standard, Some(&mut ends));
        Self { bytes: bytes.into(), ends: ends.into() }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + size_of_val(&*self.ends)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>, runs: &[RowRange]) {
        let slice = |run: &RowRange| {
            let start = run.rows.start.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start as usize..self.ends[run.rows.end - 1] as usize]
        };
        out.reserve(runs.iter().map(|run| slice(run).len()).sum());
        runs.iter().for_each(|run| out.extend_from_slice(slice(run)));
    }
}
