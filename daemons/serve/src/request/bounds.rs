//! The bounds of a query: its first and last timestamp, its lowest and highest index.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Which bound.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Lower,
    Upper,
}

/// `2020-06-11 09:40:41` or RFC 3339; UTC if no offset is given. A date without a time is the whole
/// day: its first second as a lower bound, its last as an upper one. A time of the year 9999 beyond
/// the last representable timestamp is that timestamp.
pub(super) fn read_moment(text: &str, end: End) -> Result<Timestamp, String> {
    let utc = |civil: DateTime| match TimeZone::UTC.to_timestamp(civil) {
        Ok(moment) => Some(moment),
        Err(_) => (civil > DateTime::constant(9999, 1, 1, 0, 0, 0, 0)).then_some(Timestamp::MAX),
    };
    let timestamp = || text.parse::<Timestamp>().ok();
    let date = || {
        let date: Date = text.parse().ok().filter(|_| text.len() == "2020-06-11".len())?;
        utc(match end {
            End::Lower => date.at(0, 0, 0, 0),
            End::Upper => date.at(23, 59, 59, 0),
        })
    };
    let civil = || utc(text.trim_end_matches(['Z', 'z']).parse().ok()?);
    timestamp().or_else(date).or_else(civil).ok_or_else(|| {
        // `+` is a space in a query string.
        let offset = text.rsplit_once(' ').filter(|(before, _)| before.contains(':'));
        match offset.filter(|(_, offset)| offset.starts_with(|c: char| c.is_ascii_digit())) {
            Some((before, offset)) => {
                format!("a `+` in a URL is decoded as a space: write {before}%2B{offset}")
            }
            None => "not a date such as 2020-06-11 09:40:41 or 2020-06-11T09:40:41Z (UTC)".into(),
        }
    })
}

/// A bound of the index; `None` for one at or beyond the end of the scale, which has no effect. The
/// report's clients send such bounds: any integer, of any length.
pub(super) fn read_index(
    text: &str,
    end: End,
    (first, last): (u32, Option<u32>),
) -> Result<Option<u32>, String> {
    let refused = || match last {
        Some(last) => format!("the AQI is an integer from {first} to {last}"),
        None => format!("the AQI is an integer from {first}"),
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let digits = whole_digits(digits).ok_or_else(refused)?;
    // More digits than any index value has.
    let number = digits.parse::<u32>().unwrap_or(u32::MAX);
    let is_above = last.is_some_and(|last| number > last);
    match end {
        End::Lower if negative || number <= first => Ok(None),
        End::Upper if !negative && (is_above || last == Some(number)) => Ok(None),
        End::Lower if is_above => Err(refused()),
        End::Upper if negative || number < first => Err(refused()),
        _ => Ok(Some(number)),
    }
}

/// An integer, also with zeros after a decimal point, since JSON has only one kind of number.
pub(crate) fn whole(text: &str) -> Option<u64> {
    whole_digits(text)?.parse().ok()
}

fn whole_digits(text: &str) -> Option<&str> {
    let (digits, zeros) = text.split_once('.').unwrap_or((text, ""));
    let is_whole = !digits.is_empty()
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && zeros.bytes().all(|digit| digit == b'0');
    is_whole.then_some(digits)
}
