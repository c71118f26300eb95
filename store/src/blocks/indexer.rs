//! Indices of a block's rows, a run at a time, by any standard.

use std::sync::Arc;

use super::block::Block;
use super::decimals::{Cell, Run as DecimalRun};
use super::integers::{Integers, Numbers, RUN};
use crate::Window;
use crate::standard::{AqiStandard, Memo};

/// The indices of the rows of a block, as **places**: 0 for a row without one, else the number in
/// the column `AQI`, or one more where that can be 0.
pub(crate) struct Indexer<'a> {
    block: &'a Block,
    source: Source<'a>,
    /// The values of the last decoded run.
    places: Numbers,
}

enum Source<'a> {
    /// The default's column.
    Stored(&'a Integers),
    Kept(Arc<Integers>),
    Computed(Box<Computed>),
}

#[derive(Default)]
struct Computed {
    lookup: Lookup,
    pm10: DecimalRun,
    pm25: DecimalRun,
}

impl<'a> Indexer<'a> {
    pub(crate) fn new(block: &'a Block, standard: AqiStandard) -> Self {
        let source = match standard == AqiStandard::DEFAULT {
            true => Source::Stored(&block.indices),
            false => match block.by_standard.of(standard, || places_of(block, standard)) {
                Some(column) => Source::Kept(column),
                None => {
                    let lookup = Lookup::of(standard);
                    Source::Computed(Box::new(Computed { lookup, ..Computed::default() }))
                }
            },
        };
        Self { block, source, places: Numbers::default() }
    }

    /// Computes a run; values beyond the block's last row are unspecified.
    pub(crate) fn read(&mut self, run: usize) {
        match &mut self.source {
            Source::Stored(column) => column.run(run, &mut self.places.0),
            Source::Kept(column) => column.run(run, &mut self.places.0),
            Source::Computed(computed) => {
                let Computed { lookup, pm10, pm25 } = &mut **computed;
                self.block.pm10.run(run, pm10);
                self.block.pm25.run(run, pm25);
                lookup.compute(self.block, run, [pm10, pm25], &mut self.places);
            }
        }
    }

    /// The same, given the run's PM10 and PM2.5, which the caller has decoded already.
    pub(crate) fn read_of(&mut self, run: usize, values: [&DecimalRun; 2]) {
        match &mut self.source {
            Source::Computed(computed) => {
                computed.lookup.compute(self.block, run, values, &mut self.places);
            }
            _ => self.read(run),
        }
    }

    pub(crate) fn places(&self) -> &[u64; RUN] {
        &self.places.0
    }

    /// The number in the column `AQI` of a place that is not 0.
    pub(crate) fn number_at(standard: AqiStandard, place: u64) -> u32 {
        place as u32 - u32::from(standard != AqiStandard::DEFAULT) // as it was made of a number
    }
}

/// Computes places from concentrations.
#[derive(Default)]
struct Lookup {
    standard: AqiStandard,
    /// The other columns of the run.
    stored: Numbers,
    windows: Numbers,
    /// Of PM10 and PM2.5 over the window that was looked up last; `None` where the standard needs
    /// both at once.
    memos: Option<(Window, [&'static Memo; 2])>,
}

impl Lookup {
    fn of(standard: AqiStandard) -> Self {
        let memos = standard.memos(Window::Day24).map(|memos| (Window::Day24, memos));
        Self { standard, memos, ..Self::default() }
    }

    fn compute(
        &mut self,
        block: &Block,
        run: usize,
        [pm10, pm25]: [&DecimalRun; 2],
        places: &mut Numbers,
    ) {
        block.indices.run(run, &mut self.stored.0);
        block.windows.run(run, &mut self.windows.0);
        for row in run * RUN..block.len().min(run * RUN + RUN) {
            let at = row % RUN;
            // A row without a default index has no particulate concentration, and so no index by
            // any standard.
            if self.stored.0[at] == 0 {
                places.0[at] = 0;
                continue;
            }
            let window = Window::ALL[self.windows.0[at] as usize];
            let cells = [block.pm10.in_run(pm10, row), block.pm25.in_run(pm25, row)];
            places.0[at] = self.number(cells, window).map_or(0, |number| u64::from(number) + 1);
        }
    }

    #[inline]
    fn number(&mut self, cells: [Cell; 2], window: Window) -> Option<u32> {
        if let Some((known, memos)) = &mut self.memos
            && let [Some(pm10), Some(pm25)] = cells.map(hundredths)
        {
            if *known != window {
                (*known, *memos) = (window, self.standard.memos(window).unwrap_or(*memos));
            }
            let of_one = |memo: &Memo, value: Option<u16>| memo.get(value?);
            return of_one(memos[0], pm10).max(of_one(memos[1], pm25));
        }
        let [pm10, pm25] = cells.map(Cell::decimal);
        self.standard.index(pm10, pm25, window).map(aqi::Index::place)
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

/// The places of all rows by a standard.
fn places_of(block: &Block, standard: AqiStandard) -> Integers {
    let mut lookup = Lookup::of(standard);
    let (mut pm10, mut pm25, mut of_run) = Default::default();
    let mut places = Vec::with_capacity(block.len());
    for run in 0..block.len().div_ceil(RUN) {
        block.pm10.run(run, &mut pm10);
        block.pm25.run(run, &mut pm25);
        lookup.compute(block, run, [&pm10, &pm25], &mut of_run);
        places.extend(&of_run.0[..RUN.min(block.len() - run * RUN)]);
    }
    Integers::of(&places)
}
