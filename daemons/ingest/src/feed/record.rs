//! The records of the JSON, as leniently as the network writes them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Calls a function with each element of a JSON array as it is read, so that only one is in memory;
/// its error ends the reading.
pub(crate) fn for_each<'de, T: Deserialize<'de>>(
    array: &'de str,
    take: impl FnMut(T) -> Result<(), String>,
) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(array);
    reader.deserialize_seq(Each(take, PhantomData))?;
    reader.end()
}

struct Each<T, F>(F, PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), String>> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.0)(element).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A JSON object; serde would also take an array, for the fields in order.
#[derive(Default)]
pub(crate) struct Object<T>(pub(crate) T);

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

#[derive(Deserialize, Default)]
pub(crate) struct Record<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) location: Option<Object<Location<'a>>>,
    #[serde(borrow, default)]
    pub(crate) sensor: Option<Object<Sensor<'a>>>,
    #[serde(borrow, default)]
    pub(crate) sensordatavalues: Option<Vec<Object<DataValue<'a>>>>,
}

/// A record with its raw parts.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    location: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sensor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sensordatavalues: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SensorParts<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sensor_type: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
pub(crate) struct Location<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) latitude: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) longitude: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) altitude: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) country: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) exact_location: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) indoor: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
pub(crate) struct Sensor<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) sensor_type: Option<Object<SensorType<'a>>>,
}

#[derive(Deserialize)]
pub(crate) struct SensorType<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Option<&'a RawValue>,
}

/// A value and its name.
#[derive(Deserialize)]
pub(crate) struct DataValue<'a> {
    #[serde(borrow, default)]
    pub(crate) value_type: Option<&'a RawValue>,
    #[serde(skip)]
    pub(crate) kind: Option<&'static str>,
    #[serde(borrow, default)]
    pub(crate) value: Option<&'a RawValue>,
}

impl DataValue<'_> {
    pub(crate) fn is_of(&self, kind: &str) -> bool {
        let name = || self.value_type.and_then(scalar);
        self.kind.is_some_and(|known| known == kind)
            || name().is_some_and(|name| name.trim().eq_ignore_ascii_case(kind))
    }
}

pub(crate) const PM10: &str = "P1";
pub(crate) const PM25: &str = "P2";

/// Values by name instead of as a list.
#[derive(Deserialize)]
struct NamedValues<'a> {
    #[serde(borrow, default, rename = "P1")]
    pm10: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "P2")]
    pm25: Option<&'a RawValue>,
}

/// The parts of a record, and those that cannot be read.
pub(crate) type Loose<'a> = (Record<'a>, Vec<String>);

/// A record with a malformed part, without that part.
pub(crate) fn loosely(text: &RawValue) -> serde_json::Result<Loose<'_>> {
    let Object(parts) = serde_json::from_str::<Object<Parts<'_>>>(text.get())?;
    let mut left_out = Vec::new();
    let location = parts.location.and_then(|part| {
        let location = serde_json::from_str::<Option<Object<Location<'_>>>>(part.get());
        let unreadable = |_| left_out.push("location is not an object".to_owned());
        location.map_err(unreadable).ok().flatten()
    });
    let sensor = parts.sensor.and_then(|part| {
        let sensor = serde_json::from_str::<Option<Object<SensorParts<'_>>>>(part.get());
        let Object(SensorParts { id, sensor_type }) = sensor.ok()??;
        let sensor_type = sensor_type.map(|part| {
            let named = serde_json::from_str::<Option<Object<SensorType<'_>>>>(part.get());
            // Some records have the name itself.
            named.unwrap_or(Some(Object(SensorType { name: Some(part) })))
        });
        Some(Object(Sensor { id, sensor_type: sensor_type.flatten() }))
    });
    let values = parts.sensordatavalues.map(|part| values(part, &mut left_out));
    let Parts { id, timestamp, .. } = parts;
    Ok((Record { id, timestamp, location, sensor, sensordatavalues: values }, left_out))
}

/// The readable values; unreadable ones other than `null` are reported.
fn values<'a>(part: &'a RawValue, left_out: &mut Vec<String>) -> Vec<Object<DataValue<'a>>> {
    let mut note = |what: &str| left_out.push(what.to_owned());
    match serde_json::from_str::<Option<Vec<&RawValue>>>(part.get()) {
        Ok(values) => {
            let read = |value: &'a RawValue| {
                let read = serde_json::from_str::<Option<Object<DataValue<'_>>>>(value.get());
                let unreadable = |_| note("a member of sensordatavalues is not an object");
                read.map_err(unreadable).ok().flatten()
            };
            values.unwrap_or_default().into_iter().filter_map(read).collect()
        }
        Err(_) => match serde_json::from_str::<Object<NamedValues<'_>>>(part.get()) {
            Ok(Object(NamedValues { pm10, pm25 })) => {
                let named = [(PM10, pm10), (PM25, pm25)];
                let given = named.into_iter().filter_map(|(kind, value)| {
                    let value = value?;
                    Some(Object(DataValue {
                        value_type: None,
                        kind: Some(kind),
                        value: Some(value),
                    }))
                });
                given.collect()
            }
            Err(_) => {
                note("sensordatavalues is not an array");
                Vec::new()
            }
        },
    }
}

/// The text of a JSON string or number; none for anything else.
pub(crate) fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
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
