//! One cell: what every column says, as text.

use aqi::{Band, Decimal};
use jiff::Timestamp;

use crate::block::SECONDS_A_DAY;
use crate::{Column, Country, Flags, Row, SensorType};

/// The cell of a row; `date` is the [`date_of`] its day.
pub(super) fn write_cell(
    out: &mut Vec<u8>,
    row: Row<'_>,
    date: &str,
    column: Column,
    decimal_point: u8,
) {
    let station = row.station();
    let Row { block, row: number } = row;
    match column {
        Column::Id => write_number(out, block.measurements[number]),
        Column::Timestamp => write_timestamp(out, date, block.seconds[number]),
        Column::P1 => write_decimal(out, block.pm10[number], decimal_point),
        Column::P2 => write_decimal(out, block.pm25[number], decimal_point),
        Column::LocationId => write_number(out, station.location),
        Column::Latitude => write_decimal(out, station.latitude, decimal_point),
        Column::Longitude => write_decimal(out, station.longitude, decimal_point),
        Column::Altitude => write_decimal(out, station.altitude, decimal_point),
        Column::Country => {
            let country = row.country();
            out.extend_from_slice(country.as_ref().map_or("", Country::as_str).as_bytes());
        }
        Column::Aqi => write_number(out, row.index().map(|index| u64::from(index.get()))),
        Column::Range => out.extend_from_slice(row.band().map_or("", Band::name).as_bytes()),
        Column::SensorId => write_number(out, Some(block.sensors[number])),
        Column::SensorType => {
            let text = station.sensor_type.as_ref().map_or("", SensorType::as_str);
            out.extend_from_slice(text.as_bytes());
        }
        Column::Window => out.extend_from_slice(row.window().name().as_bytes()),
        Column::Indoor => write_number(out, station.indoor.map(u64::from)),
        Column::ExactLocation => write_number(out, station.exact.map(u64::from)),
        Column::Flags => write_flags(out, row.flags()),
    }
}

pub(crate) fn write_number(out: &mut Vec<u8>, number: Option<u64>) {
    let Some(number) = number else { return };
    let mut digits = [b'0'; 20]; // u64::MAX has 20
    let first = write_digits(&mut digits, number);
    out.extend_from_slice(&digits[first..]);
}

/// To the last digit as it was given.
pub(crate) fn write_decimal(out: &mut Vec<u8>, value: Option<Decimal>, decimal_point: u8) {
    let Some(value) = value else { return };
    if value.is_sign_negative() && !value.is_zero() {
        out.push(b'-');
    }
    let mantissa = u64::try_from(value.mantissa().unsigned_abs());
    let (Ok(mantissa), Some(point)) = (mantissa, 20usize.checked_sub(value.scale() as usize))
    else {
        // More digits than a u64 has: rare, and right all the same.
        let text = value.abs().to_string().into_bytes();
        out.extend(text.into_iter().map(|b| if b == b'.' { decimal_point } else { b }));
        return;
    };
    let mut digits = [b'0'; 20];
    let first = write_digits(&mut digits, mantissa);
    // At least one digit stands before the point.
    match point.checked_sub(1) {
        Some(last) => out.extend_from_slice(&digits[first.min(last)..point]),
        None => out.push(b'0'),
    }
    if point < digits.len() {
        out.push(decimal_point);
        out.extend_from_slice(&digits[point..]);
    }
}

/// Writes the digits to the end; where they begin.
fn write_digits(digits: &mut [u8; 20], mut number: u64) -> usize {
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return first;
        }
    }
}

/// `2020-06-11`.
pub(crate) fn date_of(day: i32) -> String {
    let midnight = Timestamp::from_second(i64::from(day) * SECONDS_A_DAY).unwrap_or_default();
    let mut text = midnight.to_string();
    text.truncate(text.len() - "T00:00:00Z".len());
    text
}

pub(crate) fn write_timestamp(out: &mut Vec<u8>, date: &str, second: u32) {
    out.extend_from_slice(date.as_bytes());
    let digits = |number: u32| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    let [h, m, s] = [second / 3600, second / 60 % 60, second % 60].map(digits);
    out.extend_from_slice(&[b'T', h[0], h[1], b':', m[0], m[1], b':', s[0], s[1], b'Z']);
}

pub(super) fn write_flags(out: &mut Vec<u8>, flags: Flags) {
    for (number, name) in flags.names().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
}
