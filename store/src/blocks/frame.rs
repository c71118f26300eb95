//! A self-describing container: columns by id, each with its encoding, offset, length and checksum.
//!
//! ```text
//! version u8 (3) | kind u8 | columns u16 | rows u32 | bytes of the head u32
//! for every column: id u8 | encoding u8 | flags u16 | offset u32 | length u32 | checksum u32
//! the head, whose meaning follows from the kind
//! checksum u32 of everything so far
//! the columns' bytes, where their offsets say, counted from here
//! ```
//!
//! All numbers are little-endian, checksums are CRC-32 (IEEE 802.3).

use super::bytes::{Input, damaged};
use super::decimals::Decimals;
use super::integers::Integers;
use crate::{Error, ErrorKind};

pub(crate) const VERSION: u8 = 3;

/// The encoding of a column.
pub(crate) mod encoding {
    /// [`Integers`](super::Integers).
    pub(crate) const INTEGERS: u8 = 1;
    /// [`Decimals`](super::Decimals).
    pub(crate) const DECIMALS: u8 = 2;
    /// Another frame.
    pub(crate) const FRAME: u8 = 3;
    /// `count u32 | lengths u8 | texts`, numbered by a column of whole numbers.
    pub(crate) const TEXTS: u8 = 4;
}

/// A flag of a column that must not be skipped by readers that do not know it.
pub(crate) const ESSENTIAL: u16 = 1;

pub(crate) struct Writer {
    start: Vec<u8>,
    columns: u16,
    data: Vec<u8>,
    head: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(kind: u8, rows: usize, head: Vec<u8>) -> Self {
        let mut start = Vec::with_capacity(192);
        start.extend([VERSION, kind, 0, 0]);
        start.extend((rows as u32).to_le_bytes()); // blocks and tables have limits far below
        start.extend((head.len() as u32).to_le_bytes());
        Self { start, columns: 0, data: Vec::with_capacity(rows * 10), head }
    }

    pub(crate) fn column(
        &mut self,
        id: u8,
        encoding: u8,
        flags: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let offset = self.data.len();
        write(&mut self.data);
        let bytes = &self.data[offset..];
        self.start.extend([id, encoding]);
        self.start.extend(flags.to_le_bytes());
        self.start.extend((offset as u32).to_le_bytes());
        self.start.extend((bytes.len() as u32).to_le_bytes());
        self.start.extend(crc32fast::hash(bytes).to_le_bytes());
        self.columns += 1;
    }

    pub(crate) fn integers(&mut self, id: u8, flags: u16, column: &Integers) {
        self.column(id, encoding::INTEGERS, flags, |out| column.encode(out));
    }

    pub(crate) fn decimals(&mut self, id: u8, flags: u16, column: &Decimals) {
        self.column(id, encoding::DECIMALS, flags, |out| column.encode(out));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut bytes = self.start;
        bytes.reserve_exact(self.head.len() + 4 + self.data.len());
        bytes[2..4].copy_from_slice(&self.columns.to_le_bytes());
        bytes.extend(self.head);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.extend(self.data);
        bytes
    }
}

/// A frame with verified checksums.
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    /// At least one.
    pub(crate) rows: usize,
    pub(crate) head: Input<'a>,
    columns: Vec<Column<'a>>,
}

#[derive(Clone, Copy)]
pub(crate) struct Column<'a> {
    pub(crate) id: u8,
    pub(crate) encoding: u8,
    pub(crate) flags: u16,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// More rows than `most` mean damage.
    pub(crate) fn read(bytes: &'a [u8], most: usize) -> Result<Self, Error> {
        let mut input = Input(bytes);
        if input.byte()? != VERSION {
            return Err(newer("its version is not known"));
        }
        let (kind, count) = (input.byte()?, usize::from(input.u16()?));
        let (rows, head) = (input.u32()? as usize, input.u32()? as usize);
        let mut entries = Input(input.take(count * 16)?);
        let head = Input(input.take(head)?);
        let covered = bytes.len() - input.0.len();
        if input.u32()? != crc32fast::hash(&bytes[..covered]) {
            return Err(damaged("its first bytes do not have their checksum"));
        }
        if rows == 0 || rows > most {
            return Err(damaged("its number of rows is impossible"));
        }
        let data = input.0;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let (id, encoding, flags) = (entries.byte()?, entries.byte()?, entries.u16()?);
            let (offset, length) = (entries.u32()? as usize, entries.u32()? as usize);
            let bytes = data.get(offset..).and_then(|rest| rest.get(..length));
            let bytes = bytes.ok_or_else(|| damaged("it is cut"))?;
            if entries.u32()? != crc32fast::hash(bytes) {
                return Err(damaged("a column does not have its checksum"));
            }
            columns.push(Column { id, encoding, flags, bytes });
        }
        Ok(Self { kind, rows, head, columns })
    }

    /// Takes a column out, if present.
    pub(crate) fn take(&mut self, id: u8) -> Option<Column<'a>> {
        let found = self.columns.iter().position(|column| column.id == id)?;
        Some(self.columns.swap_remove(found))
    }

    /// Takes a column out; if it is missing, all its rows are absent.
    pub(crate) fn integers(&mut self, id: u8) -> Result<Integers, Error> {
        match self.take(id) {
            Some(column) => column.integers(self.rows),
            None => Ok(Integers::Constant(super::integers::ABSENT)),
        }
    }

    /// Takes a column out; if it is missing, all its rows are absent.
    pub(crate) fn decimals(&mut self, id: u8) -> Result<Decimals, Error> {
        match self.take(id) {
            Some(column) => column.decimals(self.rows),
            None => Ok(Decimals::of(&[])),
        }
    }

    /// The remaining columns, by id, which the caller does not know.
    pub(crate) fn rest(mut self) -> Result<Vec<Column<'a>>, Error> {
        if self.columns.iter().any(|column| column.flags & ESSENTIAL != 0) {
            return Err(newer("it has a column that has to be known"));
        }
        self.columns.sort_by_key(|column| column.id);
        Ok(self.columns)
    }
}

impl Column<'_> {
    pub(crate) fn integers(self, rows: usize) -> Result<Integers, Error> {
        self.read(encoding::INTEGERS, |input| Integers::decode(input, rows))
    }

    pub(crate) fn decimals(self, rows: usize) -> Result<Decimals, Error> {
        self.read(encoding::DECIMALS, |input| Decimals::decode(input, rows))
    }

    pub(crate) fn read<T>(
        &self,
        encoding: u8,
        read: impl FnOnce(&mut Input<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.encoding != encoding {
            return Err(newer("a column has an encoding that is not known"));
        }
        let mut input = Input(self.bytes);
        let column = read(&mut input)?;
        match input.0.is_empty() {
            true => Ok(column),
            false => Err(damaged("a column is longer than its rows")),
        }
    }
}

pub(crate) fn newer(what: &str) -> Error {
    let message = format!(
        "a block of readings was written by a newer airshed: {what}; use that version, or a later one"
    );
    Error::new(ErrorKind::TooNew, message)
}

/// Corrects checksums, so that the checks behind them can be tested.
#[cfg(any(test, feature = "conformance"))]
pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(header) = bytes.get(..12) else { return bytes };
    let count = usize::from(u16::from_le_bytes([header[2], header[3]]));
    let head = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    let covered = 12 + 16 * count + head;
    if covered + 4 > bytes.len() {
        return bytes;
    }
    for entry in 0..count {
        let at = 12 + 16 * entry;
        let word = |at: usize| {
            bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
        };
        let (offset, length) = (word(at + 4), word(at + 8));
        if let Some(column) = bytes.get(covered + 4 + offset..).and_then(|rest| rest.get(..length))
        {
            let sum = crc32fast::hash(column).to_le_bytes();
            bytes[at + 12..at + 16].copy_from_slice(&sum);
        }
    }
    let sum = crc32fast::hash(&bytes[..covered]).to_le_bytes();
    bytes[covered..covered + 4].copy_from_slice(&sum);
    bytes
}
