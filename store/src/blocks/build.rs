//! Blocks from rows.

use std::sync::{Arc, OnceLock};

use aqi::Decimal;

use super::block::{Block, CountryRows};
use super::day::day_and_second;
use super::decimals::Decimals;
use super::integers::{ABSENT, Integers};
use super::others::Other;
use super::stations::{Numbering, Station, Stations};
use crate::csv::BlockText;
use crate::{Country, Reading};

/// Where a row of a new block comes from.
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

    fn country(&self) -> Option<Country> {
        match self {
            Source::Kept(block, row) => block.country(*row),
            Source::New(reading, _) => reading.country,
        }
    }

    fn day(&self) -> i32 {
        match self {
            Source::Kept(block, _) => block.day,
            Source::New(reading, _) => day_and_second(reading.timestamp).0,
        }
    }
}

/// The numbers of stations while blocks are made of rows.
struct RowStations<'a> {
    numbering: Numbering,
    /// Whether the table goes on that the kept blocks share: then their numbers stay.
    continues: bool,
    /// The block that rows were kept of last, and what its stations' numbers have become.
    old: Option<(&'a Block, Vec<Option<u32>>)>,
}

impl<'a> RowStations<'a> {
    fn number(&mut self, source: &Source<'a>) -> u32 {
        let (block, row) = match source {
            Source::New(reading, _) => return self.numbering.number(&Station::of(reading)),
            Source::Kept(block, row) => (*block, *row),
        };
        let station = block.station.get(row) as usize;
        if self.continues && block.shares_stations {
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

/// Blocks of one table of stations: each of rows of one day, in order, without two of one
/// identity. Goes on with the table that kept blocks share, where it is given.
pub(crate) fn blocks_of(
    chunks: &[&[Source<'_>]],
    shared: Option<Arc<Stations>>,
) -> (Vec<Block>, Arc<Stations>) {
    let continues = shared.is_some();
    let mut stations = RowStations { numbering: Numbering::after(shared), continues, old: None };
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
    /// From rows of one day, in order, without two of one identity.
    pub(crate) fn from_sorted(rows: &[Source<'_>]) -> Self {
        let mut stations =
            RowStations { numbering: Numbering::after(None), continues: false, old: None };
        let numbers: Vec<_> = rows.iter().map(|source| stations.number(source)).collect();
        let (table, places) = stations.numbering.finish();
        let station = numbers.iter().map(|number| u64::from(places[*number as usize]));
        Self::of(rows, &station.collect::<Vec<_>>(), table)
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
            let value = |source: &Source<'_>| match source {
                Source::Kept(block, row) => kept(block).get(*row),
                Source::New(reading, index) => new(reading, *index),
            };
            Integers::of(&rows.iter().map(value).collect::<Vec<_>>())
        };
        let decimals = |kept: fn(&Block) -> &Decimals, new: fn(&Reading) -> Option<Decimal>| {
            let value = |source: &Source<'_>| match source {
                Source::Kept(block, row) => kept(block).get(*row),
                Source::New(reading, _) => new(reading),
            };
            Decimals::of(&rows.iter().map(value).collect::<Vec<_>>())
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
            others: Other::of(rows),
            stations,
            shares_stations: false,
            text: BlockText::default(),
            implausible: OnceLock::new(),
        }
    }
}
