//! Past readings from the archive: its files, day by day, as means in a store.
//!
//! A day is fetched, averaged ([`airshed_history`]) and put in the order of rows; then it is
//! recorded as done, with the files that could not be read: it is done again when one of these has
//! changed. Killed anywhere, a backfill continues with the days that are not recorded; since the same
//! samples give the same readings, the result is that of an uninterrupted one.

mod archive;
mod copies;
mod error;
mod fetch;
mod layout;
mod months;
mod progress;
mod read;
mod record;
mod spool;
mod unread;

use std::collections::HashMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airshed_common::Disk;
use airshed_history::Flagging;
use airshed_history::archive::Report;
use airshed_history::climate::Locations;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use store::{Area, Country, Network, Position, Query, Reading, Sensor, Window};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::archive::{Found, Span};
pub use self::error::BackfillError;
use self::fetch::{FetchError, Fetcher, Listed, MOST_IN_ROW, Why};
use self::months::{Counts, Splitter, Spooled};
use self::progress::{Counter, seconds};
use self::read::{Data, Input, OfDay, Threads};
use self::record::Record;
use self::spool::number_of;
use self::unread::{Lacking, Unread, state_of_path};
use crate::Destination;
use crate::place::Countries;
use crate::source::ClientOptions;

pub use archive::{Archive, Files, PUBLIC};
pub use progress::Progress;

/// A backfill.
#[derive(Debug, Clone)]
pub struct Backfill {
    /// Where the files are.
    pub archive: Archive,
    /// The first and the last day.
    pub days: RangeInclusive<Date>,
    /// Which files are read.
    pub files: Files,
    /// The countries that are stored, by the place of the sensor; empty: all.
    pub countries: Vec<Country>,
    /// Only sensors here.
    pub area: Option<Area>,
    /// The averaging periods: any of `1h`, `24h` and `day`.
    pub windows: Vec<Window>,
    /// The flags that are computed.
    pub flagging: Flagging,
    /// The sensors' network.
    pub network: Network,
    /// The folder of the record of what is done, and what the store is called there; `None`: all
    /// days are done each time.
    pub record: Option<(PathBuf, String)>,
    /// Whether days with files that could not be read are done again although none of these files has
    /// changed.
    pub again: bool,
    /// How the archive's server is asked.
    pub client: ClientOptions,
    /// The time between two requests.
    pub pause: Duration,
    /// The folder where what is fetched is kept, in the archive's own layout; a file that is there is
    /// only fetched again if it has changed since.
    pub copies: Option<PathBuf>,
    /// The disk of the readings, whose reserve temporary files leave free.
    pub disk: Disk,
}

/// What a backfill did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Backfilled {
    /// Days that are done now, of those that were not before.
    pub days: u64,
    /// Days for which the archive has no file.
    pub without_files: u64,
    /// Files.
    pub files: u64,
    /// What became of their rows.
    pub report: Report,
    /// Rows of days other than their file's, left out.
    pub other_days: u64,
    /// Repeated samples.
    pub repeated: u64,
    /// Readings stored.
    pub readings: u64,
    /// The files that could not be read, or not to their end, and why. They are tried again together
    /// with their day: when they have changed or, after a failure of the network, the next time.
    pub failed: Vec<(String, String)>,
}

/// What is happening, for a display.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Step {
    /// A day begins or has ended, or a file was fetched or opened.
    Going(Progress),
    /// The day's readings are stored.
    Stored(u64),
}

/// Runs a backfill until it is done or stopped. Days after [`Backfill::last_day`] are left out, since
/// they are not complete. `now` is the present; `shown` is called as it goes.
pub async fn run(
    backfill: &Backfill,
    destination: &dyn Destination,
    now: Timestamp,
    shown: &(dyn Fn(Step) + Sync),
    stop: &CancellationToken,
) -> Result<Backfilled, BackfillError> {
    let last = backfill.last_day(now).min(*backfill.days.end());
    let days = *backfill.days.start()..=last;
    let mut record = Record::open(backfill.record_path(), backfill.what());
    // The store may have been deleted since.
    if !record.is_empty() && destination.readings().await? == 0 {
        record.forget();
    }
    let dates = || days.start().series(1.day()).take_while(|date| *date <= last);
    let counter = Counter::new(dates().filter(|date| !record.has(*date)).count() as u64);
    let mut run = Runner {
        backfill,
        destination,
        shown,
        source: Source::of(backfill)?,
        record,
        threads: Threads::new(backfill.is_running(), &counter.rows),
        counter,
        places: Countries::default(),
        climate: Locations::default(),
        spooled: None,
        lacking: Lacking::default(),
        states: HashMap::new(),
        done: Backfilled::default(),
    };
    if let Source::Folders(found) = &mut run.source {
        run.done.failed.append(&mut found.failed);
    }
    let mut before = None;
    for date in dates() {
        if stop.is_cancelled() {
            break;
        }
        if run.record.has(date) {
            before = None;
            continue;
        }
        if run.lacks_the_same(date).await? {
            run.counter.skip();
            before = None;
            continue;
        }
        // Its first 24 h means need the hours of the day before.
        let day_before = date.saturating_sub(1.day());
        if backfill.is_running() && before != Some(day_before) {
            run.threads = Threads::new(true, &run.counter.rows);
            run.climate = Locations::default();
            run.read(day_before).await?;
        }
        run.day(date).await?;
        run.counter.done();
        run.show();
        before = Some(date);
    }
    Ok(run.done)
}

impl Backfill {
    /// The last day that is complete: yesterday, or on a server, which gets a day's files in the
    /// morning of the next, until nine o'clock (UTC) the day before.
    pub fn last_day(&self, now: Timestamp) -> Date {
        let delay = match self.archive {
            Archive::Url(_) => SignedDuration::from_hours(9),
            Archive::Paths(_) => SignedDuration::ZERO,
        };
        let then = now.saturating_sub(delay).unwrap_or(now);
        TimeZone::UTC.to_datetime(then).date().saturating_sub(1.day())
    }

    /// What a record of progress is of, so that another backfill does not take it for its own.
    fn what(&self) -> String {
        let Self { archive, files, countries, area, windows, network, .. } = self;
        let archive = match archive {
            Archive::Url(url) => url.to_string(),
            // Wherever they are named from.
            Archive::Paths(paths) => {
                let whole = paths.iter().map(|path| path.canonicalize());
                let whole = whole.zip(paths).map(|(whole, path)| whole.unwrap_or(path.clone()));
                format!("{:?}", whole.collect::<Vec<_>>())
            }
        };
        let store = self.record.as_ref().map(|(_, store)| store);
        format!("{archive} {files:?} {countries:?} {area:?} {windows:?} {network} {store:?}")
    }

    /// Why it ends, if a request or its copy failed.
    fn ended(&self, error: FetchError) -> BackfillError {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match (error, &self.copies) {
            (FetchError { why: Why::Copy(cause), .. }, Some(folder)) => {
                let is_full = matches!(cause.kind(), StorageFull | QuotaExceeded | FileTooLarge);
                let hint = if is_full { ": no space left on the disk (or its quota)" } else { "" };
                BackfillError::Copies { folder: folder.clone(), hint, cause }
            }
            (FetchError { why: Why::Local(cause), .. }, _) => BackfillError::Local(cause),
            (error, _) if error.why.ends_all() => BackfillError::Wait(error.into()),
            (error, _) => BackfillError::List(error.into()),
        }
    }

    /// Whether means need hours of the day before.
    fn is_running(&self) -> bool {
        self.windows.contains(&Window::Day24)
    }

    fn wanted(&self) -> Query {
        let mut wanted = Query::everything();
        wanted.countries.clone_from(&self.countries);
        (wanted.area, wanted.windows) = (self.area, self.windows.clone());
        let of_network = |id: &u64| Sensor { network: self.network, id: *id };
        wanted.sensors = self.files.sensors.iter().map(of_network).collect();
        wanted
    }

    fn record_path(&self) -> Option<PathBuf> {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let (folder, _) = self.record.as_ref()?;
        Some(folder.join(format!("backfill-{:016x}.json", hasher.hash_one(self.what()))))
    }
}

/// Where the files of a day come from.
enum Source {
    Server(Box<Fetcher>),
    Folders(Found),
}

impl Source {
    fn of(backfill: &Backfill) -> Result<Self, BackfillError> {
        Ok(match &backfill.archive {
            Archive::Url(url) => {
                let fetcher = Fetcher::new(url, backfill);
                Self::Server(Box::new(fetcher.map_err(|error| BackfillError::List(error.into()))?))
            }
            Archive::Paths(paths) => {
                let found = archive::list(paths, &backfill.files);
                Self::Folders(found.map_err(|error| BackfillError::List(error.into()))?)
            }
        })
    }
}

struct Runner<'a> {
    backfill: &'a Backfill,
    destination: &'a dyn Destination,
    shown: &'a (dyn Fn(Step) + Sync),
    source: Source,
    record: Record,
    threads: Threads,
    counter: Counter,
    places: Countries,
    /// Of the day and the day before.
    climate: Locations,
    spooled: Option<Spooled>,
    /// What the last day lacks.
    lacking: Lacking,
    /// The present state of files that could not be read, by address; `None` for those that are gone.
    states: HashMap<String, Option<String>>,
    done: Backfilled,
}

/// The files of a day, read.
struct ReadDay {
    found: OfDay,
    /// Without those of several days, which were counted when they were split.
    files: u64,
}

impl Runner<'_> {
    fn show(&self) {
        (self.shown)(Step::Going(self.counter.now()));
    }

    /// Whether a day is done but for files that have not changed since.
    async fn lacks_the_same(&mut self, date: Date) -> Result<bool, BackfillError> {
        let Some(lacking) = self.record.lacking(date).filter(|_| !self.backfill.again) else {
            return Ok(false);
        };
        for (address, state) in lacking.clone() {
            if !self.states.contains_key(&address) {
                let now = match &mut self.source {
                    Source::Folders(_) => state_of_path(Path::new(&address)),
                    Source::Server(fetcher) => match fetcher.known(&address).await {
                        Ok(known) => Some(known.state),
                        Err(error) if error.why.ends_all() => {
                            return Err(self.backfill.ended(error));
                        }
                        // Nothing is known of it: it would fail again.
                        Err(_) => Some(state.clone()),
                    },
                };
                self.states.insert(address.clone(), now);
            }
            if self.states.get(&address).is_none_or(|now| now.as_ref() != Some(&state)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads, stores and records a day.
    async fn day(&mut self, date: Date) -> Result<(), BackfillError> {
        let begun = std::time::Instant::now();
        let before = std::mem::take(&mut self.lacking);
        let Some(ReadDay { found, files }) = self.read(date).await? else {
            self.done.without_files += 1;
            return Ok(());
        };
        let rows = found.report.rows;
        let mut readings = self.beside_neighbours(found.readings).await?;
        self.climate.set(&mut readings);
        let readings = self.chosen(readings);
        if !readings.is_empty() {
            match self.backfill.files.sensors.is_empty() {
                true => self.destination.put_means(&readings).await?,
                false => {
                    self.destination.put_means_of_some(&readings, &self.backfill.flagging).await?
                }
            }
            (self.shown)(Step::Stored(readings.len() as u64));
        }
        // Its 24 h means lack hours of the day before if files of that could not be read.
        let mut lacking = self.lacking.clone();
        if self.backfill.is_running() {
            lacking.add(&before);
        }
        if !lacking.may_pass {
            self.record.add(date, &lacking.files)?;
        }
        info!(
            %date, files, rows, readings = readings.len(), failed = found.failed.len(),
            seconds = begun.elapsed().as_secs_f64(), day = self.counter.now().days + 1,
            of_days = self.counter.now().of_days, seconds_left = seconds(self.counter.left_after()),
            "day backfilled",
        );
        self.done.days += 1;
        self.done.files += files;
        self.done.report.merge(found.report);
        self.done.other_days += found.other_days;
        self.done.repeated += found.repeated;
        self.done.readings += readings.len() as u64;
        for Unread { name, why, .. } in &found.failed {
            warn!(%name, %why, "a file of the archive could not be read");
        }
        self.add_failed(found.failed);
        Ok(())
    }

    fn add_failed(&mut self, unread: Vec<Unread>) {
        self.done.failed.extend(unread.into_iter().map(|Unread { name, why, .. }| (name, why)));
    }

    /// Reads the files of a day; `None` if there are none.
    async fn read(&mut self, date: Date) -> Result<Option<ReadDay>, BackfillError> {
        let listed = self.list(date).await?;
        let spooled = self.spooled.as_ref().filter(|_| listed.is_none());
        let parts = spooled.and_then(|spooled| spooled.files.get(&number_of(date)));
        let parts = parts.cloned().unwrap_or_default();
        let started = self.threads.start(date, parts.is_empty());
        let (is_split, mut files, mut failed) = (!parts.is_empty(), 0, Vec::new());
        for (part, path) in parts {
            let name = path.to_string_lossy().into_owned();
            started.read(Input { name, data: Data::Spooled(path), sensor: part }).await;
        }
        match &mut self.source {
            Source::Folders(found) => {
                let of_day = found.by_day.get(&date).map(Vec::as_slice).unwrap_or_default();
                self.counter.start(date, of_day.len());
                for (named, path) in of_day {
                    let name = path.display().to_string();
                    let sensor = named.sensor.unwrap_or_default();
                    started.read(Input { name, data: Data::Path(path.clone()), sensor }).await;
                    self.counter.file();
                    (self.shown)(Step::Going(self.counter.now()));
                }
                files += of_day.len() as u64;
            }
            Source::Server(fetcher) => {
                let (folder, names) = listed
                    .as_ref()
                    .map_or((None, &[][..]), |(folder, names)| (Some(folder), names.as_slice()));
                self.counter.start(date, names.len());
                for named in names {
                    let Some(folder) = folder else { break };
                    match fetcher.file(folder, &named.name).await {
                        Ok(fetched) => {
                            let sensor = named.sensor.unwrap_or_default();
                            let name = named.name.clone();
                            started
                                .read(Input { name, data: Data::Fetched(fetched), sensor })
                                .await;
                            files += 1;
                        }
                        Err(error) => {
                            let name = named.name.clone();
                            let unread = unfetched(self.backfill, fetcher, error, name);
                            failed.push(unread.await?);
                        }
                    }
                    self.counter.file();
                    (self.shown)(Step::Going(self.counter.now()));
                }
                fetcher.flush().map_err(|error| self.backfill.ended(error))?;
            }
        }
        let mut found = self.threads.finish(started).await?;
        self.climate.forget(date);
        self.climate.add(&std::mem::take(&mut found.climate));
        found.failed.append(&mut failed);
        self.lacking = Lacking::of(&found.failed);
        if let Some(spooled) = self.spooled.as_ref().filter(|_| listed.is_none()) {
            self.lacking.add(&spooled.lacking);
        }
        if !is_split && files == 0 && found.failed.is_empty() {
            return Ok(None);
        }
        Ok(Some(ReadDay { found, files }))
    }

    /// A day's files on a server. If there are none, and in folders, the files of its month are split
    /// by day.
    async fn list(&mut self, date: Date) -> Result<Option<Listed>, BackfillError> {
        let Source::Server(fetcher) = &mut self.source else {
            self.spool_for(date).await?;
            return Ok(None);
        };
        let listed = fetcher.list(date, &self.backfill.files).await;
        let listed = listed.map_err(|error| self.backfill.ended(error))?;
        if listed.is_none() {
            self.fetch_month(date.first_of_month()).await?;
        }
        Ok(listed)
    }

    /// Splits the files of a day's month, and those whose names have no date, by day.
    async fn spool_for(&mut self, date: Date) -> Result<(), BackfillError> {
        let Source::Folders(Found { others, .. }) = &self.source else { return Ok(()) };
        let month = date.first_of_month();
        let undated = others.iter().any(|(named, _)| named.span == Span::Unknown);
        // All of an undated file's days are split at once.
        let of = (!undated).then_some(month);
        if others.is_empty() || self.spooled.as_ref().is_some_and(|spooled| spooled.of == of) {
            return Ok(());
        }
        let is_wanted = |span: Span| match span {
            Span::Month(other) => of.is_none_or(|month| month == other),
            Span::Day(date) => of.is_none_or(|month| month == date.first_of_month()),
            Span::Unknown => true,
        };
        let of_days = others.iter().filter(|(named, _)| is_wanted(named.span));
        let paths: Vec<_> = of_days.map(|(_, path)| path.clone()).collect();
        self.spooled = None; // its files are removed first
        let mut splitter = self.splitter(of)?;
        let split = tokio::task::spawn_blocking(move || {
            paths.iter().try_for_each(|path| splitter.add_path(path)).map(|()| splitter)
        });
        let splitter = split.await??;
        self.counter.split(splitter.files());
        self.keep(splitter, of)
    }

    /// Fetches the files of a month, one after the other, and splits them by day.
    async fn fetch_month(&mut self, month: Date) -> Result<(), BackfillError> {
        if self.spooled.as_ref().is_some_and(|spooled| spooled.of == Some(month)) {
            return Ok(());
        }
        self.spooled = None; // its files are removed first
        let mut splitter = self.splitter(Some(month))?;
        let Source::Server(fetcher) = &mut self.source else { return Ok(()) };
        let listed = fetcher.list_month(month, &self.backfill.files).await;
        let listed = listed.map_err(|error| self.backfill.ended(error))?;
        self.counter.start(month, listed.len());
        for (url, named) in listed {
            match fetcher.month(&url).await {
                Ok(fetched) => {
                    let split = tokio::task::spawn_blocking(move || {
                        let known = || fetched.known().ok();
                        splitter.add(fetched.read(), named.name, known).map(|()| splitter)
                    });
                    splitter = split.await??;
                }
                Err(error) => {
                    let unread = unfetched(self.backfill, fetcher, error, named.name).await?;
                    splitter.lacks(unread);
                }
            }
            self.counter.file();
            (self.shown)(Step::Going(self.counter.now()));
        }
        fetcher.flush().map_err(|error| self.backfill.ended(error))?;
        self.keep(splitter, Some(month))
    }

    /// For the days of a month, or all, and the day before.
    fn splitter(&self, of: Option<Date>) -> io::Result<Splitter> {
        let wanted = &self.backfill.days;
        let mut days = wanted.start().saturating_sub(1.day())..=*wanted.end();
        if let Some(month) = of {
            days = month.max(*days.start())..=month.last_of_month().min(*days.end());
        }
        Splitter::new(&days, wanted, &self.backfill.disk)
    }

    fn keep(&mut self, splitter: Splitter, of: Option<Date>) -> Result<(), BackfillError> {
        let (spooled, Counts { files, report, other_days, failed }) = splitter.finish(of)?;
        self.done.files += files;
        self.done.report.merge(report);
        self.done.other_days += other_days;
        self.add_failed(failed);
        self.spooled = Some(spooled);
        Ok(())
    }

    /// With the flags of sensors that differ from those around them, if all sensors were read.
    async fn beside_neighbours(
        &self,
        mut readings: Vec<Reading>,
    ) -> Result<Vec<Reading>, BackfillError> {
        let Backfill { files, windows, .. } = self.backfill;
        readings.retain(|reading| windows.contains(&reading.window));
        if *files != Files::default() {
            return Ok(readings);
        }
        let flagging = self.backfill.flagging.clone();
        let flagged = tokio::task::spawn_blocking(move || {
            flagging.limits.flag(&mut readings);
            readings
        });
        Ok(flagged.await?)
    }

    /// The readings that are wanted, with network and country, in the order of rows.
    fn chosen(&mut self, readings: Vec<Reading>) -> Vec<Reading> {
        let (places, network) = (&mut self.places, self.backfill.network);
        let wanted = self.backfill.wanted();
        let placed = readings.into_iter().map(|mut reading| {
            reading.sensor.network = network;
            if let (Some(latitude), Some(longitude)) = (reading.latitude, reading.longitude) {
                reading.country = places.country(latitude, longitude);
            }
            reading
        });
        let mut chosen: Vec<_> = placed.filter(|reading| wanted.matches(reading)).collect();
        self.backfill.flagging.only_computed(&mut chosen);
        chosen.sort_by_cached_key(Position::of);
        chosen
    }
}

/// What is noted of a file that could not be fetched, unless the backfill ends.
async fn unfetched(
    backfill: &Backfill,
    fetcher: &mut Fetcher,
    error: FetchError,
    name: String,
) -> Result<Unread, BackfillError> {
    if error.why.ends_all() {
        return Err(backfill.ended(error));
    }
    if fetcher.is_failing() {
        return Err(BackfillError::Failing { files: MOST_IN_ROW, cause: error.into() });
    }
    // A state that cannot be found out is asked for the next time.
    let file = match error.why.is_of_file() {
        true => fetcher.known(&error.address).await.ok(),
        false => None,
    };
    Ok(Unread { name, why: airshed_common::reason(&error.why), file })
}
