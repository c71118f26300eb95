use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::blocks::{Newest, SECONDS_A_DAY, Source, day_and_second};
use crate::{Block, Country, Error, Impossible, Network, Query, Reading, Row, Sensor, Window};

/// Read access to readings: the current state of a store, or a [snapshot](Store::snapshot).
///
/// - The order of rows is the same everywhere: UTC day, country (none first), timestamp, sensor,
///   averaging period.
/// - A page is read from one state of the store. Continuing from [`Page::next`] neither repeats nor
///   omits a row that is unchanged meanwhile.
/// - A page can be empty and still have a [`next`](Page::next): only a page without one
///   is the last. No match at all is not an error.
#[async_trait]
pub trait View: Send + Sync + 'static {
    /// The next matching rows, in order, after a position (`None`: from the start).
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error>;

    /// The number of readings by country, and their time range.
    async fn summary(&self) -> Result<Summary, Error>;

    /// The version of the readings between two timestamps, both inclusive: while it is unchanged,
    /// every query on that time range has the same result. `None` if the store has no versions.
    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        let _ = (from, until);
        Ok(None)
    }

    /// The number of readings of the UTC days from that of one timestamp to that of another, both
    /// inclusive. `None` if the store does not know it without reading them.
    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        let _ = (from, until);
        Ok(None)
    }

    /// When readings of the UTC days from that of one timestamp to that of another, both inclusive, were
    /// last put, to the second. `None` if none were, or the store does not know it. While the
    /// [version](Self::version) is unchanged, so is this.
    async fn stored_at(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let _ = (from, until);
        Ok(None)
    }

    /// The networks with readings, in order. It may include networks whose readings are all
    /// deleted, but never omits one. A server requests them with every response, so a store must
    /// know them without reading its data.
    async fn networks(&self) -> Result<Vec<Network>, Error>;

    /// The newest matching reading of every sensor, in the order of rows, as one page; of several
    /// with the same timestamp, the one with the longest averaging period.
    ///
    /// It reads all matching rows: limit the time range of the query.
    async fn latest(&self, query: &Query) -> Result<Page, Error> {
        let (mut newest, mut after) = (Newest::default(), None);
        loop {
            let page = self.query(query, after).await?;
            page.runs.iter().for_each(|run| newest.add(run));
            match page.next {
                None => break,
                next => after = next,
            }
            // Pages that are cached are there at once, and others wait for this thread.
            tokio::task::yield_now().await;
        }
        let runs = newest.rows();
        Ok(Page { runs, next: None })
    }
}

/// A store of readings.
///
/// - A put that returned `Ok` is durable for as long as the store itself exists, even if the
///   process crashes afterwards. Puts and deletions are atomic for readers and for crashes. (A
///   store that cannot guarantee this, such as a remote table, documents it; a failed put can be
///   repeated there.)
/// - A reading replaces the one with the same identity (sensor, averaging period, timestamp), even
///   if its country or location has changed; within a batch the later one wins. Puts are
///   idempotent. An empty batch is not an error.
/// - A reading is returned exactly as it was put, to the last digit: 5.00 is not 5.0, and -0.0
///   keeps its sign.
#[async_trait]
pub trait Store: View {
    /// Stores readings; they are durable when it returns. An empty batch fails if the store is
    /// known to reject writes: after a failure it tries a write.
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a reading that does not pass its
    /// [check](Reading::check): with neither PM10 nor PM2.5, with coordinates out of range, or with
    /// a timestamp that has a fraction of a second or is outside the years 0 to 9999; then no
    /// reading of the batch is stored.
    async fn put(&self, batch: &[Reading]) -> Result<(), Error>;

    /// Permanently deletes all readings before a timestamp; returns their number.
    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error>;

    /// Permanently deletes the readings that match a query; returns their number.
    async fn delete(&self, query: &Query) -> Result<u64, Error>;

    /// A snapshot of the current state. Later puts and deletions are not visible in it.
    ///
    /// A store without snapshots (a remote table) returns a view of the current state at each call,
    /// and documents it.
    async fn snapshot(&self) -> Result<Arc<dyn View>, Error>;

    /// Converts readings stored in an earlier format, in one durable step of some seconds; returns
    /// the progress. It can be interrupted after any step and continued later. A no-op for stores
    /// with a single format.
    async fn migrate(&self) -> Result<Migration, Error> {
        let readings = self.summary().await?.readings();
        Ok(Migration { left: 0, readings })
    }
}

/// The progress of the [migration](Store::migrate) of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Number of readings still in an earlier format.
    pub left: u64,
    /// Total number of readings.
    pub readings: u64,
}

/// A position in the order of rows (a cursor): UTC day, country (none first), timestamp, sensor,
/// averaging period.
///
/// Positions compare in that order. [`of`](Self::of) needs only the identity and the country of a
/// reading. A query continues from a position returned as [`Page::next`], or from that of any
/// reading, stored or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub(crate) day: i32,
    pub(crate) country: Option<Country>,
    pub(crate) second: u32,
    pub(crate) sensor: Sensor,
    pub(crate) window: Window,
}

impl Position {
    /// The position of a reading.
    pub fn of(reading: &Reading) -> Self {
        let (day, second) = day_and_second(reading.timestamp);
        let &Reading { country, sensor, window, .. } = reading;
        Self { day, country, second, sensor, window }
    }

    /// The number of the UTC day since 1970-01-01, the first key of the order.
    pub fn day(&self) -> i32 {
        self.day
    }

    /// The country, the second key; none sorts first.
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// The second of the [day](Self::day), the third key. A value above 86,399 is after every
    /// reading of its day and country.
    pub fn second(&self) -> u32 {
        self.second
    }

    /// The sensor, the fourth key.
    pub fn sensor(&self) -> Sensor {
        self.sensor
    }

    /// The averaging period, the last key; the shortest first.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The position after every reading of a day and country.
    pub(crate) fn last_of(day: i32, country: Option<Country>) -> Self {
        Self { day, country, second: u32::MAX, sensor: Sensor::LAST, window: Window::Day }
    }

    /// The position before every reading of a day.
    pub(crate) fn start_of(day: i32) -> Self {
        let (sensor, window) = (Sensor::default(), Window::FiveMinutes);
        Self { day, country: None, second: 0, sensor, window }
    }

    /// Seconds since 1970, UTC.
    pub(crate) fn timestamp_second(&self) -> i64 {
        i64::from(self.day) * SECONDS_A_DAY + i64::from(self.second)
    }
}

/// A page of matching rows, in order: shared columns and the ranges of matching rows in them.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The matching rows.
    pub runs: Vec<RowRange>,
    /// Where to continue; `None` after the last page.
    pub next: Option<Position>,
}

impl Page {
    /// A page of matching readings, for stores that do not store blocks.
    ///
    /// They can be given in any order, are sorted into the [order of rows](Position), and become
    /// one block per UTC day. Of several with the same position the last one is kept; two with the
    /// same identity in different countries are an error of the store, and both are kept. Every
    /// reading must pass its [check](Reading::check), but may be a NowCast. `next` is where to continue: the position of
    /// the last row of the page, or a later one with no matching row in between; `None` after the
    /// last page.
    ///
    /// The whole page is in memory: [`Embedded`](crate::Embedded) ends a page after about 16,000
    /// rows, and other stores should do the same.
    ///
    /// ```
    /// use airshed_store::{Page, Position, Reading, Window};
    ///
    /// let reading = |sensor| {
    ///     let mut reading = Reading::new(sensor, Window::Hour, "2026-02-01T12:00:00Z".parse().unwrap());
    ///     reading.pm10 = Some("20".parse().unwrap());
    ///     reading
    /// };
    /// let page = Page::of_readings(&[reading(2), reading(1)], None)?;
    /// assert!(page.rows().map(|row| row.sensor().id).eq([1, 2]));
    /// # Ok::<(), airshed_store::Impossible>(())
    /// ```
    pub fn of_readings(readings: &[Reading], next: Option<Position>) -> Result<Self, Impossible> {
        readings.iter().try_for_each(Reading::check_row)?;
        Ok(Self::of_checked(readings, next))
    }

    pub(crate) fn of_checked(readings: &[Reading], next: Option<Position>) -> Self {
        let mut rows: Vec<_> = readings.iter().map(|r| (Position::of(r), r)).collect();
        rows.sort_by_key(|(position, _)| *position); // stable: equal ones keep their order
        let last_of_each = rows.chunk_by(|(a, _), (b, _)| a == b).filter_map(<[_]>::last);
        let rows: Vec<_> = last_of_each.copied().collect();
        let runs = rows.chunk_by(|(a, _), (b, _)| a.day == b.day).map(|of_day| {
            let sources: Vec<_> = of_day.iter().map(|(_, reading)| Source::new(reading)).collect();
            RowRange { block: Arc::new(Block::from_sorted(&sources)), rows: 0..sources.len() }
        });
        Self { runs: runs.collect(), next }
    }

    /// The number of matching rows.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.rows.len()).sum()
    }

    /// Whether the page has no matching rows; there may be a next page all the same.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many of the matching rows have a flag of [`Flags::IMPLAUSIBLE`](crate::Flags).
    pub fn implausible(&self) -> usize {
        self.runs.iter().map(|run| run.block.count_implausible(&run.rows)).sum()
    }

    /// Truncates the page to the first `most` rows; returns the number of rows left.
    pub(crate) fn keep_first(&mut self, most: u64) -> u64 {
        let mut kept = 0;
        self.runs.retain_mut(|run| {
            let room = usize::try_from(most - kept).unwrap_or(usize::MAX);
            run.rows.end = run.rows.end.min(run.rows.start.saturating_add(room));
            kept += run.rows.len() as u64;
            !run.rows.is_empty()
        });
        kept
    }

    /// Iterates over the matching rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.runs.iter().flat_map(|run| run.rows.clone().map(|row| run.block.row(row)))
    }
}

/// Adjacent rows of a block.
#[derive(Debug, Clone)]
pub struct RowRange {
    /// The columns.
    pub block: Arc<Block>,
    /// The rows in them; never empty.
    pub rows: Range<usize>,
}

/// A summary of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// The number of readings by country, in the order of rows: readings without a
    /// country first, then alphabetical.
    pub countries: Vec<(Option<Country>, u64)>,
    /// The earliest and the latest timestamp; `None` when the store is empty.
    pub extent: Option<(Timestamp, Timestamp)>,
}

impl Summary {
    /// A summary of the number of readings by country, in any order, and the earliest and latest
    /// timestamp. Countries without readings are dropped.
    pub fn new(
        countries: impl IntoIterator<Item = (Option<Country>, u64)>,
        extent: Option<(Timestamp, Timestamp)>,
    ) -> Self {
        let mut countries: Vec<_> = countries.into_iter().collect();
        countries.retain(|(_, readings)| *readings > 0);
        countries.sort_unstable();
        Self { countries, extent }
    }

    /// The number of readings.
    pub fn readings(&self) -> u64 {
        self.countries.iter().map(|(_, readings)| readings).sum()
    }

    /// Estimated upper bound of the readings that a query matches: those of its countries, assumed
    /// to be spread evenly over the store's time range. Other filters are ignored.
    pub fn estimate(&self, query: &Query) -> u64 {
        let Some((oldest, newest)) = self.extent else { return 0 };
        let (from, until) = (query.from.max(oldest), query.until.min(newest));
        if from > until {
            return 0;
        }
        let wanted = self.countries.iter().filter(|(country, _)| query.accepts_country(*country));
        let readings: u64 = wanted.map(|(_, readings)| readings).sum();
        let seconds = |from: Timestamp, until: Timestamp| {
            until.duration_since(from).as_secs().unsigned_abs() + 1
        };
        let (part, whole) = (seconds(from, until), seconds(oldest, newest));
        (u128::from(readings) * u128::from(part)).div_ceil(u128::from(whole)) as u64
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use proptest::prelude::*;

    use crate::conformance::{Model, any_reading, assert_same, readings};
    use crate::{Page, Position, Query, Reading, Timestamp};

    proptest! {
        #[test]
        fn a_page_of_readings_has_them_in_the_order_of_rows(given in readings()) {
            let model = Model::default();
            model.put(&given);
            let mut of_one_identity = model.query(&Query::everything());
            let next = of_one_identity.last().map(Position::of);
            let page = Page::of_readings(&of_one_identity, next);
            of_one_identity.reverse();
            let reversed = Page::of_readings(&of_one_identity, next);
            of_one_identity.reverse();
            for page in [page.unwrap(), reversed.unwrap()] {
                let rows: Vec<_> = page.rows().map(|row| row.reading()).collect();
                assert_same(&rows, &of_one_identity);
                prop_assert_eq!(page.next, next);
                let days = of_one_identity.chunk_by(|a, b| Position::of(a).day == Position::of(b).day);
                prop_assert_eq!(page.runs.len(), days.count());
            }
        }

        #[test]
        fn of_readings_of_one_position_the_last_stays(first in any_reading(), last in any_reading()) {
            let Reading { sensor, window, timestamp, country, .. } = first;
            let last = Reading { sensor, window, timestamp, country, ..last };
            let page = Page::of_readings(&[first, last.clone()], None).unwrap();
            let rows: Vec<_> = page.rows().map(|row| row.reading()).collect();
            assert_same(&rows, &[last]);
        }

        #[test]
        fn a_position_can_be_taken_apart(reading in any_reading()) {
            let position = Position::of(&reading);
            let second = i64::from(position.day()) * 86_400 + i64::from(position.second());
            let timestamp = Timestamp::from_second(second).unwrap();
            let (sensor, window, country) =
                (position.sensor(), position.window(), position.country());
            let again = Reading { country, ..Reading::new(sensor, window, timestamp) };
            prop_assert_eq!(Position::of(&again), position);
            prop_assert_eq!((timestamp, sensor), (reading.timestamp, reading.sensor));
        }
    }

    #[test]
    fn a_page_of_what_no_store_keeps_is_refused() {
        let nothing = Reading::new(1, crate::Window::Hour, Timestamp::UNIX_EPOCH);
        Page::of_readings(&[nothing], None).unwrap_err();
    }
}
