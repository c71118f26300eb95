//! Readings as CSV: UTF-8, one header line, timestamps RFC 3339 with `Z`, an empty cell for unknown
//! values. Numbers keep every measured digit, so the output of [`write_page`] with [`Column::ALL`]
//! in any [`Dialect`] is read back by [`CsvReader`] without loss.
//!
//! No cell needs quoting and none can be run as a formula by a spreadsheet: the only free text is
//! the sensor type, and [`SensorType`](crate::SensorType) does not allow such characters; a cell
//! that begins with `-` is a number.

mod block_text;
pub(crate) mod cell;
mod lines;
mod rows;

use std::sync::Arc;

pub(crate) use self::block_text::{CachedRows, CsvCache};
use self::cell::{Date, date_of, write_cell};
pub(crate) use self::lines::StationText;
use self::lines::print_lines;
pub use self::rows::CsvReader;
use crate::{AqiStandard, Column, Page, Row, RowRange, Spelling, TimeZone};

/// How cells and numbers are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dialect {
    delimiter: u8,
    decimal_point: u8,
    byte_order_mark: bool,
    spelling: Spelling,
}

impl Dialect {
    pub(crate) fn delimiter(self) -> char {
        self.delimiter.into()
    }

    pub(crate) fn decimal_point(self) -> char {
        self.decimal_point.into()
    }

    pub(crate) fn spelling(self) -> Spelling {
        self.spelling
    }

    /// Commas between cells, points in numbers, no byte order mark.
    pub const DEFAULT: Self = Self::new(Delimiter::Comma);

    /// Points in numbers, no byte order mark.
    pub const fn new(delimiter: Delimiter) -> Self {
        let (delimiter, spelling) = (delimiter as u8, Spelling::Default);
        Self { delimiter, decimal_point: b'.', byte_order_mark: false, spelling }
    }

    /// Decimal commas, as used by spreadsheets in much of Europe; `None` if cells are also
    /// separated by commas.
    pub fn with_decimal_comma(self) -> Option<Self> {
        (self.delimiter != b',').then_some(Self { decimal_point: b',', ..self })
    }

    /// Adds a byte order mark, by which some spreadsheets detect UTF-8.
    pub fn with_byte_order_mark(self) -> Self {
        Self { byte_order_mark: true, ..self }
    }

    /// Sets another spelling of timestamps and bands.
    pub fn with_spelling(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }
}

/// The delimiter of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Delimiter {
    /// `,`
    Comma = b',',
    /// `;`
    Semicolon = b';',
    /// A tabulator.
    Tab = b'\t',
}

/// Appends the byte order mark, if any, and the header line.
pub fn write_header(out: &mut Vec<u8>, columns: &[Column], dialect: Dialect) {
    write_header_after(out, &[], columns, dialect, None);
}

/// The name of the column of timestamps in a zone that have no offset: `timestamp (Europe/Berlin)`.
pub(crate) fn name_of_local_times(zone: &str) -> String {
    format!("{} ({zone})", Column::Timestamp.name())
}

/// The zone in such a name.
fn zone_in(name: &str) -> Option<&str> {
    let zone = name.trim().strip_prefix(Column::Timestamp.name())?.trim_start();
    zone.strip_prefix('(')?.strip_suffix(')')
}

/// The same, with comment lines before the header line: `# `, then a text without line breaks; and
/// with the zone of timestamps.
pub(crate) fn write_header_after(
    out: &mut Vec<u8>,
    comments: &[String],
    columns: &[Column],
    dialect: Dialect,
    zone: Option<&TimeZone>,
) {
    let zone = zone.and_then(TimeZone::iana_name).filter(|_| dialect.spelling != Spelling::Default);
    if dialect.byte_order_mark {
        out.extend_from_slice("\u{feff}".as_bytes());
    }
    write_comments(out, comments);
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            out.push(dialect.delimiter);
        }
        match zone.filter(|_| *column == Column::Timestamp) {
            Some(zone) => out.extend_from_slice(name_of_local_times(zone).as_bytes()),
            None => out.extend_from_slice(column.name().as_bytes()),
        }
    }
    out.push(b'\n');
}

pub(crate) fn write_comments(out: &mut Vec<u8>, comments: &[String]) {
    for comment in comments {
        out.extend_from_slice(rows::COMMENT);
        out.extend_from_slice(comment.as_bytes());
        out.push(b'\n');
    }
}

/// Appends a line for each row of the page.
///
/// With [`Column::DEFAULT`] and [`Dialect::DEFAULT`] most lines are copied from cached text.
pub fn write_page(out: &mut Vec<u8>, page: &Page, columns: &[Column], dialect: Dialect) {
    write_page_by(out, page, columns, dialect, AqiStandard::DEFAULT);
}

/// The same, with the index by another standard.
pub fn write_page_by(
    out: &mut Vec<u8>,
    page: &Page,
    columns: &[Column],
    dialect: Dialect,
    standard: AqiStandard,
) {
    write_page_in(out, page, Cells { columns, dialect, standard, zone: None });
}

/// The same, with cells in a format.
pub(crate) fn write_page_in(out: &mut Vec<u8>, page: &Page, cells: Cells<'_>) {
    let Cells { columns, dialect, standard, zone } = cells;
    let without_mark = Dialect { byte_order_mark: false, ..dialect };
    let is_default =
        columns == Column::DEFAULT && without_mark == Dialect::DEFAULT && zone.is_none();
    let mut runs = page.runs.as_slice();
    while let Some(first) = runs.first() {
        let same_block = |run: &RowRange| Arc::ptr_eq(&run.block, &first.block);
        let (of_block, rest) = runs.split_at(runs.partition_point(same_block));
        let rows = of_block.iter().map(|run| run.rows.len()).sum();
        match is_default.then(|| first.block.text.of(&first.block, rows, standard)).flatten() {
            Some(text) => text.write(out, of_block),
            None if is_default => {
                let rows = of_block.iter().map(|run| run.rows.clone());
                print_lines(out, &first.block, rows, standard, None);
            }
            None => of_block.iter().for_each(|run| write_run(out, run, cells)),
        }
        runs = rest;
    }
}

fn write_run(out: &mut Vec<u8>, run: &RowRange, cells: Cells<'_>) {
    let date = date_of(run.block.day);
    for row in run.rows.clone() {
        cells.write(out, run.block.row(row), &date);
        out.push(b'\n');
    }
}

/// The format of a row's cells.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    pub(crate) columns: &'a [Column],
    pub(crate) dialect: Dialect,
    pub(crate) standard: AqiStandard,
    /// The zone of timestamps, if it is not UTC.
    pub(crate) zone: Option<&'a TimeZone>,
}

impl Cells<'_> {
    /// The cells, with delimiters between.
    fn write(self, out: &mut Vec<u8>, row: Row<'_>, date: &Date) {
        let Self { columns, dialect, standard, zone } = self;
        let values = row.values_by(standard);
        for (number, column) in columns.iter().enumerate() {
            if number > 0 {
                out.push(dialect.delimiter);
            }
            write_cell(out, &values, date, *column, dialect, zone);
        }
    }
}
