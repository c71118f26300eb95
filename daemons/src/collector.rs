//! The collector: fetches the feed on a schedule and puts its readings into the store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use store::{Reading, Store, Window};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::Clock;
use crate::feed::{self, BrokenFeed, Feed, Remark, RemarkKind};
use crate::schedule::Schedule;
use crate::source::{FetchError, Fetched, Fetcher};

/// Readings put in one go: enough for a put to be cheap, little enough to be short.
const BATCH: usize = 25_000;

/// Longer than this without a look at the clock, and a changed clock would go unseen.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// What a collector is made of.
pub struct Collector {
    /// Where the feed comes from.
    pub fetcher: Fetcher,
    /// What the feed's values are means over.
    pub window: Window,
    /// Where the readings go.
    pub store: Arc<dyn Store>,
    /// The age from which readings are deleted; `None`: never.
    pub kept_for: Option<SignedDuration>,
    /// How failed fetches are repeated.
    pub backoff: Backoff,
    /// The time.
    pub clock: Clock,
    /// What others want to know.
    pub status: Arc<FeedStatus>,
}

/// How often and after how long a failed fetch is tried again.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// Tries in all, before waiting for the schedule.
    pub attempts: u32,
    /// The longest wait before the second try; it doubles from there on.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        let (first, longest) = (Duration::from_secs(5), Duration::from_secs(300));
        Self { attempts: 8, first, longest }
    }
}

impl Backoff {
    /// Half to whole of the wait's length, at random, so that many do not come at once.
    fn wait(&self, attempt: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << attempt.min(20));
        doubled.min(self.longest).mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// How the feed is doing.
#[derive(Debug, Default)]
pub struct FeedStatus(Mutex<FeedState>);

/// What is known of the last fetches.
#[derive(Debug, Clone, Default)]
pub struct FeedState {
    /// When the feed was last fetched whole, or found unchanged.
    pub last_success: Option<Timestamp>,
    /// When and why it failed since.
    pub failure: Option<(Timestamp, String)>,
}

impl FeedStatus {
    /// A look at it.
    pub fn get(&self) -> FeedState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, change: impl FnOnce(&mut FeedState)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Why a collection failed; what is stored stays.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The feed could not be fetched.
    #[error("the fetch failed")]
    Fetch(#[from] FetchError),
    /// What came is no feed.
    #[error(transparent)]
    Broken(#[from] BrokenFeed),
    /// The feed is well formed and has not one record.
    #[error("the feed is empty")]
    Empty,
    /// The store did not take the readings.
    #[error("the store did not take the readings")]
    Store(#[from] store::Error),
}

/// What a collection brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Records in the feed.
    pub records: usize,
    /// Readings kept.
    pub kept: usize,
    /// Of those, readings with an index.
    pub indexed: usize,
    /// Records without P1 and P2.
    pub skipped: usize,
    /// Records that could not be read.
    pub refused: usize,
    /// Fields that could not be read; their readings were kept without.
    pub fields_left_out: usize,
}

/// Fetches at once and then on schedule, until told to stop.
pub async fn run(mut collector: Collector, schedule: Schedule, stop: CancellationToken) {
    loop {
        collector.collect_patiently(&stop).await;
        let Some(next) = schedule.next_after((collector.clock)()) else {
            warn!(%schedule, "the schedule names no further time; no more fetches");
            return stop.cancelled().await;
        };
        debug!(%next, "waiting for the schedule");
        while let Ok(left) = Duration::try_from(next - (collector.clock)())
            && !left.is_zero()
        {
            tokio::select! {
                () = tokio::time::sleep(left.min(LONGEST_SLEEP)) => {}
                () = stop.cancelled() => return,
            }
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

impl Collector {
    /// Deletes what is too old; then collects, and tries again while that fails and tries
    /// are left. Whether it went well in the end.
    pub async fn collect_patiently(&mut self, stop: &CancellationToken) -> bool {
        self.delete_old().await;
        for attempt in 0..self.backoff.attempts {
            let failure = tokio::select! {
                collected = self.collect() => match collected {
                    Ok(_) => return true,
                    Err(failure) => failure,
                },
                () = stop.cancelled() => return false,
            };
            let reason = reason(&failure);
            let now = (self.clock)();
            self.status.set(|state| state.failure = Some((now, reason.clone())));
            metrics::counter!("airshed_fetches_total", "outcome" => "failed").increment(1);
            let mut wait = self.backoff.wait(attempt);
            if let CollectError::Fetch(FetchError::Status { retry_after: Some(asked), .. }) =
                failure
            {
                wait = wait.max(asked.min(Duration::from_secs(3600)));
            }
            let left = self.backoff.attempts - attempt - 1;
            let feed = self.fetcher.source();
            if left == 0 {
                error!(%feed, reason, "fetch failed; what is stored stays, waiting for the schedule");
                return false;
            }
            warn!(%feed, reason, tries_left = left, wait_ms = wait.as_millis() as u64,
                "fetch failed; what is stored stays, trying again");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return false,
            }
        }
        false
    }

    async fn delete_old(&self) {
        let Some(oldest) = self.kept_for.and_then(|age| (self.clock)().checked_sub(age).ok())
        else {
            return;
        };
        match self.store.delete_before(oldest).await {
            Ok(0) => {}
            Ok(readings) => info!(readings, before = %oldest, "old readings deleted"),
            Err(error) => warn!(reason = reason(&error), "old readings not deleted; next time"),
        }
    }

    /// Fetches the feed once and keeps its readings.
    pub async fn collect(&mut self) -> Result<Collected, CollectError> {
        let start = Instant::now();
        let feed = self.fetcher.source().to_string();
        let (file, validators) = match self.fetcher.fetch().await? {
            Fetched::Feed(file, validators) => (file, validators),
            Fetched::Unchanged => {
                info!(feed, "the feed has not changed since the last fetch");
                self.succeeded("unchanged", start);
                return Ok(Collected::default());
            }
        };
        let (bytes, window, now) = (file.len(), self.window, (self.clock)());
        metrics::counter!("airshed_feed_bytes_total").increment(bytes as u64);
        let parsed = tokio::task::spawn_blocking(move || feed::parse(&file, window, now)).await;
        // The parser does not panic; were it to, the fetch has failed, not the daemon.
        let parsed = parsed
            .unwrap_or_else(|panic| Err(BrokenFeed { offset: 0, reason: panic.to_string() }))?;
        if parsed.records == 0 {
            return Err(CollectError::Empty);
        }
        for batch in parsed.readings.chunks(BATCH) {
            self.store.put(batch).await?;
            batch.iter().for_each(log_stored);
        }
        parsed.remarks.iter().for_each(log_remark);
        self.fetcher.keep(validators);
        self.succeeded("ok", start);
        let collected = count(&parsed);
        info!(
            feed,
            bytes,
            records = collected.records,
            stored = collected.kept,
            indexed = collected.indexed,
            skipped = collected.skipped,
            refused = collected.refused,
            fields_left_out = collected.fields_left_out,
            took_ms = start.elapsed().as_millis() as u64,
            "feed collected"
        );
        Ok(collected)
    }

    fn succeeded(&self, outcome: &'static str, start: Instant) {
        let now = (self.clock)();
        self.status.set(|state| {
            *state = FeedState { last_success: Some(now), failure: None };
        });
        metrics::counter!("airshed_fetches_total", "outcome" => outcome).increment(1);
        let took = start.elapsed();
        metrics::histogram!("airshed_fetch_seconds", "outcome" => outcome).record(took);
    }
}

fn count(feed: &Feed) -> Collected {
    let collected = Collected {
        records: feed.records,
        kept: feed.readings.len(),
        indexed: feed.readings.iter().filter(|reading| reading.index().is_some()).count(),
        skipped: feed.count(RemarkKind::Skipped),
        refused: feed.count(RemarkKind::Refused),
        fields_left_out: feed.count(RemarkKind::FieldLeftOut),
    };
    let outcomes = [
        ("stored", collected.kept),
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
        sensor = reading.sensor,
        timestamp = %reading.timestamp,
        aqi = reading.index().map(|index| index.get()),
        range = reading.band().map(|band| band.name()),
        "stored"
    );
}

fn log_remark(remark: &Remark) {
    let Remark { record, id, kind, reason } = remark;
    match kind {
        RemarkKind::Skipped => debug!(id, record, %reason, "skipped"),
        RemarkKind::Refused => debug!(id, record, %reason, "refused"),
        RemarkKind::FieldLeftOut => debug!(id, record, %reason, "kept without a field"),
    }
}

/// The error and its causes in one line.
pub fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
