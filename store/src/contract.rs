use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::blocks::{Newest, SECONDS_A_DAY, Source, day_and_second};
use crate::{Block, Country, Error, Impossible, Network, Query, Reading, Row, Sensor, Window};

/// Readings that can be asked for: a store as it is, or one [state](Store::snapshot) of
/// it.
///
/// - Rows come in one order everywhere: UTC day, country (none first), timestamp,
///   sensor, window.
/// - A page is read from one state of the store. Asking on from [`Page::next`] neither
///   repeats nor leaves out a row that stays as it is meanwhile.
/// - A page can be empty and still have a [`next`](Page::next): only a page without one
///   is the last. No match at all is not an error.
#[async_trait]
pub trait View: Send + Sync + 'static {
    /// The next rows that match, in order, after a position (`None`: from the start).
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error>;

    /// What there is, by country.
    async fn summary(&self) -> Result<Summary, Error>;

    /// A name of what there is between two moments, both included: as long as it stays, every
    /// question about that time has the same answer. `None` from a store that cannot say.
    async fn version(&self, from: Timestamp, until: Timestamp) -> Result<Option<String>, Error> {
        let _ = (from, until);
        Ok(None)
    }

    /// The networks whose readings there are, in order: perhaps also some whose readings are all
    /// deleted, never one too few. A server asks for them with every answer: a store knows them
    /// without looking at its readings.
    async fn networks(&self) -> Result<Vec<Network>, Error>;

    /// The newest matching reading of every sensor, in the order of rows, as one page;
    /// of several at one moment the one with the longest window.
    ///
    /// Everything that matches is looked at: bound the query's time.
    async fn latest(&self, query: &Query) -> Result<Page, Error> {
        let (mut newest, mut after) = (Newest::default(), None);
        loop {
            let page = self.query(query, after).await?;
            page.runs.iter().for_each(|run| newest.add(run));
            match page.next {
                None => break,
                next => after = next,
            }
        }
        let runs = newest.rows();
        Ok(Page { runs, next: None })
    }
}

/// Where readings are kept.
///
/// - A put that returned `Ok` is kept, whatever happens to the process afterwards, for
///   as long as the store itself lasts. A put is all or nothing: neither a reader nor a
///   crash sees half of it. So is a deletion. (A store that cannot promise this, a table
///   elsewhere, says so in its own documentation; what failed there can be put again.)
/// - A reading replaces the one of the same identity (sensor, window, timestamp), also
///   where its country or place has changed; within a batch the later wins. Putting the
///   same twice changes nothing. An empty batch is not an error.
/// - A reading comes back as it was put, to the last digit: 5.00 is not 5.0, and -0.0 keeps
///   its sign.
#[async_trait]
pub trait Store: View {
    /// Keeps readings; durable when it returns. An empty batch fails where the store is
    /// known to take none.
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a reading that does not pass its
    /// [check](Reading::check): without PM10 and PM2.5, with coordinates out of range, with
    /// a timestamp that has a fraction of a second or lies outside the years 0 to 9999;
    /// then nothing of the batch is kept.
    async fn put(&self, batch: &[Reading]) -> Result<(), Error>;

    /// Deletes every reading that is older than a moment, for good; how many there were.
    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error>;

    /// The state as it is now. What is put or deleted afterwards does not show in it.
    ///
    /// A store that cannot hold a state (a table elsewhere) gives a view of what is
    /// there whenever it is asked, and says so in its own documentation.
    async fn snapshot(&self) -> Result<Arc<dyn View>, Error>;

    /// Writes what is kept in an earlier format anew, some seconds' worth in one durable step;
    /// what is left. It can be stopped after any step and gone on with later. A store of one
    /// format has nothing to write.
    async fn migrate(&self) -> Result<Migration, Error> {
        let readings = self.summary().await?.readings();
        Ok(Migration { left: 0, readings })
    }
}

/// How far the [migration](Store::migrate) of a store has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The readings that are kept in an earlier format.
    pub left: u64,
    /// All readings.
    pub readings: u64,
}

/// A place in the order of rows: UTC day, country (none first), timestamp, sensor, window.
///
/// Positions compare in that order. [`of`](Self::of) needs no more of a reading than its
/// identity and its country. The position that a store is asked to go on from is one that it
/// gave as [`Page::next`], or that of any reading, whether the store has it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub(crate) day: i32,
    pub(crate) country: Option<Country>,
    pub(crate) second: u32,
    pub(crate) sensor: Sensor,
    pub(crate) window: Window,
}

impl Position {
    /// The place of a reading.
    pub fn of(reading: &Reading) -> Self {
        let (day, second) = day_and_second(reading.timestamp);
        let &Reading { country, sensor, window, .. } = reading;
        Self { day, country, second, sensor, window }
    }

    /// The number of the UTC day since 1970-01-01, which comes first in the order.
    pub fn day(&self) -> i32 {
        self.day
    }

    /// The country, which comes second; none before all others.
    pub fn country(&self) -> Option<Country> {
        self.country
    }

    /// The second of the [day](Self::day), which comes third. Above 86,399 it stands behind
    /// every reading of its day and country.
    pub fn second(&self) -> u32 {
        self.second
    }

    /// The sensor, which comes fourth.
    pub fn sensor(&self) -> Sensor {
        self.sensor
    }

    /// The averaging window, which comes last; the shortest first.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Behind every reading of a day and country.
    pub(crate) fn last_of(day: i32, country: Option<Country>) -> Self {
        Self { day, country, second: u32::MAX, sensor: Sensor::LAST, window: Window::Day }
    }

    /// Seconds since 1970, UTC.
    pub(crate) fn timestamp_second(&self) -> i64 {
        i64::from(self.day) * SECONDS_A_DAY + i64::from(self.second)
    }
}

/// Some of the rows that match a query, in order: shared columns and the runs of rows
/// in them that match.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The matching rows.
    pub runs: Vec<Run>,
    /// Where to go on; `None` when there is nothing more.
    pub next: Option<Position>,
}

impl Page {
    /// The page of readings that match, for stores that keep them otherwise than in blocks.
    ///
    /// They can come in any order, are brought into the [order of rows](Position), and become
    /// one block for each UTC day. Of several that have one position the last given stays; two
    /// of one identity in different countries are the store's mistake, and both stay. Every
    /// reading must pass its [check](Reading::check). `next` is where to go on: the position of
    /// the last row of the page, or one further on that no wanted row lies before; `None` when
    /// there is nothing more.
    ///
    /// All of it is in memory at once: [`Embedded`](crate::Embedded) ends a page after some
    /// 16,000 rows, and so should others.
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
        readings.iter().try_for_each(Reading::check)?;
        Ok(Self::of_checked(readings, next))
    }

    pub(crate) fn of_checked(readings: &[Reading], next: Option<Position>) -> Self {
        let mut rows: Vec<_> = readings.iter().map(|r| (Position::of(r), r)).collect();
        rows.sort_by_key(|(position, _)| *position); // equal ones stay as they were given
        let last_of_each = rows.chunk_by(|(a, _), (b, _)| a == b).filter_map(<[_]>::last);
        let rows: Vec<_> = last_of_each.copied().collect();
        let runs = rows.chunk_by(|(a, _), (b, _)| a.day == b.day).map(|of_day| {
            let sources: Vec<_> = of_day.iter().map(|(_, reading)| Source::new(reading)).collect();
            Run { block: Arc::new(Block::from_sorted(&sources)), rows: 0..sources.len() }
        });
        Self { runs: runs.collect(), next }
    }

    /// The number of matching rows.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.rows.len()).sum()
    }

    /// Whether no row of this page matches; there may be a next page all the same.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many of the matching rows have a flag of [`Flags::IMPLAUSIBLE`](crate::Flags).
    pub fn implausible(&self) -> usize {
        self.runs.iter().map(|run| run.block.count_implausible(&run.rows)).sum()
    }

    /// Drops the rows beyond the first `most`; how many are left.
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

    /// The matching rows one by one.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.runs.iter().flat_map(|run| run.rows.clone().map(|row| run.block.row(row)))
    }
}

/// Adjacent rows of a block.
#[derive(Debug, Clone)]
pub struct Run {
    /// The columns.
    pub block: Arc<Block>,
    /// The rows in them; never empty.
    pub rows: Range<usize>,
}

/// What is in a store.
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
    /// Of readings by country, in any order, and the earliest and latest timestamp. Countries
    /// without readings are left out.
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

    /// About how many readings a query can find: those of its countries, spread evenly over
    /// the time that there are readings of. No other filter is looked at.
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
