//! One cell: the value of a column as text.

use std::io::Write;

use aqi::Decimal;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::Dialect;
use crate::blocks::SECONDS_A_DAY;
use crate::schema::Values;
use crate::{Column, Flags, Spelling, Value};

/// The cell of a row; `date` is the [`date_of`] its day.
#[inline]
pub(super) fn write_cell(
    out: &mut Vec<u8>,
    values: &Values<'_>,
    date: &Date,
    column: Column,
    dialect: Dialect,
    zone: Option<&TimeZone>,
) {
    let Dialect { decimal_point, spelling, .. } = dialect;
    match values.value(column) {
        Value::Nothing => {}
        Value::Whole(number) => write_number(out, Some(number)),
        Value::Decimal(number) => write_decimal(out, Some(number), decimal_point),
        Value::Truth(truth) => out.push(b'0' + u8::from(truth)),
        Value::Timestamp(moment) => match zone {
            Some(zone) => write_local(out, moment, zone, spelling),
            None => write_timestamp(out, date, values.row.second(), spelling),
        },
        Value::Flags(flags) => write_flags(out, flags),
        Value::Word(word) => out.extend_from_slice(spelling.of_word(word).as_bytes()),
        text => out.extend_from_slice(text.text().unwrap_or_default().as_bytes()),
    }
}

// Digits are written in place: space for the longest number is appended, then truncated.

pub(crate) fn write_number(out: &mut Vec<u8>, number: Option<u64>) {
    let Some(number) = number else { return };
    let start = out.len();
    let end = start + digits_of(number);
    out.extend_from_slice(&[0; 20]); // u64::MAX has 20 digits
    write_digits(&mut out[start..end], number);
    out.truncate(end);
}

/// With every digit as given.
pub(crate) fn write_decimal(out: &mut Vec<u8>, value: Option<Decimal>, decimal_point: u8) {
    let Some(value) = value else { return };
    let parts = value.unpack();
    let mantissa = u64::from(parts.mid) << 32 | u64::from(parts.lo);
    let places = parts.scale as usize;
    if parts.hi > 0 || places > 18 {
        return write_long_decimal(out, value, decimal_point);
    }
    if parts.negative && mantissa > 0 {
        out.push(b'-');
    }
    let start = out.len();
    out.extend_from_slice(&[0; 24]);
    let text = &mut out[start..];
    // At least one digit precedes the point.
    let before = digits_of(mantissa).max(places + 1) - places;
    let rest = write_digits(&mut text[before + 1..before + 1 + places], mantissa);
    text[before] = decimal_point;
    write_digits(&mut text[..before], rest);
    out.truncate(start + if places > 0 { before + 1 + places } else { before });
}

/// More digits than a u64 has: rare.
#[cold]
fn write_long_decimal(out: &mut Vec<u8>, value: Decimal, decimal_point: u8) {
    let value = if value.is_zero() { value.abs() } else { value };
    let text = value.to_string().into_bytes();
    out.extend(text.into_iter().map(|b| if b == b'.' { decimal_point } else { b }));
}

fn digits_of(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Fills the text with the number's last digits; returns the rest of the number.
fn write_digits(text: &mut [u8], mut number: u64) -> u64 {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    number
}

/// A day as `2020-06-11`.
pub(crate) type Date = [u8; 10];

pub(crate) fn date_of(day: i32) -> Date {
    let midnight = Timestamp::from_second(i64::from(day) * SECONDS_A_DAY).unwrap_or_default();
    // A block's days are within the years 0 to 9999, which have four digits.
    midnight.to_string().as_bytes().first_chunk().copied().unwrap_or_default()
}

pub(crate) fn write_timestamp(out: &mut Vec<u8>, date: &Date, second: u32, spelling: Spelling) {
    let digits = |number: u32| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    let [h, m, s] = [second / 3600, second / 60 % 60, second % 60].map(digits);
    let (separator, zone) = spelling.of_time();
    let mut text = *b"0000-00-00T00:00:00";
    text[..10].copy_from_slice(date);
    text[10] = separator;
    (text[11], text[12]) = (h[0], h[1]);
    (text[14], text[15]) = (m[0], m[1]);
    (text[17], text[18]) = (s[0], s[1]);
    out.extend_from_slice(&text);
    out.extend_from_slice(zone);
}

/// A timestamp in a zone: `2026-11-26T21:19:33+01:00`, or without its offset if the spelling has none.
pub(crate) fn write_local(
    out: &mut Vec<u8>,
    moment: Timestamp,
    zone: &TimeZone,
    spelling: Spelling,
) {
    let (separator, in_utc) = spelling.of_time();
    let has_offset = !in_utc.is_empty();
    let mut offset = zone.to_offset(moment);
    if has_offset {
        // RFC 3339 has no seconds in an offset, which local mean times have.
        let minutes = offset.seconds() / 60;
        offset = Offset::from_seconds(minutes * 60).unwrap_or(Offset::UTC);
    }
    let mut local = offset.to_datetime(moment);
    if !(0..=9999).contains(&local.year()) {
        // Within a day of the first or the last timestamp.
        (offset, local) = (Offset::UTC, Offset::UTC.to_datetime(moment));
    }
    let separator = char::from(separator);
    let [date, time] = [local.strftime("%Y-%m-%d"), local.strftime("%H:%M:%S")];
    let _ = write!(out, "{date}{separator}{time}"); // a Vec takes anything
    if has_offset {
        let minutes = offset.seconds() / 60;
        let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        let _ = write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
}

fn write_flags(out: &mut Vec<u8>, flags: Flags) {
    for (number, name) in flags.names().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
}
