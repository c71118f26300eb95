//! The bounds of a query: its first and last timestamp, its lowest and highest index.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Which bound.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Lower,
    Upper,
}

/// How a bound of the timestamps is read.
pub(super) struct Calendar {
    /// The time zone of dates and of times without an offset.
    pub(super) zone: TimeZone,
    /// Whether readings are means of calendar days, whose timestamp is the next midnight.
    pub(super) of_days: bool,
}

impl Calendar {
    /// Of a time that occurs twice, the first one as a lower bound, the second as an upper one.
    fn at(&self, civil: DateTime, end: End) -> Option<Timestamp> {
        let moment = self.zone.to_ambiguous_timestamp(civil);
        let moment = match end {
            End::Lower => moment.compatible(),
            End::Upper => moment.later(),
        };
        let moment = moment.ok();
        moment.or_else(|| is_late(civil).then_some(Timestamp::MAX))
    }

    fn start_of(&self, date: Date) -> Option<Timestamp> {
        let midnight = date.at(0, 0, 0, 0);
        let start =
            midnight.to_zoned_datetime(self.zone.clone()).and_then(|zoned| zoned.start_of_day());
        let start = start.map(|zoned| zoned.timestamp()).ok();
        start.or_else(|| is_late(midnight).then_some(Timestamp::MAX))
    }

    /// The first or last second of a day; for [means of days](Self::of_days), of the timestamps of
    /// its mean.
    fn date(&self, date: Date, end: End) -> Option<Timestamp> {
        let second = SignedDuration::from_secs(1);
        let start = || self.start_of(date);
        let last = || {
            let next = date.checked_add(1.day()).ok().and_then(|next| self.start_of(next));
            match next.filter(|next| *next < Timestamp::MAX) {
                None => is_late(date.at(0, 0, 0, 0)).then_some(Timestamp::MAX),
                Some(next) => next.checked_sub(second).ok(),
            }
        };
        let moment = match end {
            End::Lower => start(),
            End::Upper => last(),
        };
        let later = |moment: Timestamp| moment.saturating_add(second).unwrap_or(Timestamp::MAX);
        if self.of_days { moment.map(later) } else { moment }
    }
}

/// Whether a time that is beyond the last timestamp is so by less than a year.
fn is_late(civil: DateTime) -> bool {
    civil > DateTime::constant(9999, 1, 1, 0, 0, 0, 0)
}

/// `2020-06-11 09:40:41` or RFC 3339; in the calendar's zone if no offset is given. A date without
/// a time is the whole day: its first second as a lower bound, its last as an upper one. A time of
/// the year 9999 beyond the last representable timestamp is that timestamp.
pub(super) fn read_moment(text: &str, end: End, calendar: &Calendar) -> Result<Timestamp, String> {
    let timestamp = || text.parse::<Timestamp>().ok();
    let date = || {
        let date: Date = text.parse().ok().filter(|_| text.len() == "2020-06-11".len())?;
        calendar.date(date, end)
    };
    let civil = || {
        let utc = text.strip_suffix(['Z', 'z']);
        let in_utc = Calendar { zone: TimeZone::UTC, of_days: false };
        let calendar = if utc.is_some() { &in_utc } else { calendar };
        calendar.at(utc.unwrap_or(text).parse().ok()?, end)
    };
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

/// A time zone by its name in the IANA database, of which jiff has a copy: the same on every machine.
/// UTC has several names there, and is one zone.
pub(crate) fn time_zone(text: &str) -> Result<TimeZone, String> {
    let zone = TimeZone::get(text).map_err(|_| {
        "not a time zone; expected a name of the IANA time zone database, such as Europe/Berlin"
            .to_owned()
    })?;
    let is_fixed = zone.preceding(Timestamp::MAX).next().is_none();
    let is_utc = is_fixed && zone.to_offset(Timestamp::MAX) == Offset::UTC;
    Ok(if is_utc { TimeZone::UTC } else { zone })
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
