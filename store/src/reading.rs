use std::fmt;
use std::str::FromStr;

use aqi::daqi::{Band, Index};
use aqi::{Concentration, Decimal, daqi};
use jiff::Timestamp;

use crate::Country;

/// One mean of one sensor.
///
/// Identity: (`sensor`, `window`, `timestamp`). At least one of `pm10` and `pm25` is
/// there. The index, the band and the quality flags follow from the fields, so that
/// they cannot disagree with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The sensor's id in the network.
    pub sensor: u64,
    /// The span of time that the values are a mean of.
    pub window: Window,
    /// The end of that span, UTC, in whole seconds.
    pub timestamp: Timestamp,
    /// The feed's id of the measurement; archives have none.
    pub measurement: Option<u64>,
    /// PM10 (the feed's `P1`) in µg/m³; particle counts when the sensor is a counter.
    pub pm10: Option<Decimal>,
    /// PM2.5 (the feed's `P2`) in µg/m³; particle counts when the sensor is a counter.
    pub pm25: Option<Decimal>,
    /// The sensor's model.
    pub sensor_type: Option<SensorType>,
    /// The id of the place; a sensor that moves gets another.
    pub location: Option<u64>,
    /// Degrees north (WGS 84).
    pub latitude: Option<Decimal>,
    /// Degrees east (WGS 84).
    pub longitude: Option<Decimal>,
    /// Metres above sea level.
    pub altitude: Option<Decimal>,
    /// The country that the feed names.
    pub country: Option<Country>,
    /// Whether the sensor stands indoors.
    pub indoor: Option<bool>,
    /// Whether the coordinates are exact; otherwise rounded to protect privacy.
    pub exact: Option<bool>,
}

impl Reading {
    /// A reading with its identity alone; the rest is filled in by field.
    pub fn new(sensor: u64, window: Window, timestamp: Timestamp) -> Self {
        Self {
            sensor,
            window,
            timestamp,
            measurement: None,
            pm10: None,
            pm25: None,
            sensor_type: None,
            location: None,
            latitude: None,
            longitude: None,
            altitude: None,
            country: None,
            indoor: None,
            exact: None,
        }
    }

    /// The particulate-matter DAQI: the higher of PM10's and PM2.5's. None for
    /// particle counts and where no value is a concentration.
    pub fn index(&self) -> Option<Index> {
        if self.sensor_type.is_some_and(|kind| kind.counts_particles()) {
            return None;
        }
        let concentration = |value: Option<Decimal>| Concentration::micrograms(value?).ok();
        daqi::of_particulates(concentration(self.pm10), concentration(self.pm25)).ok()?
    }

    /// The band of the index.
    pub fn band(&self) -> Option<Band> {
        self.index().map(Index::band)
    }

    /// What is doubtful about the reading.
    pub fn flags(&self) -> Flags {
        Flags::of(self.sensor_type, self.location, self.pm10, self.pm25)
    }
}

/// The span of time that a reading is a mean of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The last five minutes.
    FiveMinutes,
    /// The last hour.
    Hour,
    /// The last 24 hours, running.
    Day24,
    /// A UTC calendar day.
    Day,
}

impl Window {
    /// The windows from the shortest to the longest.
    pub const ALL: [Self; 4] = [Self::FiveMinutes, Self::Hour, Self::Day24, Self::Day];

    /// `5min`, `1h`, `24h` or `day`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5min",
            Self::Hour => "1h",
            Self::Day24 => "24h",
            Self::Day => "day",
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Window {
    type Err = UnknownWindow;

    fn from_str(text: &str) -> Result<Self, UnknownWindow> {
        let found = Self::ALL.into_iter().find(|window| window.name() == text);
        found.ok_or(UnknownWindow)
    }
}

/// The text is not the name of an averaging window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWindow;

impl fmt::Display for UnknownWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the averaging windows are 5min, 1h, 24h and day")
    }
}

impl std::error::Error for UnknownWindow {}

/// A sensor's model, such as `SDS011`.
///
/// One to 24 characters: a letter or digit first, then letters, digits, spaces and
/// `. _ - / + ( )`. Nothing that a spreadsheet or a browser could run fits in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorType {
    text: [u8; Self::MAX_LENGTH],
    length: u8,
}

impl SensorType {
    const MAX_LENGTH: usize = 24;

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }

    /// Whether the model reports particle counts in `P1` and `P2`, never µg/m³.
    pub fn counts_particles(&self) -> bool {
        self.as_str().eq_ignore_ascii_case("PPD42NS")
    }
}

impl FromStr for SensorType {
    type Err = BadSensorType;

    fn from_str(text: &str) -> Result<Self, BadSensorType> {
        let bytes = text.as_bytes();
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b" ._-/+()".contains(b);
        let starts_well = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
        if !starts_well || bytes.len() > Self::MAX_LENGTH || !bytes.iter().all(plain) {
            return Err(BadSensorType);
        }
        let mut kept = [0; Self::MAX_LENGTH];
        kept[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { text: kept, length: bytes.len() as u8 }) // at most 24
    }
}

impl fmt::Display for SensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SensorType({self})")
    }
}

/// The text cannot be a sensor's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSensorType;

impl fmt::Display for BadSensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sensor type is 1 to 24 letters, digits, spaces and . _ - / + ( )")
    }
}

impl std::error::Error for BadSensorType {}

/// What is doubtful about a reading. Doubtful readings are kept and say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// `P1` and `P2` are particle counts, not µg/m³ (PPD42NS); there is no index.
    pub const COUNTS: Self = Self(1);
    /// At or above the official map's validity limits: PM10 1900, PM2.5 900 µg/m³.
    pub const SATURATED: Self = Self(1 << 1);
    /// A value is exactly zero: usually a dead fan.
    pub const ZERO: Self = Self(1 << 2);
    /// A value is below zero, which no concentration can be; it gets no index.
    pub const NEGATIVE: Self = Self(1 << 3);
    /// PM2.5 above PM10, though it is a part of it.
    pub const INVERTED: Self = Self(1 << 4);
    /// Location 11, the network's dummy.
    pub const DUMMY_LOCATION: Self = Self(1 << 5);

    /// The flags and their names as CSV shows them.
    pub const NAMES: [(Self, &'static str); 6] = [
        (Self::COUNTS, "counts"),
        (Self::SATURATED, "saturated"),
        (Self::ZERO, "zero"),
        (Self::NEGATIVE, "negative"),
        (Self::INVERTED, "inverted"),
        (Self::DUMMY_LOCATION, "dummy_location"),
    ];

    /// Whether every flag of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The flags of both.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is doubtful.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag));
        set.map(|(_, name)| name)
    }

    /// The flag of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }

    pub(crate) fn of(
        sensor_type: Option<SensorType>,
        location: Option<u64>,
        pm10: Option<Decimal>,
        pm25: Option<Decimal>,
    ) -> Self {
        let mut flags = Self(0);
        let mut set = |flag: Self, when: bool| flags.0 |= if when { flag.0 } else { 0 };
        set(Self::DUMMY_LOCATION, location == Some(11));
        if sensor_type.is_some_and(|kind| kind.counts_particles()) {
            set(Self::COUNTS, true);
            return flags;
        }
        let at_least = |value: Option<Decimal>, limit: i64| value >= Some(Decimal::from(limit));
        let any = |test: fn(&Decimal) -> bool| [pm10, pm25].iter().flatten().any(test);
        set(Self::SATURATED, at_least(pm10, 1900) || at_least(pm25, 900));
        set(Self::ZERO, any(Decimal::is_zero));
        set(Self::NEGATIVE, any(|value| *value < Decimal::ZERO));
        set(Self::INVERTED, pm10.is_some() && pm25 > pm10);
        flags
    }
}
