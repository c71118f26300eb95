//! The store, as options of a command, and how it is opened.

#[cfg(feature = "backfill")]
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airshed::control::{self, Client, Socket};
use airshed::{has_room_for_readings, reason};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use store::{CacheOptions, Cached, ErrorKind, Metered, SensorType, Store};

use super::Failure;
use super::left_out::check_aws;
use super::output::say;
/// The store and its options.
#[derive(Args, Clone)]
pub(super) struct StoreFlags {
    /// Data directory.
    #[arg(long, env = "AIRSHED_DATA", default_value = "./data", value_name = "DIR", value_parser = folder)]
    pub(super) data: PathBuf,
    /// The store: memory:, file:PATH or dynamodb:TABLE [default: file:DATA/readings.redb]
    #[arg(long, env = "AIRSHED_STORE", value_name = "URL", hide_default_value = true, value_parser = store_url)]
    pub(super) store: Option<String>,
    /// Cache size for recently read data, in MiB.
    #[arg(long, env = "AIRSHED_CACHE_MIB", default_value_t = 256, value_name = "MIB")]
    cache_mib: u32,
    /// With dynamodb:, seconds that responses can be stale when another process writes to the
    /// table.
    #[arg(long, env = "AIRSHED_CACHE_SECONDS", default_value_t = 5, value_name = "SECONDS")]
    cache_seconds: u32,
    /// Additional sensor models that measure particulate matter in µg/m³. By default only the
    /// families SDS, PMS, HPM, SPS, SEN5x, NextPM and IPS get an index.
    #[arg(long, env = "AIRSHED_PARTICULATE_TYPES", value_name = "MODEL", value_delimiter = ',', value_parser = particulate_type)]
    particulate_types: Vec<SensorType>,
    /// How fast readings are put into a table on AWS.
    #[cfg(feature = "aws")]
    #[arg(skip)]
    pace: store::dynamodb::Pace,
}

impl StoreFlags {
    /// A store in a directory, with the default cache size.
    pub(super) fn in_folder(data: PathBuf) -> Self {
        Self {
            data,
            store: None,
            cache_mib: 256,
            cache_seconds: 5,
            particulate_types: Vec::new(),
            #[cfg(feature = "aws")]
            pace: store::dynamodb::Pace::default(),
        }
    }

    /// The same store, put into with so many write units a second, or with what a table on AWS can spare.
    #[cfg(feature = "backfill")]
    pub(super) fn paced(&self, units: Option<NonZeroU32>) -> Self {
        #[cfg(feature = "aws")]
        {
            use store::dynamodb::Pace;
            Self { pace: units.map_or(Pace::HalfOfTable, Pace::Units), ..self.clone() }
        }
        #[cfg(not(feature = "aws"))]
        {
            let _ = units; // there are no tables
            self.clone()
        }
    }

    /// Extra time for a store to delete old readings itself, free of charge, before they are
    /// deleted by billed calls.
    pub(super) fn deletion_grace(&self) -> SignedDuration {
        if self.is_table() { SignedDuration::from_hours(7 * 24) } else { SignedDuration::ZERO }
    }

    /// A store for a daemon, opened exclusively.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        self.open_to_keep(Retention::default()).await
    }

    pub(super) async fn open_to_keep(&self, keep: Retention) -> Result<Arc<dyn Store>, Failure> {
        self.check_not_deleted().await?;
        self.open_with(keep, Access::Make).await.map_err(|error| match error.kind() {
            ErrorKind::Locked => {
                format!("{}; stop it first, or choose another --data", reason(&error)).into()
            }
            _ => error.into(),
        })
    }

    /// Whether it is a table on AWS.
    pub(super) fn is_table(&self) -> bool {
        self.store.as_ref().is_some_and(|url| url.starts_with("dynamodb:"))
    }

    /// Whether additional models are given.
    pub(super) fn names_models(&self) -> bool {
        !self.particulate_types.is_empty()
    }

    /// The file of an embedded store.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match &self.store {
            None => Some(self.data.join("readings.redb")),
            Some(url) => url.strip_prefix("file:").map(PathBuf::from),
        }
    }

    /// Whether a store exists, as far as can be determined without opening it.
    pub(super) fn is_there(&self) -> bool {
        self.file().is_none_or(|file| !matches!(file.try_exists(), Ok(false)))
    }

    /// No new store may be created while a process still uses the deleted one.
    async fn check_not_deleted(&self) -> Result<(), Failure> {
        let Some(file) = self.file().filter(|_| !self.is_there()) else { return Ok(()) };
        match Client::connect(&control::socket_of(&file)).await {
            Ok(_) => {
                let message = format!(
                    "{} was deleted, but a running process still has it open: stop that process, \
                     then restore the file or start with an empty store",
                    file.display()
                );
                Err(message.into())
            }
            Err(_) => Ok(()),
        }
    }

    /// A store for a command: opened directly, or through the process that has it open.
    pub(super) async fn reach(&self, access: Access) -> Result<Reached, Failure> {
        self.reach_to_keep(Retention::default(), access).await
    }

    pub(super) async fn reach_to_keep(
        &self,
        keep: Retention,
        access: Access,
    ) -> Result<Reached, Failure> {
        self.check_not_deleted().await?;
        let mut attempts = 0;
        loop {
            let error = match self.open_with(keep, access).await {
                Ok(store) => return Ok(Reached::Opened(store)),
                Err(error) => error,
            };
            let Some(file) = self.file().filter(|_| error.kind() == ErrorKind::Locked) else {
                return Err(error.into());
            };
            match Client::connect(&control::socket_of(&file)).await {
                Ok(client) => return Ok(Reached::Held(client)),
                // The process may be starting or stopping.
                Err(failure) if failure.nobody_listens() && attempts < REACH_ATTEMPTS => {
                    attempts += 1;
                    if attempts == REACH_SAID {
                        let most = (REACH_AGAIN * REACH_ATTEMPTS).as_secs();
                        say(format_args!(
                            "airshed: {} and has no control socket (an export has none); waiting \
                             for up to {most} s",
                            reason(&error)
                        ));
                    }
                    tokio::time::sleep(REACH_AGAIN).await;
                }
                Err(failure) => {
                    return Err(format!("{}, and {}", reason(&error), reason(&failure)).into());
                }
            }
        }
    }

    /// The control socket for the store that this process has open. A daemon continues without it
    /// if it cannot be created.
    pub(super) fn socket(&self) -> Option<Socket> {
        match Socket::listen(&control::socket_of(&self.file()?)) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(
                    reason = reason(&error),
                    "no control socket: commands on the store have to wait until this process \
                     has exited"
                );
                None
            }
        }
    }

    async fn open_with(
        &self,
        keep: Retention,
        access: Access,
    ) -> Result<Arc<dyn Store>, store::Error> {
        // Set before the store is opened: a process opens its store once.
        SensorType::accept_also(self.particulate_types.clone());
        let bytes = u64::from(self.cache_mib) << 20;
        let mut options = store::OpenOptions::default();
        options.file.cache_bytes = bytes;
        options.file.clock = Some(Timestamp::now);
        options.file.has_room = Some(has_room_for_readings);
        options.file.create = access == Access::Make;
        options.file.write = access != Access::Read;
        #[cfg(feature = "aws")]
        {
            options.table.keep = keep.readings.map(SignedDuration::unsigned_abs);
            options.table.pace = self.pace;
            options.table.keep_samples = keep.samples.map(SignedDuration::unsigned_abs);
        }
        #[cfg(not(feature = "aws"))]
        let _ = (keep.readings, keep.samples); // a table on AWS deletes old readings itself
        let url = self.store.clone();
        let url = url.unwrap_or_else(|| format!("file:{}/readings.redb", self.data.display()));
        let mut store = store::open(&url, options).await?;
        // The other stores have their own caches.
        if url.starts_with("dynamodb:") {
            let mut options = CacheOptions::default();
            options.bytes = bytes;
            // Old days change too if another process imports.
            options.open_days = Duration::from_secs(self.cache_seconds.into());
            options.closed_days = options.open_days;
            store = Arc::new(Cached::new(store, options, jiff::Timestamp::now));
        }
        Ok(Arc::new(Metered::new(store)))
    }
}

/// How long a daemon keeps what it stores; `None`: for ever.
#[derive(Clone, Copy, Default)]
pub(super) struct Retention {
    pub(super) readings: Option<SignedDuration>,
    /// Of five-minute readings, if that is shorter.
    pub(super) samples: Option<SignedDuration>,
}

/// How a command uses a store.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    /// Reads an existing store.
    Read,
    /// Writes to an existing store.
    Write,
    /// Writes to a store, which is created if it does not exist.
    Make,
}

/// A store, opened or remote.
pub(super) enum Reached {
    Opened(Arc<dyn Store>),
    /// Another process has it open.
    Held(Client),
}

/// How often, and at what interval, to retry opening a store held by a process without a control
/// socket.
const REACH_ATTEMPTS: u32 = 30;
const REACH_AGAIN: Duration = Duration::from_millis(100);

/// Attempts without a message, since the other process may just be starting or stopping.
const REACH_SAID: u32 = 5;

fn particulate_type(text: &str) -> Result<SensorType, String> {
    let model: SensorType = text.parse().map_err(|bad: store::BadSensorType| bad.to_string())?;
    match model.counts_particles() {
        true => Err("it counts particles; no index is defined for counts".to_owned()),
        false => Ok(model),
    }
}

fn folder(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() { Err("expected a directory, such as ./data") } else { Ok(text.into()) }
}

/// Whether a URL has one of these prefixes and a non-empty rest.
pub(super) fn begins(text: &str, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| text.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()))
}

fn store_url(text: &str) -> Result<String, &'static str> {
    check_aws(begins(text, &["dynamodb:"]))?;
    let known = text == "memory:" || begins(text, &["file:", "dynamodb:"]);
    let known = known.then(|| text.to_owned());
    known.ok_or("invalid store URL; expected memory:, file:PATH or dynamodb:TABLE")
}
