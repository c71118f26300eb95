use std::fmt;
use std::io::Read;
use std::str::FromStr;

use aqi::Decimal;
use aqi::daqi::{Band, Index};
use jiff::Timestamp;

use super::cell::write_flags;
use crate::block::timestamp_problem;
use crate::{Column, Country, Error, ErrorKind, Reading};

/// Reads readings back from CSV, row by row.
///
/// The header may name the columns in any order and leave out all but `sensor_id`,
/// `window` and `timestamp`; others than ours are passed over. `AQI`, `Range` and
/// `flags` follow from the rest: a row where they say something else is refused.
pub struct Rows<R> {
    reader: ::csv::Reader<R>,
    columns: Vec<Option<Column>>,
    record: ::csv::StringRecord,
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
        let mut reader = ::csv::ReaderBuilder::new().flexible(true).from_reader(input);
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
        Ok(Self { reader, columns, record: ::csv::StringRecord::new() })
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
            return Err(format!("it {problem}: {timestamp}"));
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
                let line = self.record.position().map_or(line, ::csv::Position::line);
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
