use std::borrow::Cow;
use std::fmt;
use std::io::{self, Chain, Cursor, Read};

use super::{Delimiter, zone_in};
use crate::import::cells::{Cells, Commas, column_named, shown};
use crate::import::{ImportedRow, Place, RowError, columns_of};
use crate::{Column, Error, ErrorKind, TimeZone};

/// Reads readings from CSV, row by row, by the rules of [`import`](crate::import).
///
/// Lines before the header that begin with `# ` are comments, and are skipped; so are those after it
/// if there were any before. Cells are separated by commas, semicolons or tabs, as detected from the header.
pub struct CsvReader<R> {
    reader: ::csv::Reader<Chain<Cursor<Vec<u8>>, R>>,
    columns: Vec<Option<Column>>,
    commas: Commas,
    /// The zone of timestamps without an offset.
    zone: TimeZone,
    /// Lines before the header.
    comments: u64,
    record: ::csv::ByteRecord,
    ended: bool,
}

impl<R> fmt::Debug for CsvReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// Number of bytes examined to detect the delimiter.
const HEAD_BYTES: u64 = 16 << 10;

/// The beginning of a comment line.
pub(super) const COMMENT: &[u8] = b"# ";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl<R: Read> CsvReader<R> {
    /// Reads the header; [`Invalid`](ErrorKind::Invalid) if a required column is missing.
    pub fn new(mut input: R) -> Result<Self, Error> {
        let (comments, head) = past_comments(&mut input).map_err(cannot_read)?;
        let delimiter = delimiter_of(&head);
        let mut reader = ::csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(delimiter as u8)
            .from_reader(Cursor::new(head).chain(input));
        let header = reader.byte_headers().map_err(|e| cannot_read(e.into()))?;
        let mut names: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
        let mut zone = TimeZone::UTC;
        for name in &mut names {
            if let Some(named) = zone_in(name) {
                zone = TimeZone::get(named).map_err(|e| {
                    let message = format!("the time zone of `{}` is not known", shown(name));
                    Error::new(ErrorKind::Invalid, message).because(e)
                })?;
                *name = Cow::Borrowed(Column::Timestamp.name());
            }
        }
        let cells = names.iter().filter(|name| !name.is_empty()).count();
        if cells < 2 && !names.iter().any(|name| column_named(name).is_some()) {
            let first = names.first().map(|name| shown(name)).unwrap_or_default();
            let message = format!("text without columns, which begins with `{first}`");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let columns = columns_of("CSV", names.iter().map(Cow::as_ref))?;
        let commas = match delimiter {
            Delimiter::Comma => Commas::Ambiguous,
            Delimiter::Semicolon | Delimiter::Tab => Commas::Decimal,
        };
        let record = ::csv::ByteRecord::new();
        Ok(Self { reader, columns, commas, zone, comments, record, ended: false })
    }

    /// The names of the unknown columns.
    pub(crate) fn others(&mut self) -> Result<Vec<String>, Error> {
        let header = self.reader.byte_headers().map_err(|e| cannot_read(e.into()))?;
        let columns = header.iter().zip(&self.columns).filter(|(_, column)| column.is_none());
        Ok(columns.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// The next row; an error ends the file.
    pub(crate) fn next_row(&mut self) -> Result<Option<Result<ImportedRow, RowError>>, Error> {
        if self.ended {
            return Ok(None);
        }
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) if self.is_comment() => self.next_row(),
            Ok(true) => Ok(Some(self.row())),
            Ok(false) => {
                self.ended = true;
                Ok(None)
            }
            Err(error) => {
                self.ended = true;
                Err(cannot_read(error.into()))
            }
        }
    }

    /// Whether the record is a line of metadata after the rows.
    fn is_comment(&self) -> bool {
        let first = self.record.get(0).unwrap_or_default();
        self.comments > 0 && self.record.len() == 1 && first.starts_with(COMMENT)
    }

    fn row(&self) -> Result<ImportedRow, RowError> {
        let line = self.record.position().map_or(1, ::csv::Position::line);
        let place = Place::line(self.comments + line);
        if self.record.len() != self.columns.len() {
            let (cells, columns) = (self.record.len(), self.columns.len());
            let message = format!("{cells} cells, where the header has {columns} columns");
            return Err(RowError::new(place, message));
        }
        let mut cells = Cells::with(self.commas, self.zone.clone());
        for (column, cell) in self.columns.iter().zip(self.record.iter()) {
            if let Some(column) = column {
                cells.set(*column, String::from_utf8_lossy(cell));
            }
        }
        cells.read(place)
    }
}

impl<R: Read> Iterator for CsvReader<R> {
    type Item = Result<ImportedRow, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.comments + self.reader.position().line();
        let broken = |error: Error| Err(RowError::new(Place::line(line), error.to_string()));
        self.next_row().unwrap_or_else(|error| Some(broken(error)))
    }
}

/// Skips the comment lines at the start, of any length and number; returns their number, and the
/// first bytes after them.
fn past_comments(input: &mut impl Read) -> io::Result<(u64, Vec<u8>)> {
    let (mut head, mut comments, mut within) = (Vec::new(), 0, false);
    loop {
        let missing = HEAD_BYTES.saturating_sub(head.len() as u64);
        let is_end = input.by_ref().take(missing).read_to_end(&mut head)? == 0;
        let mut rest = head.as_slice();
        if comments == 0 && !within {
            rest = rest.strip_prefix(BYTE_ORDER_MARK).unwrap_or(rest);
        }
        loop {
            if !within && !rest.starts_with(COMMENT) {
                let is_known = is_end || rest.len() >= COMMENT.len();
                match comments {
                    0 if is_known => return Ok((0, head)),
                    _ if is_known => return Ok((comments, rest.to_vec())),
                    _ => break,
                }
            }
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    (comments, within) = (comments + 1, false);
                    rest = rest.get(end + 1..).unwrap_or_default();
                }
                None if is_end => return Ok((comments, Vec::new())),
                None => {
                    within = true;
                    rest = &[];
                    break;
                }
            }
        }
        head = rest.to_vec();
    }
}

fn cannot_read(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot be read to its end").because(error)
}

/// The delimiter with the most known columns in the header, then with the most cells.
fn delimiter_of(head: &[u8]) -> Delimiter {
    let header = head.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
    let header = String::from_utf8_lossy(header.strip_prefix(BYTE_ORDER_MARK).unwrap_or(header));
    let cells = |delimiter: Delimiter| {
        let cells = header.split(delimiter as u8 as char);
        let named = cells.clone().filter(|cell| column_named(cell.trim_matches('"')).is_some());
        (named.count(), cells.count())
    };
    let all = [Delimiter::Tab, Delimiter::Semicolon, Delimiter::Comma];
    all.into_iter().max_by_key(|delimiter| cells(*delimiter)).unwrap_or(Delimiter::Comma)
}
