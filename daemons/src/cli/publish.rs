//! `publish`: the Parquet files of days, in a folder or a bucket.

use std::path::PathBuf;
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
    /// Folder (created if missing), or s3://BUCKET/PREFIX.
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
            return Err(bad_call(format!("--from: {} is after {last}", self.from)));
        }
        let objects = Objects::open(&self.url()).await?;
        let bar = bar(0, "{spinner} {human_pos} files {msg} {elapsed}", "");
        let (mut files, mut rows) = (0u64, 0u64);
        for date in self.from.series(1.day()).take_while(|date| *date <= last) {
            for window in &self.window {
                let (of_day, file) = self.file(*window, date).await?;
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
        Ok(ExitCode::SUCCESS)
    }

    fn url(&self) -> String {
        match self.target.starts_with("s3:") {
            true => self.target.clone(),
            false => format!("file:{}", PathBuf::from(&self.target).display()),
        }
    }

    /// The file of a day, and the number of its rows.
    async fn file(&self, window: Window, date: Date) -> Result<(u64, Vec<u8>), Failure> {
        let mut fields = fields_of_day(self.network, window, date);
        if let Some(index) = self.index {
            fields += &format!("&index={index}");
        }
        let mut again = RESTARTS;
        loop {
            let mut file = Vec::new();
            match self.store.reach(Access::Read).await? {
                Reached::Opened(store) => {
                    let present = store.networks().await?;
                    let request =
                        control::export_request(&fields).map_err(|bad| bad.to_string())?;
                    let request = request.at_home_in(&present);
                    let metadata = self.networks.networks().metadata_of_copy(&request, &present);
                    let pages = request.pages_of(store.snapshot().await?);
                    let encoder = request.encoder(metadata)?;
                    let rows = transfer::export(pages, encoder, &mut file, |_| {}).await?;
                    return Ok((rows, file));
                }
                Reached::Held(mut client) => match client.export(&fields, &mut file).await {
                    // The process that had the store open has exited.
                    Err(failure) if failure.has_ended() && again > 0 => again -= 1,
                    rows => return Ok((rows?, file)),
                },
            }
        }
    }
}

/// The last day that has ended.
fn last_ended(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date().saturating_sub(1.day())
}
