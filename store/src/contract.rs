use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::block::{SECONDS_A_DAY, day_and_second};
use crate::{Block, Country, Error, Query, Reading, Row, Window};

/// Where readings are kept.
///
/// - A put that returned `Ok` is kept, whatever happens to the process afterwards, for
///   as long as the store itself lasts. A put is all or nothing: neither a reader nor a
///   crash sees half of it.
/// - A reading replaces the one of the same identity (sensor, window, timestamp), also
///   where its country or place has changed; within a batch the later wins. Putting the
///   same twice changes nothing. An empty batch is not an error.
/// - Rows come in one order everywhere: UTC day, country (none first), timestamp,
///   sensor, window.
/// - A page is read from one state of the store. Asking on from [`Page::next`] neither
///   repeats nor leaves out a row that stays as it is meanwhile; rows put meanwhile may
///   or may not appear.
/// - A page can be empty and still have a [`next`](Page::next): only a page without one
///   is the last. No match at all is not an error.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps readings; durable when it returns.
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a timestamp with a fraction of a
    /// second or outside the years 0 to 9999; then nothing of the batch is kept.
    async fn put(&self, batch: &[Reading]) -> Result<(), Error>;

    /// The next rows that match, in order, after a position (`None`: from the start).
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error>;

    /// What is in the store, by country.
    async fn summary(&self) -> Result<Summary, Error>;
}

/// A place in the order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub(crate) day: i32,
    pub(crate) country: Option<Country>,
    pub(crate) second: u32,
    pub(crate) sensor: u64,
    pub(crate) window: Window,
}

impl Position {
    /// The place of a reading.
    pub fn of(reading: &Reading) -> Self {
        let (day, second) = day_and_second(reading.timestamp);
        let &Reading { country, sensor, window, .. } = reading;
        Self { day, country, second, sensor, window }
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
    /// The number of matching rows.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.rows.len()).sum()
    }

    /// Whether no row of this page matches; there may be a next page all the same.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
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
pub struct Summary {
    /// The number of readings by country, in the order of rows: readings without a
    /// country first, then alphabetical.
    pub countries: Vec<(Option<Country>, u64)>,
    /// The earliest and the latest timestamp; `None` when the store is empty.
    pub extent: Option<(Timestamp, Timestamp)>,
}

impl Summary {
    /// The number of readings.
    pub fn readings(&self) -> u64 {
        self.countries.iter().map(|(_, readings)| readings).sum()
    }
}
