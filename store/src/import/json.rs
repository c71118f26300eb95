//! JSON: one object per line, an array of objects, or GeoJSON.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::cells::{Cells, IDENTITY, column_named, shown};
use super::{Each, Others, Place, RowError, broken, invalid};
use crate::{Column, Error, ErrorKind};

/// Longer lines are not readings, and are not kept in memory.
const LONGEST_LINE: u64 = 1 << 20;

pub(super) fn read_lines(
    input: impl Read,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(broken)? == 0 {
            break;
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
        if text.is_empty() {
            continue;
        }
        let place = Place::line(number);
        let row = match serde_json::from_slice::<Object>(text) {
            Ok(object) => {
                if number == 1 {
                    object.check("NDJSON")?;
                }
                object.name_others(others);
                object.cells.read(place)
            }
            Err(error) => Err(RowError::new(place, format!("not a JSON object: {error}"))),
        };
        if each(row).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

pub(super) fn read_document(
    input: impl Read,
    each: Each<'_>,
    others: &mut Others,
) -> Result<ControlFlow<()>, Error> {
    let mut input = BufReader::new(input);
    if input.fill_buf().map_err(broken)?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    let mut receiver = Receiver { each, others, rows: 0, failure: None, stopped: false };
    let mut deserializer = serde_json::Deserializer::from_reader(input);
    let read = deserializer.deserialize_any(Document(&mut receiver));
    let read = read.and_then(|()| deserializer.end());
    match (receiver.stopped, receiver.failure, read) {
        (true, ..) => Ok(ControlFlow::Break(())),
        (_, Some(failure), _) => Err(failure),
        (.., Ok(())) => Ok(ControlFlow::Continue(())),
        (.., Err(error)) if error.is_io() => Err(broken(error.into())),
        (.., Err(error)) => Err(Error::new(
            ErrorKind::Damaged,
            format!(
                "the JSON is incomplete or invalid: \
                                                        {error}"
            ),
        )),
    }
}

struct Receiver<'a> {
    each: Each<'a>,
    others: &'a mut Others,
    rows: u64,
    /// The type of a file that has no readings.
    failure: Option<Error>,
    stopped: bool,
}

struct Document<'r, 'a>(&'r mut Receiver<'a>);

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.0.items(items, "JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = Vec::new();
        let mut found = false;
        while let Some(name) = members.next_key::<String>()? {
            let is_array = match ARRAYS.iter().find(|(array, _)| *array == name) {
                Some((_, kind)) => members.next_value_seed(Items(self.0, kind))?,
                None => {
                    members.next_value::<IgnoredAny>()?;
                    false
                }
            };
            found |= is_array;
            if !is_array {
                names.push(shown(&name));
            }
        }
        if !found {
            names.truncate(20);
            let what = format!("a JSON object with the members {}", names.join(", "));
            self.0.failure = Some(invalid(what));
        }
        Ok(())
    }
}

/// The members that have the rows, and the names of their formats.
pub(super) const ARRAYS: [(&str, &str); 2] = [("features", "GeoJSON"), ("readings", "JSON")];

/// The rows in a member of an object, and the name of the format; returns whether it is an array.
struct Items<'r, 'a>(&'r mut Receiver<'a>, &'static str);

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<bool, A::Error> {
        self.0.items(items, self.1)?;
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

impl Receiver<'_> {
    fn items<'de, A: SeqAccess<'de>>(&mut self, mut items: A, kind: &str) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Box<RawValue>>()? {
            self.rows += 1;
            let place = Place::row(self.rows);
            let row = match serde_json::from_str::<Object>(item.get()) {
                Ok(object) => {
                    if self.rows == 1
                        && let Err(failure) = object.check(kind)
                    {
                        self.failure = Some(failure);
                        return Err(A::Error::custom("no readings"));
                    }
                    object.name_others(self.others);
                    object.cells.read(place)
                }
                Err(error) => Err(RowError::new(place, format!("not a JSON object: {error}"))),
            };
            if (self.each)(row).is_break() {
                self.stopped = true;
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// A row: an object, or a feature of GeoJSON.
#[derive(Default)]
struct Object {
    cells: Cells<'static>,
    /// The unknown names.
    others: Vec<String>,
    is_feature: bool,
}

impl Object {
    /// Whether the first row of a file looks like a reading. A row that lacks a single field of its
    /// identity is refused by itself.
    fn check(&self, kind: &str) -> Result<(), Error> {
        if self.others.iter().any(|name| name == "sensordatavalues") {
            let feed = "a feed file of Sensor.Community, which is collected, not imported";
            return Err(invalid(feed.to_owned()));
        }
        let missing = IDENTITY.into_iter().filter(|column| !self.cells.has(*column));
        if missing.count() < 2 {
            return Ok(());
        }
        let ours = Column::ALL.iter().filter(|column| self.cells.has(**column));
        let names = ours.map(|column| column.name()).chain(self.others.iter().map(String::as_str));
        super::columns_of(kind, names.collect::<Vec<_>>().into_iter()).map(drop)
    }

    fn name_others(&self, others: &mut Others) {
        let names = self.others.iter().filter(|name| !self.is_feature || *name != "type");
        names.for_each(|name| others.add(name));
    }

    fn take(&mut self, name: &str, value: &RawValue) -> Result<(), serde_json::Error> {
        match (column_named(name), name) {
            (Some(column), _) => self.cells.set(column, text_of(value)?),
            (None, "properties") => {
                self.is_feature = true;
                for (name, value) in members(value)? {
                    match column_named(&name) {
                        Some(column) => self.cells.set(column, text_of(&value)?),
                        None => self.others.push(name),
                    }
                }
            }
            (None, "geometry") => {
                if let Ok(Some(point)) = serde_json::from_str::<Option<Point>>(value.get())
                    && let [longitude, latitude, ..] = point.coordinates.as_slice()
                {
                    self.cells.set(Column::Longitude, text_of(longitude)?);
                    self.cells.set(Column::Latitude, text_of(latitude)?);
                }
            }
            (None, name) => self.others.push(name.to_owned()),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Point {
    coordinates: Vec<Box<RawValue>>,
}

/// The members of an object; none for other values.
fn members(value: &RawValue) -> Result<Vec<(String, Box<RawValue>)>, serde_json::Error> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(value.get()).deserialize_map(Members)
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&RawValue>::deserialize(deserializer)?;
        let mut object = Self::default();
        for (name, value) in members(value).map_err(D::Error::custom)? {
            object.take(&name, &value).map_err(D::Error::custom)?;
        }
        Ok(object)
    }
}

/// A value as a CSV cell.
fn text_of(value: &RawValue) -> Result<Cow<'static, str>, serde_json::Error> {
    let text = value.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Cow::Borrowed(""),
        Some(b'"') => Cow::Owned(serde_json::from_str(text)?),
        Some(b'[') => match serde_json::from_str::<Vec<String>>(text) {
            Ok(texts) => Cow::Owned(texts.join(" ")),
            Err(_) => Cow::Owned(text.to_owned()),
        },
        _ => Cow::Owned(text.to_owned()),
    })
}
