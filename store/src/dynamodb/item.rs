//! A reading as an item: the report's attribute names, then ours, as the columns of CSV
//! are called. Sensor and window are in the key, and nowhere else. Ids are text, as the
//! report has them, and so are numbers with decimals, so that no digit is lost (a number of
//! DynamoDB's has no trailing zeros).

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::keys;
use crate::{Column, Error, ErrorKind, Kind, Origin, Position, Reading, Value};

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

/// What is stored, and of what follows from it the two that the report has. Sensor and
/// window are in the key, the timestamp is there once more, as the report has it.
fn is_attribute(column: Column) -> bool {
    let too = [Column::Timestamp, Column::Aqi, Column::Range];
    column.origin() == Origin::Stored || too.contains(&column)
}

fn attribute(column: Column, value: Value) -> Option<AttributeValue> {
    match value {
        Value::Nothing | Value::Flags(_) => None,
        Value::Whole(id) if column.kind() == Kind::Id => Some(text(id.to_string())),
        Value::Whole(whole) => Some(number(whole)),
        Value::Decimal(decimal) => Some(text(decimal.to_string())),
        Value::Truth(truth) => Some(AttributeValue::Bool(truth)),
        Value::Timestamp(moment) => Some(text(moment.to_string())),
        value => value.text().map(text),
    }
}

/// The reading of an item; [`Damaged`](ErrorKind::Damaged) where it is none.
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
        let message = format!("the item {partition} {sort} is no reading: its `{name}` is {found}");
        Error::new(ErrorKind::Damaged, message)
    }
}
