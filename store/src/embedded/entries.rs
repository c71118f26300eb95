//! What the file's directory says of each block and each table of stations, as bytes.
//!
//! ```text
//! key:   tree u8 (0 all, 1 high, 2 tables) | day u32 (2^31 more) | country 2 bytes
//!        | second u32 | sensor u64 | window u8    of the first row, big-endian
//! block: number u64 | length u32 | rows u32 | indices u16 | last row as in the key
//!        | what a later version adds | checksum u32, big-endian
//! table: number u64 | length u32 | what a later version adds | checksum u32
//! ```
//!
//! The checksum (FNV-1a by Fowler, Noll and Vo, 32 bits) is of key and value.

use crate::blocks::{Entry, Tree};
use crate::{Country, Position, Window};

/// Where a block or a table of stations is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Value {
        number: u64,
        length: u32,
    },
    /// A block of format 2.
    Old(u64),
}

impl Place {
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Value { number, .. } | Self::Old(number) => number,
        }
    }
}

/// What an entry is about.
pub(super) enum Kept {
    Block(Tree, Position, Entry<Place>),
    Table((i32, Option<Country>), Place),
}

impl Kept {
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Block(_, _, entry) => entry.place,
            Self::Table(_, place) => *place,
        }
    }
}

/// In the order of trees and rows: byte by byte as positions compare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub(super) [u8; 20]);

const TABLES: u8 = 2;

impl Key {
    pub(super) fn of_block(tree: Tree, first: &Position) -> Self {
        Self::of(tree as u8, first)
    }

    pub(super) fn of_table(day: i32, country: Option<Country>) -> Self {
        let window = Window::FiveMinutes;
        Self::of(TABLES, &Position { day, country, second: 0, sensor: 0, window })
    }

    fn of(tree: u8, position: &Position) -> Self {
        let mut bytes = [0; 20];
        bytes[0] = tree;
        let day = (position.day as u32) ^ (1 << 31); // negative days first
        bytes[1..5].copy_from_slice(&day.to_be_bytes());
        bytes[5..].copy_from_slice(&encode_row_key(position));
        Self(bytes)
    }

    fn position(&self) -> Option<Position> {
        let (day, first) = self.0[1..].split_first_chunk::<4>()?;
        let day = (u32::from_be_bytes(*day) ^ (1 << 31)) as i32;
        decode_row_key(day, first.first_chunk()?)
    }
}

/// A position within its day.
fn encode_row_key(position: &Position) -> [u8; 15] {
    let mut bytes = [0; 15];
    bytes[..2].copy_from_slice(&position.country.map_or([0, 0], Country::bytes));
    bytes[2..6].copy_from_slice(&position.second.to_be_bytes());
    bytes[6..14].copy_from_slice(&position.sensor.to_be_bytes());
    bytes[14] = position.window as u8;
    bytes
}

fn decode_row_key(day: i32, key: &[u8; 15]) -> Option<Position> {
    let (country, rest) = key.split_first_chunk::<2>()?;
    let (second, rest) = rest.split_first_chunk::<4>()?;
    let (sensor, window) = rest.split_first_chunk::<8>()?;
    let country = match country {
        [0, 0] => None,
        code => Some(std::str::from_utf8(code).ok()?.parse().ok()?),
    };
    Some(Position {
        day,
        country,
        second: u32::from_be_bytes(*second),
        sensor: u64::from_be_bytes(*sensor),
        window: *Window::ALL.get(usize::from(*window.first()?))?,
    })
}

pub(super) fn encode(key: Key, entry: &Entry<()>, number: u64, length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(37);
    bytes.extend(number.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(entry.rows.to_be_bytes());
    bytes.extend(entry.index_bits.to_be_bytes());
    bytes.extend(encode_row_key(&entry.last));
    sealed(key, bytes)
}

pub(super) fn encode_table(key: Key, number: u64, length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    bytes.extend(number.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    sealed(key, bytes)
}

fn sealed(key: Key, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(checksum(&key.0, &bytes).to_be_bytes());
    bytes
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    key.iter().chain(value).fold(0x811c_9dc5, step)
}

/// `None` for what is damaged.
pub(super) fn decode(key: Key, value: &[u8]) -> Option<Kept> {
    let rest = unsealed(key, value)?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let place =
        Place::Value { number: u64::from_be_bytes(*number), length: u32::from_be_bytes(*length) };
    let first = key.position()?;
    match key.0[0] {
        TABLES => Some(Kept::Table((first.day, first.country), place)),
        tree => block(tree, first, rest, place),
    }
}

/// An entry of format 2: `number u64 | rows u32 | indices u16 | last row | checksum u32`.
pub(super) fn decode_old(key: Key, value: &[u8; 33]) -> Option<Kept> {
    let rest = unsealed(key, value)?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    block(key.0[0], key.position()?, rest, Place::Old(u64::from_be_bytes(*number)))
}

fn unsealed(key: Key, value: &[u8]) -> Option<&[u8]> {
    let (value, sum) = value.split_last_chunk::<4>()?;
    (checksum(&key.0, value) == u32::from_be_bytes(*sum)).then_some(value)
}

fn block(tree: u8, first: Position, rest: &[u8], place: Place) -> Option<Kept> {
    let tree = [Tree::All, Tree::High].into_iter().find(|known| *known as u8 == tree)?;
    let (rows, rest) = rest.split_first_chunk::<4>()?;
    let (index_bits, rest) = rest.split_first_chunk::<2>()?;
    let entry = Entry {
        rows: u32::from_be_bytes(*rows),
        last: decode_row_key(first.day, rest.first_chunk()?)?,
        index_bits: u16::from_be_bytes(*index_bits),
        place,
    };
    Some(Kept::Block(tree, first, entry))
}
