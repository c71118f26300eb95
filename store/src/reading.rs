use std::fmt;
use std::str::FromStr;

use aqi::daqi::{Band, Index};
use aqi::{Concentration, Decimal, daqi};
use jiff::Timestamp;

use crate::blocks::{Station, timestamp_problem};
use crate::standard::Indexed;
use crate::{AqiStandard, Column, Country, Flags, Sensor, SensorType};

/// One mean of one sensor.
///
/// Identity: (`sensor`, `window`, `timestamp`). At least one of `pm10` and `pm25` is
/// there. The index, the band and the quality flags follow from the fields, so that
/// they cannot disagree with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The sensor, which has its network with it.
    pub sensor: Sensor,
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
    /// How many valid hours the mean is of; of a mean of an hour, how many slots of five minutes.
    pub hours: Option<u32>,
    /// How many samples went into the mean.
    pub samples: Option<u32>,
}

impl Reading {
    /// A reading with its identity alone; the rest is filled in by field.
    pub fn new(sensor: impl Into<Sensor>, window: Window, timestamp: Timestamp) -> Self {
        Self {
            sensor: sensor.into(),
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
            hours: None,
            samples: None,
        }
    }

    /// The particulate-matter DAQI: the higher of PM10's and PM2.5's. None for
    /// [models](SensorType::measures_particulates) that are not known to measure it, and where
    /// no value is a concentration. A reading that names no model is trusted, as one is that
    /// comes from a file without that column; the feed's always name one, if only
    /// [`UNKNOWN`](SensorType::UNKNOWN).
    pub fn index(&self) -> Option<Index> {
        if self.sensor_type.is_some_and(|kind| !kind.measures_particulates()) {
            return None;
        }
        let concentration = |value: Option<Decimal>| Concentration::micrograms(value?).ok();
        daqi::of_particulates(concentration(self.pm10), concentration(self.pm25)).ok()?
    }

    /// The index by a standard: none for the models that [`index`](Self::index) has none for.
    pub fn index_by(&self, standard: AqiStandard) -> Option<aqi::Index> {
        self.indexed(standard).map(|indexed| indexed.index)
    }

    pub(crate) fn indexed(&self, standard: AqiStandard) -> Option<Indexed> {
        let Self { pm10, pm25, window, .. } = *self;
        if self.sensor_type.is_some_and(|kind| !kind.measures_particulates()) {
            return None;
        }
        let index = standard.index(pm10, pm25, window)?;
        Some(Indexed { standard, index, pm10, pm25, window })
    }

    /// The band of the index.
    pub fn band(&self) -> Option<Band> {
        self.index().map(Index::band)
    }

    /// What is doubtful about the reading.
    pub fn flags(&self) -> Flags {
        Flags::of(&Station::of(self), self.pm10, self.pm25)
    }

    /// Whether a store can keep the reading.
    pub fn check(&self) -> Result<(), Impossible> {
        let beyond = |degrees: Option<Decimal>, column: Column| {
            degrees.is_some_and(|degrees| column.check(degrees).is_err())
        };
        // As the signed numbers that other programs have for them.
        let is_too_large = |id: Option<u64>| id.is_some_and(|id| i64::try_from(id).is_err());
        let problem = if self.pm10.is_none() && self.pm25.is_none() {
            Some("has neither P1 nor P2")
        } else if [Some(self.sensor.id), self.location, self.measurement]
            .into_iter()
            .any(is_too_large)
        {
            Some("has an id above 9223372036854775807")
        } else if beyond(self.latitude, Column::Latitude) {
            Some("has a latitude beyond 90 degrees")
        } else if beyond(self.longitude, Column::Longitude) {
            Some("has a longitude beyond 180 degrees")
        } else if self.window == Window::NowCast {
            Some("is a NowCast, which is worked out of hours and not kept")
        } else {
            timestamp_problem(self.timestamp)
        };
        problem.map_or(Ok(()), |problem| Err(Impossible(problem)))
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
    /// The present by EPA's [NowCast](aqi::nowcast) of a sensor's hours. It is worked out as it
    /// is asked for ([`RunningMeans`](crate::RunningMeans)), and never kept.
    NowCast,
}

impl Window {
    /// Every window: those that are kept from the shortest to the longest, then the others.
    pub const ALL: [Self; 5] =
        [Self::FiveMinutes, Self::Hour, Self::Day24, Self::Day, Self::NowCast];

    /// The windows that a store keeps means over, from the shortest to the longest.
    pub const KEPT: [Self; 4] = [Self::FiveMinutes, Self::Hour, Self::Day24, Self::Day];

    /// `5min`, `1h`, `24h`, `day` or `nowcast`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5min",
            Self::Hour => "1h",
            Self::Day24 => "24h",
            Self::Day => "day",
            Self::NowCast => "nowcast",
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

/// Why a store cannot keep a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impossible(&'static str);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the reading {}", self.0)
    }
}

impl std::error::Error for Impossible {}
