//! Values in pieces. redb allocates a power of two of pages for a large value, which would waste a
//! third of a file. So a value is split into pieces that fill exactly 4, 8, …, 128 KiB, each size
//! in its own table, and a rest, which shares pages with others.

use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTableMetadata, StorageError, Table, TableDefinition,
    TableError, WriteTransaction,
};

use crate::{Error, ErrorKind};

/// The tables from the rest to the largest size, keyed by the number of the value and of the piece.
const TABLES: [TableDefinition<'_, u64, &[u8]>; 7] = [
    TableDefinition::new("pieces_rest"),
    TableDefinition::new("pieces_4k"),
    TableDefinition::new("pieces_8k"),
    TableDefinition::new("pieces_16k"),
    TableDefinition::new("pieces_32k"),
    TableDefinition::new("pieces_64k"),
    TableDefinition::new("pieces_128k"),
];

/// Overhead of a redb page for a value with a key of eight bytes.
const OVERHEAD: usize = 16;

/// The size of a piece in a table.
const fn size_of_piece(table: usize) -> usize {
    (4096 << (table - 1)) - OVERHEAD
}

/// The table, the number and the length of each piece of a value of the given size.
fn pieces(length: usize) -> impl Iterator<Item = (usize, u64, usize)> {
    let (mut left, mut number) = (length, 0);
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let table = (1..TABLES.len()).rev().find(|table| size_of_piece(*table) <= left);
        let (table, length) = table.map_or((0, left), |table| (table, size_of_piece(table)));
        let piece = (table, number, length);
        left -= length;
        number += 1;
        Some(piece)
    })
}

/// The number of pieces of a value of the given size.
pub(super) fn count(length: usize) -> u64 {
    pieces(length).count() as u64
}

/// There are no blocks of half a gigabyte, nor so many blocks.
fn key(value: u64, piece: u64) -> u64 {
    value << 16 | piece
}

/// The tables of one state.
pub(super) struct Pieces([ReadOnlyTable<u64, &'static [u8]>; 7]);

impl Pieces {
    pub(super) fn open(reader: &ReadTransaction) -> Result<Self, TableError> {
        let [a, b, c, d, e, f, g] = TABLES.map(|table| reader.open_table(table));
        Ok(Self([a?, b?, c?, d?, e?, f?, g?]))
    }

    /// The number of pieces.
    pub(super) fn count(&self) -> Result<u64, StorageError> {
        self.0.iter().map(ReadableTableMetadata::len).sum()
    }

    /// Reads a value of the given length.
    pub(super) fn read(&self, value: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::with_capacity(length.min(MOST_AT_ONCE));
        for (table, piece, length) in pieces(length) {
            let found = self.0[table].get(key(value, piece)).map_err(ReadError::Storage)?;
            let found = found.ok_or(ReadError::Missing)?;
            if found.value().len() != length {
                return Err(ReadError::Missing);
            }
            bytes.extend_from_slice(found.value());
        }
        Ok(bytes)
    }
}

/// A damaged length must not cause a huge allocation before anything is read.
const MOST_AT_ONCE: usize = 1 << 22;

/// Why a value could not be read.
pub(super) enum ReadError {
    Storage(StorageError),
    Missing,
}

impl ReadError {
    pub(super) fn missing(value: u64) -> Error {
        Error::new(ErrorKind::Damaged, format!("block {value} is missing"))
    }
}

/// The tables while a transaction writes.
pub(super) struct PiecesToWrite<'a>([Table<'a, u64, &'static [u8]>; 7]);

impl<'a> PiecesToWrite<'a> {
    /// Creates missing tables.
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, TableError> {
        let [a, b, c, d, e, f, g] = TABLES.map(|table| transaction.open_table(table));
        Ok(Self([a?, b?, c?, d?, e?, f?, g?]))
    }

    pub(super) fn insert(&mut self, value: u64, mut bytes: &[u8]) -> Result<(), StorageError> {
        for (table, piece, length) in pieces(bytes.len()) {
            let (part, rest) = bytes.split_at(length);
            self.0[table].insert(key(value, piece), part)?;
            bytes = rest;
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, value: u64, length: usize) -> Result<(), StorageError> {
        for (table, piece, _) in pieces(length) {
            self.0[table].remove(key(value, piece))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_up_the_value_and_only_the_rest_leaves_room() {
        for length in (0..200).chain((4000..4200).chain([131_000, 131_056, 131_057, 5_000_000])) {
            let all: Vec<_> = pieces(length).collect();
            assert_eq!(all.iter().map(|(.., length)| length).sum::<usize>(), length);
            assert!(all.iter().filter(|(table, ..)| *table == 0).count() <= 1);
            assert!(all.iter().enumerate().all(|(at, (_, number, _))| at as u64 == *number));
            let is_full = |(table, _, length): &(usize, u64, usize)| {
                *table == 0 && *length < size_of_piece(1) || *length == size_of_piece(*table)
            };
            assert!(all.iter().all(is_full), "{all:?}");
        }
    }
}
