//! A reading as an item: the report's attribute names, then ours, as the columns of CSV
//! are called. Sensor and window are in the key, and nowhere else. Ids are text, as the
//! report has them, and so are numbers with decimals, so that no digit is lost (a number of
//! DynamoDB's has no trailing zeros).

use std::collections::HashMap;
use std::hash::RandomState;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use aqi::Decimal;
use aws_sdk_dynamodb::types::AttributeValue;

use super::keys;
use crate::{Column, Error, ErrorKind, Position, Reading};

pub(super) type Item = HashMap<String, AttributeValue>;

/// When the item may be deleted, in seconds since 1970: DynamoDB's time to live.
pub(super) const EXPIRES: &str = "expires";
/// When the item was put, for sensors that were in several countries: see `homes`.
pub(super) const WRITTEN: &str = "written";

/// The same for all items, so that all have their attributes in one order: what learns the
/// shape of objects, as the JavaScript of dynalite does, takes them in a quarter less time.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn of(reading: &Reading, keep: Option<Duration>, written: Option<u64>) -> Item {
    let position = Position::of(reading);
    let (index, second) = (reading.index(), reading.timestamp.as_second());
    let keep = keep.map(|keep| second.saturating_add_unsigned(keep.as_secs()));
    let names = Column::name;
    let decimal = |value: Option<Decimal>| value.map(|value| text(value.to_string()));
    let country = reading.country;
    let attributes = [
        (keys::PARTITION, Some(text(keys::partition(position.day, country)))),
        (keys::SORT, Some(text(keys::place(&position)))),
        (
            keys::INDEX_PARTITION,
            index.map(|index| text(keys::index_partition(position.day, index.get()))),
        ),
        (keys::INDEX_SORT, index.map(|_| text(keys::index_place(&position)))),
        (names(Column::Id), reading.measurement.map(|id| text(id.to_string()))),
        (names(Column::Timestamp), Some(text(reading.timestamp.to_string()))),
        (names(Column::P1), decimal(reading.pm10)),
        (names(Column::P2), decimal(reading.pm25)),
        (names(Column::LocationId), reading.location.map(|id| text(id.to_string()))),
        (names(Column::Latitude), decimal(reading.latitude)),
        (names(Column::Longitude), decimal(reading.longitude)),
        (names(Column::Altitude), decimal(reading.altitude)),
        (names(Column::Country), country.map(|country| text(country.as_str()))),
        (names(Column::Aqi), index.map(|index| number(index.get()))),
        (names(Column::Range), index.map(|index| text(index.band().to_string()))),
        (names(Column::SensorType), reading.sensor_type.map(|kind| text(kind.as_str()))),
        (names(Column::Indoor), reading.indoor.map(AttributeValue::Bool)),
        (names(Column::ExactLocation), reading.exact.map(AttributeValue::Bool)),
        (EXPIRES, keep.map(number)),
        (WRITTEN, written.map(number)),
    ];
    let mut item = Item::with_capacity_and_hasher(attributes.len(), HASHER.clone());
    let given = attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    item.extend(given);
    item
}

/// The reading of an item; [`Damaged`](ErrorKind::Damaged) where it is none.
pub(super) fn reading(item: &Item) -> Result<Reading, Error> {
    let fields = Fields(item);
    let place = keys::parse_place(fields.key(keys::SORT));
    let (sensor, window) = place.ok_or_else(|| fields.damaged(keys::SORT))?;
    let timestamp = fields.parse(Column::Timestamp)?;
    let timestamp = timestamp.ok_or_else(|| fields.damaged(Column::Timestamp.name()))?;
    Ok(Reading {
        measurement: fields.parse(Column::Id)?,
        pm10: fields.decimal(Column::P1)?,
        pm25: fields.decimal(Column::P2)?,
        sensor_type: fields.parse(Column::SensorType)?,
        location: fields.parse(Column::LocationId)?,
        latitude: fields.decimal(Column::Latitude)?,
        longitude: fields.decimal(Column::Longitude)?,
        altitude: fields.decimal(Column::Altitude)?,
        country: fields.parse(Column::Country)?,
        indoor: fields.truth(Column::Indoor)?,
        exact: fields.truth(Column::ExactLocation)?,
        ..Reading::new(sensor, window, timestamp)
    })
}

struct Fields<'a>(&'a Item);

impl Fields<'_> {
    fn parse<T: FromStr>(&self, column: Column) -> Result<Option<T>, Error> {
        match self.0.get(column.name()) {
            None => Ok(None),
            Some(AttributeValue::S(text) | AttributeValue::N(text)) => {
                let value = text.parse().map_err(|_| self.damaged(column.name()))?;
                Ok(Some(value))
            }
            Some(_) => Err(self.damaged(column.name())),
        }
    }

    fn decimal(&self, column: Column) -> Result<Option<Decimal>, Error> {
        let Some(text) = self.parse::<String>(column)? else { return Ok(None) };
        let value = Decimal::from_str_exact(&text);
        let mut value = value.map_err(|_| self.damaged(column.name()))?;
        value.set_sign_negative(text.starts_with('-')); // parsing loses that of -0.0
        Ok(Some(value))
    }

    fn truth(&self, column: Column) -> Result<Option<bool>, Error> {
        match self.0.get(column.name()) {
            None => Ok(None),
            Some(AttributeValue::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(self.damaged(column.name())),
        }
    }

    fn key(&self, name: &str) -> &str {
        self.0.get(name).and_then(|key| key.as_s().ok()).map_or("?", |key| key)
    }

    fn damaged(&self, name: &str) -> Error {
        let (partition, sort) = (self.key(keys::PARTITION), self.key(keys::SORT));
        let found = self.0.get(name).map_or("missing".to_owned(), |found| format!("{found:?}"));
        let message = format!("the item {partition} {sort} is no reading: its `{name}` is {found}");
        Error::new(ErrorKind::Damaged, message)
    }
}
