//! A block as bytes: its columns one after another, each column byte plane by byte
//! plane (all lowest bytes, then all second ones, …) without the planes that are zero
//! throughout, then zstd with a checksum; in front of it the length that it decompresses
//! to, a u32.
//!
//! ```text
//! format 2: rows u32 | stations u32 | countries u32 | day i32
//!   countries: code 2 bytes (0 0: none), end u32
//!   rows:      second u32, sensor u64, window u8, index u8, pm10, pm25, measurement,
//!              station u32
//!   stations:  sensor type (length u8, then all texts), location, latitude, longitude,
//!              altitude, indoor u8, exact u8
//! a column is a u16 that says which planes follow, and those planes.
//! numbers that can be absent carry a column u8 of presence; decimals are
//! presence and sign, scale u8, and the mantissa's 96 bits as u64 and u32, all
//! little-endian.
//! ```
//!
//! The index follows from the values; it is written so that reading is quick.

use std::borrow::Cow;
use std::ops::{BitOrAssign, Shl};

use aqi::Decimal;
use aqi::daqi::Index;

use crate::block::{Block, CountryRows, DAYS, SECONDS_A_DAY, Station};
use crate::csv::BlockText;
use crate::{Country, Error, ErrorKind, SensorType, Window};

/// zstd's fastest ordinary level: blocks are written far more often than shipped.
const LEVEL: i32 = 1;

/// More than any block holds; a length above it is damage, not data.
const MAX_ROWS: usize = 1 << 17;

/// Rows and their stations take less than this, whatever they hold.
const MAX_PLAIN_BYTES: usize = MAX_ROWS * 256;

/// The block as it is kept on disk.
pub(crate) fn encode(block: &Block, compressor: &mut Compressor) -> Result<Vec<u8>, Error> {
    let mut plain = Vec::with_capacity(block.len() * 64);
    plain.extend((block.len() as u32).to_le_bytes());
    plain.extend((block.stations.len() as u32).to_le_bytes());
    plain.extend((block.countries.len() as u32).to_le_bytes());
    plain.extend(block.day.to_le_bytes());

    let countries = &block.countries;
    put(&mut plain, countries.iter().map(|c| c.country.map_or([0, 0], Country::bytes)));
    put(&mut plain, countries.iter().map(|c| c.end.to_le_bytes()));
    put(&mut plain, block.seconds.iter().map(|v| v.to_le_bytes()));
    put(&mut plain, block.sensors.iter().map(|v| v.to_le_bytes()));
    put(&mut plain, block.windows.iter().map(|v| [*v as u8]));
    put(&mut plain, block.indices.iter().map(|v| [*v]));
    put_decimals(&mut plain, &block.pm10);
    put_decimals(&mut plain, &block.pm25);
    put_numbers(&mut plain, &block.measurements);
    put(&mut plain, block.station.iter().map(|v| v.to_le_bytes()));

    let stations = &block.stations;
    let names = stations.iter().map(|s| s.sensor_type.as_ref().map_or(&[][..], SensorType::bytes));
    put(&mut plain, names.clone().map(|name| [name.len() as u8])); // at most 24
    names.for_each(|name| plain.extend_from_slice(name));
    put_numbers(&mut plain, &column(stations, |s| s.location));
    put_decimals(&mut plain, &column(stations, |s| s.latitude));
    put_decimals(&mut plain, &column(stations, |s| s.longitude));
    put_decimals(&mut plain, &column(stations, |s| s.altitude));
    put(&mut plain, stations.iter().map(|s| [flag_byte(s.indoor)]));
    put(&mut plain, stations.iter().map(|s| [flag_byte(s.exact)]));

    let mut bytes = (plain.len() as u32).to_le_bytes().to_vec(); // at most MAX_PLAIN_BYTES
    bytes.extend(compressor.0.compress(&plain).map_err(not_compressed)?);
    Ok(bytes)
}

/// What compresses blocks, one after another: to set it up costs as much as a small block.
pub(crate) struct Compressor(zstd::bulk::Compressor<'static>);

impl Compressor {
    pub(crate) fn new() -> Result<Self, Error> {
        let compressor = zstd::bulk::Compressor::new(LEVEL).and_then(|mut compressor| {
            compressor.include_checksum(true)?;
            Ok(compressor)
        });
        compressor.map(Self).map_err(not_compressed)
    }
}

fn not_compressed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "could not compress a block").because(error)
}

/// The block back from its bytes. Whatever the bytes are, this returns.
pub(crate) fn decode(bytes: &[u8]) -> Result<Block, Error> {
    let (length, compressed) =
        bytes.split_first_chunk::<4>().ok_or_else(|| damaged("it is cut"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_PLAIN_BYTES {
        return Err(damaged("its length is impossible"));
    }
    let plain = zstd::bulk::decompress(compressed, length)
        .map_err(|e| damaged("it does not decompress").because(e))?;
    let mut input = Input(&plain);
    let rows = u32::from_le_bytes(input.array()?) as usize;
    let station_count = u32::from_le_bytes(input.array()?) as usize;
    let country_count = u32::from_le_bytes(input.array()?) as usize;
    if rows == 0 || rows > MAX_ROWS || station_count > rows || country_count > rows {
        return Err(damaged("its lengths are impossible"));
    }
    let day = i32::from_le_bytes(input.array()?);
    let codes: Vec<u32> = input.integers(country_count)?;
    let ends = input.integers(country_count)?;
    let countries: Result<Vec<_>, Error> = codes
        .into_iter()
        .zip(ends)
        .map(|(code, end)| Ok(CountryRows { country: decode_country(code)?, end }))
        .collect();
    let countries = countries?;

    let seconds = input.integers(rows)?;
    let sensors = input.integers(rows)?;
    let windows = input.bytes(rows)?;
    let windows = windows.iter().map(|byte| Window::ALL.get(usize::from(*byte)).copied());
    let windows = windows.collect::<Option<Vec<_>>>();
    let windows = windows.ok_or_else(|| damaged("a window is unknown"))?;
    let indices = input.bytes(rows)?.into_owned();
    let pm10 = input.decimals(rows)?;
    let pm25 = input.decimals(rows)?;
    let measurements = input.numbers(rows)?;
    let station = input.integers(rows)?;

    let lengths = input.bytes(station_count)?;
    let mut sensor_types = Vec::with_capacity(station_count);
    for length in lengths.iter() {
        let length = usize::from(*length);
        let text = std::str::from_utf8(input.take(length)?).unwrap_or_default();
        let kind = if length == 0 { None } else { Some(text.parse()) };
        sensor_types.push(kind.transpose().map_err(|e| damaged("a sensor type").because(e))?);
    }
    let locations = input.numbers(station_count)?;
    let latitudes = input.decimals(station_count)?;
    let longitudes = input.decimals(station_count)?;
    let altitudes = input.decimals(station_count)?;
    let indoor = input.bytes(station_count)?;
    let exact = input.bytes(station_count)?;
    let stations = (0..station_count).map(|i| Station {
        sensor_type: sensor_types[i],
        location: locations[i],
        latitude: latitudes[i],
        longitude: longitudes[i],
        altitude: altitudes[i],
        indoor: byte_flag(indoor[i]),
        exact: byte_flag(exact[i]),
    });
    let mut block = Block {
        day,
        countries,
        seconds,
        sensors,
        windows,
        indices,
        pm10,
        pm25,
        measurements,
        station,
        stations: stations.collect(),
        text: BlockText::default(),
        implausible: std::sync::OnceLock::new(),
    };
    check(&block)?;
    forget_indices_of_unknown_types(&mut block);
    Ok(block)
}

/// Earlier versions gave an index to every model but one.
fn forget_indices_of_unknown_types(block: &mut Block) {
    let unknown = |s: &Station| s.sensor_type.is_some_and(|kind| !kind.measures_particulates());
    let unknown: Vec<_> = block.stations.iter().map(unknown).collect();
    if unknown.contains(&true) {
        let indices = block.indices.iter_mut().zip(&block.station);
        let of_unknown = indices.filter(|(_, station)| unknown[**station as usize]);
        of_unknown.for_each(|(index, _)| *index = 0);
    }
}

/// What the rest of the crate relies on without looking again.
fn check(block: &Block) -> Result<(), Error> {
    if !DAYS.contains(&block.day) {
        return Err(damaged("its day is out of range"));
    }
    let mut ends = block.countries.iter().map(|rows| rows.end as usize);
    if !ends.clone().is_sorted_by(|a, b| a < b) || ends.next_back() != Some(block.len()) {
        return Err(damaged("its countries do not cover its rows"));
    }
    if block.countries.first().is_some_and(|first| first.end == 0) {
        return Err(damaged("a country has no rows"));
    }
    if block.seconds.iter().any(|second| i64::from(*second) >= SECONDS_A_DAY) {
        return Err(damaged("a row is outside its day"));
    }
    if block.indices.iter().any(|index| *index > Index::MAX.get()) {
        return Err(damaged("an index is out of range"));
    }
    if block.station.iter().any(|number| *number as usize >= block.stations.len()) {
        return Err(damaged("a row names a station that is not there"));
    }
    let mut start = 0;
    for (number, of_country) in block.countries.iter().enumerate() {
        let rows = start..of_country.end as usize;
        let keys = || {
            let sensors = block.sensors[rows.clone()].iter().zip(&block.windows[rows.clone()]);
            block.seconds[rows.clone()].iter().zip(sensors)
        };
        let before = number.checked_sub(1).map(|before| block.countries[before].country);
        if before.is_some_and(|before| before >= of_country.country)
            || keys().zip(keys().skip(1)).any(|(row, next)| row >= next)
        {
            return Err(damaged("its rows are out of order"));
        }
        start = rows.end;
    }
    Ok(())
}

fn damaged(what: &str) -> Error {
    let advice = "put back a copy of the file, or ask for other days or countries";
    Error::new(ErrorKind::Damaged, format!("a block of readings is damaged: {what}; {advice}"))
}

fn decode_country(code: u32) -> Result<Option<Country>, Error> {
    let [first, second, ..] = code.to_le_bytes();
    if code == 0 {
        return Ok(None);
    }
    let text = [first, second];
    let text = std::str::from_utf8(&text).unwrap_or_default();
    text.parse().map(Some).map_err(|e| damaged("its country").because(e))
}

fn column<T>(stations: &[Station], field: impl Fn(&Station) -> T) -> Vec<T> {
    stations.iter().map(field).collect()
}

fn put<const N: usize>(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = [u8; N]> + Clone) {
    let any = values.clone().fold([0; N], |any, bytes| std::array::from_fn(|i| any[i] | bytes[i]));
    let planes: Vec<_> = (0..N).filter(|plane| any[*plane] != 0).collect();
    let mask = planes.iter().fold(0u16, |mask, plane| mask | 1 << plane);
    out.extend(mask.to_le_bytes());
    for plane in planes {
        out.extend(values.clone().map(|bytes| bytes[plane]));
    }
}

fn put_numbers(out: &mut Vec<u8>, values: &[Option<u64>]) {
    put(out, values.iter().map(|v| [u8::from(v.is_some())]));
    put(out, values.iter().map(|v| v.unwrap_or(0).to_le_bytes()));
}

fn put_decimals(out: &mut Vec<u8>, values: &[Option<Decimal>]) {
    let presence = |v: &Option<Decimal>| match v {
        None => 0,
        Some(v) if v.is_sign_negative() => 2,
        Some(_) => 1,
    };
    put(out, values.iter().map(|v| [presence(v)]));
    put(out, values.iter().map(|v| [v.map_or(0, |v| v.scale() as u8)])); // at most 28
    let mantissas = values.iter().map(|v| v.map_or(0, |v| v.mantissa().unsigned_abs()));
    put(out, mantissas.clone().map(|m| (m as u64).to_le_bytes()));
    put(out, mantissas.map(|m| ((m >> 64) as u32).to_le_bytes())); // 96 bits in all
}

fn flag_byte(flag: Option<bool>) -> u8 {
    flag.map_or(0, |flag| 1 + u8::from(flag))
}

fn byte_flag(byte: u8) -> Option<bool> {
    match byte {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or_else(|| damaged("it is cut"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|i| taken[i]))
    }

    /// A column of integers.
    fn integers<T>(&mut self, count: usize) -> Result<Vec<T>, Error>
    where
        T: Copy + Default + From<u8> + Shl<u32, Output = T> + BitOrAssign,
    {
        let mask = u16::from_le_bytes(self.array()?);
        if mask >> size_of::<T>() != 0 {
            return Err(damaged("a number is too wide"));
        }
        let mut values = vec![T::default(); count];
        for plane in (0..u16::BITS).filter(|plane| mask & 1 << plane != 0) {
            for (value, byte) in values.iter_mut().zip(self.take(count)?) {
                *value |= T::from(*byte) << (8 * plane);
            }
        }
        Ok(values)
    }

    /// A column of bytes.
    fn bytes(&mut self, count: usize) -> Result<Cow<'a, [u8]>, Error> {
        match u16::from_le_bytes(self.array()?) {
            0 => Ok(vec![0; count].into()),
            1 => Ok(self.take(count)?.into()),
            _ => Err(damaged("a byte is too wide")),
        }
    }

    fn numbers(&mut self, count: usize) -> Result<Vec<Option<u64>>, Error> {
        let presence = self.bytes(count)?;
        let values = self.integers(count)?;
        let pairs = presence.iter().zip(values);
        Ok(pairs.map(|(present, value)| (*present != 0).then_some(value)).collect())
    }

    fn decimals(&mut self, count: usize) -> Result<Vec<Option<Decimal>>, Error> {
        let presence = self.bytes(count)?;
        let scales = self.bytes(count)?;
        let low: Vec<u64> = self.integers(count)?;
        let high: Vec<u32> = self.integers(count)?;
        if scales.iter().any(|scale| u32::from(*scale) > Decimal::MAX_SCALE) {
            return Err(damaged("a number has too many decimal places"));
        }
        let mantissas = low.into_iter().zip(high);
        let rows = presence.iter().zip(scales.iter()).zip(mantissas);
        Ok(rows
            .map(|((presence, scale), (low, high))| {
                let words = (low as u32, (low >> 32) as u32, high);
                let scale = u32::from(*scale);
                (*presence != 0).then(|| {
                    let mut value = Decimal::from_parts(words.0, words.1, words.2, false, scale);
                    value.set_sign_negative(*presence == 2); // from_parts would lose that of -0.0
                    value
                })
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Source;
    use crate::{Position, conformance};
    use proptest::prelude::*;

    fn encoded() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(conformance::any_reading(), 1..40).prop_map(|mut readings| {
            let first = readings[0].timestamp;
            readings.iter_mut().for_each(|reading| reading.timestamp = first);
            readings.sort_by_key(Position::of);
            readings.dedup_by_key(|reading| Position::of(reading));
            let rows: Vec<_> = readings.iter().map(Source::New).collect();
            encode(&Block::from_sorted(&rows), &mut Compressor::new().unwrap()).unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_block_comes_back_as_it_was(bytes in encoded()) {
            let block = decode(&bytes).unwrap();
            let readings: Vec<_> = (0..block.len()).map(|row| block.row(row).reading()).collect();
            let rows: Vec<_> = readings.iter().map(Source::New).collect();
            let again = Block::from_sorted(&rows);
            let rows: Vec<_> = (0..block.len()).map(|row| Source::Kept(&block, row)).collect();
            prop_assert_eq!(encode(&Block::from_sorted(&rows), &mut Compressor::new().unwrap()).unwrap(), &bytes[..]);
            prop_assert_eq!(&again.indices, &block.indices);
            prop_assert_eq!(encode(&again, &mut Compressor::new().unwrap()).unwrap(), bytes);
        }

        #[test]
        fn whatever_the_bytes_are_decoding_returns(
            bytes in encoded(),
            noise in proptest::collection::vec(any::<u8>(), 0..100),
            place in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let _ = decode(&noise);
            // Damaged on disk: the checksum tells.
            let mut damaged = bytes.clone();
            let at = place.index(damaged.len());
            damaged[at] ^= byte | 1;
            let _ = decode(&damaged);
            // Damaged before it was compressed: the checks have to.
            let (length, compressed) = bytes.split_first_chunk::<4>().unwrap();
            let length_in_bytes = u32::from_le_bytes(*length) as usize;
            let mut plain = zstd::bulk::decompress(compressed, length_in_bytes).unwrap();
            let at = place.index(plain.len());
            plain[at] ^= byte | 1;
            plain.truncate(plain.len() - noise.len() / 50);
            let mut again = (plain.len() as u32).to_le_bytes().to_vec();
            again.extend(zstd::bulk::compress(&plain, LEVEL).unwrap());
            if let Ok(block) = decode(&again) {
                for row in 0..block.len() {
                    let _ = (block.row(row).reading(), block.row(row).flags(), block.position(row));
                }
            }
        }
    }
}
