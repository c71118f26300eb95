use std::fmt;
use std::str::FromStr;

use aqi::daqi::{Band, Index};
use aqi::{Concentration, Decimal, Pollutant, daqi};
use jiff::Timestamp;

use crate::blocks::{Station, timestamp_problem};
use crate::range::{self, Bound};
use crate::standard::Indexed;
use crate::{AqiStandard, Column, Country, Flags, Sensor, SensorType};

/// One mean of one sensor.
///
/// Identity: (`sensor`, `window`, `timestamp`). At least one of `pm10` and `pm25` is present. The
/// index, the band and the quality flags are derived from the fields, so they are always
/// consistent.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The sensor, including its network.
    pub sensor: Sensor,
    /// The averaging period of the values.
    pub window: Window,
    /// The end of the averaging period, UTC, in whole seconds.
    pub timestamp: Timestamp,
    /// The feed's id of the measurement; archives have none.
    pub measurement: Option<u64>,
    /// PM10 (the feed's `P1`) in µg/m³; particle counts when the sensor is a counter.
    pub pm10: Option<Decimal>,
    /// PM2.5 (the feed's `P2`) in µg/m³; particle counts when the sensor is a counter.
    pub pm25: Option<Decimal>,
    /// The sensor's model.
    pub sensor_type: Option<SensorType>,
    /// The location id; a sensor that moves gets a new one.
    pub location: Option<u64>,
    /// Degrees north (WGS 84).
    pub latitude: Option<Decimal>,
    /// Degrees east (WGS 84).
    pub longitude: Option<Decimal>,
    /// Metres above sea level.
    pub altitude: Option<Decimal>,
    /// The country given by the feed.
    pub country: Option<Country>,
    /// Whether the sensor is indoors.
    pub indoor: Option<bool>,
    /// Whether the coordinates are exact; otherwise rounded to protect privacy.
    pub exact: Option<bool>,
    /// Data capture: the number of valid hours in the mean; for a 1-hour mean, of five-minute
    /// slots.
    pub hours: Option<u32>,
    /// The number of samples in the mean.
    pub samples: Option<u32>,
    /// The flags that were found when the mean was made, from what went into it.
    pub stored_flags: Flags,
    /// The air temperature at the location in °C, a mean over the same period.
    pub temperature: Option<Decimal>,
    /// The relative humidity of the air at the location in %, a mean over the same period.
    pub humidity: Option<Decimal>,
    /// PM10 and PM2.5 divided by the sensor's usual ratio to its neighbours, in µg/m³; none if both are
    /// none. Servers compute them from other readings when they are requested; stores keep what they
    /// are given.
    pub scaled: Option<Box<[Option<Decimal>; 2]>>,
}

impl Reading {
    /// A reading with only its identity; set the other fields individually.
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
            stored_flags: Flags::NONE,
            temperature: None,
            humidity: None,
            scaled: None,
        }
    }

    /// One of the [scaled](Self::scaled) concentrations.
    pub(crate) fn scaled_at(&self, place: usize) -> Option<Decimal> {
        self.scaled.as_ref().and_then(|scaled| scaled[place])
    }

    pub(crate) fn set_scaled(&mut self, place: usize, value: Option<Decimal>) {
        let mut scaled = self.scaled.take().unwrap_or_default();
        scaled[place] = value;
        self.scaled = Some(scaled).filter(|scaled| **scaled != [None; 2]);
    }

    /// The particulate-matter DAQI: the higher of PM10's and PM2.5's. None for
    /// [models](SensorType::measures_particulates) that are not known to measure it, if no value is
    /// a valid concentration, and of a mean of [low capture](Flags::LOW_CAPTURE). A reading without a model is trusted, since it comes from a
    /// file without that column; readings of the feed always have one, possibly
    /// [`UNKNOWN`](SensorType::UNKNOWN).
    pub fn index(&self) -> Option<Index> {
        if !self.can_have_index() {
            return None;
        }
        let concentration = |value: Option<Decimal>| Concentration::micrograms(value?).ok();
        daqi::of_particulates(concentration(self.pm10), concentration(self.pm25)).ok()?
    }

    /// The index by a standard; none for readings without an [`index`](Self::index).
    pub fn index_by(&self, standard: AqiStandard) -> Option<aqi::Index> {
        self.indexed(standard).map(|indexed| indexed.index)
    }

    /// The range of the index by a standard: the indices of the concentrations
    /// `(c + 1) · factor − 1`, with `c` in µg/m³ and a low and a high factor of the sensor's model.
    /// None without an index, and for models whose factors were not measured: so far all but the
    /// SDS011.
    ///
    /// The SDS011's factors, 0.47 and 3.2 for PM10 and 0.77 and 2.9 for PM2.5, are from daily means
    /// in Aberdeen, 2017–2018. On later days there, and in Sofia in 2017/18, the official index was
    /// within the range on 98.2 % and 99.6 % of days, official PM10 on 94 % and 98 %, PM2.5 on
    /// 95 %.
    ///
    /// ```
    /// use airshed_store::{AqiStandard, Reading, Window};
    ///
    /// let mut reading = Reading::new(7, Window::Day24, "2020-06-11T09:40:41Z".parse().unwrap());
    /// reading.pm25 = Some("20".parse().unwrap());
    /// reading.sensor_type = Some("SDS011".parse().unwrap());
    /// let (low, high) = reading.range_by(AqiStandard::DEFAULT).unwrap(); // 15.17 and 59.9 µg/m³
    /// assert_eq!((low.place(), high.place()), (2, 8));
    /// ```
    pub fn range_by(&self, standard: AqiStandard) -> Option<(aqi::Index, aqi::Index)> {
        let indexed = self.indexed(standard)?;
        Some((indexed.bound(Bound::Low)?, indexed.bound(Bound::High)?))
    }

    /// The range of PM10 or PM2.5 in µg/m³: `(c + 1) · factor − 1`, not below zero, with the factors
    /// of [`range_by`](Self::range_by). None without a valid concentration or an index, for other
    /// models, and for other pollutants.
    ///
    /// ```
    /// use airshed_store::{Reading, Window};
    ///
    /// let mut reading = Reading::new(7, Window::Day24, "2020-06-11T09:40:41Z".parse().unwrap());
    /// reading.pm25 = Some("20".parse().unwrap());
    /// reading.sensor_type = Some("SDS011".parse().unwrap());
    /// let (low, high) = reading.concentration_range(aqi::Pollutant::Pm25).unwrap();
    /// assert_eq!((low, high), ("15.17".parse().unwrap(), "59.9".parse().unwrap()));
    /// ```
    pub fn concentration_range(&self, pollutant: Pollutant) -> Option<(Decimal, Decimal)> {
        let value = match pollutant {
            Pollutant::Pm10 => self.pm10?,
            Pollutant::Pm25 => self.pm25?,
            _ => return None,
        };
        self.index()?;
        let value = Concentration::micrograms(value).ok()?.value();
        range::of_concentration(self.sensor_type?, pollutant, value)
    }

    pub(crate) fn indexed(&self, standard: AqiStandard) -> Option<Indexed> {
        let Self { pm10, pm25, window, sensor_type, .. } = *self;
        if !self.can_have_index() {
            return None;
        }
        let index = standard.index(pm10, pm25, window)?;
        Some(Indexed { standard, index, pm10, pm25, window, sensor_type })
    }

    fn can_have_index(&self) -> bool {
        self.sensor_type.is_none_or(|kind| kind.measures_particulates())
            && !self.flags_of_mean().contains(Flags::LOW_CAPTURE)
    }

    /// The band of the index.
    pub fn band(&self) -> Option<Band> {
        self.index().map(Index::band)
    }

    /// The quality flags of the reading.
    pub fn flags(&self) -> Flags {
        Flags::of(&Station::of(self), self.pm10, self.pm25).union(self.flags_of_mean())
    }

    fn flags_of_mean(&self) -> Flags {
        Flags::of_capture(self.window, self.hours).union(self.stored_flags)
    }

    /// Whether a store accepts the reading.
    pub fn check(&self) -> Result<(), Impossible> {
        match self.window {
            Window::NowCast => {
                Err(Impossible("is a NowCast, which is computed from hours and not stored"))
            }
            _ => self.check_row(),
        }
    }

    /// Whether it can be a row of a page: one that is computed, too.
    pub(crate) fn check_row(&self) -> Result<(), Impossible> {
        let beyond = |degrees: Option<Decimal>, column: Column| {
            degrees.is_some_and(|degrees| column.check(degrees).is_err())
        };
        // Limited to signed 64-bit integers, which other programs use.
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
        } else {
            timestamp_problem(self.timestamp)
        };
        problem.map_or(Ok(()), |problem| Err(Impossible(problem)))
    }
}

/// The averaging period of a reading.
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
    /// The EPA's [NowCast](aqi::nowcast) of a sensor's hours. It is computed on demand
    /// ([`RunningMeans`](crate::RunningMeans)), and never stored.
    NowCast,
}

impl Window {
    /// All averaging periods: stored ones from the shortest to the longest, then the others.
    pub const ALL: [Self; 5] =
        [Self::FiveMinutes, Self::Hour, Self::Day24, Self::Day, Self::NowCast];

    /// The averaging periods of stored means, from the shortest to the longest.
    pub const KEPT: [Self; 4] = [Self::FiveMinutes, Self::Hour, Self::Day24, Self::Day];

    /// The number of [hours](Reading::hours) that a valid mean has at least, 75 % of the period: 18
    /// of 24, or 9 of the twelve five-minute slots of an hour (Directive 2008/50/EC, annex XI).
    pub const fn least_hours(self) -> Option<u32> {
        match self {
            Self::Hour => Some(9),
            Self::Day24 | Self::Day => Some(18),
            Self::FiveMinutes | Self::NowCast => None,
        }
    }

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

/// The text is not the name of an averaging period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWindow;

impl fmt::Display for UnknownWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the averaging windows are 5min, 1h, 24h and day")
    }
}

impl std::error::Error for UnknownWindow {}

/// Why a store cannot accept a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impossible(&'static str);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the reading {}", self.0)
    }
}

impl std::error::Error for Impossible {}
