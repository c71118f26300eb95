//! Sensor.Community's JSON → readings.
//!
//! The format is the operator's (`feinstaub-api`) as observed: numbers come as strings
//! or numbers, almost any field can be missing, `P1` is PM10 and `P2` is PM2.5. A record
//! that cannot be read is remarked upon and left out; a file that is not one whole JSON
//! array is refused as a whole, since a cut file looks like that.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use aqi::Decimal;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use store::{Reading, Window};

/// A feed file, read.
#[derive(Debug, Default)]
pub struct Feed {
    /// The number of records in the file.
    pub records: usize,
    /// The readings of particulate matter, in the order of the file.
    pub readings: Vec<Reading>,
    /// What was left out, and why.
    pub remarks: Vec<Remark>,
}

impl Feed {
    /// The number of remarks of a kind.
    pub fn count(&self, kind: RemarkKind) -> usize {
        self.remarks.iter().filter(|remark| remark.kind == kind).count()
    }
}

/// Why a record, or a field of it, was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The record's place in the file, from 0.
    pub record: usize,
    /// The record's id, where it has one.
    pub id: Option<u64>,
    /// What was left out.
    pub kind: RemarkKind,
    /// Why.
    pub reason: Cow<'static, str>,
}

/// What a [`Remark`] says was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemarkKind {
    /// The record: it has no P1 or P2 to index.
    Skipped,
    /// The record: it cannot be read.
    Refused,
    /// One field; the reading was kept without it.
    FieldLeftOut,
}

/// The file is no feed: not one whole JSON array.
#[derive(Debug)]
pub struct BrokenFeed {
    /// Where, in bytes from the start of the file.
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

/// How far a sensor's clock may run ahead of ours.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(24);

/// Reads a feed file whose values are means over `window`; `now` is the time of the
/// fetch.
pub fn parse(file: &[u8], window: Window, now: Timestamp) -> Result<Feed, BrokenFeed> {
    let start = file.iter().position(|byte| !byte.is_ascii_whitespace());
    let offset = start.unwrap_or(file.len());
    match file.get(offset) {
        Some(b'[') => {}
        Some(b'<') => return broken(offset, "a page of HTML or XML instead of a JSON array"),
        Some(_) => return broken(offset, "expected the `[` of a JSON array"),
        None => return broken(offset, "the file is empty"),
    }
    // Nearly every file is of the right shape throughout and read in one go.
    if let Ok(text) = std::str::from_utf8(file)
        && let Ok(records) = serde_json::from_str::<Vec<Object<Record<'_>>>>(text)
    {
        let mut feed = Feed { records: records.len(), ..Feed::default() };
        for (number, Object(record)) in records.into_iter().enumerate() {
            take(&mut feed, number, record, window, now);
        }
        return Ok(feed);
    }
    let records: Vec<&RawValue> = match serde_json::from_slice(file) {
        Ok(records) => records,
        Err(error) => {
            let offset = match error.is_eof() {
                true => file.len(),
                false => byte_offset(file, error.line(), error.column()),
            };
            return broken(offset, &error.to_string());
        }
    };
    let mut feed = Feed { records: records.len(), ..Feed::default() };
    for (record, text) in records.iter().enumerate() {
        read_record(&mut feed, record, text, window, now);
    }
    Ok(feed)
}

fn broken(offset: usize, reason: &str) -> Result<Feed, BrokenFeed> {
    // serde_json's line and column are said better by the offset.
    let reason = reason.split(" at line ").next().unwrap_or(reason).to_owned();
    Err(BrokenFeed { offset, reason })
}

fn byte_offset(file: &[u8], line: usize, column: usize) -> usize {
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column.saturating_sub(1)).min(file.len())
}

/// A JSON object; serde would also take an array, for the fields in order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMaps<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMaps<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }

        deserializer.deserialize_map(OnlyMaps(PhantomData))
    }
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    location: Option<Location<'a>>,
    #[serde(borrow, default)]
    sensor: Option<Sensor<'a>>,
    #[serde(borrow, default)]
    sensordatavalues: Option<Vec<DataValue<'a>>>,
}

#[derive(Deserialize, Default)]
struct Location<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    latitude: Option<&'a RawValue>,
    #[serde(borrow, default)]
    longitude: Option<&'a RawValue>,
    #[serde(borrow, default)]
    altitude: Option<&'a RawValue>,
    #[serde(borrow, default)]
    country: Option<&'a RawValue>,
    #[serde(borrow, default)]
    exact_location: Option<&'a RawValue>,
    #[serde(borrow, default)]
    indoor: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Sensor<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sensor_type: Option<SensorType<'a>>,
}

#[derive(Deserialize)]
struct SensorType<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DataValue<'a> {
    #[serde(borrow, default)]
    value_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

fn read_record(feed: &mut Feed, number: usize, text: &RawValue, window: Window, now: Timestamp) {
    match serde_json::from_str(text.get()) {
        Ok(Object(record)) => take(feed, number, record, window, now),
        Err(error) => {
            let (kind, reason) = (RemarkKind::Refused, Cow::Owned(error.to_string()));
            feed.remarks.push(Remark { record: number, id: None, kind, reason });
        }
    }
}

fn take(feed: &mut Feed, number: usize, record: Record<'_>, window: Window, now: Timestamp) {
    let id = read(record.id);
    let mut remark = |kind, reason| feed.remarks.push(Remark { record: number, id, kind, reason });
    let values = record.sensordatavalues.unwrap_or_default();
    let (pm10, pm25) = match (particulates(&values, "P1"), particulates(&values, "P2")) {
        (None, None) => return remark(RemarkKind::Skipped, "no P1 or P2".into()),
        (pm10, pm25) => (pm10.flatten(), pm25.flatten()),
    };
    if pm10.is_none() && pm25.is_none() {
        return remark(RemarkKind::Skipped, "neither P1 nor P2 is a number".into());
    }
    let sensor = record.sensor.as_ref();
    let Some(sensor_id) = sensor.and_then(|sensor| read(sensor.id)) else {
        return remark(RemarkKind::Refused, "sensor.id is missing or not a number".into());
    };
    let timestamp = match record.timestamp.and_then(scalar).map(|text| read_timestamp(&text)) {
        Some(Some(timestamp)) if timestamp <= now + CLOCK_TOLERANCE => timestamp,
        Some(Some(timestamp)) => {
            let reason = format!("timestamp {timestamp} is in the future");
            return remark(RemarkKind::Refused, reason.into());
        }
        _ => {
            return remark(RemarkKind::Refused, "timestamp is missing or unreadable".into());
        }
    };
    let location = record.location.unwrap_or_default();
    let kind = sensor.and_then(|sensor| sensor.sensor_type.as_ref()?.name);
    let mut left_out = Vec::new();
    let degrees = |limit: u32| move |text: &str| decimal(text).filter(|d| d.abs() <= limit.into());
    let reading = Reading {
        measurement: id,
        pm10,
        pm25,
        sensor_type: optional("sensor type", kind, parsed, &mut left_out),
        location: read(location.id),
        latitude: optional("latitude", location.latitude, degrees(90), &mut left_out),
        longitude: optional("longitude", location.longitude, degrees(180), &mut left_out),
        altitude: optional("altitude", location.altitude, decimal, &mut left_out),
        country: optional("country", location.country, parsed, &mut left_out),
        indoor: read::<u8>(location.indoor).map(|flag| flag != 0),
        exact: read::<u8>(location.exact_location).map(|flag| flag != 0),
        ..Reading::new(sensor_id, window, timestamp)
    };
    for reason in left_out {
        remark(RemarkKind::FieldLeftOut, reason.into());
    }
    feed.readings.push(reading);
}

/// A field that may be missing or empty; what is there and cannot be read is noted.
fn optional<T>(
    name: &str,
    value: Option<&RawValue>,
    parse: impl Fn(&str) -> Option<T>,
    left_out: &mut Vec<String>,
) -> Option<T> {
    let text = value.and_then(scalar)?;
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let parsed = parse(text);
    if parsed.is_none() {
        let shown: String = text.chars().take(40).collect();
        left_out.push(format!("{name} `{shown}` cannot be one"));
    }
    parsed
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The value of a type: `None` when the record has none, `Some(None)` when it is no
/// number.
fn particulates(values: &[DataValue<'_>], kind: &str) -> Option<Option<Decimal>> {
    let is_kind =
        |value: &&DataValue<'_>| value.value_type.and_then(scalar).is_some_and(|name| name == kind);
    let value = values.iter().find(is_kind)?;
    Some(value.value.and_then(scalar).and_then(|text| decimal(text.trim())))
}

/// An exact decimal. Digits that do not fit are not rounded away: that is no number.
fn decimal(text: &str) -> Option<Decimal> {
    if text.contains('_') {
        return None;
    }
    let plain = Decimal::from_str_exact(text);
    plain.or_else(|_| Decimal::from_scientific(text)).ok()
}

/// `2020-06-11 09:40:41`, with a `T` between or an offset behind it too; UTC without.
fn read_timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let civil = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    // To the second, without room for an offset: as nearly all are.
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

/// The text of a JSON string or number; none for anything else.
fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => match text.as_bytes().contains(&b'\\') {
            false => text.get(1..text.len() - 1).map(Cow::Borrowed),
            true => serde_json::from_str(text).ok().map(Cow::Owned),
        },
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(text)),
        _ => None,
    }
}
