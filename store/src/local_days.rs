//! Means over calendar days of a time zone, computed on demand from hours.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aqi::Decimal;
use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::blocks::{SECONDS_A_DAY, day_and_second};
use crate::{
    Block, Column, Country, Error, ErrorKind, Flags, Network, Page, Position, Query, Reading, Row,
    Sensor, Summary, View, Window,
};

const HOUR: i64 = 3600;

/// Approximate number of rows per page.
const ROWS: usize = 16_384;

/// The share of a day's hours that makes its mean valid, in percent (Directive 2008/50/EC, annex
/// XI): 18 of 23 or 24 hours, 19 of 25.
const CAPTURE: i64 = 75;

/// A hundredth of these are 5 %: see [`Flags::ZERO`].
const ZERO: u32 = 5;

/// The relative humidity in % from which a day is [humid](Flags::HUMID).
const HUMID: i64 = 90;

/// The longest day: with a change of the offset by several hours.
const LONGEST: SignedDuration = SignedDuration::from_hours(48);

/// A view of calendar days in a time zone: `day` means of another view's 1-hour means.
///
/// - An hour belongs to the day in which it ends; of several means that end within the same hour,
///   only the last counts. Where the offset is not a whole number of hours, a day therefore begins
///   up to an hour early.
/// - The mean is that of the day's valid hours (those without [`Flags::LOW_CAPTURE`]), by
///   pollutant, truncated to six decimals. It is valid with 75 % of the hours: 18 of 24, 18 of 23,
///   19 of 25. Otherwise, it has [`Flags::LOW_CAPTURE`]; if only one pollutant reaches that, the
///   mean has only that one. Without a valid hour there is no mean.
/// - Its timestamp is the end of the day: the next local midnight.
/// - Its flags are those of its values and its sensor, and from its hours: saturated, stuck, and
///   spikes of any of them, and zero if 5 % of them are. Those of neighbours are not computed.
/// - Temperature and humidity are the means of its valid hours' with 75 % of the day's hours.
/// - Only hours in the same country count together.
///
/// A day appears when it has ended by the data's own time: once the newest timestamp of the view is at
/// or after the end of its last hour.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), airshed_store::Error> {
/// use std::sync::Arc;
/// use airshed_store::{LocalDays, Memory, Query, Reading, Store, TimeZone, View, Window};
///
/// let store = Memory::new();
/// let hours = (0..24).map(|hour| {
///     let mut reading = Reading::new(7, Window::Hour, format!("2026-02-01T{hour:02}:00:00Z").parse().unwrap());
///     reading.pm10 = Some((10 + hour).into());
///     reading
/// });
/// store.put(&hours.collect::<Vec<_>>()).await?;
/// let zone = TimeZone::fixed(jiff::tz::offset(1)); // or TimeZone::get("Europe/Berlin")
/// let days = LocalDays::new(Arc::new(store), zone);
/// let page = days.query(&Query::everything(), None).await?;
/// let rows: Vec<_> = page.rows().map(|row| row.reading()).collect();
/// assert_eq!(rows[0].timestamp.to_string(), "2026-02-01T23:00:00Z");
/// assert_eq!((rows[0].pm10, rows[0].hours), (Some("21.5".parse().unwrap()), Some(24)));
/// # Ok(()) }
/// ```
pub struct LocalDays<V: ?Sized = dyn View> {
    zone: TimeZone,
    inner: Arc<V>,
}

impl<V: ?Sized> fmt::Debug for LocalDays<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalDays").field("zone", &self.zone).finish_non_exhaustive()
    }
}

impl<V: View + ?Sized> LocalDays<V> {
    /// Of the hours that a view has.
    pub fn new(inner: Arc<V>, zone: TimeZone) -> Self {
        Self { zone, inner }
    }

    /// The days of the query that can have hours and have ended, in order: of a UTC day, those that end
    /// in it.
    async fn days(&self, query: &Query, after: Option<Position>) -> Result<Vec<Vec<Day>>, Error> {
        let Some((first, last)) = self.inner.summary().await?.extent else {
            return Ok(Vec::new());
        };
        let from = match after {
            Some(after) => Timestamp::from_second(i64::from(after.day()) * SECONDS_A_DAY)
                .unwrap_or(Timestamp::MAX),
            None => Timestamp::MIN,
        };
        let from = from.max(query.from).max(first);
        // The day that ends at `from` or later is that of the moment before: where a zone skips a
        // date, it is not the date before that of `from`.
        let before = from.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
        let mut date = self.zone.to_datetime(before).date();
        let mut days: Vec<Vec<Day>> = Vec::new();
        let is_wanted = |day: &Day| day.end <= query.until && day.has_ended(last);
        while let Some(day) = Day::of(date, &self.zone).filter(is_wanted) {
            date = date.saturating_add(1.day());
            if day.end < from {
                continue;
            }
            match days.last_mut().filter(|days| days.iter().any(|one| one.number() == day.number()))
            {
                Some(same) => same.push(day),
                None => days.push(vec![day]),
            }
        }
        Ok(days)
    }

    async fn means(&self, query: &Query, day: Day) -> Result<Vec<Reading>, Error> {
        let Some(mut hours) = day.hours() else { return Ok(Vec::new()) };
        hours.countries.clone_from(&query.countries);
        hours.networks.clone_from(&query.networks);
        hours.sensors.clone_from(&query.sensors);
        let (mut sensors, mut after) = (HashMap::new(), None);
        loop {
            let page = self.inner.query(&hours, after).await?;
            after = page.next;
            let of_page = tokio::task::spawn_blocking(move || {
                add(&mut sensors, &page);
                sensors
            });
            let interrupted = |e| Error::new(ErrorKind::Io, "averaging was interrupted").because(e);
            sensors = of_page.await.map_err(interrupted)?;
            if after.is_none() {
                return Ok(sensors.into_values().filter_map(|hours| hours.mean(day)).collect());
            }
        }
    }
}

/// A calendar day of a time zone.
#[derive(Debug, Clone, Copy)]
struct Day {
    start: Timestamp,
    end: Timestamp,
}

impl Day {
    /// `None` beyond the years of timestamps.
    fn of(date: Date, zone: &TimeZone) -> Option<Self> {
        let midnight = |date: Date| {
            let zoned = date.to_zoned_datetime(zone.clone()).ok()?;
            Some(zoned.start_of_day().ok()?.timestamp())
        };
        let next = date.checked_add(1.day()).ok()?;
        Some(Self { start: midnight(date)?, end: midnight(next)? })
    }

    /// The UTC day of its end.
    fn number(self) -> i32 {
        day_and_second(self.end).0
    }

    /// The numbers of the hours that end after its start, and until its end.
    fn numbers(self) -> (i64, i64) {
        (self.start.as_second().div_euclid(HOUR) + 1, self.end.as_second().div_euclid(HOUR))
    }

    /// Whether its last hour is at or before the newest timestamp.
    fn has_ended(self, newest: Timestamp) -> bool {
        self.numbers().1 * HOUR <= newest.as_second()
    }

    /// The query for all its hours; `None` if it has none, as a date that a zone has skipped.
    fn hours(self) -> Option<Query> {
        let (first, last) = self.numbers();
        if first > last {
            return None;
        }
        let from = Timestamp::from_second((first - 1) * HOUR + 1).ok()?;
        let mut hours = Query::new(from, Timestamp::from_second(last * HOUR).ok()?);
        hours.windows = vec![Window::Hour];
        Some(hours)
    }

    /// The number of hours that a valid mean has at least.
    fn least_hours(self) -> u32 {
        let (first, last) = self.numbers();
        let least = ((last - first + 1) * CAPTURE + 99) / 100; // rounded up
        u32::try_from(least).unwrap_or_default()
    }
}

/// The hours of the sensors in one day.
type Sensors = HashMap<(Sensor, Option<Country>), Hours>;

#[derive(Default)]
struct Hours {
    last: Option<Hour>,
    /// Of PM10, PM2.5, temperature and humidity.
    sums: [Sum; 4],
    valid: u32,
    zero: u32,
    /// `None` once an hour's is unknown.
    samples: Option<u32>,
    flags: Flags,
    /// The row of the last valid hour.
    row: Option<(Arc<Block>, usize)>,
}

/// An hour that is not counted yet: a later one within the same hour replaces it.
struct Hour {
    number: i64,
    block: Arc<Block>,
    row: usize,
}

#[derive(Default, Clone, Copy)]
struct Sum {
    total: Decimal,
    hours: u32,
}

fn add(sensors: &mut Sensors, page: &Page) {
    for run in &page.runs {
        for row in run.rows.clone() {
            let (block, at) = (Arc::clone(&run.block), run.block.row(row));
            let number = (at.timestamp().as_second() + HOUR - 1).div_euclid(HOUR);
            let hours = sensors.entry((at.sensor(), at.country())).or_default();
            hours.add(Hour { number, block, row });
        }
    }
}

impl Sum {
    /// Truncated, not rounded, so that no breakpoint of a table is crossed.
    fn mean(self) -> Option<Decimal> {
        Some(self.total.checked_div(self.hours.into())?.trunc_with_scale(6).normalize())
    }
}

impl Hours {
    /// In order of time.
    fn add(&mut self, hour: Hour) {
        let is_next = self.last.as_ref().is_some_and(|last| last.number < hour.number);
        let passed = self.last.replace(hour);
        if let Some(passed) = passed.filter(|_| is_next) {
            self.count(passed);
        }
    }

    fn count(&mut self, Hour { block, row, .. }: Hour) {
        let hour = block.row(row);
        let flags = hour.flags();
        if flags.contains(Flags::LOW_CAPTURE) {
            return;
        }
        let climate = [Column::Temperature, Column::Humidity].map(|c| hour.other(c).decimal());
        let [temperature, humidity] = climate;
        let values = [hour.pm10().decimal(), hour.pm25().decimal(), temperature, humidity];
        for (sum, value) in self.sums.iter_mut().zip(values) {
            if let Some(total) = value.and_then(|value| sum.total.checked_add(value)) {
                *sum = Sum { total, hours: sum.hours + 1 };
            }
        }
        let samples = samples_of(&hour);
        self.samples = match self.valid {
            0 => samples,
            _ => self.samples.zip(samples).and_then(|(all, of_hour)| all.checked_add(of_hour)),
        };
        self.valid += 1;
        self.zero += u32::from(flags.contains(Flags::ZERO));
        let of_any = Flags::SATURATED.union(Flags::STUCK).union(Flags::SPIKE);
        self.flags = self.flags.union(flags.intersection(of_any));
        self.row = Some((block, row));
    }

    fn mean(mut self, day: Day) -> Option<Reading> {
        if let Some(last) = self.last.take() {
            self.count(last);
        }
        let (block, row) = self.row?;
        let least = day.least_hours();
        let is_valid = |sum: &Sum| sum.hours >= least;
        let [pm10, pm25, climate @ ..] = self.sums;
        let low = ![pm10, pm25].iter().any(is_valid);
        let shown = [pm10, pm25].map(|sum| (low || is_valid(&sum)).then_some(sum));
        let [pm10, pm25] = shown.map(|sum| sum?.mean());
        let [temperature, humidity] = climate.map(|sum| Some(sum).filter(is_valid)?.mean());
        let hours = shown.iter().flatten().map(|sum| sum.hours).max();
        let mut stored_flags = self.flags;
        if low {
            stored_flags = stored_flags.union(Flags::LOW_CAPTURE);
        }
        if self.zero * 100 >= self.valid * ZERO {
            stored_flags = stored_flags.union(Flags::ZERO);
        }
        if humidity.is_some_and(|humidity| humidity >= HUMID.into()) {
            stored_flags = stored_flags.union(Flags::HUMID);
        }
        let (window, timestamp, measurement) = (Window::Day, day.end, None);
        let samples = self.samples;
        let last = block.row(row).reading();
        let mean = Reading {
            window,
            timestamp,
            measurement,
            pm10,
            pm25,
            hours,
            samples,
            stored_flags,
            temperature,
            humidity,
            ..last
        };
        (pm10.is_some() || pm25.is_some()).then_some(mean)
    }
}

fn samples_of(hour: &Row<'_>) -> Option<u32> {
    hour.other(Column::Samples).whole().and_then(|samples| u32::try_from(samples).ok())
}

#[async_trait]
impl<V: View + ?Sized> View for LocalDays<V> {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        let (mut means, mut next) = (Vec::new(), None);
        let days = self.days(query, after).await?;
        let mut of_utc = days.into_iter().peekable();
        while let Some(days) = of_utc.next() {
            for day in days {
                means.append(&mut self.means(query, day).await?);
            }
            let is_wanted = |mean: &Reading| {
                query.matches(mean) && after.is_none_or(|after| Position::of(mean) > after)
            };
            means.retain(is_wanted);
            if means.len() >= ROWS
                && let Some(day) = of_utc.peek().and_then(|days| days.first())
            {
                next = Some(Position::start_of(day.number()));
                break;
            }
        }
        Ok(Page::of_checked(&means, next))
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.inner.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.inner.networks().await
    }

    async fn stored_at(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let from = from.saturating_sub(LONGEST).unwrap_or(Timestamp::MIN);
        self.inner.stored_at(from, until).await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        let from = from.saturating_sub(LONGEST).unwrap_or(Timestamp::MIN);
        let Some(version) = self.inner.version(from, until).await? else { return Ok(None) };
        // A reading after the range can end its last day.
        let newest = self.inner.summary().await?.extent.map(|(_, newest)| newest);
        let is_open = newest.is_none_or(|newest| newest < until);
        Ok(Some(if is_open { format!("{version}-open") } else { version }))
    }
}
