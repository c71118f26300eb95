//! `publish`: the Parquet files of days, in a folder or a bucket.

use std::process::ExitCode;

use airshed::objects::Objects;
use airshed::request::{fields_of_day, path_of_day};
use airshed::{control, transfer};
use bytes::Bytes;
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use object_store::ObjectStoreExt;
use store::{AqiStandard, Network, Window};

use super::files::bar;
use super::logging::Logging;
use super::networks::NetworkFlags;
use super::output::say;
use super::store_flags::{Access, Reached, StoreFlags};
use super::{Failure, bad_call, wall_clock};

/// How often a day is read again when the process that has the store open has exited.
const RESTARTS: u32 = 3;

#[derive(Args)]
pub(super) struct Publish {
    /// Folder (created if missing; also as file:FOLDER), or s3://BUCKET/PREFIX.
    #[arg(value_name = "TARGET")]
    target: String,
    /// First day (UTC).
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// Last day (UTC), at the latest yesterday [default: yesterday]
    #[arg(long, value_name = "DATE")]
    to: Option<Date>,
    /// Averaging periods: 5min, 1h, 24h, day.
    #[arg(long, value_name = "WINDOWS", value_delimiter = ',', default_value = "day,1h")]
    window: Vec<Window>,
    /// The network.
    #[arg(long, default_value_t, value_name = "NAME")]
    network: Network,
    /// The air-quality index: ID[:VERSION[:VARIANT]], as listed by `airshed index --list`
    /// [default: uk_daqi]
    #[arg(long, env = "AIRSHED_INDEX", value_name = "STANDARD")]
    index: Option<AqiStandard>,
    #[command(flatten)]
    networks: NetworkFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    logging: Logging,
}

impl Publish {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let _exporting = self.logging.start("publish")?;
        if let Some(window) = self.window.iter().find(|window| !Window::KEPT.contains(window)) {
            return Err(bad_call(format!("--window: {window} is not stored")));
        }
        let yesterday = last_ended(wall_clock()());
        let last = self.to.unwrap_or(yesterday);
        if last > yesterday {
            return Err(bad_call(format!("--to: {last} has not ended (UTC)")));
        }
        if self.from > last {
            let word = if self.to.is_some() { "--to" } else { "yesterday (UTC), the last day" };
            return Err(bad_call(format!("--from: {} is after {word}, {last}", self.from)));
        }
        let mut readings = Readings::reach(&self).await?;
        let objects = Objects::open(&self.url()).await?;
        let bar = bar(0, "{spinner} {human_pos} files {msg} {elapsed}", "");
        let (mut files, mut rows) = (0u64, 0u64);
        let (first, last) = readings.days(self.from, last);
        for date in first.series(1.day()).take_while(|date| *date <= last) {
            for window in &self.window {
                let (of_day, file) = readings.file(*window, date).await?;
                // A day without readings has no file, so that all files of a folder have rows.
                if of_day == 0 {
                    continue;
                }
                let path = path_of_day(self.network, *window, date);
                let path = object_store::path::Path::from(path);
                objects.put(&path, Bytes::from(file).into()).await?;
                (files, rows) = (files + 1, rows + of_day);
                bar.set_position(files);
                bar.set_message(date.to_string());
            }
        }
        bar.finish_and_clear();
        say(format_args!("{files} files with {rows} readings"));
        if files == 0 {
            let windows: Vec<_> = self.window.iter().map(|window| window.name()).collect();
            say(format_args!(
                "airshed: there are no readings of {} ({}) on these days",
                self.network,
                windows.join(", ")
            ));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn url(&self) -> String {
        match self.target.starts_with("s3:") || self.target.starts_with("file:") {
            true => self.target.clone(),
            false => format!("file:{}", self.target),
        }
    }
}

/// The readings to publish.
struct Readings<'a> {
    publish: &'a Publish,
    reached: Reached,
    /// The earliest and latest timestamp.
    extent: Option<(Timestamp, Timestamp)>,
}

impl<'a> Readings<'a> {
    async fn reach(publish: &'a Publish) -> Result<Self, Failure> {
        let mut reached = publish.store.reach(Access::Read).await?;
        let extent = match &mut reached {
            Reached::Opened(store) => {
                if !publish.networks.networks().contains(publish.network) {
                    say(format_args!(
                        "airshed: the terms of {0} are not known, as its files will say; \
                         --network-terms {0}=ATTRIBUTION sets them",
                        publish.network
                    ));
                }
                store.summary().await?.extent
            }
            Reached::Held(client) => {
                if publish.networks.are_given() || publish.store.names_models() {
                    say(
                        "airshed: another process has the store open; its own --network-terms and \
                         --particulate-types apply to these files",
                    );
                }
                client.expired(Timestamp::MIN).await?.extent
            }
        };
        Ok(Self { publish, reached, extent })
    }

    /// Of a range of days, those that can have readings; an empty range if none can.
    fn days(&self, first: Date, last: Date) -> (Date, Date) {
        let Some((oldest, newest)) = self.extent else {
            return (last, last.saturating_sub(1.day()));
        };
        let date = |moment| TimeZone::UTC.to_datetime(moment).date();
        // The mean of a day has the timestamp of the next midnight.
        (first.max(date(oldest).saturating_sub(1.day())), last.min(date(newest)))
    }

    /// The file of a day, and the number of its rows.
    async fn file(&mut self, window: Window, date: Date) -> Result<(u64, Vec<u8>), Failure> {
        let Publish { network, index, networks, store: flags, .. } = self.publish;
        let mut fields = fields_of_day(*network, window, date);
        if let Some(index) = index {
            fields += &format!("&index={index}");
        }
        let mut again = RESTARTS;
        loop {
            let mut file = Vec::new();
            match &mut self.reached {
                Reached::Opened(store) => {
                    let present = store.networks().await?;
                    let request = control::export_request(&fields);
                    let request = request.map_err(|bad| bad.to_string())?.at_home_in(&present);
                    let view = request.view_of(store.snapshot().await?);
                    let stored = request.stored_at(view.as_ref()).await?;
                    let metadata = networks.networks().metadata_of_copy(&request, &present);
                    let metadata = metadata.with_stored(stored);
                    let pages = request.pages_in(view);
                    let encoder = request.encoder(metadata)?;
                    let rows = transfer::export(pages, encoder, &mut file, |_| {}).await?.rows;
                    return Ok((rows, file));
                }
                Reached::Held(client) => match client.export(&fields, &mut file).await {
                    // The process that had the store open has exited.
                    Err(failure) if failure.has_ended() && again > 0 => {
                        again -= 1;
                        self.reached = flags.reach(Access::Read).await?;
                    }
                    done => return Ok((done?.rows, file)),
                },
            }
        }
    }
}

/// The last day that has ended.
fn last_ended(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date().saturating_sub(1.day())
}
