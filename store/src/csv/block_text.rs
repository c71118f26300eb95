use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::cell::date_of;
use super::{Dialect, write_cells};
use crate::{Block, Column, Run};

/// A block's rows as CSV of the default columns: printed once, then copied.
#[derive(Debug, Default)]
pub(crate) struct BlockText {
    printed: OnceLock<PrintedRows>,
    /// Rows asked for so far, until the text is printed.
    asked: AtomicUsize,
}

#[derive(Debug)]
pub(super) struct PrintedRows {
    bytes: Box<[u8]>,
    /// Where each row ends in `bytes`.
    ends: Box<[u32]>,
}

impl BlockText {
    /// What a row takes, with its end: for the accounting of memory.
    pub(crate) const TYPICAL_ROW_BYTES: usize = 92;

    /// The text, if it is there or worth printing now: once a block's worth of rows has
    /// been asked for. A query for a few rows prints those alone.
    pub(super) fn of(&self, block: &Block, rows: usize) -> Option<&PrintedRows> {
        if self.printed.get().is_none()
            && self.asked.fetch_add(rows, Relaxed).saturating_add(rows) < block.len()
        {
            return None;
        }
        Some(self.printed.get_or_init(|| PrintedRows::of(block)))
    }
}

impl PrintedRows {
    fn of(block: &Block) -> Self {
        let date = date_of(block.day);
        let mut bytes = Vec::with_capacity(block.len() * BlockText::TYPICAL_ROW_BYTES);
        let mut ends = Vec::with_capacity(block.len());
        // The columns in the middle are the station's: printed for its first row, copied
        // for the others.
        let (before, rest) = Column::DEFAULT.split_at(4);
        let (of_station, after) = rest.split_at(4);
        let mut stations = vec![0..0; block.stations.len()];
        for number in 0..block.len() {
            let row = block.row(number);
            write_cells(&mut bytes, row, &date, before, Dialect::USUAL);
            bytes.push(b',');
            let start = bytes.len();
            let station = &mut stations[block.station[number] as usize];
            if station.end == 0 {
                write_cells(&mut bytes, row, &date, of_station, Dialect::USUAL);
                *station = start..bytes.len();
            } else {
                bytes.extend_from_within(station.clone());
            }
            bytes.push(b',');
            write_cells(&mut bytes, row, &date, after, Dialect::USUAL);
            bytes.push(b'\n');
            ends.push(bytes.len() as u32); // a block's rows are far below 4 GB
        }
        Self { bytes: bytes.into(), ends: ends.into() }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>, runs: &[Run]) {
        let slice = |run: &Run| {
            let start = run.rows.start.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start as usize..self.ends[run.rows.end - 1] as usize]
        };
        out.reserve(runs.iter().map(|run| slice(run).len()).sum());
        runs.iter().for_each(|run| out.extend_from_slice(slice(run)));
    }
}
