//! The columns, each defined once: its name, kind, unit, and its getter and setter on a reading.
//! CSV, JSON, GeoJSON, Parquet, Arrow, DynamoDB items, imported files, blocks, and the server's
//! column descriptions are all derived from this.
//!
//! A new column is a variant of [`Column`] and an entry of `DEFINITIONS`. One that is stored is a
//! field of [`Reading`], too, and has an id in blocks (`docs/format.md` lists the assigned ids).

mod definition;

use std::cell::OnceCell;
use std::fmt;
use std::str::FromStr;

use aqi::{Decimal, Index};

use self::definition::{Definition, Get};
use crate::range::Bound;
use crate::standard::Indexed;
use crate::{AqiStandard, Country, Flags, Network, Reading, Row, SensorType, Value, Window};

/// A column of CSV, Parquet and Arrow files, and a member of JSON objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Column {
    /// `id`: the feed's id of the measurement.
    Id,
    /// `timestamp`: the end of the averaging period, UTC.
    Timestamp,
    /// `P1`: PM10 in µg/m³.
    P1,
    /// `P2`: PM2.5 in µg/m³.
    P2,
    /// `loc_id`: the location id.
    LocationId,
    /// `loc_lat`: degrees north.
    Latitude,
    /// `loc_long`: degrees east.
    Longitude,
    /// `loc_alt`: metres above sea level.
    Altitude,
    /// `loc_country`: ISO 3166-1 alpha-2.
    Country,
    /// `AQI`: the index of particulate matter, as an integer.
    Aqi,
    /// `Range`: the band of the index.
    Range,
    /// `sensor_id`: the sensor's id in the network.
    SensorId,
    /// `sensor_type`: the sensor's model.
    SensorType,
    /// `window`: the averaging period: `5min`, `1h`, `24h` or `day`.
    Window,
    /// `indoor`: 1 or 0.
    Indoor,
    /// `exact_location`: 1, or 0 where the coordinates are rounded for privacy.
    ExactLocation,
    /// `flags`: quality flags, the names of [`Flags`] separated by spaces.
    Flags,
    /// `hours`: the number of valid hours, or slots of an hour, in the mean.
    Hours,
    /// `samples`: the number of samples in the mean.
    Samples,
    /// `AQI_text`: the index as its standard writes it.
    AqiText,
    /// `index_basis`: whether the index is defined for the averaging period.
    IndexBasis,
    /// `dominant`: the pollutant with the highest sub-index: `PM10`, `PM2.5` or `PM2.5 PM10`.
    Dominant,
    /// `network`: the sensor's network.
    Network,
    /// `stored_flags`: those of the flags that were found when the mean was made.
    StoredFlags,
    /// `AQI_P1`: the sub-index of PM10.
    AqiP1,
    /// `AQI_P2`: the sub-index of PM2.5.
    AqiP2,
    /// `AQI_low`: the low end of the [range](Reading::range_by) of the index.
    AqiLow,
    /// `AQI_high`: its high end.
    AqiHigh,
    /// `temperature`: the air temperature in °C.
    Temperature,
    /// `humidity`: the relative humidity of the air in %.
    Humidity,
    /// `P1_scaled`: PM10 divided by the sensor's usual ratio to its neighbours.
    P1Scaled,
    /// `P2_scaled`: the same of PM2.5.
    P2Scaled,
}

/// In the order of the variants, which is also the order in files with all columns.
static DEFINITIONS: [Definition; COLUMNS] = [
    Definition::stored(
        Column::Id,
        ("id", Kind::Id, "the feed's id of the measurement"),
        |reading| reading.measurement.into(),
        |reading, value| reading.measurement = value.whole(),
    )
    .of_row(|row| row.measurement().into()),
    Definition::identity(
        Column::Timestamp,
        ("timestamp", Kind::Timestamp, "the end of the averaging period, UTC"),
        |reading| Value::Timestamp(reading.timestamp),
    )
    .of_row(|row| Value::Timestamp(row.timestamp())),
    Definition::stored(
        Column::P1,
        ("P1", Kind::Decimal, "PM10; particle counts if flagged `counts`"),
        |reading| reading.pm10.into(),
        |reading, value| reading.pm10 = value.decimal(),
    )
    .of_row(|row| row.pm10().decimal().into())
    .in_unit("µg/m³"),
    Definition::stored(
        Column::P2,
        ("P2", Kind::Decimal, "PM2.5; particle counts if flagged `counts`"),
        |reading| reading.pm25.into(),
        |reading, value| reading.pm25 = value.decimal(),
    )
    .of_row(|row| row.pm25().decimal().into())
    .in_unit("µg/m³"),
    Definition::stored(
        Column::LocationId,
        ("loc_id", Kind::Id, "the location id; a sensor that moves gets a new one"),
        |reading| reading.location.into(),
        |reading, value| reading.location = value.whole(),
    )
    .of_row(|row| row.location().into()),
    Definition::stored(
        Column::Latitude,
        ("loc_lat", Kind::Decimal, "degrees north"),
        |reading| reading.latitude.into(),
        |reading, value| reading.latitude = value.decimal(),
    )
    .of_row(|row| row.latitude().into())
    .in_unit("degrees (WGS 84)")
    .within(90),
    Definition::stored(
        Column::Longitude,
        ("loc_long", Kind::Decimal, "degrees east"),
        |reading| reading.longitude.into(),
        |reading, value| reading.longitude = value.decimal(),
    )
    .of_row(|row| row.longitude().into())
    .in_unit("degrees (WGS 84)")
    .within(180),
    Definition::stored(
        Column::Altitude,
        ("loc_alt", Kind::Decimal, "height above sea level"),
        |reading| reading.altitude.into(),
        |reading, value| reading.altitude = value.decimal(),
    )
    .of_row(|row| row.altitude().into())
    .in_unit("m"),
    Definition::stored(
        Column::Country,
        ("loc_country", Kind::Text, "the country, ISO 3166-1 alpha-2"),
        |reading| reading.country.map_or(Value::Nothing, Value::Country),
        |reading, value| reading.country = value.country(),
    )
    .of_row(|row| row.country().map_or(Value::Nothing, Value::Country))
    .of_texts(|text| parsed(text).map(Value::Country), || Country::all().map(texts).collect()),
    Definition::of_index(
        Column::Aqi,
        ("AQI", Kind::Index, "the air-quality index of particulate matter, as an integer"),
        |indexed| Value::Whole(indexed.index.place().into()),
    ),
    Definition::of_index(
        Column::Range,
        ("Range", Kind::Text, "the band of the index"),
        |indexed| Value::Word(indexed.category().name),
    ),
    Definition::identity(
        Column::SensorId,
        ("sensor_id", Kind::Id, "the sensor's id in its network"),
        |reading| Value::Whole(reading.sensor.id),
    )
    .of_row(|row| Value::Whole(row.sensor().id)),
    Definition::stored(
        Column::SensorType,
        ("sensor_type", Kind::Text, "the sensor's model"),
        |reading| reading.sensor_type.map_or(Value::Nothing, Value::SensorType),
        |reading, value| reading.sensor_type = value.sensor_type(),
    )
    .of_row(|row| row.sensor_type().map_or(Value::Nothing, Value::SensorType))
    .of_texts(
        |text| parsed(text).map(Value::SensorType),
        || SensorType::KNOWN.iter().map(|model| (*model).to_owned()).collect(),
    ),
    Definition::identity(
        Column::Window,
        ("window", Kind::Text, "the averaging period: 5min, 1h, 24h (running) or day (UTC)"),
        |reading| Value::Word(reading.window.name()),
    )
    .of_row(|row| Value::Word(row.window().name()))
    .of_texts(
        |text| parsed::<Window>(text).map(|window| Value::Word(window.name())),
        || Window::ALL.map(texts).to_vec(),
    ),
    Definition::stored(
        Column::Indoor,
        ("indoor", Kind::Truth, "whether the sensor is indoors"),
        |reading| reading.indoor.into(),
        |reading, value| reading.indoor = value.truth(),
    )
    .of_row(|row| row.indoor().into()),
    Definition::stored(
        Column::ExactLocation,
        ("exact_location", Kind::Truth, "false if the coordinates are rounded to protect privacy"),
        |reading| reading.exact.into(),
        |reading, value| reading.exact = value.truth(),
    )
    .of_row(|row| row.exact().into()),
    Definition::derived(
        Column::Flags,
        ("flags", Kind::Flags, "the quality flags of the reading"),
        |reading| Value::Flags(reading.flags()),
    )
    .of_row(|row| Value::Flags(row.flags()))
    .always(),
    Definition::stored(
        Column::Hours,
        ("hours", Kind::Count, "valid hours in the mean; for a 1-hour mean, 5-minute slots"),
        |reading| reading.hours.map(u64::from).into(),
        |reading, value| reading.hours = value.count(),
    )
    .in_blocks(9),
    Definition::stored(
        Column::Samples,
        ("samples", Kind::Count, "number of samples in the mean"),
        |reading| reading.samples.map(u64::from).into(),
        |reading, value| reading.samples = value.count(),
    )
    .in_blocks(10),
    Definition::of_index(
        Column::AqiText,
        ("AQI_text", Kind::Text, "the index as its standard writes it: 42, 500+, Good"),
        |indexed| indexed.text(),
    ),
    Definition::of_index(
        Column::IndexBasis,
        ("index_basis", Kind::Text, "defined, or indicative for another averaging period"),
        |indexed| Value::Word(indexed.basis().name()),
    ),
    Definition::of_index(
        Column::Dominant,
        ("dominant", Kind::Text, "the pollutant with the highest sub-index; both if equal"),
        |indexed| indexed.dominant().map_or(Value::Nothing, Value::Word),
    ),
    Definition::identity(
        Column::Network,
        ("network", Kind::Text, "the sensor's network: sensor.community or another"),
        |reading| Value::Network(reading.sensor.network),
    )
    .of_row(|row| Value::Network(row.sensor().network))
    .of_texts(
        |text| parsed(text).map(Value::Network),
        || vec![Network::SENSOR_COMMUNITY.to_string()],
    ),
    Definition::stored(
        Column::StoredFlags,
        ("stored_flags", Kind::Flags, "the flags found in what went into the mean, part of flags"),
        |reading| Value::Flags(reading.stored_flags),
        |reading, value| reading.stored_flags = value.flags(),
    )
    .always()
    .in_blocks(11),
    Definition::of_index(
        Column::AqiP1,
        ("AQI_P1", Kind::Index, "the sub-index of PM10, as an integer"),
        |indexed| place(indexed.of_pm10()),
    ),
    Definition::of_index(
        Column::AqiP2,
        ("AQI_P2", Kind::Index, "the sub-index of PM2.5, as an integer"),
        |indexed| place(indexed.of_pm25()),
    ),
    Definition::of_index(
        Column::AqiLow,
        ("AQI_low", Kind::Index, "low end of the index's range, of models with a measured one"),
        |indexed| place(indexed.bound(Bound::Low)),
    ),
    Definition::of_index(
        Column::AqiHigh,
        ("AQI_high", Kind::Index, "high end of the index's range, of models with a measured one"),
        |indexed| place(indexed.bound(Bound::High)),
    ),
    Definition::stored(
        Column::Temperature,
        ("temperature", Kind::Decimal, "air temperature at the location, not of the sensor itself"),
        |reading| reading.temperature.into(),
        |reading, value| reading.temperature = value.decimal(),
    )
    .in_unit("°C")
    .in_blocks(12),
    Definition::stored(
        Column::Humidity,
        ("humidity", Kind::Decimal, "relative humidity of the air at the location"),
        |reading| reading.humidity.into(),
        |reading, value| reading.humidity = value.decimal(),
    )
    .in_unit("%")
    .in_blocks(13),
    Definition::stored(
        Column::P1Scaled,
        ("P1_scaled", Kind::Decimal, "PM10 / the sensor's usual ratio to its neighbours; by name"),
        |reading| reading.scaled_at(0).into(),
        |reading, value| reading.set_scaled(0, value.decimal()),
    )
    .in_unit("µg/m³")
    .in_blocks(14),
    Definition::stored(
        Column::P2Scaled,
        ("P2_scaled", Kind::Decimal, "PM2.5 / the sensor's usual ratio to its neighbours; by name"),
        |reading| reading.scaled_at(1).into(),
        |reading, value| reading.set_scaled(1, value.decimal()),
    )
    .in_unit("µg/m³")
    .in_blocks(15),
];

const COLUMNS: usize = Column::P2Scaled as usize + 1;

/// The kind of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An id: an integer from 0 to 2^63 - 1.
    Id,
    /// A count: an integer below 2^32.
    Count,
    /// A value of an air-quality index, a small integer.
    Index,
    /// A decimal number, to the last digit.
    Decimal,
    /// A short text with few distinct values.
    Text,
    /// True or false; 1 or 0 in CSV.
    Truth,
    /// A timestamp in whole seconds, UTC.
    Timestamp,
    /// The names of [`Flags`].
    Flags,
}

/// The origin of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Part of a reading's identity.
    Identity,
    /// Stored beside the identity.
    Stored,
    /// Derived from other columns, and never set.
    Derived,
}

impl Column {
    /// All columns; a file with these is lossless.
    pub const ALL: &[Self] = &{
        let mut all = [Self::Id; COLUMNS];
        let mut number = 0;
        while number < COLUMNS {
            let column = DEFINITIONS[number].column;
            assert!(column as usize == number, "definitions are in the order of the variants");
            all[number] = column;
            number += 1;
        }
        all
    };

    /// The report's eleven, in its order.
    pub const DEFAULT: &[Self] = Self::ALL.first_chunk::<11>().expect("there are more");

    /// The columns of one origin, in order.
    pub fn of_origin(origin: Origin) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |column| column.origin() == origin)
    }

    /// The columns stored in a separate column of blocks, with its id there.
    pub(crate) fn in_blocks() -> impl Iterator<Item = (u8, Self)> {
        let all = DEFINITIONS.iter();
        all.filter_map(|definition| Some((definition.block?, definition.column)))
    }

    pub(crate) fn of_block_id(id: u8) -> Option<Self> {
        Self::in_blocks().find_map(|(known, column)| (known == id).then_some(column))
    }

    const fn definition(self) -> &'static Definition {
        &DEFINITIONS[self as usize]
    }

    /// The name in files and requests.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// Its kind.
    pub const fn kind(self) -> Kind {
        self.definition().kind
    }

    /// The unit of its numbers, if any.
    pub const fn unit(self) -> Option<&'static str> {
        self.definition().unit
    }

    /// Its English description, for documentation.
    pub const fn description(self) -> &'static str {
        self.definition().description
    }

    /// Its origin.
    pub const fn origin(self) -> Origin {
        self.definition().origin
    }

    /// Whether every reading has a value for it.
    pub const fn is_always_there(self) -> bool {
        self.definition().always
    }

    /// The known texts of a text column; empty for other kinds. Models can have others. Those of
    /// the index are a standard's.
    pub fn known_texts(self, standard: AqiStandard) -> Vec<String> {
        match self {
            Self::Range => {
                let categories = standard.standard().categories.iter();
                categories.map(|category| category.name.to_owned()).collect()
            }
            _ => self.definition().texts.as_ref().map_or(Vec::new(), |texts| (texts.known)()),
        }
    }

    /// Parses a text written by the `Display` of [`Value`] for the column; an empty text is no
    /// value.
    pub fn parse(self, text: &str) -> Result<Value, BadValue> {
        if text.is_empty() {
            return Ok(Value::Nothing);
        }
        let value = match self.kind() {
            Kind::Id | Kind::Index => parsed(text).map(Value::Whole),
            Kind::Count => parsed::<u32>(text).map(|count| Value::Whole(count.into())),
            Kind::Decimal => parsed(text).and_then(|mut number: Decimal| {
                number.set_sign_negative(text.starts_with('-')); // parsing loses that of -0.0
                self.check(number).map(|()| Value::Decimal(number))
            }),
            Kind::Text => self.parse_text(text),
            Kind::Truth => match text {
                "1" => Ok(Value::Truth(true)),
                "0" => Ok(Value::Truth(false)),
                _ => Err("neither 1 nor 0".to_owned()),
            },
            Kind::Timestamp => parsed(text).map(Value::Timestamp),
            Kind::Flags => {
                let mut flags = text.split(' ').map(Flags::from_name);
                let flags = flags.try_fold(Flags::NONE, |all, flag| Some(all.union(flag?)));
                flags.map(Value::Flags).ok_or_else(|| "not flags".to_owned())
            }
        };
        value.map_err(|reason| BadValue { column: self, reason })
    }

    /// Parses a text of a text column; the error is the reason.
    pub(crate) fn parse_text(self, text: &str) -> Result<Value, String> {
        match &self.definition().texts {
            Some(texts) => (texts.parse)(text),
            None => Err("is derived from other columns".to_owned()),
        }
    }

    /// Whether a number is within the limits of the column.
    pub(crate) fn check(self, number: Decimal) -> Result<(), String> {
        match self.definition().limit {
            Some(limit) if number.abs() > limit.into() => Err(format!("beyond {limit} degrees")),
            _ => Ok(()),
        }
    }
}

impl FromStr for Column {
    type Err = UnknownColumn;

    fn from_str(text: &str) -> Result<Self, UnknownColumn> {
        let found = Self::ALL.iter().find(|column| column.name() == text);
        found.copied().ok_or(UnknownColumn)
    }
}

/// The text is not the name of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownColumn;

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
        write!(f, "the columns are {}", names.join(", "))
    }
}

impl std::error::Error for UnknownColumn {}

/// The text is not a value of the column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    column: Column,
    reason: String,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.column.name(), self.reason)
    }
}

impl std::error::Error for BadValue {}

impl Reading {
    /// The value of a column for the reading.
    ///
    /// ```
    /// use airshed_store::{Column, Reading, Value, Window};
    ///
    /// let mut reading = Reading::new(7, Window::Hour, "2020-06-11T09:40:41Z".parse().unwrap());
    /// reading.set(Column::P1, Value::Decimal("51".parse().unwrap()));
    /// assert_eq!(reading.value(Column::Aqi), Value::Whole(4));
    /// assert_eq!(reading.value(Column::P2), Value::Nothing);
    /// ```
    pub fn value(&self, column: Column) -> Value {
        self.value_by(column, AqiStandard::DEFAULT)
    }

    /// The same, by another standard if the column depends on the index.
    pub fn value_by(&self, column: Column, standard: AqiStandard) -> Value {
        match column.definition().get {
            Get::Reading(get) => get(self),
            Get::Index(get) => self.indexed(standard).map_or(Value::Nothing, |it| get(&it)),
        }
    }

    /// Sets a [stored](Origin::Stored) column; a value of another kind clears it. Other columns are
    /// not changed.
    pub fn set(&mut self, column: Column, value: Value) {
        if let Some(set) = column.definition().set {
            set(self, value);
        }
    }
}

impl<'a> Row<'a> {
    /// The value of a column for the row.
    pub fn value(&self, column: Column) -> Value {
        self.value_by(column, AqiStandard::DEFAULT)
    }

    /// The same, by another standard if the column depends on the index.
    pub fn value_by(&self, column: Column, standard: AqiStandard) -> Value {
        self.values_by(standard).value(column)
    }

    /// The values of several columns.
    pub(crate) fn values_by(self, standard: AqiStandard) -> Values<'a> {
        Values { row: self, standard, indexed: OnceCell::new() }
    }
}

/// The values of a row; its index is computed once for all columns.
pub(crate) struct Values<'a> {
    pub(crate) row: Row<'a>,
    standard: AqiStandard,
    indexed: OnceCell<Option<Indexed>>,
}

impl Values<'_> {
    pub(crate) fn value(&self, column: Column) -> Value {
        let Definition { of_row, block, get, .. } = column.definition();
        match (of_row, block, get) {
            (Some(of_row), ..) => of_row(self.row),
            (None, Some(_), _) => self.row.other(column),
            (None, None, Get::Index(get)) => {
                let indexed = self.indexed.get_or_init(|| self.row.indexed(self.standard));
                indexed.as_ref().map_or(Value::Nothing, get)
            }
            (None, None, Get::Reading(get)) => get(&self.row.reading()),
        }
    }
}

fn place(index: Option<Index>) -> Value {
    index.map(|index| u64::from(index.place())).into()
}

fn parsed<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn texts(named: impl fmt::Display) -> String {
    named.to_string()
}
