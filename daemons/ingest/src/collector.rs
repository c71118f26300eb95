//! The collector: fetches the feed on a schedule and puts its readings into the store.
//!
//! A failed fetch is retried until the next one is due, so that an outage that ends within the day
//! loses no data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airshed_common::feed_status::{FeedStatus, Trouble};
use airshed_common::{Clock, reason};
use airshed_history::Flagging;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use store::{Network, Reading, Window};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::destination::Destination;
use crate::feed::{self, BrokenFeed, Diagnostic, DiagnosticKind, Feed};
use crate::means::{LiveMeans, Making};
use crate::retention::Retention;
use crate::schedule::{Schedule, Spread};
use crate::source::{Fetch, FetchError, Fetched, Source};

/// Readings per put: a compromise between the cost per reading and the duration of a put.
const BATCH: usize = 25_000;

/// Interval of checks of the clock and the store while waiting, to detect a changed clock or a
/// deleted file.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The parts of a collector.
pub struct Collector {
    /// The source of the feed.
    pub fetcher: Box<dyn Fetch>,
    /// The averaging period of the feed's values.
    pub window: Window,
    /// The network of the feed's sensors.
    pub network: Network,
    /// The destination of the readings.
    pub destination: Box<dyn Destination>,
    /// What makes means of the readings there, if they are samples.
    pub means: Option<Arc<LiveMeans>>,
    /// The flags that are computed.
    pub flagging: Flagging,
    /// The retention period of readings; `None`: for ever.
    pub retention: Option<Retention>,
    /// How failed fetches are retried.
    pub backoff: Backoff,
    /// The clock.
    pub clock: Clock,
    /// The feed status, shared with the server.
    pub status: Arc<FeedStatus>,
}

/// How often and at what intervals a failed fetch is retried.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// Maximum number of attempts, if no further fetch is scheduled.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with each further attempt.
    pub first: Duration,
    /// The longest wait of all.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        let (first, longest) = (Duration::from_secs(5), Duration::from_secs(3600));
        Self { attempts: 8, first, longest }
    }
}

impl Backoff {
    /// A random half to whole of the wait (jitter), so that retries are spread.
    fn wait(&self, attempt: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << attempt.min(20));
        doubled.min(self.longest).mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// Why a collection failed; stored readings are unaffected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The feed could not be fetched.
    #[error("the fetch failed")]
    Fetch(#[from] FetchError),
    /// The response is not a feed.
    #[error(transparent)]
    Broken(#[from] BrokenFeed),
    /// The feed is well-formed but has no records.
    #[error("the feed is empty")]
    Empty,
    /// The server answered 304, but no reading is stored.
    #[error(
        "the server answered 304 (not modified) to a request without validators, and the store \
         has no readings"
    )]
    NothingNew,
    /// Most records are dated in the future.
    #[error(
        "{ahead} of {records} records are dated in the future; check the system clock (now {now})"
    )]
    Clock {
        /// The number of records in the future.
        ahead: usize,
        /// The number of readings.
        records: usize,
        /// The clock.
        now: Timestamp,
    },
    /// No record of particulate matter could be stored.
    #[error(
        "all {refused} records of particulate matter were refused; first reason: {reason}; check \
         the system clock (now {now})"
    )]
    Refused {
        /// The number of refused records.
        refused: usize,
        /// Why the first was refused.
        reason: String,
        /// The clock.
        now: Timestamp,
    },
    /// The store rejected the readings.
    #[error("the store rejected the readings")]
    Store(#[from] store::Error),
}

impl CollectError {
    /// The reason that may be published.
    fn trouble(&self) -> Trouble {
        match self {
            Self::Fetch(FetchError::File { .. }) => Trouble::File,
            Self::Fetch(FetchError::Transport(_)) => Trouble::Unreachable,
            Self::Fetch(FetchError::Status { status, .. }) => Trouble::Status(status.as_u16()),
            Self::Fetch(FetchError::TooLarge) | Self::Broken(_) => Trouble::NotAFeed,
            Self::NothingNew => Trouble::Status(StatusCode::NOT_MODIFIED.as_u16()),
            Self::Empty => Trouble::Empty,
            Self::Clock { .. } | Self::Refused { .. } => Trouble::Refused,
            Self::Store(_) => Trouble::Store,
        }
    }
}

/// The result of a collection. Every record is either kept, collided, skipped or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Records in the feed.
    pub records: usize,
    /// Readings stored.
    pub kept: usize,
    /// Records replaced by a later one of the same sensor and timestamp.
    pub collided: usize,
    /// Of those, readings with an index.
    pub indexed: usize,
    /// Records without P1 and P2.
    pub skipped: usize,
    /// Records that could not be read.
    pub refused: usize,
    /// Unreadable values and fields; their readings were kept without them.
    pub fields_left_out: usize,
    /// Fields that were corrected.
    pub corrected: usize,
}

/// Fetches at start and then on schedule, until stopped; `spread` is the delay after each scheduled
/// time.
pub async fn run(
    mut collector: Collector,
    schedule: Schedule,
    spread: Spread,
    stop: CancellationToken,
) {
    let now = (collector.clock)();
    if let Some(first) = schedule.next_after(now)
        && let Some(second) = schedule.next_after(first)
    {
        collector.status.fetched_every(second.duration_since(first));
    }
    let mut due = schedule.next_after(now).map(|next| spread.after(next, &schedule));
    loop {
        collector.collect_patiently(due, &stop).await;
        let Some(next) = due else {
            warn!(%schedule, "the schedule has no further time; no more fetches");
            return stop.cancelled().await;
        };
        debug!(%next, "waiting for the schedule");
        if !collector.sleep_until(next, &stop).await {
            return;
        }
        let passed = next.max((collector.clock)());
        due = schedule.next_after(passed).map(|next| spread.after(next, &schedule));
    }
}

impl Collector {
    /// Deletes readings that are too old by an earlier feed ([`Retention`]); then collects, with
    /// retries until the next fetch is due, or as often as [`Backoff`] allows. Returns the result if
    /// an attempt succeeded.
    ///
    /// A local file is not retried: its errors are permanent.
    pub async fn collect_patiently(
        &mut self,
        until: Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Option<Collected> {
        self.delete_old().await;
        let mut attempt = 0;
        let collected = loop {
            let failure = tokio::select! {
                collected = self.collect() => match collected {
                    Ok(collected) => break Some(collected),
                    Err(failure) => failure,
                },
                () = stop.cancelled() => break None,
            };
            let (reason, now) = (reason(&failure), (self.clock)());
            let trouble = failure.trouble();
            self.status.set(|state| {
                (state.failure, state.first_ended) = (Some((now, trouble)), true);
            });
            metrics::counter!("airshed_fetches_total", "outcome" => "failed").increment(1);
            let mut wait = self.backoff.wait(attempt);
            if let CollectError::Fetch(FetchError::Status { retry_after: Some(asked), .. }) =
                failure
            {
                wait = wait.max(asked.min(Duration::from_secs(3600)));
            }
            attempt += 1;
            let feed = self.fetcher.source();
            let is_local = matches!(feed, Source::File(_)) && trouble != Trouble::Store;
            let next_try = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            let given_up = match until {
                Some(due) => next_try >= due,
                None => attempt >= self.backoff.attempts,
            };
            if is_local || given_up {
                match until {
                    Some(next) => error!(%feed, reason, %next,
                        "fetch failed; stored readings are unaffected, waiting for the schedule"),
                    None => error!(%feed, reason, "fetch failed; stored readings are unaffected, \
                                                   giving up"),
                }
                break None;
            }
            warn!(%feed, reason, wait_ms = wait.as_millis() as u64,
                "fetch failed; stored readings are unaffected, retrying");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => break None,
            }
        };
        if collected.is_none() {
            // Hours end without the feed, too.
            tokio::select! {
                () = self.make_means() => {}
                () = stop.cancelled() => {}
            }
        }
        self.status.set(|state| state.first_ended = true);
        collected
    }

    /// Waits for a time of the clock, makes missing means of earlier days meanwhile, and checks the
    /// store; returns whether it was not stopped.
    async fn sleep_until(&self, moment: Timestamp, stop: &CancellationToken) -> bool {
        let mut may_lack_means = true;
        while let Ok(left) = Duration::try_from(moment.duration_since((self.clock)()))
            && !left.is_zero()
        {
            let turn = async {
                if may_lack_means {
                    may_lack_means = self.look_back().await;
                } else {
                    tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
                }
            };
            tokio::select! {
                () = turn => {}
                () = stop.cancelled() => return false,
            }
            self.look_at_store().await;
        }
        !stop.is_cancelled()
    }

    /// Makes missing means of an earlier day; whether others are left.
    async fn look_back(&self) -> bool {
        let Some(means) = &self.means else { return false };
        means.look_back((self.clock)()).await.map_or_else(
            |error| {
                let reason = reason(&error);
                warn!(reason, "means of an earlier day not made; retrying after the next fetch");
                false
            },
            |made| made.is_some(),
        )
    }

    /// Whether the store accepts puts, tested with an empty one.
    async fn look_at_store(&self) {
        self.status.store.note(&self.destination.put(&[]).await);
    }

    async fn delete_old(&self) {
        let horizon = self.retention.as_ref().and_then(|kept| kept.horizon((self.clock)()));
        let Some(oldest) = horizon else { return };
        match self.destination.delete_before(oldest).await {
            Ok(0) => {}
            Ok(readings) => info!(readings, before = %oldest, "old readings deleted"),
            Err(error) => warn!(
                reason = reason(&error),
                "old readings not deleted; retrying at the next fetch"
            ),
        }
    }

    /// Fetches the feed once and stores its readings.
    pub async fn collect(&mut self) -> Result<Collected, CollectError> {
        let start = Instant::now();
        let feed = self.fetcher.source().to_string();
        info!(feed, "fetching the feed");
        let mut fetched = self.fetcher.fetch().await?;
        if matches!(fetched, Fetched::Unchanged) && self.destination.readings().await? == 0 {
            warn!(
                feed,
                "the feed has not changed, but the store has no readings: fetching it in \
                         full"
            );
            self.fetcher.keep(HeaderMap::new());
            fetched = self.fetcher.fetch().await?;
            if matches!(fetched, Fetched::Unchanged) {
                return Err(CollectError::NothingNew);
            }
        }
        let Fetched::Feed(file, validators) = fetched else {
            info!(feed, "the feed has not changed since the last fetch");
            self.make_means().await;
            self.succeeded("unchanged", start);
            return Ok(Collected::default());
        };
        let (bytes, window, now) = (file.len(), self.window, (self.clock)());
        metrics::counter!("airshed_feed_bytes_total").increment(bytes as u64);
        #[cfg(feature = "backfill")]
        let has_places = self.network != Network::SIMULATED; // where sensors are drawn
        let parse = move || {
            let parsed = feed::parse(&file, window, now);
            #[cfg(feature = "backfill")]
            let parsed = parsed.map(|mut feed| {
                if has_places {
                    crate::place::check_countries(&mut feed.readings);
                }
                feed
            });
            parsed
        };
        let parsed = tokio::task::spawn_blocking(parse).await;
        // The parser should not panic; if it does, only this fetch fails.
        let mut parsed = parsed
            .unwrap_or_else(|panic| Err(BrokenFeed { offset: 0, reason: panic.to_string() }))?;
        parsed.readings.iter_mut().for_each(|reading| reading.sensor.network = self.network);
        self.flagging.only_computed(&mut parsed.readings);
        check(&parsed, now)?;
        if let Some(retention) = &mut self.retention {
            retention.note(&parsed.readings);
        }
        self.delete_old().await; // before the put: the disk may be full
        let means = self.means.clone();
        let making = match &means {
            Some(means) => Some(means.begin().await),
            None => None,
        };
        for batch in parsed.readings.chunks(BATCH) {
            let put = self.destination.put(batch).await;
            self.status.store.note(&put);
            put?;
            batch.iter().for_each(log_stored);
        }
        parsed.diagnostics.iter().for_each(log_diagnostic);
        if parsed.diagnostics.len() == feed::DIAGNOSTICS {
            warn!(feed, shown = feed::DIAGNOSTICS, "the file has more remarks; they are counted");
        }
        self.fetcher.keep(validators);
        if let Some(making) = making {
            self.finish(making, &parsed.readings).await;
        }
        self.succeeded("ok", start);
        let collected = count(&parsed);
        info!(
            feed,
            bytes,
            records = collected.records,
            stored = collected.kept,
            collided = collected.collided,
            indexed = collected.indexed,
            skipped = collected.skipped,
            refused = collected.refused,
            fields_left_out = collected.fields_left_out,
            corrected = collected.corrected,
            took_ms = start.elapsed().as_millis() as u64,
            "feed collected"
        );
        Ok(collected)
    }

    /// Makes the means of the hours that have ended.
    async fn make_means(&self) {
        if let Some(means) = &self.means {
            self.finish(means.begin().await, &[]).await;
        }
    }

    /// Makes the means of samples that are stored. Those that cannot be made now are made at the next
    /// fetch.
    async fn finish(&self, making: Making<'_>, samples: &[Reading]) {
        if let Err(error) = making.finish(samples, (self.clock)()).await {
            warn!(reason = reason(&error), "means not made; retrying at the next fetch");
        }
    }

    fn succeeded(&self, outcome: &'static str, start: Instant) {
        let now = (self.clock)();
        self.status.set(|state| {
            (state.last_success, state.failure) = (Some(now), None);
        });
        metrics::counter!("airshed_fetches_total", "outcome" => outcome).increment(1);
        let took = start.elapsed();
        metrics::histogram!("airshed_fetch_seconds", "outcome" => outcome).record(took);
    }
}

/// Whether the file can be a current feed.
fn check(feed: &Feed, now: Timestamp) -> Result<(), CollectError> {
    let refused = feed.count(DiagnosticKind::Refused);
    let records = feed.readings.len() + refused;
    if feed.records == 0 {
        return Err(CollectError::Empty);
    }
    if feed.ahead > records / 2 {
        return Err(CollectError::Clock { ahead: feed.ahead, records, now });
    }
    let first =
        feed.diagnostics.iter().find(|diagnostic| diagnostic.kind == DiagnosticKind::Refused);
    match first.filter(|_| feed.readings.is_empty()) {
        Some(Diagnostic { reason, .. }) => {
            Err(CollectError::Refused { refused, reason: reason.to_string(), now })
        }
        None => Ok(()),
    }
}

fn count(feed: &Feed) -> Collected {
    let collected = Collected {
        records: feed.records,
        kept: feed.readings.len(),
        collided: feed.count(DiagnosticKind::Collided),
        indexed: feed.readings.iter().filter(|reading| reading.index().is_some()).count(),
        skipped: feed.count(DiagnosticKind::Skipped),
        refused: feed.count(DiagnosticKind::Refused),
        fields_left_out: feed.count(DiagnosticKind::FieldLeftOut),
        corrected: feed.count(DiagnosticKind::Corrected),
    };
    let outcomes = [
        ("stored", collected.kept),
        ("collided", collected.collided),
        ("skipped", collected.skipped),
        ("refused", collected.refused),
    ];
    for (outcome, records) in outcomes {
        metrics::counter!("airshed_records_total", "outcome" => outcome).increment(records as u64);
    }
    collected
}

fn log_stored(reading: &Reading) {
    debug!(
        id = reading.measurement,
        sensor = %reading.sensor,
        timestamp = %reading.timestamp,
        aqi = reading.index().map(|index| index.get()),
        range = reading.band().map(|band| band.name()),
        "stored"
    );
}

fn log_diagnostic(diagnostic: &Diagnostic) {
    let Diagnostic { record, id, kind, reason } = diagnostic;
    match kind {
        DiagnosticKind::Skipped => debug!(id, record, %reason, "skipped"),
        DiagnosticKind::Refused => debug!(id, record, %reason, "refused"),
        DiagnosticKind::Collided => debug!(id, record, %reason, "collided"),
        DiagnosticKind::FieldLeftOut => debug!(id, record, %reason, "kept without a field"),
        DiagnosticKind::Corrected => debug!(id, record, %reason, "corrected"),
    }
}
