//! Readings as CSV: UTF-8, comma, one header line, timestamps RFC 3339 with `Z`, an
//! empty cell for what is not known. Numbers stand as they were measured, to the last
//! digit, so that what [`write_page`] writes with [`Column::ALL`], [`Rows`] reads back
//! unchanged.
//!
//! No cell needs quoting and none can be run as a formula by a spreadsheet: the only
//! free text is the sensor type, and [`SensorType`] admits nothing of the kind.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use aqi::{Band, Decimal, Index};
use jiff::Timestamp;

use crate::block::{SECONDS_A_DAY, timestamp_problem};
use crate::{Block, Country, Error, ErrorKind, Flags, Page, Reading, Row, Run, SensorType};

/// A column of the CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// `id`: the feed's id of the measurement.
    Id,
    /// `timestamp`: the end of the averaging window, UTC.
    Timestamp,
    /// `P1`: PM10 in µg/m³.
    P1,
    /// `P2`: PM2.5 in µg/m³.
    P2,
    /// `loc_id`: the id of the place.
    LocationId,
    /// `loc_lat`: degrees north.
    Latitude,
    /// `loc_long`: degrees east.
    Longitude,
    /// `loc_alt`: metres above sea level.
    Altitude,
    /// `loc_country`: ISO 3166-1 alpha-2.
    Country,
    /// `AQI`: the particulate-matter DAQI, 1 to 10.
    Aqi,
    /// `Range`: the band of the index.
    Range,
    /// `sensor_id`: the sensor's id in the network.
    SensorId,
    /// `sensor_type`: the sensor's model.
    SensorType,
    /// `window`: the averaging window: `5min`, `1h`, `24h` or `day`.
    Window,
    /// `indoor`: 1 or 0.
    Indoor,
    /// `exact_location`: 1, or 0 where the coordinates are rounded for privacy.
    ExactLocation,
    /// `flags`: what is doubtful, the names of [`Flags`] with a space between.
    Flags,
}

impl Column {
    /// The report's eleven, in its order.
    pub const DEFAULT: &[Self] = Self::ALL.first_chunk::<11>().expect("there are more");

    /// All columns; with these a reading can be read back.
    pub const ALL: &[Self] = &[
        Self::Id,
        Self::Timestamp,
        Self::P1,
        Self::P2,
        Self::LocationId,
        Self::Latitude,
        Self::Longitude,
        Self::Altitude,
        Self::Country,
        Self::Aqi,
        Self::Range,
        Self::SensorId,
        Self::SensorType,
        Self::Window,
        Self::Indoor,
        Self::ExactLocation,
        Self::Flags,
    ];

    /// The name in the header line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Timestamp => "timestamp",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::LocationId => "loc_id",
            Self::Latitude => "loc_lat",
            Self::Longitude => "loc_long",
            Self::Altitude => "loc_alt",
            Self::Country => "loc_country",
            Self::Aqi => "AQI",
            Self::Range => "Range",
            Self::SensorId => "sensor_id",
            Self::SensorType => "sensor_type",
            Self::Window => "window",
            Self::Indoor => "indoor",
            Self::ExactLocation => "exact_location",
            Self::Flags => "flags",
        }
    }
}

impl FromStr for Column {
    type Err = UnknownColumn;

    fn from_str(text: &str) -> Result<Self, UnknownColumn> {
        let found = Self::ALL.iter().find(|column| column.name() == text);
        found.copied().ok_or(UnknownColumn)
    }
}

/// The text is not the name of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownColumn;

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
        write!(f, "the columns are {}", names.join(", "))
    }
}

impl std::error::Error for UnknownColumn {}

/// Appends the header line.
pub fn write_header(out: &mut Vec<u8>, columns: &[Column]) {
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        out.extend_from_slice(column.name().as_bytes());
    }
    out.push(b'\n');
}

/// Appends a line for each row of the page.
///
/// With [`Column::DEFAULT`] most lines are copied from text that was printed before.
pub fn write_page(out: &mut Vec<u8>, page: &Page, columns: &[Column]) {
    let mut runs = page.runs.as_slice();
    while let Some(first) = runs.first() {
        let same_block = |run: &Run| Arc::ptr_eq(&run.block, &first.block);
        let (of_block, rest) = runs.split_at(runs.partition_point(same_block));
        let rows = of_block.iter().map(|run| run.rows.len()).sum();
        match first.block.text.of(&first.block, rows, columns) {
            Some(text) => text.write(out, of_block),
            None => of_block.iter().for_each(|run| write_run(out, run, columns)),
        }
        runs = rest;
    }
}

fn write_run(out: &mut Vec<u8>, run: &Run, columns: &[Column]) {
    let date = date_of(run.block.day);
    for row in run.rows.clone() {
        write_cells(out, run.block.row(row), &date, columns);
        out.push(b'\n');
    }
}

/// A block's rows as CSV of the default columns: printed once, then copied.
#[derive(Debug, Default)]
pub(crate) struct BlockText {
    printed: OnceLock<PrintedRows>,
    /// Rows asked for so far, until the text is printed.
    asked: AtomicUsize,
}

#[derive(Debug)]
struct PrintedRows {
    bytes: Box<[u8]>,
    /// Where each row ends in `bytes`.
    ends: Box<[u32]>,
}

impl BlockText {
    /// What a row takes, with its end: for the accounting of memory.
    pub(crate) const TYPICAL_ROW_BYTES: usize = 92;

    /// The text, if it is there or worth printing now: once a block's worth of rows has
    /// been asked for. A query for a few rows prints those alone.
    fn of(&self, block: &Block, rows: usize, columns: &[Column]) -> Option<&PrintedRows> {
        if columns != Column::DEFAULT {
            return None;
        }
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
            write_cells(&mut bytes, row, &date, before);
            bytes.push(b',');
            let start = bytes.len();
            let station = &mut stations[block.station[number] as usize];
            if station.end == 0 {
                write_cells(&mut bytes, row, &date, of_station);
                *station = start..bytes.len();
            } else {
                bytes.extend_from_within(station.clone());
            }
            bytes.push(b',');
            write_cells(&mut bytes, row, &date, after);
            bytes.push(b'\n');
            ends.push(bytes.len() as u32); // a block's rows are far below 4 GB
        }
        Self { bytes: bytes.into(), ends: ends.into() }
    }

    fn write(&self, out: &mut Vec<u8>, runs: &[Run]) {
        let slice = |run: &Run| {
            let start = run.rows.start.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start as usize..self.ends[run.rows.end - 1] as usize]
        };
        out.reserve(runs.iter().map(|run| slice(run).len()).sum());
        runs.iter().for_each(|run| out.extend_from_slice(slice(run)));
    }
}

/// The cells of a row, with commas between.
fn write_cells(out: &mut Vec<u8>, row: Row<'_>, date: &str, columns: &[Column]) {
    let station = row.station();
    let block = row.block;
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        match column {
            Column::Id => write_number(out, block.measurements[row.row]),
            Column::Timestamp => write_timestamp(out, date, block.seconds[row.row]),
            Column::P1 => write_decimal(out, block.pm10[row.row]),
            Column::P2 => write_decimal(out, block.pm25[row.row]),
            Column::LocationId => write_number(out, station.location),
            Column::Latitude => write_decimal(out, station.latitude),
            Column::Longitude => write_decimal(out, station.longitude),
            Column::Altitude => write_decimal(out, station.altitude),
            Column::Country => {
                let country = row.country();
                out.extend_from_slice(country.as_ref().map_or("", Country::as_str).as_bytes());
            }
            Column::Aqi => write_number(out, row.index().map(|index| u64::from(index.get()))),
            Column::Range => out.extend_from_slice(row.band().map_or("", Band::name).as_bytes()),
            Column::SensorId => write_number(out, Some(block.sensors[row.row])),
            Column::SensorType => {
                let text = station.sensor_type.as_ref().map_or("", SensorType::as_str);
                out.extend_from_slice(text.as_bytes());
            }
            Column::Window => out.extend_from_slice(block.windows[row.row].name().as_bytes()),
            Column::Indoor => write_number(out, station.indoor.map(u64::from)),
            Column::ExactLocation => write_number(out, station.exact.map(u64::from)),
            Column::Flags => write_flags(out, row.flags()),
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: Option<u64>) {
    let Some(number) = number else { return };
    let mut digits = [b'0'; 20]; // u64::MAX has 20
    let first = write_digits(&mut digits, number);
    out.extend_from_slice(&digits[first..]);
}

fn write_decimal(out: &mut Vec<u8>, value: Option<Decimal>) {
    let Some(value) = value else { return };
    let Ok(mantissa) = u64::try_from(value.mantissa().unsigned_abs()) else {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{value}");
        return;
    };
    if value.is_sign_negative() && mantissa > 0 {
        out.push(b'-');
    }
    let places = value.scale() as usize;
    let mut digits = [b'0'; 20];
    let first = write_digits(&mut digits, mantissa);
    let Some(point) = digits.len().checked_sub(places) else {
        // More places than a u64 has digits: rare, and right all the same.
        let _ = write!(out, "{}", value.abs());
        return;
    };
    // At least one digit stands before the point.
    match point.checked_sub(1) {
        Some(last) => out.extend_from_slice(&digits[first.min(last)..point]),
        None => out.push(b'0'),
    }
    if places > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[point..]);
    }
}

/// Writes the digits to the end; where they begin.
fn write_digits(digits: &mut [u8; 20], mut number: u64) -> usize {
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return first;
        }
    }
}

/// `2020-06-11`.
fn date_of(day: i32) -> String {
    let midnight = Timestamp::from_second(i64::from(day) * SECONDS_A_DAY).unwrap_or_default();
    let mut text = midnight.to_string();
    text.truncate(text.len() - "T00:00:00Z".len());
    text
}

fn write_timestamp(out: &mut Vec<u8>, date: &str, second: u32) {
    out.extend_from_slice(date.as_bytes());
    let digits = |number: u32| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    let [h, m, s] = [second / 3600, second / 60 % 60, second % 60].map(digits);
    out.extend_from_slice(&[b'T', h[0], h[1], b':', m[0], m[1], b':', s[0], s[1], b'Z']);
}

fn write_flags(out: &mut Vec<u8>, flags: Flags) {
    for (number, name) in flags.names().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
}

/// Reads readings back from CSV, row by row.
///
/// The header may name the columns in any order and leave out all but `sensor_id`,
/// `window` and `timestamp`; others than ours are passed over. `AQI`, `Range` and
/// `flags` follow from the rest: a row where they say something else is refused.
pub struct Rows<R> {
    reader: csv::Reader<R>,
    columns: Vec<Option<Column>>,
    record: csv::StringRecord,
}

/// Why a row was refused.
#[derive(Debug)]
pub struct RowError {
    line: u64,
    message: String,
}

impl RowError {
    /// The line in the file, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for RowError {}

impl<R: Read> Rows<R> {
    /// Reads the header; [`Invalid`](ErrorKind::Invalid) when it lacks a column that is
    /// needed.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let headers = reader.headers().map_err(|e| {
            Error::new(ErrorKind::Invalid, "the header line cannot be read").because(e)
        })?;
        let name = |text: &str| text.parse().ok();
        let columns: Vec<Option<Column>> = headers.iter().map(name).collect();
        for needed in [Column::SensorId, Column::Window, Column::Timestamp] {
            if !columns.contains(&Some(needed)) {
                let message = format!(
                    "the column {} is missing, without which a reading has no identity; \
                     export with all columns",
                    needed.name()
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        }
        Ok(Self { reader, columns, record: csv::StringRecord::new() })
    }

    /// The bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }

    fn parse(&self) -> Result<Reading, String> {
        let cells = self.columns.iter().zip(self.record.iter());
        let cells = cells.filter_map(|(column, cell)| Some(((*column)?, cell)));
        let cell = |wanted: Column| {
            let mut cells = cells.clone().filter(|(column, _)| *column == wanted);
            cells.next().map(|(_, cell)| cell).filter(|cell| !cell.is_empty())
        };
        if self.record.len() != self.columns.len() {
            let (cells, columns) = (self.record.len(), self.columns.len());
            return Err(format!("{cells} cells, where the header has {columns} columns"));
        }
        let sensor = need(cell, Column::SensorId)?;
        let window = need(cell, Column::Window)?;
        let timestamp: Timestamp = need(cell, Column::Timestamp)?;
        if let Some(problem) = timestamp_problem(timestamp) {
            return Err(format!("timestamp: {timestamp} {problem}"));
        }
        let reading = Reading {
            measurement: parse(cell, Column::Id)?,
            pm10: decimal(cell, Column::P1)?,
            pm25: decimal(cell, Column::P2)?,
            sensor_type: parse(cell, Column::SensorType)?,
            location: parse(cell, Column::LocationId)?,
            latitude: decimal(cell, Column::Latitude)?,
            longitude: decimal(cell, Column::Longitude)?,
            altitude: decimal(cell, Column::Altitude)?,
            country: parse::<Country>(cell, Column::Country)?,
            indoor: flag(cell, Column::Indoor)?,
            exact: flag(cell, Column::ExactLocation)?,
            ..Reading::new(sensor, window, timestamp)
        };
        if reading.pm10.is_none() && reading.pm25.is_none() {
            return Err("neither P1 nor P2".to_owned());
        }
        self.check_derived(cell, &reading)?;
        Ok(reading)
    }

    fn check_derived<'a>(
        &self,
        cell: impl Fn(Column) -> Option<&'a str> + Copy,
        reading: &Reading,
    ) -> Result<(), String> {
        let index: Option<Index> = parse::<u8>(cell, Column::Aqi)?
            .map(Index::new)
            .transpose()
            .map_err(|e| format!("AQI: {e}"))?;
        let band: Option<Band> = parse(cell, Column::Range)?;
        let mut flags = Vec::new();
        write_flags(&mut flags, reading.flags());
        let given = cell(Column::Flags).unwrap_or_default().as_bytes();
        let differs = [
            (Column::Aqi, index != reading.index()),
            (Column::Range, band != reading.band()),
            (Column::Flags, given != flags),
        ];
        for (column, differs) in differs {
            if differs && self.columns.contains(&Some(column)) {
                return Err(format!("{} does not follow from P1 and P2", column.name()));
            }
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Reading, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.record.position().map_or(line, csv::Position::line);
                Some(self.parse().map_err(|message| RowError { line, message }))
            }
            Err(error) => Some(Err(RowError { line, message: error.to_string() })),
        }
    }
}

fn parse<'a, T>(
    cell: impl Fn(Column) -> Option<&'a str>,
    column: Column,
) -> Result<Option<T>, String>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    let parsed = cell(column).map(str::parse).transpose();
    parsed.map_err(|e| format!("{}: {e}", column.name()))
}

fn need<'a, T>(cell: impl Fn(Column) -> Option<&'a str>, column: Column) -> Result<T, String>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    parse(cell, column)?.ok_or_else(|| format!("{} is empty", column.name()))
}

fn decimal<'a>(
    cell: impl Fn(Column) -> Option<&'a str>,
    column: Column,
) -> Result<Option<Decimal>, String> {
    let parsed = cell(column).map(Decimal::from_str_exact).transpose();
    parsed.map_err(|_| format!("{}: not a decimal number", column.name()))
}

fn flag<'a>(
    cell: impl Fn(Column) -> Option<&'a str>,
    column: Column,
) -> Result<Option<bool>, String> {
    match cell(column) {
        None => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(_) => Err(format!("{}: 0, 1 or nothing", column.name())),
    }
}
