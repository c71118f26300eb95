//! Blocks as bytes and back, for the fuzz target.

use crate::{Block, Page, Query, Reading, blocks};

/// Decodes bytes as a block of an embedded store's file, once as they are and once with corrected
/// checksums, and reads every row. It returns for any input.
pub fn read_block(bytes: &[u8]) -> usize {
    let sealed = blocks::sealed(bytes.to_vec());
    let read = |bytes: &[u8]| {
        Block::decode(bytes, None).map_or(0, |block| {
            let rows = 0..block.len();
            block.select(&Query::everything(), None);
            block.count_implausible(&rows);
            rows.filter(|row| block.row(*row).reading().check().is_ok()).count()
        })
    };
    read(bytes) + read(&sealed)
}

/// A block of an embedded store's file that holds readings of one day.
pub fn block_of(readings: &[Reading]) -> Vec<u8> {
    match Page::of_readings(readings, None) {
        Ok(page) => page.runs.first().map_or(Vec::new(), |run| run.block.encode()),
        Err(_) => Vec::new(),
    }
}
