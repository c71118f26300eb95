//! The days before today, whose means may be missing: a process ended between samples and means, or
//! put samples without making any.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::Range;
use std::path::PathBuf;

use airshed_history::Flagging;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Error, Store};
use tracing::{debug, info};

use super::sensor_day::midnight;

/// The days to be looked at.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    days: BTreeSet<i32>,
    pub(super) settled: Settled,
}

impl Earlier {
    /// All of these days, but those that are settled.
    pub(super) async fn begin(&mut self, store: &dyn Store, days: Range<i32>) -> Result<(), Error> {
        let mut unsettled = BTreeSet::new();
        for day in days.clone() {
            let rows = rows_of(store, day).await?;
            if rows != Some(0) && rows.is_none_or(|rows| !self.settled.has(day, rows)) {
                // The next day's means over 24 hours need the hours of this one.
                unsettled.extend([day, day + 1].iter().filter(|day| days.contains(day)));
            }
        }
        self.settled.forget_before(days.start);
        self.days = unsettled;
        Ok(())
    }

    /// The latest comes first: its means are asked for most.
    pub(super) fn next(&self) -> Option<i32> {
        self.days.last().copied()
    }

    pub(super) fn log(&self) {
        match self.days.len() {
            0 => info!("no means of earlier days are missing"),
            days => debug!(days, "means of earlier days may be missing"),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    pub(super) fn add(&mut self, day: i32) {
        self.days.insert(day);
    }

    pub(super) fn remove(&mut self, day: i32) {
        self.days.remove(&day);
    }
}

/// How many rows of a day are stored, of all networks and averaging periods.
pub(super) async fn rows_of(store: &dyn Store, day: i32) -> Result<Option<u64>, Error> {
    let noon = Timestamp::from_second(midnight(day) + super::DAY / 2).unwrap_or_default();
    store.readings_in_days(noon, noon).await
}

/// Days at which no mean was missing, with the number of their stored rows then; while that is the
/// same, no sample was added. (One that replaced another in a process that ended at once is found
/// only if its day is looked at for another reason.)
#[derive(Debug, Default)]
pub struct Settled {
    /// `None`: forgotten when the process ends.
    path: Option<PathBuf>,
    days: Days,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Days {
    /// A hash of the flags that are computed; with others, all means may differ.
    flagging: u64,
    /// By days since 1970.
    rows: BTreeMap<i32, u64>,
}

impl Settled {
    /// Remembers them in a file; one that cannot be read, or is of other flags, counts as empty: then
    /// all days are looked at.
    pub fn at(path: PathBuf, flagging: &Flagging) -> Self {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let flagging = hasher.hash_one(format!("{flagging:?}"));
        let text = std::fs::read(&path).unwrap_or_default();
        let known = serde_json::from_slice(&text).ok();
        let days = known.filter(|days: &Days| days.flagging == flagging);
        let days = days.unwrap_or_else(|| Days { flagging, ..Days::default() });
        Self { path: Some(path), days }
    }

    fn has(&self, day: i32, rows: u64) -> bool {
        self.days.rows.get(&day) == Some(&rows)
    }

    fn forget_before(&mut self, day: i32) {
        self.days.rows = self.days.rows.split_off(&day);
    }

    /// The file need not be durable: days that it lacks are looked at again.
    pub(super) fn add(&mut self, day: i32, rows: u64) {
        self.days.rows.insert(day, rows);
        let Some(path) = &self.path else { return };
        let new = path.with_extension("new");
        let write = || {
            std::fs::write(&new, serde_json::to_vec(&self.days)?)?;
            std::fs::rename(&new, path)
        };
        if let Err(error) = write() {
            debug!(path = %path.display(), %error, "settled days not remembered");
        }
    }
}
