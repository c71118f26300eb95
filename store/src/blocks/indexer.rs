//! Indices of a block's rows, a run at a time, by any standard.

use super::block::Block;
use super::decimals::{Cell, Run as DecimalRun};
use super::integers::{Numbers, RUN};
use crate::{AqiStandard, Window};

/// The number of a row without an index.
pub(crate) const NO_INDEX: u32 = u32::MAX;

/// The numbers in the column `AQI` of the run that was asked for last.
pub(crate) struct Indexer {
    standard: AqiStandard,
    is_worst_of: bool,
    numbers: [u32; RUN],
    /// By the default, which is kept in blocks.
    kept: Numbers,
    windows: Numbers,
    pm10: DecimalRun,
    pm25: DecimalRun,
}

impl Indexer {
    pub(crate) fn new(standard: AqiStandard) -> Self {
        Self {
            standard,
            is_worst_of: standard.is_worst_of(),
            numbers: [NO_INDEX; RUN],
            kept: Numbers::default(),
            windows: Numbers::default(),
            pm10: DecimalRun::default(),
            pm25: DecimalRun::default(),
        }
    }

    /// Reads a run; what is behind the block's last row means nothing.
    pub(crate) fn read(&mut self, block: &Block, run: usize) {
        block.indices.run(run, &mut self.kept.0);
        if self.standard == AqiStandard::DEFAULT {
            for (number, kept) in self.numbers.iter_mut().zip(&self.kept.0) {
                *number = if *kept == 0 { NO_INDEX } else { *kept as u32 }; // at most 10
            }
            return;
        }
        block.windows.run(run, &mut self.windows.0);
        block.pm10.run(run, &mut self.pm10);
        block.pm25.run(run, &mut self.pm25);
        for row in run * RUN..block.len().min(run * RUN + RUN) {
            let at = row % RUN;
            // Whoever has no index by the default has none by any: it measures something else.
            let number = if self.kept.0[at] == 0 { None } else { self.compute(block, row) };
            self.numbers[at] = number.unwrap_or(NO_INDEX);
        }
    }

    pub(crate) fn numbers(&self) -> &[u32; RUN] {
        &self.numbers
    }

    #[inline]
    fn compute(&self, block: &Block, row: usize) -> Option<u32> {
        let window = Window::ALL[self.windows.0[row % RUN] as usize];
        let cells = [block.pm10.in_run(&self.pm10, row), block.pm25.in_run(&self.pm25, row)];
        match cells.map(hundredths) {
            [Some(pm10), Some(pm25)] if self.is_worst_of => {
                self.standard.number_of_hundredths([pm10, pm25], window)
            }
            _ => {
                let [pm10, pm25] = cells.map(Cell::decimal);
                self.standard.index(pm10, pm25, window).map(aqi::Index::place)
            }
        }
    }
}

/// A concentration in hundredths, none where there is none; `None` where it has more decimal
/// places, or is too high.
#[inline]
fn hundredths(cell: Cell) -> Option<Option<u16>> {
    match cell {
        Cell::Absent => Some(None),
        Cell::Short(short) if short.negative => Some(None),
        Cell::Short(short) => {
            let factor = [100, 10, 1].get(short.places as usize)?;
            u16::try_from(short.digits.checked_mul(*factor)?).ok().map(Some)
        }
        Cell::Long(_) => None,
    }
}
