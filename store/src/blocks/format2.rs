//! Blocks of format 2, of the versions before the first release: read, never written.
//!
//! Columns one after another, each byte plane by byte plane (all lowest bytes, then all
//! second ones, …) without the planes that are zero throughout, then zstd with a checksum; in
//! front of it the length that it decompresses to, a u32.
//!
//! ```text
//! rows u32 | stations u32 | countries u32 | day i32
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

use std::borrow::Cow;
use std::ops::{BitOrAssign, Shl};

use aqi::Decimal;
use jiff::Timestamp;

use super::block::{Block, decode_country};
use super::build::Source;
use super::bytes::{Input, damaged};
use super::day::{DAYS, SECONDS_A_DAY};
use crate::{Error, Position, Reading, Window};

/// An upper bound of a block's length; a larger one means damage.
const MAX_ROWS: usize = 1 << 17;

/// An upper bound of the size of rows and their stations.
const MAX_PLAIN_BYTES: usize = MAX_ROWS * 256;

/// Decodes a block. It returns for any input.
pub(crate) fn decode(bytes: &[u8]) -> Result<Block, Error> {
    let mut input = Input(bytes);
    let length = input.u32()? as usize;
    if length > MAX_PLAIN_BYTES {
        return Err(damaged("its length is impossible"));
    }
    let plain = zstd::bulk::decompress(input.0, length)
        .map_err(|e| damaged("it does not decompress").because(e))?;
    let readings = readings(&plain)?;
    let in_order = |pair: &[Reading]| Position::of(&pair[0]) < Position::of(&pair[1]);
    if !readings.windows(2).all(in_order) {
        return Err(damaged("its rows are out of order"));
    }
    // The stored index is ignored: earlier versions computed one for more models.
    Ok(Block::from_sorted(&readings.iter().map(Source::new).collect::<Vec<_>>()))
}

fn readings(plain: &[u8]) -> Result<Vec<Reading>, Error> {
    let mut input = Planes(Input(plain));
    let [rows, stations, countries] = [(); 3].map(|()| input.0.u32().map(|count| count as usize));
    let (rows, stations, countries) = (rows?, stations?, countries?);
    if rows == 0 || rows > MAX_ROWS || stations > rows || countries > rows {
        return Err(damaged("its lengths are impossible"));
    }
    let day = i32::from_le_bytes(input.0.array()?);
    if !DAYS.contains(&day) {
        return Err(damaged("its day is out of range"));
    }
    let codes: Vec<u16> = input.integers(countries)?;
    let ends: Vec<u32> = input.integers(countries)?;
    let seconds: Vec<u32> = input.integers(rows)?;
    let sensors: Vec<u64> = input.integers(rows)?;
    let windows = input.bytes(rows)?;
    let _indices = input.bytes(rows)?;
    let pm10 = input.decimals(rows)?;
    let pm25 = input.decimals(rows)?;
    let measurements = input.numbers(rows)?;
    let station: Vec<u32> = input.integers(rows)?;

    let lengths = input.bytes(stations)?;
    let mut sensor_types = Vec::with_capacity(stations);
    for length in lengths.iter() {
        let length = usize::from(*length);
        let text = std::str::from_utf8(input.0.take(length)?).unwrap_or_default();
        let kind = if length == 0 { None } else { Some(text.parse()) };
        sensor_types.push(kind.transpose().map_err(|e| damaged("a sensor type").because(e))?);
    }
    let locations = input.numbers(stations)?;
    let latitudes = input.decimals(stations)?;
    let longitudes = input.decimals(stations)?;
    let altitudes = input.decimals(stations)?;
    let indoor = input.bytes(stations)?;
    let exact = input.bytes(stations)?;

    let mut readings = Vec::with_capacity(rows);
    let mut of_country = codes.into_iter().zip(ends).peekable();
    for row in 0..rows {
        while of_country.next_if(|(_, end)| *end as usize <= row).is_some() {}
        let (code, _) = of_country.peek().ok_or_else(|| damaged("a row has no country"))?;
        let window = Window::KEPT.get(usize::from(windows[row]));
        let window = *window.ok_or_else(|| damaged("a window is unknown"))?;
        if i64::from(seconds[row]) >= SECONDS_A_DAY {
            return Err(damaged("a row is outside its day"));
        }
        let second = i64::from(day) * SECONDS_A_DAY + i64::from(seconds[row]);
        let place = station[row] as usize;
        if place >= stations {
            return Err(damaged("a row's station is not there"));
        }
        readings.push(Reading {
            measurement: measurements[row],
            pm10: pm10[row],
            pm25: pm25[row],
            sensor_type: sensor_types[place],
            location: locations[place],
            latitude: latitudes[place],
            longitude: longitudes[place],
            altitude: altitudes[place],
            country: decode_country(code.to_le_bytes())?,
            indoor: byte_flag(indoor[place]),
            exact: byte_flag(exact[place]),
            ..Reading::new(
                sensors[row],
                window,
                Timestamp::from_second(second).unwrap_or_default(), // within DAYS
            )
        });
    }
    Ok(readings)
}

fn byte_flag(byte: u8) -> Option<bool> {
    match byte {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

/// The rest to read, as columns of byte planes.
struct Planes<'a>(Input<'a>);

impl<'a> Planes<'a> {
    /// A column of integers.
    fn integers<T>(&mut self, count: usize) -> Result<Vec<T>, Error>
    where
        T: Copy + Default + From<u8> + Shl<u32, Output = T> + BitOrAssign,
    {
        let mask = u16::from_le_bytes(self.0.array()?);
        if mask >> size_of::<T>() != 0 {
            return Err(damaged("a number is too wide"));
        }
        let mut values = vec![T::default(); count];
        for plane in (0..u16::BITS).filter(|plane| mask & 1 << plane != 0) {
            for (value, byte) in values.iter_mut().zip(self.0.take(count)?) {
                *value |= T::from(*byte) << (8 * plane);
            }
        }
        Ok(values)
    }

    /// A column of bytes.
    fn bytes(&mut self, count: usize) -> Result<Cow<'a, [u8]>, Error> {
        match u16::from_le_bytes(self.0.array()?) {
            0 => Ok(vec![0; count].into()),
            1 => Ok(self.0.take(count)?.into()),
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
