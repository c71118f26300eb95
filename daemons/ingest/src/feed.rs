//! Sensor.Community's JSON → readings.
//!
//! The format is the operator's (`feinstaub-api`) as observed: numbers come as strings or numbers,
//! almost any field can be missing, `P1` is PM10 and `P2` is PM2.5. A record, or part of one, that
//! cannot be read is left out and reported as a [`Diagnostic`]; a file that is not one complete JSON
//! array is refused as a whole, since it may be truncated.
//!
//! Temperature and humidity of other sensors at the location of a sample go with it: the nearest in time.
//!
//! Every record is counted once: it is kept, or [collided, skipped or refused](DiagnosticKind).

pub(crate) mod climate;
pub(crate) mod record;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use airshed_common::check_moment;
use aqi::Decimal;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use store::{Reading, Window};

use self::climate::ClimateSamples;
use self::record::{DataValue, Location, Object, PM10, PM25, Record, Sensor};
use self::record::{for_each, loosely, scalar};

/// A parsed feed file.
#[derive(Debug, Default)]
pub struct Feed {
    /// The number of records in the file.
    pub records: usize,
    /// The readings of particulate matter, in file order, with unique identities.
    pub readings: Vec<Reading>,
    /// The number of refused records dated in the future.
    pub ahead: usize,
    /// What was left out, and why: the first [`DIAGNOSTICS`].
    pub diagnostics: Vec<Diagnostic>,
    counts: [usize; 5],
}

/// How many diagnostics of a file are kept; all are counted.
pub const DIAGNOSTICS: usize = 50_000;

/// The greatest number of readings in a file: sixteen times those of today's network.
const READINGS: usize = 400_000;

impl Feed {
    /// The number of diagnostics of one kind, kept or not.
    pub fn count(&self, kind: DiagnosticKind) -> usize {
        self.counts[kind as usize]
    }
}

/// Why a record, or a field of it, was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The record's index in the file, from 0.
    pub record: usize,
    /// The record's id, if any.
    pub id: Option<u64>,
    /// What was left out.
    pub kind: DiagnosticKind,
    /// Why.
    pub reason: Cow<'static, str>,
}

/// What was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiagnosticKind {
    /// The record: it has no P1 or P2.
    Skipped,
    /// The record: it is unreadable or implausible.
    Refused,
    /// The record: a later one in the file has the same sensor and timestamp.
    Collided,
    /// One field or value; the reading was kept without it.
    FieldLeftOut,
    /// Nothing: a field was corrected.
    Corrected,
}

/// The file is not a feed: not one complete JSON array.
#[derive(Debug)]
pub struct BrokenFeed {
    /// The offset in bytes from the start of the file.
    pub offset: usize,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for BrokenFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a feed: {} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for BrokenFeed {}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Parses a feed file whose values are means over `window`; `now` is the time of the fetch.
pub fn parse(file: &[u8], window: Window, now: Timestamp) -> Result<Feed, BrokenFeed> {
    let mark = if file.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let start = file[mark..].iter().position(|byte| !byte.is_ascii_whitespace());
    let offset = start.map_or(file.len(), |start| mark + start);
    match file.get(offset) {
        Some(b'[') => {}
        Some(b'<') => return broken(offset, "a page of HTML or XML instead of a JSON array"),
        Some(_) => return broken(offset, "expected the `[` of a JSON array"),
        None => return broken(offset, "the file is empty"),
    }
    let array = with_marks(&file[offset..]);
    let text = std::str::from_utf8(&array).unwrap_or_default(); // it is, after with_marks
    // Fast path: nearly every file is well-formed throughout.
    let mut reader = Reader::new(window, now);
    if for_each(text, |Object(record)| reader.take(record, Vec::new())).is_ok() {
        return Ok(reader.finish());
    }
    reader = Reader::new(window, now);
    match for_each(text, |record| reader.read(record)) {
        Ok(()) => Ok(reader.finish()),
        Err(error) => {
            let offset = match error.is_eof() {
                true => file.len(),
                false => offset + byte_offset(&array, error.line(), error.column()),
            };
            broken(offset, &error.to_string())
        }
    }
}

/// Replaces every invalid UTF-8 byte by a question mark, so that it affects only its own field.
fn with_marks(text: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let mut marked = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        marked.extend_from_slice(chunk.valid().as_bytes());
        marked.extend(chunk.invalid().iter().map(|_| b'?'));
    }
    Cow::Owned(marked)
}

fn broken(offset: usize, reason: &str) -> Result<Feed, BrokenFeed> {
    // The offset replaces serde_json's line and column.
    let reason = reason.split(" at line ").next().unwrap_or(reason).to_owned();
    Err(BrokenFeed { offset, reason })
}

fn byte_offset(file: &[u8], line: usize, column: usize) -> usize {
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column.saturating_sub(1)).min(file.len())
}

/// The kind of a diagnostic, and its reason.
pub(crate) type Why = (DiagnosticKind, String);

/// The state of parsing.
struct Reader {
    window: Window,
    now: Timestamp,
    feed: Feed,
    /// The index of the reading for each sensor and timestamp, and its record's number.
    places: HashMap<(store::Sensor, Timestamp), (usize, usize)>,
    climate: ClimateSamples,
}

impl Reader {
    fn new(window: Window, now: Timestamp) -> Self {
        let (feed, places, climate) = Default::default();
        Self { window, now, feed, places, climate }
    }

    fn finish(mut self) -> Feed {
        // Of means, only those that are made here say of which samples they are.
        if self.window == Window::FiveMinutes {
            self.feed.readings.iter_mut().for_each(|reading| self.climate.set(reading));
        }
        self.feed
    }

    /// Keeps temperature and humidity of a record without particulate matter.
    fn note_climate(
        &mut self,
        values: &[Object<DataValue<'_>>],
        timestamp: Option<&RawValue>,
        location: Option<&Object<Location<'_>>>,
        sensor: Option<&Object<Sensor<'_>>>,
    ) -> Option<()> {
        let values =
            ["temperature", "humidity"].map(|kind| value_of(values, kind, &mut Vec::new()));
        let number = |part: Option<&RawValue>| id(scalar(part?)?.trim());
        let timestamp = read_timestamp(&scalar(timestamp?)?, self.window)?;
        let (location, sensor) = (number(location?.0.id)?, number(sensor?.0.id)?);
        self.climate.add(location, sensor, timestamp.as_second(), values);
        Some(())
    }

    fn read(&mut self, text: &RawValue) -> Result<(), String> {
        let strictly = serde_json::from_str(text.get());
        let read = strictly.map(|Object(record)| (record, Vec::new())).or_else(|_| loosely(text));
        match read {
            Ok((record, left_out)) => self.take(record, left_out),
            Err(error) => {
                self.diagnostic(None, DiagnosticKind::Refused, error.to_string());
                self.feed.records += 1;
                Ok(())
            }
        }
    }

    /// An error if there are more than any feed has.
    fn take(&mut self, record: Record<'_>, left_out: Vec<String>) -> Result<(), String> {
        let id = read(record.id);
        match self.reading(record, left_out) {
            Ok((reading, diagnostics)) => {
                diagnostics
                    .into_iter()
                    .for_each(|(kind, reason)| self.diagnostic(id, kind, reason));
                self.keep(id, reading);
            }
            Err((kind, reason)) => self.diagnostic(id, kind, reason),
        }
        self.feed.records += 1;
        match self.feed.readings.len() > READINGS {
            true => Err(format!("more than {READINGS} readings")),
            false => Ok(()),
        }
    }

    /// Of two readings with the same identity, the later one is kept, as in a store.
    fn keep(&mut self, id: Option<u64>, reading: Reading) {
        let (record, next) = (self.feed.records, self.feed.readings.len());
        let known =
            self.places.entry((reading.sensor, reading.timestamp)).or_insert((next, record));
        let (place, earlier) = *known;
        *known = (place, record);
        match self.feed.readings.get_mut(place) {
            None => self.feed.readings.push(reading),
            Some(kept) => {
                let Reading { sensor, timestamp, .. } = reading;
                let reason = format!(
                    "sensor {sensor} has two readings of {timestamp}: this replaces record {earlier}"
                );
                *kept = reading;
                self.diagnostic(id, DiagnosticKind::Collided, reason);
            }
        }
    }

    fn diagnostic(
        &mut self,
        id: Option<u64>,
        kind: DiagnosticKind,
        reason: impl Into<Cow<'static, str>>,
    ) {
        self.feed.counts[kind as usize] += 1;
        if self.feed.diagnostics.len() < DIAGNOSTICS {
            let (record, reason) = (self.feed.records, printable(reason.into()));
            self.feed.diagnostics.push(Diagnostic { record, id, kind, reason });
        }
    }

    /// The reading of a record with what was left out or corrected, or why there is no reading.
    fn reading(
        &mut self,
        record: Record<'_>,
        left_out: Vec<String>,
    ) -> Result<(Reading, Vec<Why>), Why> {
        let refused = |reason: &str| Err((DiagnosticKind::Refused, reason.to_owned()));
        let left_out = left_out.into_iter().map(|reason| (DiagnosticKind::FieldLeftOut, reason));
        let mut diagnostics: Vec<_> = left_out.collect();
        let values = record.sensordatavalues.unwrap_or_default();
        let pm10 = value_of(&values, PM10, &mut diagnostics);
        let pm25 = value_of(&values, PM25, &mut diagnostics);
        if pm10.is_none() && pm25.is_none() {
            let (location, sensor) = (record.location.as_ref(), record.sensor.as_ref());
            if self.window == Window::FiveMinutes {
                self.note_climate(&values, record.timestamp, location, sensor);
            }
            let unreadable = diagnostics.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>();
            return match unreadable.is_empty() {
                true => Err((DiagnosticKind::Skipped, "no P1 or P2".to_owned())),
                false => Err((DiagnosticKind::Refused, unreadable.join("; "))),
            };
        }
        let Object(sensor) = record.sensor.unwrap_or_default();
        let Some(sensor_id) = sensor.id.filter(|id| id.get() != "null") else {
            return refused("sensor.id is missing");
        };
        let Some(sensor_id) = scalar(sensor_id).and_then(|text| id(text.trim())) else {
            let shown: String = sensor_id.get().chars().take(40).collect();
            return refused(&format!("sensor.id {shown} is not an integer up to 2^63 - 1"));
        };
        let timestamp = record.timestamp.and_then(scalar);
        let Some(timestamp) = timestamp.and_then(|text| read_timestamp(&text, self.window)) else {
            return refused("timestamp is missing or unreadable");
        };
        if let Err(reason) = check_moment(timestamp, self.now) {
            self.feed.ahead += usize::from(timestamp > self.now);
            return refused(&reason);
        }
        let Object(location) = record.location.unwrap_or_default();
        let kind = sensor.sensor_type.and_then(|Object(kind)| kind.name);
        let mut left_out = Vec::new();
        let degrees =
            |limit: u32| move |text: &str| decimal(text).filter(|d| d.abs() <= limit.into());
        let country = country(location.country, &mut diagnostics);
        let reading = Reading {
            measurement: optional("id", record.id, id, &mut left_out),
            pm10,
            pm25,
            sensor_type: Some(model(kind, &mut left_out)),
            location: optional("location id", location.id, id, &mut left_out),
            latitude: optional("latitude", location.latitude, degrees(90), &mut left_out),
            longitude: optional("longitude", location.longitude, degrees(180), &mut left_out),
            altitude: optional("altitude", location.altitude, decimal, &mut left_out),
            country: country
                .or_else(|| optional("country", location.country, parsed, &mut left_out)),
            indoor: optional("indoor", location.indoor, truth, &mut left_out),
            exact: optional("exact_location", location.exact_location, truth, &mut left_out),
            ..Reading::new(sensor_id, self.window, timestamp)
        };
        diagnostics
            .extend(left_out.into_iter().map(|reason| (DiagnosticKind::FieldLeftOut, reason)));
        match reading.check() {
            Ok(()) => Ok((reading, diagnostics)),
            Err(impossible) => refused(&impossible.to_string()),
        }
    }
}

/// A reason that fits into a line of a log, whatever text of the feed it quotes.
fn printable(reason: Cow<'static, str>) -> Cow<'static, str> {
    const LONGEST: usize = 300;
    if reason.len() <= LONGEST && !reason.contains(char::is_control) {
        return reason;
    }
    let shown = reason.chars().take(LONGEST).flat_map(|character| {
        let escaped = character.is_control().then(|| character.escape_default());
        let plain = escaped.is_none().then_some(character);
        escaped.into_iter().flatten().chain(plain)
    });
    Cow::Owned(shown.collect())
}

/// The country of a non-ISO code that is in use.
fn country(part: Option<&RawValue>, diagnostics: &mut Vec<Why>) -> Option<store::Country> {
    let text = part.and_then(scalar)?;
    let country = store::Country::of_other_code(text.trim())?;
    diagnostics.push((DiagnosticKind::Corrected, format!("country `{text}` read as {country}")));
    Some(country)
}

/// The model, which every record of the network has. A record with a missing or unreadable model is
/// of an unknown model, unlike a [`Reading`] without a model, which is trusted.
fn model(part: Option<&RawValue>, left_out: &mut Vec<String>) -> store::SensorType {
    let before = left_out.len();
    let model = optional("sensor type", part, parsed, left_out);
    model.unwrap_or(match left_out.len() > before {
        true => store::SensorType::UNREADABLE,
        false => store::SensorType::UNKNOWN,
    })
}

/// A field that may be missing or empty; an unreadable value is reported.
fn optional<T>(
    name: &str,
    value: Option<&RawValue>,
    parse: impl Fn(&str) -> Option<T>,
    left_out: &mut Vec<String>,
) -> Option<T> {
    let part = value?;
    let text = scalar(part).unwrap_or(Cow::Borrowed(part.get()));
    let text = text.trim();
    if text.is_empty() || text == "null" {
        return None;
    }
    let parsed = parse(text);
    if parsed.is_none() {
        let shown: String = text.chars().take(40).collect();
        left_out.push(format!("invalid {name} `{shown}`"));
    }
    parsed
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The first numeric value of a kind; all other values of that kind are reported.
pub(crate) fn value_of(
    values: &[Object<DataValue<'_>>],
    kind: &str,
    diagnostics: &mut Vec<Why>,
) -> Option<Decimal> {
    let mut found = None;
    let values = values.iter().map(|Object(value)| value);
    for value in values.filter(|value| value.is_of(kind)) {
        let text = value.value.and_then(scalar);
        let number = text.as_deref().and_then(|text| decimal(text.trim()));
        let given = || value.value.map_or("nothing", RawValue::get).trim_matches('"');
        let shown = || given().chars().take(40).collect::<String>();
        let reason = match (number, found) {
            (Some(_), None) => {
                found = number;
                continue;
            }
            (Some(_), Some(first)) => format!("duplicate {kind} `{}`: kept {first}", shown()),
            (None, _) => format!("{kind} `{}` is not a number", shown()),
        };
        diagnostics.push((DiagnosticKind::FieldLeftOut, reason));
    }
    found
}

/// An exact decimal. A number with too many digits is an error, not rounded.
fn decimal(text: &str) -> Option<Decimal> {
    if text.contains('_') {
        return None;
    }
    let plain = Decimal::from_str_exact(text);
    plain.or_else(|_| Decimal::from_scientific(text)).ok()
}

/// `2020-06-11 09:40:41`, also with a `T` or a UTC offset; without an offset it is UTC. A timestamp
/// without seconds is invalid, as in imported files; so is a date, except for daily means.
fn read_timestamp(text: &str, window: Window) -> Option<Timestamp> {
    let text = text.trim();
    let is_date = text.len() == "2020-06-11".len() && window == Window::Day;
    if text.len() < "2020-06-11 09:40:41".len() && !is_date {
        return None;
    }
    let civil = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    // Fast path: to the second, too short for an offset, as nearly all are.
    let timestamp = match text.len() == 19 && text.as_bytes()[16] == b':' {
        true => civil()?,
        false => text.parse().ok().or_else(civil)?,
    };
    let whole = Timestamp::from_second(timestamp.as_second()).ok()?;
    (0..=9998).contains(&TimeZone::UTC.to_datetime(whole).year()).then_some(whole)
}

fn read<T: std::str::FromStr>(text: Option<&RawValue>) -> Option<T> {
    text.and_then(scalar)?.trim().parse().ok()
}

/// An id, within the range of a signed 64-bit integer; `7.0` is 7.
fn id(text: &str) -> Option<u64> {
    let (number, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    parsed::<i64>(number).filter(|_| is_whole).and_then(|id| u64::try_from(id).ok())
}
