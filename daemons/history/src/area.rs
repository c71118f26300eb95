//! The statement of an area: what its sensors say together about the air at one time.
//!
//! It is the median of PM10 and of PM2.5 over three or more outdoor sensors whose readings are
//! plausible, the index of these medians, and how far the sensors are apart. One sensor is a poor
//! witness, and several are a better one: in Aberdeen and in Kraków the median of an area had the
//! index of the official stations more often than a single sensor (`docs/truth.md`). It is about
//! particulate matter only, and indicative ([`NOTE`]).
//!
//! - **Which sensors count**: those that are not known to be indoors, and whose reading has none of
//!   the flags of [`Flags::IMPLAUSIBLE`], low data capture among them. A sensor counts for the
//!   pollutants that it has. With fewer than three there is no median, and if neither pollutant has
//!   one, no statement; the number is given all the same.
//! - **Times**: a reading belongs to the full hour in which its averaging period ends, so that
//!   sensors with timestamps of their own, as in the live feed, come together: those that end after
//!   09:00:00 and until 10:00:00 belong to 10:00. Hours and days of the archive end at full hours
//!   and stay as they are. Of several readings of a sensor in an hour, the newest is taken; if it
//!   does not count, no earlier one takes its place. Days stay as they are: in some time zones they
//!   end at half past an hour.
//! - **Quartiles** are interpolated linearly between the two values around them, as by default in
//!   R, NumPy and spreadsheets (type 7 of Hyndman and Fan, "Sample Quantiles in Statistical
//!   Packages", The American Statistician 50, 1996); so the median of an even number is the mean of
//!   the two in the middle. They are exact if 28 digits suffice.

use std::collections::{BTreeMap, HashMap};

use aqi::{Decimal, Index};
use jiff::Timestamp;
use store::{AqiStandard, Flags, Reading, Sensor, Window};

/// The number of sensors that a statement needs.
pub const LEAST_SENSORS: usize = 3;

/// What every statement is.
pub const NOTE: &str = "particulate matter only, indicative";

const SECONDS_AN_HOUR: i64 = 3600;

/// What the sensors of an area say together about one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The full hour in which the averaging periods end, or the end of the day; UTC.
    pub timestamp: Timestamp,
    /// The number of sensors that count.
    pub sensors: usize,
    /// The number of sensors with a reading that does not count: indoors, or not plausible.
    pub left_out: usize,
    /// PM10; none with fewer than [`LEAST_SENSORS`] values.
    pub pm10: Option<Spread>,
    /// PM2.5; none with fewer than [`LEAST_SENSORS`] values.
    pub pm25: Option<Spread>,
    /// The index of the medians, by the standard of the [`Statements`].
    pub index: Option<Index>,
    /// The lowest and the highest index of the sensors that count; none without [`index`](Self::index).
    pub indices: Option<(Index, Index)>,
}

/// The values of one pollutant, in µg/m³.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The number of values, one of each sensor.
    pub sensors: usize,
    /// The lowest value.
    pub lowest: Decimal,
    /// A quarter of the values are below.
    pub lower_quartile: Decimal,
    /// Half of the values are below.
    pub median: Decimal,
    /// Three quarters of the values are below.
    pub upper_quartile: Decimal,
    /// The highest value.
    pub highest: Decimal,
}

/// Makes statements of readings.
///
/// ```
/// use airshed_history::area::Statements;
/// use store::{AqiStandard, Reading, Window};
///
/// let mut statements = Statements::new(Window::Day, AqiStandard::DEFAULT);
/// for (sensor, pm25) in [(1, 8), (2, 30), (3, 13), (4, 14)] {
///     let mut reading = Reading::new(sensor, Window::Day, "2018-02-04T00:00:00Z".parse().unwrap());
///     reading.pm25 = Some(pm25.into());
///     statements.add(&reading);
/// }
/// let [statement] = statements.finish().try_into().unwrap();
/// let pm25 = statement.pm25.unwrap();
/// assert_eq!((pm25.sensors, pm25.median), (4, "13.5".parse().unwrap()));
/// assert_eq!(statement.index.map(|index| index.place()), Some(2));
/// assert_eq!(statement.indices.map(|(_, highest)| highest.place()), Some(3));
/// ```
#[derive(Debug)]
pub struct Statements {
    window: Window,
    standard: AqiStandard,
    /// By the seconds since 1970.
    times: BTreeMap<i64, HashMap<Sensor, Newest>>,
}

/// The newest reading of a sensor in an hour.
#[derive(Debug)]
struct Newest {
    timestamp: Timestamp,
    /// None: it does not count.
    counted: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    pm10: Option<Decimal>,
    pm25: Option<Decimal>,
    index: Option<Index>,
}

impl Statements {
    /// Of readings with one averaging period, with the index by a standard.
    pub fn new(window: Window, standard: AqiStandard) -> Self {
        Self { window, standard, times: BTreeMap::new() }
    }

    /// Adds a reading, in any order; one of another averaging period is ignored. Of several with
    /// the same identity the last one is taken.
    pub fn add(&mut self, reading: &Reading) {
        if reading.window != self.window {
            return;
        }
        let timestamp = reading.timestamp;
        let sensors = self.times.entry(end_of(timestamp, self.window)).or_default();
        let known = sensors.get(&reading.sensor);
        if known.is_some_and(|known| known.timestamp > timestamp) {
            return;
        }
        let counted = counts(reading).then(|| Counted {
            pm10: reading.pm10,
            pm25: reading.pm25,
            index: reading.index_by(self.standard),
        });
        sensors.insert(reading.sensor, Newest { timestamp, counted });
    }

    /// Removes the statements of the times before a timestamp, and returns them in order: for
    /// readings that come in the order of time, so that only some are in memory.
    pub fn take_before(&mut self, timestamp: Timestamp) -> Vec<Statement> {
        let later = self.times.split_off(&end_of(timestamp, self.window));
        let times = std::mem::replace(&mut self.times, later);
        self.of_times(times)
    }

    /// The statements in the order of time, each of a time with a reading.
    pub fn finish(mut self) -> Vec<Statement> {
        let times = std::mem::take(&mut self.times);
        self.of_times(times)
    }

    fn of_times(&self, times: BTreeMap<i64, HashMap<Sensor, Newest>>) -> Vec<Statement> {
        let statement = |(second, sensors): (i64, HashMap<_, _>)| {
            let timestamp = Timestamp::from_second(second).ok()?;
            Some(self.statement(timestamp, sensors.into_values()))
        };
        times.into_iter().filter_map(statement).collect()
    }

    fn statement(
        &self,
        timestamp: Timestamp,
        newest: impl ExactSizeIterator<Item = Newest>,
    ) -> Statement {
        let all = newest.len();
        let counted: Vec<_> = newest.filter_map(|newest| newest.counted).collect();
        let pm10 = Spread::of(counted.iter().filter_map(|one| one.pm10));
        let pm25 = Spread::of(counted.iter().filter_map(|one| one.pm25));
        let median = |spread: Option<Spread>| spread.map(|spread| spread.median);
        let index = self.standard.index(median(pm10), median(pm25), self.window);
        let indices = || counted.iter().filter_map(|one| one.index);
        let indices = index.and_then(|_| indices().min().zip(indices().max()));
        let sensors = counted.len();
        Statement { timestamp, sensors, left_out: all - sensors, pm10, pm25, index, indices }
    }
}

impl Spread {
    fn of(values: impl Iterator<Item = Decimal>) -> Option<Self> {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable();
        if values.len() < LEAST_SENSORS {
            return None;
        }
        Some(Self {
            sensors: values.len(),
            lowest: quartile(&values, 0)?,
            lower_quartile: quartile(&values, 1)?,
            median: quartile(&values, 2)?,
            upper_quartile: quartile(&values, 3)?,
            highest: quartile(&values, 4)?,
        })
    }
}

/// Whether a reading has a part in a statement.
pub(crate) fn counts(reading: &Reading) -> bool {
    reading.indoor != Some(true) && !reading.flags().intersects(Flags::IMPLAUSIBLE)
}

/// The end of a day, or of the full hour in which an averaging period ends, in seconds since 1970.
fn end_of(timestamp: Timestamp, window: Window) -> i64 {
    let second = timestamp.as_second();
    match window {
        Window::Day => second,
        // Timestamps are whole seconds of the years 0 to 9999 (`Reading::check`).
        _ => (second + SECONDS_AN_HOUR - 1).div_euclid(SECONDS_AN_HOUR) * SECONDS_AN_HOUR,
    }
}

/// The value after so many quarters of the others. Values that count are not negative, so neither
/// their difference nor the sum is out of range.
fn quartile(sorted: &[Decimal], quarters: usize) -> Option<Decimal> {
    let place = sorted.len().checked_sub(1)?.checked_mul(quarters)?;
    let (lower, upper) = (*sorted.get(place / 4)?, *sorted.get(place.div_ceil(4))?);
    let step = upper.checked_sub(lower)?.checked_div(Decimal::from(4))?;
    let part = step.checked_mul(Decimal::from(place % 4))?;
    Some(lower.checked_add(part)?.normalize())
}
