//! The encoding of directory entries of blocks and station tables.
//!
//! ```text
//! key:   tree u8 (0 all, 1 high, 2 tables) | day u32 (2^31 more) | country 2 bytes
//!        | second u32 | sensor u64 | window u8    of the first row, big-endian
//! block: number u64 | length u32 | rows u32 | indices u16 | last row as in the key
//!        | countries u16, each: code 2 bytes, rows u32; earliest second u32, latest u32, if
//!          there are several countries, else countries 0
//!        | what a later version adds | checksum u32, big-endian
//! table: number u64 | length u32 | what a later version adds | checksum u32
//! ```
//!
//! If the first row is of a sensor of a network other than the default, the network (16 bytes)
//! precedes the key, which is in a separate table (`networks`). A block with sensors of other
//! networks lists them after the seconds: `count u16 | 16 bytes each`, zeros for the default,
//! `| that of the last row 16 bytes`.
//!
//! The checksum (FNV-1a by Fowler, Noll and Vo, 32 bits) is of key and value.

use std::sync::Arc;

use crate::blocks::{Entry, Mixed, Tree};
use crate::{Country, Network, Position, Sensor, Window};

/// The location of a block or a station table.
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

/// The item of an entry.
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

/// The key of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) bytes: [u8; 20],
    /// That of the sensor in it.
    pub(super) network: Network,
}

const TABLES: u8 = 2;

impl Key {
    pub(super) fn of_block(tree: Tree, first: &Position) -> Self {
        Self::of(tree as u8, first)
    }

    pub(super) fn of_table(day: i32, country: Option<Country>) -> Self {
        let window = Window::FiveMinutes;
        Self::of(TABLES, &Position { day, country, second: 0, sensor: 0.into(), window })
    }

    fn of(tree: u8, position: &Position) -> Self {
        let mut bytes = [0; 20];
        bytes[0] = tree;
        let day = (position.day as u32) ^ (1 << 31); // negative days first
        bytes[1..5].copy_from_slice(&day.to_be_bytes());
        bytes[5..].copy_from_slice(&encode_row_key(position));
        Self { bytes, network: position.sensor.network }
    }

    fn position(&self) -> Option<Position> {
        let (day, first) = self.bytes[1..].split_first_chunk::<4>()?;
        let day = (u32::from_be_bytes(*day) ^ (1 << 31)) as i32;
        decode_row_key(day, self.network, first.first_chunk()?)
    }

    /// With the network before it.
    pub(super) fn with_network(self) -> [u8; 36] {
        let mut bytes = [0; 36];
        bytes[..16].copy_from_slice(&self.network.bytes());
        bytes[16..].copy_from_slice(&self.bytes);
        bytes
    }

    /// Of what [`with_network`](Self::with_network) gave.
    pub(super) fn of_network(with_network: [u8; 36]) -> Option<Self> {
        let (network, bytes) = with_network.split_first_chunk::<16>()?;
        Some(Self { network: Network::of_bytes(*network)?, bytes: *bytes.first_chunk()? })
    }
}

/// A position within its day and network.
fn encode_row_key(position: &Position) -> [u8; 15] {
    let mut bytes = [0; 15];
    bytes[..2].copy_from_slice(&position.country.map_or([0, 0], Country::bytes));
    bytes[2..6].copy_from_slice(&position.second.to_be_bytes());
    bytes[6..14].copy_from_slice(&position.sensor.id.to_be_bytes());
    bytes[14] = position.window as u8;
    bytes
}

fn decode_row_key(day: i32, network: Network, key: &[u8; 15]) -> Option<Position> {
    let (country, rest) = key.split_first_chunk::<2>()?;
    let (second, rest) = rest.split_first_chunk::<4>()?;
    let (sensor, window) = rest.split_first_chunk::<8>()?;
    Some(Position {
        day,
        country: decode_country(*country)?,
        second: u32::from_be_bytes(*second),
        sensor: Sensor { network, id: u64::from_be_bytes(*sensor) },
        window: *Window::KEPT.get(usize::from(*window.first()?))?,
    })
}

fn decode_country(code: [u8; 2]) -> Option<Option<Country>> {
    match code {
        [0, 0] => Some(None),
        code => Some(Some(std::str::from_utf8(&code).ok()?.parse().ok()?)),
    }
}

pub(super) fn encode(key: Key, entry: &Entry<()>, number: u64, length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(37);
    bytes.extend(number.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(entry.rows.to_be_bytes());
    bytes.extend(entry.index_bits.to_be_bytes());
    bytes.extend(encode_row_key(&entry.last));
    let countries = entry.mixed.as_ref().map_or(&[][..], |mixed| &mixed.countries);
    bytes.extend((countries.len() as u16).to_be_bytes()); // there are some 250 codes
    for (country, rows) in countries {
        bytes.extend(country.map_or([0, 0], Country::bytes));
        bytes.extend(rows.to_be_bytes());
    }
    if let Some(mixed) = &entry.mixed {
        bytes.extend(mixed.seconds.0.to_be_bytes());
        bytes.extend(mixed.seconds.1.to_be_bytes());
    }
    if let Some(networks) = &entry.networks {
        bytes.extend((networks.len() as u16).to_be_bytes()); // as many as a table has at most
        networks.iter().for_each(|network| bytes.extend(network.bytes()));
        bytes.extend(entry.last.sensor.network.bytes());
    }
    sealed(key, bytes)
}

pub(super) fn encode_table(key: Key, number: u64, length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    bytes.extend(number.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    sealed(key, bytes)
}

/// The second at which a day was last put.
pub(super) fn encode_stored(day: i32, second: i64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&second.to_be_bytes());
    bytes[8..].copy_from_slice(&checksum_of_day(day, second).to_be_bytes());
    bytes
}

/// `None` if damaged.
pub(super) fn decode_stored(day: i32, value: [u8; 12]) -> Option<i64> {
    let (second, sum) = value.split_first_chunk::<8>()?;
    let second = i64::from_be_bytes(*second);
    (sum == checksum_of_day(day, second).to_be_bytes()).then_some(second)
}

fn checksum_of_day(day: i32, second: i64) -> u32 {
    day.to_be_bytes().iter().chain(&second.to_be_bytes()).fold(OFFSET, fnv)
}

fn sealed(key: Key, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(checksum(key, &bytes).to_be_bytes());
    bytes
}

fn checksum(key: Key, value: &[u8]) -> u32 {
    let network = key.network.bytes();
    let network = if key.network.is_default() { &[][..] } else { &network };
    network.iter().chain(&key.bytes).chain(value).fold(OFFSET, fnv)
}

const OFFSET: u32 = 0x811c_9dc5;

fn fnv(sum: u32, byte: &u8) -> u32 {
    (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
}

/// `None` if damaged.
pub(super) fn decode(key: Key, value: &[u8]) -> Option<Kept> {
    let rest = unsealed(key, value)?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let place =
        Place::Value { number: u64::from_be_bytes(*number), length: u32::from_be_bytes(*length) };
    let first = key.position()?;
    match key.bytes[0] {
        TABLES => Some(Kept::Table((first.day, first.country), place)),
        tree => {
            let rest = rest.get(BLOCK_BYTES..).map(|mixed| (rest, mixed));
            let (rest, mixed) = rest?;
            let (mixed, more) = decode_mixed(mixed)?;
            let (networks, of_last) = decode_networks(more)?;
            let mut kept = block(tree, first, of_last, rest, mixed, place)?;
            if let Kept::Block(_, _, entry) = &mut kept {
                entry.networks = networks;
            }
            Some(kept)
        }
    }
}

/// An entry of format 2: `number u64 | rows u32 | indices u16 | last row | checksum u32`.
pub(super) fn decode_old(key: Key, value: &[u8; 33]) -> Option<Kept> {
    let rest = unsealed(key, value)?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let network = Network::SENSOR_COMMUNITY;
    block(
        key.bytes[0],
        key.position()?,
        network,
        rest,
        None,
        Place::Old(u64::from_be_bytes(*number)),
    )
}

/// Rows, indices and last row.
const BLOCK_BYTES: usize = 4 + 2 + 15;

/// And what is behind it.
fn decode_mixed(bytes: &[u8]) -> Option<(Option<Arc<Mixed>>, &[u8])> {
    let (count, mut rest) = bytes.split_first_chunk::<2>()?;
    let mut countries = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (code, after) = rest.split_first_chunk::<2>()?;
        let (rows, after) = after.split_first_chunk::<4>()?;
        countries.push((decode_country(*code)?, u32::from_be_bytes(*rows)));
        rest = after;
    }
    if countries.is_empty() {
        return Some((None, rest));
    }
    let (earliest, rest) = rest.split_first_chunk::<4>()?;
    let (latest, rest) = rest.split_first_chunk::<4>()?;
    let seconds = (u32::from_be_bytes(*earliest), u32::from_be_bytes(*latest));
    Some((Some(Arc::new(Mixed { countries, seconds })), rest))
}

/// The networks of a block, unless that is the default alone, and that of its last row.
fn decode_networks(bytes: &[u8]) -> Option<(Option<Arc<[Network]>>, Network)> {
    if bytes.is_empty() {
        return Some((None, Network::SENSOR_COMMUNITY));
    }
    let (count, mut rest) = bytes.split_first_chunk::<2>()?;
    let mut next = || {
        let (network, after) = rest.split_first_chunk::<16>()?;
        rest = after;
        Network::of_bytes(*network)
    };
    let networks: Arc<[_]> =
        (0..u16::from_be_bytes(*count)).map(|_| next()).collect::<Option<_>>()?;
    Some(((!networks.is_empty()).then_some(networks), next()?))
}

fn unsealed(key: Key, value: &[u8]) -> Option<&[u8]> {
    let (value, sum) = value.split_last_chunk::<4>()?;
    (checksum(key, value) == u32::from_be_bytes(*sum)).then_some(value)
}

fn block(
    tree: u8,
    first: Position,
    network_of_last: Network,
    rest: &[u8],
    mixed: Option<Arc<Mixed>>,
    place: Place,
) -> Option<Kept> {
    let tree = [Tree::All, Tree::High].into_iter().find(|known| *known as u8 == tree)?;
    let (rows, rest) = rest.split_first_chunk::<4>()?;
    let (index_bits, rest) = rest.split_first_chunk::<2>()?;
    let entry = Entry {
        rows: u32::from_be_bytes(*rows),
        last: decode_row_key(first.day, network_of_last, rest.first_chunk()?)?,
        index_bits: u16::from_be_bytes(*index_bits),
        mixed,
        networks: None,
        place,
    };
    Some(Kept::Block(tree, first, entry))
}
