//! Parses the cells of a row, as text, into a reading: the rules shared by all file formats.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use aqi::Decimal;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::{FieldError, ImportedRow, Place, RowError};
use crate::{
    AqiStandard, Column, Country, Flags, Kind, Network, Origin, Reading, Sensor, SensorType, Value,
    Window,
};

/// The columns of a reading's identity.
pub(crate) const IDENTITY: [Column; 3] = [Column::SensorId, Column::Window, Column::Timestamp];

const COLUMNS: usize = Column::ALL.len();

/// The cells of a row by column: `None` if the file has no such column, an empty text if the value
/// is unknown.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    texts: [Option<Cow<'a, str>>; COLUMNS],
    commas: Commas,
    /// The zone of timestamps without an offset.
    zone: TimeZone,
}

impl Default for Cells<'_> {
    fn default() -> Self {
        Self::with(Commas::default(), TimeZone::UTC)
    }
}

/// The meaning of a comma within a number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Commas {
    /// Ambiguous: `1,234` may be a bit more than one, or a thousand.
    #[default]
    Ambiguous,
    /// Decimal, if the cells have another separator.
    Decimal,
}

/// The column with a name in a file, case-insensitive, since other tools change the case.
pub(crate) fn column_named(name: &str) -> Option<Column> {
    let name = name.trim();
    Column::ALL.iter().copied().find(|column| column.name().eq_ignore_ascii_case(name))
}

impl<'a> Cells<'a> {
    pub(crate) fn with(commas: Commas, zone: TimeZone) -> Self {
        Self { texts: [const { None }; COLUMNS], commas, zone }
    }

    pub(crate) fn set(&mut self, column: Column, text: impl Into<Cow<'a, str>>) {
        self.texts[column as usize] = Some(text.into());
    }

    pub(crate) fn has(&self, column: Column) -> bool {
        self.texts[column as usize].is_some()
    }

    /// The text of a cell, if it is not empty.
    fn text(&self, column: Column) -> Option<&str> {
        let text = self.texts[column as usize].as_deref()?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// The reading; an unreadable field is left out, and the row is refused if its identity or both
    /// values are missing.
    pub(crate) fn read(&self, place: Place) -> Result<ImportedRow, RowError> {
        match self.reading() {
            Ok((reading, left_out)) => {
                let differs = self.differing(&reading);
                let names_network = self.text(Column::Network).is_some();
                Ok(ImportedRow { place, reading, names_network, left_out, differs })
            }
            Err(message) => Err(RowError { place, message }),
        }
    }

    fn reading(&self) -> Result<(Reading, Vec<FieldError>), String> {
        let sensor = self.need(Column::SensorId, |text| self.commas.whole::<u64>(text))?;
        let network = match self.text(Column::Network) {
            Some(_) => self.need(Column::Network, parsed::<Network>)?,
            None => Network::SENSOR_COMMUNITY,
        };
        let window = self.need(Column::Window, parsed::<Window>)?;
        let timestamp = self.need(Column::Timestamp, |text| moment(text, window, &self.zone))?;
        let mut reading = Reading::new(Sensor { network, id: sensor }, window, timestamp);
        let mut left_out = Vec::new();
        for column in Column::of_origin(Origin::Stored) {
            reading.set(column, self.stored(column, &mut left_out));
        }
        match reading.check() {
            Ok(()) => Ok((reading, left_out)),
            Err(problem) => {
                let values = [Column::P1, Column::P2];
                let values = left_out.iter().filter(|field| values.contains(&field.column));
                let reasons = values.map(|field| format!("; {field}")).collect::<String>();
                Err(format!("{problem}{reasons}"))
            }
        }
    }

    fn need<T>(
        &self,
        column: Column,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        let name = column.name();
        if !self.has(column) {
            return Err(format!("{name} is missing"));
        }
        let text = self.text(column).ok_or_else(|| format!("{name} is empty"))?;
        read(text).map_err(|reason| format!("{name}: `{}`: {reason}", shown(text)))
    }

    /// The value of a stored column; none if it is unreadable, which is then reported.
    fn stored(&self, column: Column, left_out: &mut Vec<FieldError>) -> Value {
        let Some(text) = self.text(column) else { return Value::Nothing };
        // "NA" is a country; "None" would be valid as a model name.
        let may_be_missing = ![Column::P1, Column::P2, Column::Country].contains(&column);
        if may_be_missing && is_missing(text) {
            return Value::Nothing;
        }
        match self.value(column, text) {
            Ok(value) => value,
            Err(_) if column == Column::Country && is_missing(text) => Value::Nothing,
            Err(reason) => {
                left_out.push(FieldError { column, text: shown(text), reason });
                match column {
                    // An unreadable model counts as unknown, not as missing.
                    Column::SensorType => Value::SensorType(SensorType::UNREADABLE),
                    _ => Value::Nothing,
                }
            }
        }
    }

    fn value(&self, column: Column, text: &str) -> Result<Value, String> {
        match column.kind() {
            Kind::Id | Kind::Index => self.commas.whole(text).map(Value::Whole),
            Kind::Count => self.commas.whole::<u32>(text).map(|count| Value::Whole(count.into())),
            Kind::Decimal => {
                let number = self.commas.decimal(text)?;
                column.check(number).map(|()| Value::Decimal(number))
            }
            Kind::Truth => self.commas.flag(text).map(Value::Truth),
            Kind::Text if column == Column::Country => match Country::of_other_code(text) {
                Some(country) => Ok(Value::Country(country)),
                None => column.parse_text(text),
            },
            Kind::Text => column.parse_text(text),
            Kind::Flags => {
                let mut flags = text.split_whitespace().map(Flags::from_name);
                let flags = flags.try_fold(Flags::NONE, |all, flag| Some(all.union(flag?)));
                flags.map(Value::Flags).ok_or_else(|| "not names of flags".to_owned())
            }
            Kind::Timestamp => Err("not read from files".to_owned()),
        }
    }

    /// The first derived column in the file whose value differs from the recomputed one.
    fn differing(&self, reading: &Reading) -> Option<Column> {
        let same = |column: Column| {
            let given = self.text(column).filter(|text| !is_missing(text));
            match (reading.value(column), given) {
                (Value::Flags(flags), given) => {
                    let mut given: Vec<_> = given.unwrap_or_default().split_whitespace().collect();
                    let mut flags: Vec<_> = flags.names().collect();
                    given.sort_unstable();
                    flags.sort_unstable();
                    given == flags
                }
                (value, Some(text)) if column == Column::Range => {
                    let given = AqiStandard::DEFAULT.category(text).map(|category| category.name);
                    given.is_some() && given == value.text()
                }
                (value, Some(text)) if column.kind() == Kind::Text => {
                    // Spreadsheets convert a text that looks like a number to 1.0.
                    let number = |text: &str| self.commas.decimal(text).ok();
                    let same_number = |a: &str| number(a).is_some() && number(a) == number(text);
                    value.text().is_some_and(|value| value == text || same_number(value))
                }
                (value, Some(text)) => self.value(column, text).is_ok_and(|given| given == value),
                (value, None) => value == Value::Nothing,
            }
        };
        Column::of_origin(Origin::Derived).find(|column| self.has(*column) && !same(*column))
    }
}

/// Placeholders for missing values in tables. For `P1` and `P2` they are counted, since sensors and
/// their programs write them, too.
fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 9] = ["nan", "-nan", "na", "n/a", "<na>", "null", "none", "nil", "nat"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The beginning of a text, for messages.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

impl Commas {
    /// An integer, also as `9001.0`, which table tools write for a column with gaps.
    fn whole<T: FromStr>(self, text: &str) -> Result<T, String> {
        let text = self.with_point(text)?;
        let (number, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let digits = number.bytes().all(|b| b.is_ascii_digit());
        let whole = digits && fraction.bytes().all(|b| b == b'0');
        let number = if whole { number.parse().ok() } else { None };
        number.ok_or_else(|| "not a whole number".to_owned())
    }

    /// To the last digit.
    fn decimal(self, text: &str) -> Result<Decimal, String> {
        let with_point = self.with_point(text)?;
        let plain = with_point.strip_prefix('+').unwrap_or(&with_point);
        let number = if plain.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b)) {
            Decimal::from_str_exact(plain).ok()
        } else if plain.bytes().all(|b| b.is_ascii_digit() || b"-+.eE".contains(&b)) {
            Decimal::from_scientific(plain).ok()
        } else {
            None
        };
        number.ok_or_else(|| "not a decimal number".to_owned())
    }

    /// A number with its decimal comma, if any, converted to a point.
    fn with_point(self, text: &str) -> Result<Cow<'_, str>, String> {
        let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"-+.,eE".contains(&b));
        match (text.matches(',').count(), self) {
            (1.., Self::Ambiguous) if numeric => Err("ambiguous: a comma within a number is a \
                                                      decimal comma only if the cells are \
                                                      separated by semicolons or tabs"
                .to_owned()),
            (1, Self::Decimal) if !text.contains('.') => Ok(Cow::Owned(text.replace(',', "."))),
            _ => Ok(Cow::Borrowed(text)),
        }
    }

    fn flag(self, text: &str) -> Result<bool, String> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        match self.whole(text) {
            Ok(1) => Ok(true),
            Ok(0) => Ok(false),
            _ if is("true") => Ok(true),
            _ if is("false") => Ok(false),
            _ => Err("neither true (1) nor false (0)".to_owned()),
        }
    }
}

/// A timestamp with an offset, or in a zone without one; or seconds, or milliseconds, since 1970. A
/// date without a time is midnight for daily means, and invalid otherwise; a timestamp without
/// seconds is invalid, since a spreadsheet may have truncated it.
fn moment(text: &str, window: Window, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(timestamp) = text.parse() {
        return Ok(timestamp);
    }
    let civil = text.strip_suffix(" UTC").unwrap_or(text);
    let to_the_second = "2026-11-26 20:19:33".len();
    let digits = civil.bytes().all(|byte| byte.is_ascii_digit());
    let plain = civil.bytes().all(|b| b.is_ascii_digit() || b"-:. T".contains(&b));
    // A local time that occurs twice, or never, is none.
    let once = |local: DateTime| zone.to_ambiguous_timestamp(local).unambiguous().ok();
    let number = || text.parse::<i64>().ok();
    let found = match civil.len() {
        10 if window != Window::Day && digits => {
            number().and_then(|seconds| Timestamp::from_second(seconds).ok())
        }
        13 if digits => number().and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        10 if window == Window::Day => {
            civil.parse::<Date>().ok().and_then(|date| once(date.at(0, 0, 0, 0)))
        }
        length if length >= to_the_second && plain => civil.parse().ok().and_then(once),
        _ => None,
    };
    let zone = zone.iana_name().unwrap_or("UTC");
    let expected =
        || format!("not a timestamp such as 2026-11-26T20:19:33Z or 2026-11-26 20:19:33 ({zone})");
    found.ok_or_else(expected)
}
