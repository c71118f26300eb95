//! Readings of one UTC day, as packed columns in the order of rows.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aqi::daqi::Index;

use super::by_standard::ByStandard;
use super::bytes::damaged;
use super::day::{DAYS, SECONDS_A_DAY};
use super::decimals::Decimals;
use super::frame::{Frame, Writer, encoding, newer};
use super::integers::{Integers, Numbers, RUN};
use super::others::Other;
use super::row::Row;
use super::stations::Stations;
use crate::csv::CsvCache;
use crate::{Column, Country, Error, Flags, Position, Window};

/// An upper bound of the rows of a block; a larger number means damage.
const MAX_ROWS: usize = 1 << 17;

/// Immutable columns of readings of one UTC day, sorted by country, timestamp, sensor and window.
/// Shared attributes (the sensor, its model and its location) are stored once.
#[derive(Debug)]
pub struct Block {
    pub(crate) day: i32,
    pub(super) rows: usize,
    /// The countries in order; most blocks have one.
    pub(crate) countries: Vec<CountryRows>,
    /// Seconds of the day.
    pub(crate) seconds: Integers,
    /// The station number of each row.
    pub(crate) station: Integers,
    /// Positions in [`Window::ALL`].
    pub(super) windows: Integers,
    /// 0 for no index.
    pub(crate) indices: Integers,
    pub(crate) pm10: Decimals,
    pub(crate) pm25: Decimals,
    pub(crate) measurements: Integers,
    /// Further columns of the schema, and those of a later version.
    pub(super) others: Vec<Other>,
    pub(crate) stations: Arc<Stations>,
    /// Whether the station table is shared with other blocks, and so stored separately.
    pub(crate) shares_stations: bool,
    /// Cached CSV of the default columns, if requested often enough.
    pub(crate) text: CsvCache,
    /// Cached indices of other standards, if requested repeatedly.
    pub(super) by_standard: ByStandard,
    /// Cached rows with a flag of [`Flags::IMPLAUSIBLE`], in order.
    pub(super) implausible: OnceLock<Box<[u32]>>,
}

/// The rows of one country: from the end of the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CountryRows {
    pub(crate) country: Option<Country>,
    pub(crate) end: u32,
}

/// The ids of the columns. A derived column is stored for speed.
mod id {
    pub(super) const STATIONS: u8 = 1;
    pub(super) const SECOND: u8 = 2;
    pub(super) const STATION: u8 = 3;
    pub(super) const WINDOW: u8 = 4;
    /// The DAQI, 0 for none: derived.
    pub(super) const INDEX: u8 = 5;
    pub(super) const PM10: u8 = 6;
    pub(super) const PM25: u8 = 7;
    pub(super) const MEASUREMENT: u8 = 8;
}

/// The kind of the frame.
const KIND: u8 = 1;

/// Additional directory data of a block with several countries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mixed {
    /// The rows of each country, in order.
    pub(crate) countries: Vec<(Option<Country>, u32)>,
    /// The earliest and the latest second of the day.
    pub(crate) seconds: (u32, u32),
}

impl Block {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the block is empty; stores never return empty blocks.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// One row. Panics if `row` is out of bounds, like a slice.
    pub fn row(&self, row: usize) -> Row<'_> {
        assert!(row < self.len(), "row {row} of a block of {}", self.len());
        Row { block: self, row }
    }

    pub(crate) fn position(&self, row: usize) -> Position {
        Position {
            day: self.day,
            country: self.country(row),
            second: self.seconds.get(row) as u32,
            sensor: self.stations.sensor(self.station.get(row) as usize),
            window: self.window(row),
        }
    }

    /// The positions of all rows, in order.
    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        let sensors = self.stations.sensors();
        let columns = [&self.seconds, &self.station, &self.windows];
        let [seconds, station, windows] = columns.map(|column| column.numbers(self.rows, 0));
        let mut countries = self.countries.iter().peekable();
        (0..self.rows).map(move |row| {
            while countries.next_if(|rows| rows.end as usize <= row).is_some() {}
            Position {
                day: self.day,
                country: countries.peek().and_then(|rows| rows.country),
                second: seconds[row] as u32,
                sensor: sensors[station[row] as usize],
                window: Window::ALL[windows[row] as usize],
            }
        })
    }

    /// Whether it has rows of several countries.
    pub(crate) fn is_mixed(&self) -> bool {
        self.countries.len() > 1
    }

    /// The numbers of the stations of a run.
    pub(crate) fn stations_of_run(&self, run: usize, numbers: &mut Numbers) {
        self.station.run(run, &mut numbers.0);
    }

    /// The table of its stations.
    pub(crate) fn stations(&self) -> &Arc<Stations> {
        &self.stations
    }

    pub(crate) fn window(&self, row: usize) -> Window {
        Window::ALL[self.windows.get(row) as usize]
    }

    pub(crate) fn country(&self, row: usize) -> Option<Country> {
        let number = match self.countries.as_slice() {
            [_] => 0,
            several => several.partition_point(|rows| rows.end as usize <= row),
        };
        self.countries[number].country
    }

    /// The number of rows in a range with a flag of [`Flags::IMPLAUSIBLE`].
    pub(crate) fn count_implausible(&self, rows: &Range<usize>) -> usize {
        let all = self.implausible.get_or_init(|| {
            let (mut station, mut pm10, mut pm25) = Default::default();
            let mut found = Vec::new();
            for run in 0..self.len().div_ceil(RUN) {
                let Numbers(numbers) = &mut station;
                self.station.run(run, numbers);
                self.pm10.run(run, &mut pm10);
                self.pm25.run(run, &mut pm25);
                for row in run * RUN..self.len().min(run * RUN + RUN) {
                    let of_station = self.stations.flags(numbers[row % RUN] as usize);
                    let cells = [self.pm10.in_run(&pm10, row), self.pm25.in_run(&pm25, row)];
                    let flags = of_station.with_values(cells);
                    if flags.union(self.flags_of_mean(row)).intersects(Flags::IMPLAUSIBLE) {
                        found.push(row as u32); // a block's rows are few
                    }
                }
            }
            found.into()
        });
        let before = |row: usize| all.partition_point(|one| (*one as usize) < row);
        before(rows.end) - before(rows.start)
    }

    /// The flags of a row that follow neither from its values nor from its station: the stored ones
    /// and that of its data capture.
    #[inline]
    pub(crate) fn flags_of_mean(&self, row: usize) -> Flags {
        if self.others.is_empty() {
            return Flags::NONE;
        }
        self.row(row).other(Column::StoredFlags).flags().union(self.flags_of_capture(row))
    }

    fn flags_of_capture(&self, row: usize) -> Flags {
        Flags::of_capture(self.window(row), self.row(row).other(Column::Hours).count())
    }

    /// A bit for each index that occurs; bit 0 for rows without one.
    pub(crate) fn index_bits(&self) -> u16 {
        let indices = self.indices.numbers(self.rows, 0);
        indices.iter().fold(0, |bits, index| bits | 1 << index)
    }

    /// The additional directory data, if it has several countries.
    pub(crate) fn mixed(&self) -> Option<Mixed> {
        if self.countries.len() < 2 {
            return None;
        }
        let mut start = 0;
        let countries = self.countries.iter().map(|rows| {
            let before = std::mem::replace(&mut start, rows.end);
            (rows.country, rows.end - before)
        });
        let countries = countries.collect();
        let seconds = self.seconds.numbers(self.rows, 0);
        let bound = |second: Option<&u64>| second.map_or(0, |second| *second as u32); // of a day
        let seconds = (bound(seconds.iter().min()), bound(seconds.iter().max()));
        Some(Mixed { countries, seconds })
    }

    /// Approximate size in memory in bytes, without shared stations and without the text.
    pub(crate) fn memory_bytes(&self) -> usize {
        let integers =
            [&self.seconds, &self.station, &self.windows, &self.indices, &self.measurements];
        let integers: usize = integers.iter().map(|column| column.memory_bytes()).sum();
        let own = if self.shares_stations { 0 } else { self.stations.memory_bytes() };
        let others: usize = self.others.iter().map(Other::memory_bytes).sum();
        let decimals = self.pm10.memory_bytes() + self.pm25.memory_bytes();
        size_of::<Self>() + integers + decimals + others + own
    }

    /// Whether it has a column that can only be preserved if its rows stay together.
    pub(crate) fn check_rewritable(&self) -> Result<(), Error> {
        self.others.iter().try_for_each(Other::check_rewritable)
    }

    /// Encodes the block; with the stations, unless they are shared.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut head = self.day.to_le_bytes().to_vec();
        head.extend((self.countries.len() as u32).to_le_bytes());
        for rows in &self.countries {
            head.extend(rows.country.map_or([0, 0], Country::bytes));
            head.extend(rows.end.to_le_bytes());
        }
        let mut frame = Writer::new(KIND, self.rows, head);
        let integers = [
            (id::SECOND, &self.seconds),
            (id::STATION, &self.station),
            (id::WINDOW, &self.windows),
            (id::INDEX, &self.indices),
            (id::MEASUREMENT, &self.measurements),
        ];
        for (id, column) in integers {
            if !column.is_absent() {
                frame.integers(id, 0, column);
            }
        }
        for (id, column) in [(id::PM10, &self.pm10), (id::PM25, &self.pm25)] {
            if !column.is_absent() {
                frame.decimals(id, 0, column);
            }
        }
        self.others.iter().for_each(|other| other.encode(&mut frame));
        if !self.shares_stations {
            let stations = self.stations.encode();
            frame.column(id::STATIONS, encoding::FRAME, 0, |out| out.extend(stations));
        }
        frame.finish()
    }

    /// Decodes a block; `shared` is the station table of blocks without their own. It returns for
    /// any input.
    pub(crate) fn decode(bytes: &[u8], shared: Option<&Arc<Stations>>) -> Result<Self, Error> {
        let mut frame = Frame::read(bytes, MAX_ROWS)?;
        if frame.kind != KIND {
            return Err(damaged("it is something else"));
        }
        let day = i32::from_le_bytes(frame.head.array()?);
        let countries = frame.head.u32()?;
        let countries = (0..countries).map(|_| {
            let country = decode_country(frame.head.array()?)?;
            Ok(CountryRows { country, end: frame.head.u32()? })
        });
        let countries = countries.collect::<Result<_, Error>>()?;
        let (stations, shares_stations) = match (frame.take(id::STATIONS), shared) {
            (Some(own), _) if own.encoding == encoding::FRAME => {
                (Arc::new(Stations::decode(own.bytes)?), false)
            }
            (Some(_), _) => return Err(newer("its stations have an encoding that is not known")),
            (None, Some(shared)) => (Arc::clone(shared), true),
            (None, None) => return Err(damaged("its stations are missing")),
        };
        let rows = frame.rows;
        let mut block = Self {
            day,
            rows,
            countries,
            seconds: frame.integers(id::SECOND)?,
            station: frame.integers(id::STATION)?,
            windows: frame.integers(id::WINDOW)?,
            indices: frame.integers(id::INDEX)?,
            pm10: frame.decimals(id::PM10)?,
            pm25: frame.decimals(id::PM25)?,
            measurements: frame.integers(id::MEASUREMENT)?,
            others: frame
                .rest()?
                .into_iter()
                .map(|c| Other::decode(c, rows))
                .collect::<Result<_, _>>()?,
            stations,
            shares_stations,
            text: CsvCache::default(),
            by_standard: ByStandard::default(),
            implausible: OnceLock::new(),
        };
        block.check()?;
        block.follow_models();
        block.follow_capture();
        Ok(block)
    }

    /// The indices according to the current list of models, which may differ from that at the time
    /// of writing.
    fn follow_models(&mut self) {
        let Some(changed) = self.stations.with_changed_models() else { return };
        let [station, mut indices] =
            [&self.station, &self.indices].map(|column| column.numbers(self.rows, 0));
        let mut differ = false;
        for (row, index) in indices.iter_mut().enumerate() {
            if changed[station[row] as usize] {
                let now = self.row(row).reading().index().map_or(0, |index| index.get().into());
                differ |= now != *index;
                *index = now;
            }
        }
        if differ {
            self.indices = Integers::of(&indices);
        }
    }

    /// Means of low capture have no index, which earlier versions gave them.
    fn follow_capture(&mut self) {
        if !self.others.iter().any(|other| other.column() == Some(Column::Hours)) {
            return;
        }
        let mut indices = self.indices.numbers(self.rows, 0);
        let mut differ = false;
        for (row, index) in indices.iter_mut().enumerate() {
            if *index != 0 && !self.flags_of_capture(row).is_empty() {
                (*index, differ) = (0, true);
            }
        }
        if differ {
            self.indices = Integers::of(&indices);
        }
    }

    /// Checks the invariants on which the rest of the crate relies. Rows in the wrong order would
    /// only give wrong results; their order is protected by the checksums.
    fn check(&self) -> Result<(), Error> {
        if !DAYS.contains(&self.day) {
            return Err(damaged("its day is out of range"));
        }
        let mut ends = self.countries.iter().map(|rows| rows.end as usize);
        if !ends.clone().is_sorted_by(|a, b| a < b) || ends.next_back() != Some(self.len()) {
            return Err(damaged("its countries do not cover its rows"));
        }
        if self.countries.first().is_some_and(|first| first.end == 0) {
            return Err(damaged("a country has no rows"));
        }
        let limits = [
            (&self.seconds, SECONDS_A_DAY as u64, "a row is outside its day"),
            (&self.station, self.stations.count() as u64, "a row's station is not there"),
            (&self.windows, Window::KEPT.len() as u64, "a window is unknown"),
            (&self.indices, u64::from(Index::MAX.get()) + 1, "an index is out of range"),
        ];
        for (column, limit, problem) in limits {
            if !column.are_below(limit) || column.has_absent(self.len()) {
                return Err(damaged(problem));
            }
        }
        Ok(())
    }
}

pub(super) fn decode_country(code: [u8; 2]) -> Result<Option<Country>, Error> {
    if code == [0, 0] {
        return Ok(None);
    }
    let text = std::str::from_utf8(&code).unwrap_or_default();
    text.parse().map(Some).map_err(|e| damaged("its country").because(e))
}
