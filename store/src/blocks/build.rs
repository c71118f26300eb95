//! Blocks from rows.

use std::sync::{Arc, OnceLock};

use aqi::Decimal;

use super::block::{Block, CountryRows};
use super::by_standard::ByStandard;
use super::day::day_and_second;
use super::decimals::{Cell, Decimals};
use super::integers::{ABSENT, Integers, Numbers, RUN};
use super::others::Other;
use super::stations::{Numbering, Station, Stations};
use crate::csv::CsvCache;
use crate::{Column, Country, Flags, Kind, Reading, Value};

/// The source of a row of a new block.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Kept(&'a Block, usize),
    /// With its index, 0 for none.
    New(&'a Reading, u8),
}

impl<'a> Source<'a> {
    pub(crate) fn new(reading: &'a Reading) -> Self {
        Self::New(reading, reading.index().map_or(0, |index| index.get()))
    }

    pub(super) fn country(&self) -> Option<Country> {
        match self {
            Source::Kept(block, row) => block.country(*row),
            Source::New(reading, _) => reading.country,
        }
    }

    pub(super) fn day(&self) -> i32 {
        match self {
            Source::Kept(block, _) => block.day,
            Source::New(reading, _) => day_and_second(reading.timestamp).0,
        }
    }
}

/// The station numbers while blocks are built from rows.
struct RowStations<'a> {
    numbering: Numbering,
    /// The table to extend, if any: rows of blocks with it, or with an earlier state of it, keep
    /// their numbers.
    base: Option<Arc<Stations>>,
    /// The last source block, with the mapping of its station numbers.
    old: Option<(&'a Block, Vec<Option<u32>>)>,
}

impl<'a> RowStations<'a> {
    fn after(base: Option<Arc<Stations>>) -> Self {
        Self { numbering: Numbering::after(base.clone()), base, old: None }
    }

    fn number(&mut self, source: &Source<'a>) -> u32 {
        let (block, row) = match source {
            Source::New(reading, _) => return self.numbering.number(&Station::of(reading)),
            Source::Kept(block, row) => (*block, *row),
        };
        let station = block.station.get(row) as usize;
        if let Some(base) = &self.base
            && (block.shares_stations || Arc::ptr_eq(base, &block.stations))
        {
            return station as u32;
        }
        if self.old.as_ref().is_none_or(|(known, _)| !std::ptr::eq(*known, block)) {
            self.old = Some((block, vec![None; block.stations.count()]));
        }
        let Some((_, known)) = &mut self.old else { return 0 };
        let numbering = &mut self.numbering;
        *known[station].get_or_insert_with(|| numbering.number(&block.stations.get(station)))
    }
}

/// The last run that was read: most rows are adjacent to the previous one.
#[derive(Default)]
struct Known(Option<(*const Block, usize)>);

impl Known {
    /// Whether a row is of another run than the last.
    fn is_new(&mut self, block: &Block, row: usize) -> bool {
        let run = Some((std::ptr::from_ref(block), row / RUN));
        std::mem::replace(&mut self.0, run) != run
    }
}

/// Blocks of one station table: each of rows of one day, in order, with unique identities. Extends
/// the given table, if any: that of all existing blocks that share one.
pub(crate) fn blocks_of(
    chunks: &[&[Source<'_>]],
    base: Option<Arc<Stations>>,
) -> (Vec<Block>, Arc<Stations>) {
    let mut stations = RowStations::after(base);
    let numbers: Vec<Vec<u32>> = chunks
        .iter()
        .map(|rows| rows.iter().map(|source| stations.number(source)).collect())
        .collect();
    let (table, places) = stations.numbering.finish();
    let blocks = chunks.iter().zip(&numbers).map(|(rows, numbers)| {
        let station = numbers.iter().map(|number| u64::from(places[*number as usize]));
        Block::of(rows, &station.collect::<Vec<_>>(), Arc::clone(&table))
    });
    (blocks.collect(), table)
}

impl Block {
    /// From rows of one day, in order, with unique identities, with its own stations.
    pub(crate) fn from_sorted(rows: &[Source<'_>]) -> Self {
        Self::with_stations_of(rows, None)
    }

    /// The same, faster if most rows come from one block: its table is extended, including unused
    /// stations, unless these may be the majority.
    pub(crate) fn from_edited(rows: &[Source<'_>]) -> Self {
        let kept = rows.iter().find_map(|source| match source {
            Source::Kept(block, _) if !block.shares_stations => Some(&block.stations),
            _ => None,
        });
        let base = kept.filter(|stations| stations.count() <= rows.len());
        Self::with_stations_of(rows, base.cloned())
    }

    fn with_stations_of(rows: &[Source<'_>], base: Option<Arc<Stations>>) -> Self {
        let (mut blocks, table) = blocks_of(&[rows], base);
        blocks.pop().unwrap_or_else(|| Self::of(&[], &[], table)) // one per chunk
    }

    fn of(rows: &[Source<'_>], station: &[u64], stations: Arc<Stations>) -> Self {
        let mut countries: Vec<CountryRows> = Vec::new();
        for (row, source) in rows.iter().enumerate() {
            let (country, end) = (source.country(), row as u32 + 1); // a block's rows are few
            match countries.last_mut() {
                Some(last) if last.country == country => last.end = end,
                _ => countries.push(CountryRows { country, end }),
            }
        }
        let integers = |kept: fn(&Block) -> &Integers, new: fn(&Reading, u8) -> u64| {
            let (mut known, mut numbers) = (Known::default(), None);
            let value = |source: &Source<'_>| match source {
                Source::Kept(block, row) => {
                    let Numbers(numbers) = numbers.get_or_insert_default();
                    if known.is_new(block, *row) {
                        kept(block).run(row / RUN, numbers);
                    }
                    numbers[row % RUN]
                }
                Source::New(reading, index) => new(reading, *index),
            };
            Integers::of(&rows.iter().map(value).collect::<Vec<_>>())
        };
        let decimals = |kept: fn(&Block) -> &Decimals, new: fn(&Reading) -> Option<Decimal>| {
            let (mut known, mut run) = (Known::default(), None);
            let value = |source: &Source<'_>| match source {
                Source::Kept(block, row) => {
                    let run = run.get_or_insert_default();
                    if known.is_new(block, *row) {
                        kept(block).run(row / RUN, run);
                    }
                    kept(block).in_run(run, *row)
                }
                Source::New(reading, _) => Cell::of(new(reading)),
            };
            Decimals::of_cells(&rows.iter().map(value).collect::<Vec<_>>())
        };
        Self {
            day: rows.first().map_or(0, Source::day),
            rows: rows.len(),
            countries,
            seconds: integers(|b| &b.seconds, |r, _| u64::from(day_and_second(r.timestamp).1)),
            station: Integers::of(station),
            windows: integers(|b| &b.windows, |r, _| r.window as u64),
            indices: integers(|b| &b.indices, |_, index| u64::from(index)),
            pm10: decimals(|b| &b.pm10, |r| r.pm10),
            pm25: decimals(|b| &b.pm25, |r| r.pm25),
            measurements: integers(|b| &b.measurements, |r, _| r.measurement.unwrap_or(ABSENT)),
            others: others_of(rows),
            stations,
            shares_stations: false,
            text: CsvCache::default(),
            by_standard: ByStandard::default(),
            implausible: OnceLock::new(),
        }
    }
}

/// The values of rows in further columns.
fn others_of(rows: &[Source<'_>]) -> Vec<Other> {
    let mut columns: Vec<(u8, u16, bool)> = Vec::new();
    let mut add = |id: u8, flags: u16, is_decimal: bool| {
        let same = |known: &&mut (u8, u16, bool)| (known.0, known.2) == (id, is_decimal);
        match columns.iter_mut().find(same) {
            Some(known) => known.1 |= flags,
            None => columns.push((id, flags, is_decimal)),
        }
    };
    let mut last: Option<&Block> = None;
    for source in rows {
        match source {
            Source::Kept(block, _) if last.is_some_and(|last| std::ptr::eq(last, *block)) => {}
            Source::Kept(block, _) => {
                last = Some(block);
                for other in &block.others {
                    // One that is of neither kind: see check_rewritable.
                    if let Some(is_decimal) = other.is_decimal() {
                        add(other.id(), other.flags(), is_decimal);
                    }
                }
            }
            Source::New(reading, _) => {
                for (id, column) in Column::in_blocks() {
                    if ![Value::Nothing, Value::Flags(Flags::NONE)].contains(&reading.value(column))
                    {
                        add(id, 0, column.kind() == Kind::Decimal);
                    }
                }
            }
        }
    }
    let values = |(id, flags, is_decimal): (u8, u16, bool)| {
        let column = Column::of_block_id(id);
        let integers = |source: &Source<'_>| number_of(value_of(source, id, column));
        let decimals = |source: &Source<'_>| value_of(source, id, column).decimal();
        match is_decimal {
            false => Other::integers(id, flags, &rows.iter().map(integers).collect::<Vec<_>>()),
            true => Other::decimals(id, flags, &rows.iter().map(decimals).collect::<Vec<_>>()),
        }
    };
    columns.sort_unstable();
    columns.into_iter().map(values).collect()
}

fn value_of(source: &Source<'_>, id: u8, column: Option<Column>) -> Value {
    match (source, column) {
        (Source::Kept(block, row), _) => {
            let other = block.others.iter().find(|other| other.id() == id);
            other.map_or(Value::Nothing, |other| other.value(*row))
        }
        (Source::New(reading, _), Some(column)) => reading.value(column),
        (Source::New(..), None) => Value::Nothing,
    }
}

fn number_of(value: Value) -> u64 {
    match value {
        Value::Whole(number) => number,
        Value::Truth(truth) => truth.into(),
        Value::Flags(flags) if !flags.is_empty() => flags.bits().into(),
        _ => ABSENT,
    }
}
