//! Reads the files of a day on several threads.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use airshed_common::reason;
use airshed_history::archive::Report;
use airshed_history::{Carried, Climate, Day, Error, Readings};
use jiff::civil::Date;
use store::Reading;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::fetch::Fetched;
use super::spool::PARTS;
use super::unread::{Known, Unread};

/// Files that wait for a thread.
const WAITING: usize = 16;

/// A file to read.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) data: Data,
    /// The sensor in its name, or a number that is equal modulo [`PARTS`] for all of its sensors.
    pub(super) sensor: u64,
}

pub(super) enum Data {
    Path(PathBuf),
    /// Of the spool: what its rows lacked was noted when they were split.
    Spooled(PathBuf),
    Fetched(Fetched),
}

impl Data {
    /// Reads it into a day. On failure also the file, if it is the reason.
    fn read(
        &self,
        day: &mut Day,
        name: &str,
        report: &mut Report,
    ) -> Result<(), (String, Option<Known>)> {
        let read = match self {
            Self::Fetched(fetched) => day.read(fetched.read(), name, report),
            Self::Path(path) | Self::Spooled(path) => {
                let file = File::open(path).map_err(|error| (error.to_string(), None))?;
                day.read(file, name, report)
            }
        };
        read.map_err(|error: Error| {
            let is_of_file = !error.is_transient();
            let known = match self {
                Self::Fetched(fetched) => fetched.known().ok(),
                Self::Path(path) => Known::of_path(path),
                Self::Spooled(_) => None,
            };
            (reason(&error), known.filter(|_| is_of_file))
        })
    }
}

/// The threads; each has its sensors, and keeps their hours from one day to the next.
pub(super) struct Threads {
    carried: Vec<Carried>,
    /// Whether 24 h means are wanted.
    running: bool,
    /// Rows that were read.
    rows: Arc<AtomicU64>,
}

/// What the files of a day have.
#[derive(Default)]
pub(super) struct OfDay {
    pub(super) readings: Vec<Reading>,
    pub(super) climate: Vec<Climate>,
    pub(super) report: Report,
    /// Rows of other days.
    pub(super) other_days: u64,
    /// Repeated samples.
    pub(super) repeated: u64,
    pub(super) failed: Vec<Unread>,
}

impl Threads {
    pub(super) fn new(running: bool, rows: &Arc<AtomicU64>) -> Self {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        // A power of two, so that a part's sensors have one thread.
        let count = (1..=PARTS as usize).rev().find(|n| n.is_power_of_two() && *n <= all);
        Self {
            carried: (0..count.unwrap_or(1)).map(|_| Carried::default()).collect(),
            running,
            rows: Arc::clone(rows),
        }
    }

    /// Starts a day. `apart`: the files of a sensor come together, so that only one sensor at a
    /// time is in memory.
    pub(super) fn start(&mut self, date: Date, apart: bool) -> Started {
        let threads = self.carried.drain(..).map(|carried| {
            let (sender, inputs) = mpsc::channel(WAITING);
            let (running, rows) = (self.running, Arc::clone(&self.rows));
            let thread = Thread { date, apart, carried, running, rows, found: OfDay::default() };
            (sender, tokio::task::spawn_blocking(move || thread.run(inputs)))
        });
        Started(threads.collect())
    }

    /// Ends a day.
    pub(super) async fn finish(&mut self, started: Started) -> Result<OfDay, JoinError> {
        let mut all = OfDay::default();
        for (sender, thread) in started.0 {
            drop(sender);
            let (carried, mut found) = thread.await?;
            self.carried.push(carried);
            join(&mut all.readings, found.readings);
            all.climate.append(&mut found.climate);
            all.report.merge(found.report);
            all.other_days += found.other_days;
            all.repeated += found.repeated;
            all.failed.append(&mut found.failed);
        }
        Ok(all)
    }
}

/// Appends readings, in any order, and gives back their memory meanwhile: a day has some 100 MB of them.
fn join(all: &mut Vec<Reading>, mut more: Vec<Reading>) {
    const AT_ONCE: usize = 1 << 14;
    if all.is_empty() {
        *all = more;
        return;
    }
    all.reserve_exact(more.len());
    while !more.is_empty() {
        all.extend(more.drain(more.len().saturating_sub(AT_ONCE)..));
        more.shrink_to_fit();
    }
}

/// The running threads of a day.
pub(super) struct Started(Vec<Running>);

type Running = (mpsc::Sender<Input>, JoinHandle<(Carried, OfDay)>);

impl Started {
    /// Gives a file to the thread of its sensor.
    pub(super) async fn read(&self, input: Input) {
        let number = (input.sensor % PARTS) as usize % self.0.len().max(1);
        if let Some((thread, _)) = self.0.get(number) {
            // It ends before its inputs only by a panic, which `finish` reports.
            let _ = thread.send(input).await;
        }
    }
}

struct Thread {
    date: Date,
    apart: bool,
    carried: Carried,
    running: bool,
    rows: Arc<AtomicU64>,
    found: OfDay,
}

impl Thread {
    fn run(mut self, mut inputs: mpsc::Receiver<Input>) -> (Carried, OfDay) {
        let (mut day, mut of) = (Day::new(self.date), None);
        while let Some(Input { name, data, sensor }) = inputs.blocking_recv() {
            if self.apart && of.is_some_and(|of| of != sensor) {
                self.end(std::mem::replace(&mut day, Day::new(self.date)));
            }
            of = Some(sensor);
            let mut report = Report::default();
            let is_spooled = matches!(data, Data::Spooled(_));
            let read = data.read(&mut day, &name, &mut report);
            report.name(&name);
            self.rows.fetch_add(report.rows, Relaxed);
            if is_spooled {
                report.reasons.clear();
                report.notes.clear();
            }
            self.found.report.merge(report);
            if let Err((why, file)) = read {
                self.found.failed.push(Unread { name, why, file });
            }
        }
        self.end(day);
        self.carried.forget(self.date);
        (self.carried, self.found)
    }

    fn end(&mut self, day: Day) {
        let Readings { mut readings, mut climate, repeated, other_days, .. } =
            day.finish(self.running.then_some(&mut self.carried));
        self.found.readings.append(&mut readings);
        self.found.climate.append(&mut climate);
        self.found.repeated += repeated;
        self.found.other_days += other_days;
    }
}
