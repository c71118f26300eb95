//! A reading as an item: the report's attribute names, then the names of the CSV columns. Sensor
//! and averaging period are only in the key. Ids are strings, as in the report, and so are
//! decimals, so that no digit is lost (DynamoDB's numbers drop trailing zeros).

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::keys;
use crate::{Column, Error, ErrorKind, Kind, Origin, Position, Reading, Value};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The expiry in seconds since 1970, for DynamoDB's time to live.
pub(super) const EXPIRES: &str = "expires";
/// The time of the put, for sensors with several countries: see `sensor_countries`.
pub(super) const WRITTEN: &str = "written";

/// The same for all items, so that all have their attributes in the same order: JavaScript engines,
/// as in dynalite, process them in a quarter less time.
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
    let keys = [
        (keys::PARTITION, Some(text(keys::partition(position.day, reading.country)))),
        (keys::SORT, Some(text(keys::place(&position)))),
        (
            keys::INDEX_PARTITION,
            index.map(|index| text(keys::index_partition(position.day, index.get()))),
        ),
        (keys::INDEX_SORT, index.map(|_| text(keys::index_place(&position)))),
        (EXPIRES, keep.map(number)),
        (WRITTEN, written.map(number)),
    ];
    let columns = Column::ALL.iter().filter(|column| is_attribute(**column));
    let columns = columns.map(|column| (column.name(), attribute(*column, reading.value(*column))));
    let mut item = Item::with_capacity_and_hasher(24, HASHER.clone());
    let attributes = keys.into_iter().chain(columns);
    let given = attributes.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    item.extend(given);
    item
}

/// The stored columns, and the two derived ones of the report. Sensor and averaging period are in
/// the key; the timestamp is also an attribute, as in the report.
fn is_attribute(column: Column) -> bool {
    let too = [Column::Timestamp, Column::Aqi, Column::Range];
    column.origin() == Origin::Stored || too.contains(&column)
}

fn attribute(column: Column, value: Value) -> Option<AttributeValue> {
    match value {
        Value::Nothing => None,
        Value::Flags(flags) if flags.is_empty() => None,
        Value::Whole(id) if column.kind() == Kind::Id => Some(text(id.to_string())),
        Value::Whole(whole) => Some(number(whole)),
        Value::Decimal(decimal) => Some(text(decimal.to_string())),
        Value::Truth(truth) => Some(AttributeValue::Bool(truth)),
        Value::Timestamp(_) | Value::Flags(_) => Some(text(value.to_string())),
        value => value.text().map(text),
    }
}

/// Parses an item; [`Damaged`](ErrorKind::Damaged) if it is not a reading.
pub(super) fn reading(item: &Item) -> Result<Reading, Error> {
    let fields = Fields(item);
    let place = keys::parse_place(fields.key(keys::SORT));
    let (sensor, window) = place.ok_or_else(|| fields.damaged(keys::SORT))?;
    let timestamp = fields.value(Column::Timestamp)?.timestamp();
    let timestamp = timestamp.ok_or_else(|| fields.damaged(Column::Timestamp.name()))?;
    let mut reading = Reading::new(sensor, window, timestamp);
    for column in Column::of_origin(Origin::Stored) {
        reading.set(column, fields.value(column)?);
    }
    Ok(reading)
}

struct Fields<'a>(&'a Item);

impl Fields<'_> {
    fn value(&self, column: Column) -> Result<Value, Error> {
        match self.0.get(column.name()) {
            None => Ok(Value::Nothing),
            Some(AttributeValue::Bool(truth)) if column.kind() == Kind::Truth => {
                Ok(Value::Truth(*truth))
            }
            Some(AttributeValue::S(text) | AttributeValue::N(text)) => {
                column.parse(text).map_err(|error| self.damaged(column.name()).because(error))
            }
            Some(_) => Err(self.damaged(column.name())),
        }
    }

    fn key(&self, name: &str) -> &str {
        self.0.get(name).and_then(|key| key.as_s().ok()).map_or("?", |key| key)
    }

    fn damaged(&self, name: &str) -> Error {
        let (partition, sort) = (self.key(keys::PARTITION), self.key(keys::SORT));
        let found = self.0.get(name).map_or("missing".to_owned(), |found| format!("{found:?}"));
        let message = format!(
            "the item {partition} {sort} is not a reading: its `{name}` is \
                               {found}"
        );
        Error::new(ErrorKind::Damaged, message)
    }
}
