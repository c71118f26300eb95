//! How far a backfill is, over all of its days.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use tracing::info;

/// How far a backfill is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The day whose files are read.
    pub date: Date,
    /// Days that are done since it was started.
    pub days: u64,
    /// Days that there were to do.
    pub of_days: u64,
    /// Which part of the day's files was read, from 0 to 1.
    pub of_day: f64,
    /// Files that were read since it was started.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// The time since it was started.
    pub elapsed: Duration,
}

impl Progress {
    /// From 0 to 1.
    pub fn part(&self) -> f64 {
        let done = self.days as f64 + self.of_day;
        if self.of_days == 0 { 1.0 } else { (done / self.of_days as f64).min(1.0) }
    }

    /// Rows per second, on average.
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.rows as f64 / seconds } else { 0.0 }
    }

    /// The time that is left if it goes on as so far; `None` at the start.
    pub fn left(&self) -> Option<Duration> {
        let part = self.part();
        let left = self.elapsed.as_secs_f64() * (1.0 - part) / part;
        Duration::try_from_secs_f64(left).ok().filter(|_| part > 0.0)
    }
}

/// So often a long day has a line in the log.
const LOGGED: Duration = Duration::from_secs(60);

/// For the log.
pub(super) fn seconds(left: Option<Duration>) -> Option<u64> {
    left.map(|left| left.as_secs())
}

/// Keeps count.
pub(super) struct Counter {
    begun: Instant,
    logged: Instant,
    now: Progress,
    files_of_day: (u64, u64),
    /// Counted by the threads that read.
    pub(super) rows: Arc<AtomicU64>,
}

impl Counter {
    pub(super) fn new(of_days: u64) -> Self {
        let (begun, elapsed) = (Instant::now(), Duration::ZERO);
        let now =
            Progress { date: Date::MIN, days: 0, of_days, of_day: 0.0, files: 0, rows: 0, elapsed };
        Self { begun, logged: begun, now, files_of_day: (0, 0), rows: Arc::default() }
    }

    pub(super) fn now(&self) -> Progress {
        let (done, all) = self.files_of_day;
        let of_day = if all > 0 { done as f64 / all as f64 } else { 0.0 };
        let (rows, elapsed) = (self.rows.load(Relaxed), self.begun.elapsed());
        Progress { of_day, rows, elapsed, ..self.now }
    }

    pub(super) fn start(&mut self, date: Date, files: usize) {
        self.now.date = date;
        self.files_of_day = (0, files as u64);
    }

    /// Files of several days were read.
    pub(super) fn split(&mut self, files: u64) {
        self.now.files += files;
    }

    pub(super) fn file(&mut self) {
        self.now.files += 1;
        self.files_of_day.0 += 1;
        if self.logged.elapsed() >= LOGGED {
            self.logged = Instant::now();
            let (now, (of_day, all)) = (self.now(), self.files_of_day);
            info!(
                date = %now.date, files = of_day, of_files = all, rows = now.rows,
                rows_per_second = now.rate().round(), seconds_left = seconds(now.left()),
                "a day is being backfilled",
            );
        }
    }

    /// The time that is left when the day is done.
    pub(super) fn left_after(&self) -> Option<Duration> {
        let now = self.now();
        Progress { days: now.days + 1, of_day: 0.0, ..now }.left()
    }

    /// A day was done.
    pub(super) fn done(&mut self) {
        self.now.days += 1;
        self.files_of_day = (0, 0);
        self.logged = Instant::now();
    }

    /// A day need not be done.
    pub(super) fn skip(&mut self) {
        self.now.of_days = self.now.of_days.saturating_sub(1);
    }
}
