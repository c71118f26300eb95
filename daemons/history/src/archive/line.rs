//! The lines of a CSV file.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use aqi::Decimal;
use csv::{ByteRecord, ErrorKind as CsvErrorKind, ReaderBuilder, Terminator};
use store::SensorType;

use super::cell::{self, Clock};
use super::unpack::File;
use super::{Note, Reason, Report, Row, Station};
use crate::{Error, ErrorKind, Fixed, NotFixed};

/// The longest line, in bytes. The archive's have about a hundred.
const LONGEST: usize = 1 << 20;

/// Where the columns are.
#[derive(Debug, Default)]
pub(super) struct Columns {
    sensor: usize,
    timestamp: usize,
    /// `sensor_type`, `location`, `lat`, `lon`.
    station: [Option<usize>; 4],
    /// `P1`, `P2`, `temperature`, `humidity`.
    values: [Option<usize>; 4],
}

const REQUIRED: [&str; 2] = ["sensor_id", "timestamp"];
const STATION: [&str; 4] = ["sensor_type", "location", "lat", "lon"];
const VALUES: [&str; 4] = ["P1", "P2", "temperature", "humidity"];

/// Whether a column of this name is read.
#[cfg(feature = "parquet")]
pub(super) fn is_read(name: &str) -> bool {
    let mut known = REQUIRED.iter().chain(&STATION).chain(&VALUES);
    known.any(|known| known.eq_ignore_ascii_case(name.trim()))
}

impl Columns {
    pub(super) fn of(header: &ByteRecord) -> Result<Self, Error> {
        let names: Vec<_> = header.iter().map(cell::plain).collect();
        if names.iter().any(|name| name.contains(&b'\r')) {
            let message = "lines end with a carriage return only: save the file with line feeds";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let find = |wanted: &str| {
            names.iter().position(|name| name.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        let needed = |name: &str| {
            find(name).ok_or_else(|| {
                let line = shown(&header.iter().collect::<Vec<_>>().join(&b';'));
                let message = format!(
                    "not an archive file: no column {name} in the `;`-separated header `{line}`"
                );
                Error::new(ErrorKind::Invalid, message)
            })
        };
        Ok(Self {
            sensor: needed(REQUIRED[0])?,
            timestamp: needed(REQUIRED[1])?,
            station: STATION.map(find),
            values: VALUES.map(find),
        })
    }
}

/// Reads a file of text.
pub(super) fn read(
    input: impl Read,
    file: &File,
    report: &mut Report,
    each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let mut builder = ReaderBuilder::new();
    // A quote must not join lines, or an odd one hides all rows after it.
    builder.has_headers(false).flexible(true).delimiter(b';').quoting(false);
    // A line break after the last line, so that each line has one.
    let input = Bounded { input, since_line: 0, bytes: 0 }.chain(&b"\n"[..]);
    let mut csv = builder.terminator(Terminator::Any(b'\n')).from_reader(input);
    let mut record = ByteRecord::new();
    loop {
        if !csv.read_byte_record(&mut record).map_err(broken)? {
            return Err(Error::new(ErrorKind::Invalid, "an empty file"));
        }
        if !is_blank(&record) {
            break;
        }
    }
    let columns = Columns::of(&record)?;
    let whole = cells_in(&record);
    let mut reader = Reader::new(columns, file);
    while csv.read_byte_record(&mut record).map_err(broken)? {
        if is_blank(&record) {
            continue;
        }
        // The reader is in the next line.
        let line = csv.position().line().saturating_sub(1);
        // Its line break is the one that was added.
        let is_open = csv.position().byte() > csv.get_ref().get_ref().0.bytes;
        if is_open && record.len() < whole {
            return Err(reader.cut(&record, line, report));
        }
        if reader.read(&record, line, report, each).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Of an empty line, also with a carriage return or other white space.
fn is_blank(record: &ByteRecord) -> bool {
    record.len() <= 1 && record.as_slice().trim_ascii().is_empty()
}

/// The number of cells in a header, without those at its end that have no name.
fn cells_in(header: &ByteRecord) -> usize {
    header.iter().rposition(|name| !cell::plain(name).is_empty()).map_or(0, |last| last + 1)
}

/// Reads the rows of a file.
pub(super) struct Reader<'a> {
    columns: Columns,
    has_values: bool,
    file: &'a File,
    known: Known,
    clock: Clock,
}

impl<'a> Reader<'a> {
    pub(super) fn new(columns: Columns, file: &'a File) -> Self {
        let has_values = columns.values.iter().any(Option::is_some);
        Self { columns, has_values, file, known: Known::default(), clock: Clock::default() }
    }

    /// Passes a row on, if it is kept.
    #[inline]
    pub(super) fn read(
        &mut self,
        record: &ByteRecord,
        line: u64,
        report: &mut Report,
        each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        report.rows += 1;
        if !self.has_values {
            report.passed_over += 1;
            return ControlFlow::Continue(());
        }
        self.row(record, line, report).map_or(ControlFlow::Continue(()), each)
    }

    /// Refuses the last row of a file that ends within it: its last cell may be part of a number.
    fn cut(&self, record: &ByteRecord, line: u64, report: &mut Report) -> Error {
        report.rows += 1;
        report.refused += 1;
        let what = "the file ends within its last row";
        let place = Place { file: self.file, record, line };
        place.note(report, Reason::Cut, || {
            format!("{what}, `{}`", shown(&record.iter().collect::<Vec<_>>().join(&b';')))
        });
        Error::new(ErrorKind::Cut, format!("{what}, line {line}"))
    }

    /// The row, if it is kept; it is counted either way.
    fn row<'s>(
        &'s mut self,
        record: &ByteRecord,
        line: u64,
        report: &mut Report,
    ) -> Option<Row<'s>> {
        let place = Place { file: self.file, record, line };
        let columns = &self.columns;
        if record.as_slice().contains(&b'"') && record.iter().any(cell::is_torn) {
            report.refused += 1;
            place.note(report, Reason::BadQuotes, || "unbalanced quote".to_owned());
            return None;
        }
        let required = |at: usize| cell::plain(record.get(at).unwrap_or_default());
        let id = required(columns.sensor);
        let Some(sensor) = cell::id(id) else {
            report.refused += 1;
            place.note(report, Reason::BadSensor, || {
                format!("sensor_id `{}` is not an integer up to 2^63 - 1", shown(id))
            });
            return None;
        };
        let timestamp = required(columns.timestamp);
        let Some(second) = self.clock.second(timestamp) else {
            report.refused += 1;
            place.note(report, Reason::BadTimestamp, || {
                format!("timestamp `{}` is not like 2021-02-14T00:01:12", shown(timestamp))
            });
            return None;
        };
        let [mut pm10, mut pm25, mut temperature, mut humidity] = [None; 4];
        let into = [&mut pm10, &mut pm25, &mut temperature, &mut humidity];
        for ((to, column), name) in into.into_iter().zip(columns.values).zip(VALUES) {
            let Some(column) = column else { continue };
            *to = place.value(report, column, name);
        }
        if [pm10, pm25, temperature, humidity].iter().all(Option::is_none) {
            report.without_values += 1;
            return None;
        }
        report.kept += 1;
        let station = self.known.station(columns, place, report);
        Some(Row {
            sensor,
            station,
            second,
            particulates: [pm10, pm25],
            climate: [temperature, humidity],
        })
    }
}

/// The row that is read.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a File,
    record: &'a ByteRecord,
    /// From 1.
    line: u64,
}

impl Place<'_> {
    fn note(self, report: &mut Report, reason: Reason, text: impl FnOnce() -> String) {
        report.note(reason, || Note {
            reason,
            member: self.file.member.clone(),
            line: Some(self.line),
            text: text(),
        });
    }

    #[inline]
    fn value(self, report: &mut Report, column: usize, name: &str) -> Option<Fixed> {
        let Some(cell) = self.record.get(column) else {
            self.note(report, Reason::NoCell, || format!("the row ends before {name}"));
            return None;
        };
        let cell = cell::plain(cell);
        match Fixed::parse(cell) {
            Ok(value) => Some(value),
            Err(_) if cell.is_empty() => {
                self.note(report, Reason::Empty, || format!("{name} is empty"));
                None
            }
            Err(why) => {
                let reason = match why {
                    NotFixed::NotANumber => Reason::NotANumber,
                    NotFixed::TooLarge => Reason::TooLarge,
                };
                self.note(report, reason, || format!("{name} `{}` is {why}", shown(cell)));
                None
            }
        }
    }
}

/// The station of the last row. Most rows have the same, which is not parsed again.
#[derive(Default)]
struct Known {
    /// Its cells as written.
    cells: [Option<Vec<u8>>; 4],
    station: Option<Arc<Station>>,
    /// The columns that could not be read.
    bad: Vec<usize>,
}

impl Known {
    fn station(
        &mut self,
        columns: &Columns,
        place: Place<'_>,
        report: &mut Report,
    ) -> &Arc<Station> {
        let cells = columns.station.map(|column| Some(cell::plain(place.record.get(column?)?)));
        let is_same = self.cells.iter().zip(cells).all(|(known, cell)| known.as_deref() == cell);
        if !is_same {
            self.station = None;
            self.cells = cells.map(|cell| cell.map(<[u8]>::to_vec));
        }
        let bad = &mut self.bad;
        let station = self.station.get_or_insert_with(|| {
            bad.clear();
            Arc::new(station(cells, place.file.indoor, bad))
        });
        for (column, cell) in self.bad.iter().filter_map(|at| Some((STATION[*at], cells[*at]?))) {
            place
                .note(report, Reason::BadStation, || format!("invalid {column} `{}`", shown(cell)));
        }
        station
    }
}

/// Empty cells are missing; the places of unreadable ones are added to `bad`.
fn station(cells: [Option<&[u8]>; 4], indoor: Option<bool>, bad: &mut Vec<usize>) -> Station {
    let texts = cells.map(|cell| cell.filter(|cell| !cell.is_empty()));
    let [model, location, latitude, longitude] = texts;
    let sensor_type = model.map_or(SensorType::UNKNOWN, |model| {
        let model = std::str::from_utf8(model).ok().and_then(|model| model.parse().ok());
        model.unwrap_or(SensorType::UNREADABLE)
    });
    if sensor_type == SensorType::UNREADABLE {
        bad.push(0);
    }
    let mut checked = |at: usize, is_missing: bool| {
        if is_missing && texts[at].is_some() {
            bad.push(at);
        }
    };
    let degrees = |cell: Option<&[u8]>, limit: u32| {
        let text = std::str::from_utf8(cell?).ok().filter(|text| !text.contains('_'))?;
        let degrees = Decimal::from_str_exact(text).ok();
        degrees.filter(|degrees| degrees.abs() <= limit.into())
    };
    let location = location.and_then(cell::id);
    let (latitude, longitude) = (degrees(latitude, 90), degrees(longitude, 180));
    checked(1, location.is_none());
    checked(2, latitude.is_none());
    checked(3, longitude.is_none());
    Station { sensor_type, location, latitude, longitude, indoor }
}

/// The first characters of a text.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(160)]);
    text.chars().filter(|character| !character.is_control()).take(40).collect()
}

fn broken(error: csv::Error) -> Error {
    match error.into_kind() {
        CsvErrorKind::Io(error) => Error::of_io(error),
        // Rows of bytes of any length have no other errors.
        other => Error::new(ErrorKind::Damaged, format!("unreadable CSV: {other:?}")),
    }
}

/// Refuses lines that do not end, which would have to be in memory as a whole.
struct Bounded<R> {
    input: R,
    /// Bytes since the last line began.
    since_line: usize,
    /// Bytes that were read.
    bytes: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes += read as u64;
        let new = buffer.get(..read).unwrap_or_default();
        match new.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.since_line = read - end,
            None => self.since_line += read,
        }
        if self.since_line > LONGEST {
            let message = format!("a line of more than {LONGEST} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(read)
    }
}
