//! Means over a sensor's own hours, computed on demand.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use aqi::nowcast::nowcast;
use aqi::{Concentration, Decimal, mean};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::blocks::{SECONDS_A_DAY, day_and_second};
use crate::{
    Column, Country, Error, ErrorKind, Flags, Network, Page, Position, Query, Reading, Row, Sensor,
    Summary, View, Window,
};

/// A mean over the last hours of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunningMean {
    /// The EPA's [NowCast](aqi::nowcast) of up to twelve hours; requires two of the newest three.
    NowCast,
    /// The mean of 24 hours; requires 18 of them.
    Day24,
}

impl RunningMean {
    /// All running means.
    pub const ALL: [Self; 2] = [Self::NowCast, Self::Day24];

    /// The averaging period of such a mean.
    pub const fn window(self) -> Window {
        match self {
            Self::NowCast => Window::NowCast,
            Self::Day24 => Window::Day24,
        }
    }

    /// The number of hours that it covers.
    pub const fn hours(self) -> u32 {
        match self {
            Self::NowCast => 12,
            Self::Day24 => 24,
        }
    }

    /// How far before its own timestamp a mean's hours can end.
    pub const fn reach(self) -> SignedDuration {
        SignedDuration::from_hours(self.hours() as i64)
    }

    /// The mean for an hour, if the data capture is sufficient.
    fn in_place_of(self, row: &Row<'_>, series: &Series) -> Option<Reading> {
        let mut reading = row.reading();
        reading.window = self.window();
        reading.pm10 = self.of(&series.pm10);
        reading.pm25 = self.of(&series.pm25);
        let looked_at = MOST - self.hours() as usize..;
        let flags = series.flags[looked_at.clone()].iter();
        reading.stored_flags = flags.fold(Flags::NONE, |all, flags| all.union(*flags));
        let there = series.pm10[looked_at.clone()].iter().zip(&series.pm25[looked_at]);
        let there = there.filter(|(pm10, pm25)| pm10.is_some() || pm25.is_some()).count();
        (reading.hours, reading.samples) = (u32::try_from(there).ok(), None);
        // Those of the last hour alone are not those of the period.
        (reading.temperature, reading.humidity) = (None, None);
        reading.stored_flags = reading.stored_flags.difference(Flags::HUMID);
        (reading.pm10.is_some() || reading.pm25.is_some()).then_some(reading)
    }

    /// Computed over the hours from the oldest to the newest.
    fn of(self, hours: &[Option<Decimal>; MOST]) -> Option<Decimal> {
        let hours = hours.map(|value| Concentration::micrograms(value?).ok());
        let mean = match self {
            Self::NowCast => nowcast(hours.last_chunk()?),
            Self::Day24 => mean::mean(&hours, Window::Day24.least_hours()?),
        };
        // Truncated, not rounded, so that no breakpoint of a table is crossed.
        Some(mean.ok()?.value().trunc_with_scale(6).normalize())
    }
}

/// `nowcast` or `24h`.
impl fmt::Display for RunningMean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.window().fmt(f)
    }
}

impl FromStr for RunningMean {
    type Err = UnknownRunningMean;

    fn from_str(text: &str) -> Result<Self, UnknownRunningMean> {
        let found = Self::ALL.into_iter().find(|mean| mean.window().name() == text);
        found.ok_or(UnknownRunningMean)
    }
}

/// The text is not the name of a running mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownRunningMean;

impl fmt::Display for UnknownRunningMean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the means over hours are nowcast and 24h")
    }
}

impl std::error::Error for UnknownRunningMean {}

/// A view of running means: replaces each 1-hour mean of another view by the mean of the sensor's
/// hours up to it.
///
/// - Only hours in the same country count, and of several that end within the same hour only the
///   last. An hour with a flag of [`Flags::IMPLAUSIBLE`] counts as missing.
/// - Without sufficient data capture there is no row. [`hours`](Reading::hours) is the number of
///   hours used, and the stored flags are those of any of them.
/// - The values have at most six decimals.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), airshed_store::Error> {
/// use std::sync::Arc;
/// use airshed_store::{Memory, Query, Reading, RunningMean, RunningMeans, Store, View, Window};
///
/// let store = Memory::new();
/// let hours = (0..20).map(|hour| {
///     let mut reading = Reading::new(7, Window::Hour, format!("2026-02-01T{hour:02}:00:00Z").parse().unwrap());
///     reading.pm10 = Some((10 + hour).into());
///     reading
/// });
/// store.put(&hours.collect::<Vec<_>>()).await?;
/// let means = RunningMeans::new(Arc::new(store), RunningMean::Day24);
/// let page = means.query(&Query::everything(), None).await?;
/// let rows: Vec<_> = page.rows().map(|row| row.reading()).collect();
/// assert_eq!(rows.len(), 3); // of 18, 19 and 20 hours
/// assert_eq!((rows[2].pm10, rows[2].hours), (Some("19.5".parse().unwrap()), Some(20)));
/// # Ok(()) }
/// ```
pub struct RunningMeans<V: ?Sized = dyn View> {
    mean: RunningMean,
    /// Where the last query stopped: the next one usually continues there.
    stopped: Mutex<Option<Stopped>>,
    inner: Arc<V>,
}

impl<V: ?Sized> fmt::Debug for RunningMeans<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningMeans").field("mean", &self.mean).finish_non_exhaustive()
    }
}

/// The maximum number of hours of a mean.
const MOST: usize = 24;

/// Approximate number of rows per page.
const ROWS: usize = 16_384;

/// Where a query stopped, and the hours known there.
struct Stopped {
    query: Arc<Query>,
    at: Position,
    /// Where to continue reading hours.
    next: Position,
    hours: Hours,
}

/// The key of a series of hours.
type Hours = HashMap<(Sensor, Option<Country>), Series>;

/// The last hours of a sensor: the number of the newest since 1970, and the values up to it.
#[derive(Clone)]
struct Series {
    newest: i64,
    pm10: [Option<Decimal>; MOST],
    pm25: [Option<Decimal>; MOST],
    /// The stored flags of plausible hours.
    flags: [Flags; MOST],
}

impl<V: View + ?Sized> RunningMeans<V> {
    /// Of the hours that a view has.
    pub fn new(inner: Arc<V>, mean: RunningMean) -> Self {
        Self { mean, stopped: Mutex::default(), inner }
    }

    /// The hours needed for the means of a query.
    fn hours_for(&self, query: &Query, from: Timestamp) -> Query {
        let mut hours = Query::new(from, query.until);
        hours.windows = vec![Window::Hour];
        hours.countries.clone_from(&query.countries);
        hours.networks.clone_from(&query.networks);
        hours.sensors.clone_from(&query.sensors);
        hours
    }

    /// The hours before a day, or before the start of the query.
    async fn hours_before(&self, query: &Query, day: i32) -> Result<Hours, Error> {
        let midnight = Timestamp::from_second(i64::from(day) * SECONDS_A_DAY);
        let start = midnight.unwrap_or(Timestamp::MIN).max(query.from);
        let from = start.saturating_sub(self.mean.reach()).unwrap_or(Timestamp::MIN);
        let mut wanted = self.hours_for(query, from);
        wanted.until = start.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(start);
        let (mut hours, mut after) = (Hours::new(), None);
        if wanted.until < wanted.from {
            return Ok(hours);
        }
        loop {
            let page = self.inner.query(&wanted, after).await?;
            for row in page.rows() {
                add_hour(&mut hours, &row);
            }
            after = page.next;
            if after.is_none() {
                return Ok(hours);
            }
        }
    }
}

/// Adds an hour; returns the sensor's hours up to it.
fn add_hour<'a>(hours: &'a mut Hours, row: &Row<'_>) -> &'a Series {
    // A mean that ends within an hour, as in the feed, belongs to that hour.
    let number = (row.timestamp().as_second() + 3599).div_euclid(3600);
    let series = hours.entry((row.sensor(), row.country())).or_insert_with(|| Series {
        newest: number,
        pm10: [None; MOST],
        pm25: [None; MOST],
        flags: [Flags::NONE; MOST],
    });
    let passed = usize::try_from(number - series.newest).unwrap_or_default();
    for values in [&mut series.pm10, &mut series.pm25] {
        values.rotate_left(passed.min(MOST));
        values[MOST - passed.min(MOST)..].fill(None);
    }
    series.flags.rotate_left(passed.min(MOST));
    series.flags[MOST - passed.min(MOST)..].fill(Flags::NONE);
    series.newest = number;
    let plausible = !row.flags().intersects(Flags::IMPLAUSIBLE);
    let value = |cell: Option<Decimal>| cell.filter(|_| plausible);
    series.pm10[MOST - 1] = value(row.pm10().decimal());
    series.pm25[MOST - 1] = value(row.pm25().decimal());
    series.flags[MOST - 1] = match plausible {
        true => row.other(Column::StoredFlags).flags(),
        false => Flags::NONE,
    };
    series
}

/// Removes sensors that have been silent for too long to contribute to a day.
fn forget(hours: &mut Hours, day: i32) {
    let first = i64::from(day) * 24 - MOST as i64;
    hours.retain(|_, series| series.newest > first);
}

#[async_trait]
impl<V: View + ?Sized> View for RunningMeans<V> {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut hours, mut next) = match (stopped, after) {
            (Some(stopped), Some(after)) if stopped.at == after && *stopped.query == *query => {
                (stopped.hours, Some(stopped.next))
            }
            (_, Some(after)) => (self.hours_before(query, after.day()).await?, None),
            (_, None) => {
                let (day, _) = day_and_second(query.from);
                (self.hours_before(query, day).await?, None)
            }
        };
        let from = match after.filter(|_| next.is_none()) {
            // The whole day again: its hours contribute to its later rows.
            Some(after) => {
                let midnight = Timestamp::from_second(i64::from(after.day()) * SECONDS_A_DAY);
                midnight.unwrap_or(Timestamp::MIN).max(query.from)
            }
            None => query.from,
        };
        let wanted = self.hours_for(query, from);
        let (mut means, query) = (Vec::new(), Arc::new(query.clone()));
        loop {
            let page = self.inner.query(&wanted, next).await?;
            next = page.next;
            let (mean, query) = (self.mean, Arc::clone(&query));
            let of_page = tokio::task::spawn_blocking(move || {
                let mut means = Vec::new();
                for row in page.rows() {
                    let mean = mean.in_place_of(&row, add_hour(&mut hours, &row));
                    let mean = mean.filter(|mean| query.matches(mean));
                    means
                        .extend(mean.filter(|mean| after.is_none_or(|at| Position::of(mean) > at)));
                }
                (hours, means)
            });
            let interrupted = |e| Error::new(ErrorKind::Io, "averaging was interrupted").because(e);
            let (after_page, mut of_page) = of_page.await.map_err(interrupted)?;
            hours = after_page;
            means.append(&mut of_page);
            let Some(goes_on) = next.filter(|_| means.len() < ROWS) else { break };
            forget(&mut hours, goes_on.day());
        }
        let at = means.last().map(Position::of);
        let page = Page::of_checked(&means, at.filter(|_| next.is_some()));
        if let Some((at, next)) = at.zip(next) {
            let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            *stopped = Some(Stopped { query, at, next, hours });
        }
        Ok(page)
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
        let from = from.saturating_sub(self.mean.reach()).unwrap_or(Timestamp::MIN);
        self.inner.stored_at(from, until).await
    }

    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        let from = from.saturating_sub(self.mean.reach()).unwrap_or(Timestamp::MIN);
        self.inner.version(from, until).await
    }
}
