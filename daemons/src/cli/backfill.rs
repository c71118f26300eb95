//! `backfill`: past readings from the archive.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use airshed::backfill::{self, Archive, Backfilled, Files, PUBLIC, Progress, Step};
use airshed::retention::first_day;
use airshed::source::{ClientOptions, Source};
use airshed::{Clock, Disk, control, reason};
use clap::Args;
use indicatif::{HumanCount, HumanDuration, ProgressBar};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use store::{Network, Store, Window};
use tokio_util::sync::CancellationToken;

use super::feed_flags::{FeedFlags, check_contact, host};
use super::files::{self, interrupted};
use super::logging::Logging;
use super::output::say;
use super::quality_flags::QualityFlags;
use super::reserve::ReserveFlag;
use super::store_flags::StoreFlags;
use super::target::Target;
use super::{Failure, bad_call, wall_clock};

/// Readings before this are refused everywhere.
const BEGAN: Date = Date::constant(2015, 1, 1);

/// Maximum number of files that are named at the end.
const SHOWN: usize = 20;

#[derive(Args)]
pub(super) struct Backfill {
    /// The archive's URL or that of a mirror (or of its csv_per_month/ or parquet/), or folders and
    /// files: of days (CSV, also with gzip), or of months (zip, Parquet) [default: https://archive.sensor.community/]
    #[arg(value_name = "SOURCE", env = "AIRSHED_ARCHIVE", value_parser = source)]
    sources: Vec<String>,
    /// First day (UTC).
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// Last day (UTC), at the latest yesterday.
    #[arg(long, value_name = "DATE")]
    to: Date,
    /// Averaging periods: 1h (hours), day (UTC days) and 24h (24 hours, ending with each hour).
    #[arg(long, value_name = "WINDOWS", value_delimiter = ',', default_value = "day,1h")]
    window: Vec<Window>,
    /// Sensor types as in the names of the archive's files, such as sds011,sps30
    /// [default: all that measure or count particles, or measure temperature and humidity]
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',')]
    types: Vec<String>,
    /// Sensor ids.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    sensor: Vec<u64>,
    /// Countries, such as DE,FR, by the coordinates of the sensor.
    #[arg(long)]
    country: Option<String>,
    /// Only within west,south,east,north, in degrees.
    #[arg(long, visible_alias = "box", allow_hyphen_values = true)]
    bbox: Option<String>,
    /// Only within latitude,longitude,kilometres.
    #[arg(long, allow_hyphen_values = true)]
    near: Option<String>,
    /// Network of the sensors.
    #[arg(long, default_value_t, value_name = "NAME")]
    network: Network,
    /// Contact e-mail or URL for the User-Agent header; Sensor.Community requires one.
    #[arg(long, env = "AIRSHED_CONTACT")]
    contact: Option<String>,
    /// Hosts to which the archive's server may redirect, besides itself.
    #[arg(long, env = "AIRSHED_REDIRECT_HOSTS", value_name = "HOSTS", value_delimiter = ',', value_parser = host)]
    redirect_hosts: Vec<String>,
    /// Maximum number of requests per second, one at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// With dynamodb:, write capacity units per second at most [default: half of those of a table with
    /// provisioned capacity, so that others can write; no limit on demand]
    #[arg(long, value_name = "UNITS")]
    capacity: Option<NonZeroU32>,
    /// Folder for copies of what is fetched, in the archive's layout: what is there is only fetched
    /// again if it has changed since, and the folder can be a SOURCE.
    #[arg(long, value_name = "DIR")]
    copies: Option<PathBuf>,
    #[command(flatten)]
    reserve: ReserveFlag,
    #[command(flatten)]
    flags: QualityFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Backfill {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let mut backfill = self.checked()?;
        let _exporting = self.logging.start("backfill")?;
        let target = Target::of_import(&self.store.paced(self.capacity)).await?;
        backfill.disk = self.reserve.disk(&self.store)?;
        let now = wall_clock()();
        if let Some(keep) = target.kept_elsewhere().await? {
            self.check_kept(keep, now)?;
        }
        let bar = files::bar(BAR, "{bar:30} {percent} %, {msg}", "");
        let shown = |step: Step| show(&bar, step);
        let stop = CancellationToken::new();
        tokio::select! {
            done = backfill::run(&backfill, &target, now, &shown, &stop) => {
                target.close().await;
                bar.finish_and_clear();
                Ok(report(&done?))
            }
            code = interrupted() => {
                bar.finish_and_clear();
                say("airshed: interrupted; run the same command again to continue");
                Ok(code?)
            }
        }
    }

    /// What the process that has the store open would delete again is not put.
    fn check_kept(&self, keep: SignedDuration, now: Timestamp) -> Result<(), Failure> {
        let first = first_day(keep, now);
        if self.from >= first {
            return Ok(());
        }
        Err(bad_call(format!(
            "--from {}: the process that has the store open keeps readings for {} days, so it would \
             delete those before {first} again; use --from {first} or later, or restart it with a \
             longer --keep-readings",
            self.from,
            keep.as_hours() / 24,
        )))
    }

    fn checked(&self) -> Result<backfill::Backfill, Failure> {
        if self.from < BEGAN {
            return Err(bad_call(format!("--from: the network began in {}", BEGAN.year())));
        }
        if self.from > self.to {
            return Err(bad_call("--from is after --to"));
        }
        let kept = [Window::Hour, Window::Day24, Window::Day];
        if let Some(other) = self.window.iter().find(|window| !kept.contains(window)) {
            return Err(bad_call(format!(
                "--window: {other} cannot be backfilled; 1h, 24h and day can"
            )));
        }
        if self.capacity.is_some() && !self.store.is_table() {
            return Err(bad_call(
                "--capacity: only a table on AWS (dynamodb:TABLE) has a capacity",
            ));
        }
        let archive = archive(&self.sources, self.contact.as_deref())?;
        if self.copies.is_some() && matches!(archive, Archive::Paths(_)) {
            return Err(bad_call(
                "--copies: files and folders are not copied; only a server's are",
            ));
        }
        let ask = self.filters()?;
        let mut windows = self.window.clone();
        windows.sort_unstable();
        windows.dedup();
        let lower = |name: &String| name.trim().to_ascii_lowercase();
        Ok(backfill::Backfill {
            archive,
            days: self.from..=self.to,
            files: Files {
                types: self.types.iter().map(lower).collect(),
                sensors: self.sensor.clone(),
            },
            countries: ask.query.countries,
            area: ask.query.area,
            windows,
            flagging: self.flags.flagging(),
            network: self.network,
            record: record_of(&self.store),
            again: true,
            client: ClientOptions {
                contact: self.contact.clone(),
                redirect_hosts: self.redirect_hosts.clone(),
            },
            pause: Duration::from_secs(1) / self.rate,
            copies: self.copies.clone(),
            disk: Disk::default(), // when the store is there
        })
    }

    /// By the rules of the HTTP API.
    fn filters(&self) -> Result<airshed::request::QueryRequest, Failure> {
        let given = [("country", &self.country), ("bbox", &self.bbox), ("near", &self.near)];
        let mut fields = form_urlencoded::Serializer::new(String::new());
        for (name, value) in given {
            if let Some(value) = value {
                fields.append_pair(name, value);
            }
        }
        let ask = control::export_request(&fields.finish());
        ask.map_err(|bad| bad_call(format!("--{}: {}", bad.field, bad.reason)))
    }
}

fn archive(sources: &[String], contact: Option<&str>) -> Result<Archive, Failure> {
    let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let url = match sources {
        [] => PUBLIC,
        [one] if is_url(one) => one,
        several if several.iter().any(|source| is_url(source)) => {
            return Err(bad_call("the archive is one URL, or files and folders"));
        }
        paths => return Ok(Archive::Paths(paths.iter().map(PathBuf::from).collect())),
    };
    let source: Source = url.parse().map_err(|_| bad_call("the archive is not a URL"))?;
    check_contact(&source, contact, "the archive's operator")?;
    match source {
        Source::Url(url) => Ok(Archive::Url(url)),
        Source::File(path) => Ok(Archive::Paths(vec![path])),
    }
}

/// A source as it is typed, if it can be one.
fn source(text: &str) -> Result<String, String> {
    let is_url = text.starts_with("http:") || text.starts_with("https:");
    match text.trim().is_empty() || is_url && text.parse::<Source>().is_err() {
        true => Err("neither a URL nor a folder".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Where it is recorded what is done, beside the store's file, and in which store; nowhere if the
/// store is in memory.
fn record_of(flags: &StoreFlags) -> Option<(PathBuf, String)> {
    let folder = match flags.file() {
        Some(file) => file.parent().map_or_else(PathBuf::new, PathBuf::from),
        None if flags.is_table() => flags.data.clone(),
        None => return None,
    };
    let store = match (&flags.store, flags.file()) {
        (_, Some(file)) => file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        (url, None) => url.clone().unwrap_or_default(),
    };
    Some((folder, store))
}

/// The length of the progress bar.
const BAR: u64 = 10_000;

fn show(bar: &ProgressBar, step: Step) {
    if let Step::Going(now) = step
        && !bar.is_hidden()
    {
        bar.set_position((now.part() * BAR as f64) as u64);
        bar.set_message(line(&now));
    }
}

/// Day, files, rows, rate and time left.
fn line(now: &Progress) -> String {
    let left = now.left().map(|left| format!(", {:#} left", HumanDuration(left)));
    format!(
        "{}, day {} of {}, {} files, {} rows, {}/s{}",
        now.date,
        (now.days + 1).min(now.of_days),
        now.of_days,
        HumanCount(now.files),
        HumanCount(now.rows),
        HumanCount(now.rate() as u64),
        left.unwrap_or_default(),
    )
}

/// The summary; a failure if a file could not be read.
fn report(done: &Backfilled) -> ExitCode {
    let Backfilled {
        days,
        without_files,
        files,
        report,
        other_days,
        repeated,
        readings,
        failed,
        ..
    } = done;
    say(format_args!(
        "{days} days, {files} files, {} rows: {} averaged, {} without a value, {} of other \
         sensors, {} refused, {other_days} of other days; {repeated} samples were repeated; \
         {readings} readings stored",
        report.rows,
        report.kept - other_days,
        report.without_values,
        report.passed_over,
        report.refused,
    ));
    if !report.reasons.is_empty() {
        let counts = report.reasons.iter().map(|(reason, count)| format!("{count} {reason}"));
        say(format_args!("left out: {}", counts.collect::<Vec<_>>().join(", ")));
    }
    for note in report.notes.iter().take(SHOWN) {
        say(format_args!("{note}"));
    }
    if *without_files > 0 {
        say(format_args!("{without_files} days have no files"));
    }
    for (name, why) in failed.iter().take(SHOWN) {
        say(format_args!("{name}: {why}"));
    }
    if failed.len() > SHOWN {
        say(format_args!("and {} more files that could not be read", failed.len() - SHOWN));
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What `serve` fills in by itself.
#[derive(Args)]
pub(super) struct CatchUpFlags {
    /// Also store the means of this many past days from the archive (1h, 24h and day), once for each
    /// day: what was missed while this was not running; 0: none
    #[arg(long, env = "AIRSHED_CATCH_UP", value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=4000))]
    catch_up: u16,
    /// The archive for --catch-up: its URL or that of a mirror, or a folder.
    #[arg(long, env = "AIRSHED_ARCHIVE", value_name = "SOURCE", default_value = PUBLIC, value_parser = source)]
    archive: String,
}

/// How often it is checked whether the archive has another day.
const CHECKED: Duration = Duration::from_secs(3600);

impl CatchUpFlags {
    /// Checked before anything is created.
    pub(super) fn check(&self, contact: Option<&str>) -> Result<(), Failure> {
        match self.catch_up {
            0 => Ok(()),
            _ => archive(std::slice::from_ref(&self.archive), contact).map(drop),
        }
    }

    /// Runs until stopped, if days are to be caught up with. `store` is what this process has open; a
    /// table is opened once more, to put into it at a pace of its own.
    pub(super) async fn task(
        &self,
        store: Arc<dyn Store>,
        flags: &StoreFlags,
        feed: &FeedFlags,
        disk: Disk,
        clock: Clock,
        stop: CancellationToken,
    ) -> Result<Option<impl Future<Output = ()> + Send + use<>>, Failure> {
        if self.catch_up == 0 {
            return Ok(None);
        }
        let (keep, contact) = (feed.keep(), feed.contact());
        let store = match flags.is_table() {
            true => flags.paced(None).open_to_keep(keep).await?,
            false => store,
        };
        let mut backfill = backfill::Backfill {
            archive: archive(std::slice::from_ref(&self.archive), contact)?,
            days: Date::MIN..=Date::MIN, // set each time
            files: Files::default(),
            countries: Vec::new(),
            area: None,
            windows: vec![Window::Hour, Window::Day24, Window::Day],
            flagging: feed.flagging(),
            network: Network::SENSOR_COMMUNITY,
            record: record_of(flags),
            again: false,
            client: feed.client(),
            pause: Duration::from_secs(1) / 4,
            copies: None,
            disk,
        };
        let before = i64::from(self.catch_up) - 1;
        let mut checked = None;
        Ok(Some(async move {
            while !stop.is_cancelled() {
                let now = clock();
                let last = backfill.last_day(now);
                // Once a day: what a server failed to give is not asked for every hour.
                if checked == Some(last) {
                    tokio::select! {
                        () = tokio::time::sleep(CHECKED) => continue,
                        () = stop.cancelled() => return,
                    }
                }
                let first = last.saturating_sub(before.days());
                let kept = keep.readings.map_or(first, |period| first_day(period, now));
                backfill.days = first.max(kept)..=last;
                // A day that is not finished is done again.
                let run = tokio::select! {
                    run = backfill::run(&backfill, &store, now, &|_| {}, &stop) => run,
                    () = stop.cancelled() => return,
                };
                match run {
                    Ok(done) => {
                        checked = Some(last);
                        if done.days > 0 {
                            tracing::info!(days = done.days, readings = done.readings, "caught up");
                        }
                    }
                    Err(error) => {
                        tracing::warn!(reason = reason(&error), "cannot catch up; trying again");
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(CHECKED) => {}
                    () = stop.cancelled() => {}
                }
            }
        }))
    }
}
