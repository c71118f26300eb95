//! The cells of a row.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Without the white space and the quotes around it.
#[inline]
pub(super) fn plain(cell: &[u8]) -> &[u8] {
    let cell = cell.trim_ascii();
    match cell {
        [b'"', within @ .., b'"'] => within.trim_ascii(),
        _ => cell,
    }
}

/// Whether a cell begins or ends with a quote and not both: it contained what separates cells.
pub(super) fn is_torn(cell: &[u8]) -> bool {
    let cell = cell.trim_ascii();
    let (first, last) = (cell.first() == Some(&b'"'), cell.last() == Some(&b'"'));
    first != last || cell == b"\""
}

/// A number up to 2^63 - 1; `7.0` is 7.
pub(super) fn id(cell: &[u8]) -> Option<u64> {
    let mut parts = cell.splitn(2, |byte| *byte == b'.');
    let digits = parts.next().filter(|digits| !digits.is_empty())?;
    let fraction = parts.next().unwrap_or(b"0");
    if fraction.is_empty() || !fraction.iter().all(|byte| *byte == b'0') {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, byte| {
        let digit = u64::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        number.checked_mul(10)?.checked_add(digit)
    });
    number.filter(|id| i64::try_from(*id).is_ok())
}

const DAY_SECONDS: i64 = 86_400;

/// Reads timestamps; the rows of a file are mostly of one day.
#[derive(Debug)]
pub(super) struct Clock {
    /// The last date as written, and its midnight in UTC seconds since 1970.
    date: ([u8; 10], i64),
}

impl Default for Clock {
    fn default() -> Self {
        Self { date: (*b"1970-01-01", 0) }
    }
}

impl Clock {
    /// UTC seconds since 1970 of `2021-02-14T00:01:12`, also with a space instead of the `T`, a
    /// fraction of a second (which is cut) and an offset; without an offset it is UTC. A timestamp
    /// without seconds is not one. The years are 0 to 9998, as in a store.
    #[inline]
    pub(super) fn second(&mut self, cell: &[u8]) -> Option<i64> {
        self.usual(cell).or_else(|| any(cell))
    }

    #[inline]
    fn usual(&mut self, cell: &[u8]) -> Option<i64> {
        let [date @ .., b'T' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = cell else {
            return None;
        };
        let two = |tens: &u8, ones: &u8| {
            let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
            is_number.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        };
        let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if date != self.date.0 {
            self.date = midnight(date)?;
        }
        Some(self.date.1 + hour * 3600 + minute * 60 + second)
    }
}

fn midnight(text: &[u8]) -> Option<([u8; 10], i64)> {
    let written: [u8; 10] = text.try_into().ok()?;
    let date: Date = std::str::from_utf8(text).ok()?.parse().ok()?;
    let days = Date::constant(1970, 1, 1).until(date).ok()?.get_days(); // in days by default
    let is_within = (0..=9998).contains(&date.year());
    is_within.then_some((written, i64::from(days) * DAY_SECONDS))
}

fn any(cell: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(cell).ok()?;
    if text.len() < "2021-02-14 00:01:12".len() || text.as_bytes().get(16) != Some(&b':') {
        return None;
    }
    let civil = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let moment: Timestamp = text.parse().ok().or_else(civil)?;
    // A Timestamp's parts have one sign.
    let second = moment.as_second() - i64::from(moment.subsec_nanosecond() < 0);
    let whole = Timestamp::from_second(second).ok()?;
    (0..=9998).contains(&TimeZone::UTC.to_datetime(whole).year()).then_some(second)
}
