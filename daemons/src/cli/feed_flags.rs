//! The feeds, as options of a command, and their collectors.

use std::str::FromStr;
use std::sync::Arc;

use airshed::Clock;
use airshed::Destination;
use airshed::Flagging;
use airshed::collector::{Backoff, Collector};
use airshed::control::Policy;
use airshed::feed_status::FeedStatus;
use airshed::means::{LEAST_DAYS, LiveMeans, Settled};
use airshed::networks::Networks;
use airshed::retention;
use airshed::schedule::{Schedule, Spread};
use airshed::source::{BadSource, ClientOptions, Fetcher, Source};
use clap::Args;
use jiff::SignedDuration;
use store::{Network, Store, Window};

use super::quality_flags::QualityFlags;
use super::store_flags::{Retention, StoreFlags};
use super::{Failure, bad_call};

/// The feeds and their schedules.
#[derive(Args, Clone)]
pub(super) struct FeedFlags {
    /// The feed: http(s)://… or file:PATH; several if repeated, or separated by semicolons. The
    /// averaging period of its values can be put in front: 5min=https://…
    #[arg(
        long = "feed",
        env = "AIRSHED_FEED",
        default_value = "https://data.sensor.community/static/v2/data.24h.json",
        value_delimiter = ';',
        value_name = "URL"
    )]
    feeds: Vec<Feed>,
    /// Averaging period of the feed's values: 5min, 1h, 24h or day; of several feeds, of those with
    /// unknown paths [default: derived from the path of a Sensor.Community feed]
    #[arg(long, env = "AIRSHED_WINDOW")]
    window: Option<Window>,
    /// Network that the feed's sensors belong to: 1 to 16 lower-case letters, digits, dots, hyphens
    /// and underscores.
    #[arg(long, env = "AIRSHED_FEED_NETWORK", default_value_t, value_name = "NAME")]
    feed_network: Network,
    /// When to fetch: a cron expression in UTC. The feed is also fetched at start. [default: by the
    /// averaging period: */5 * * * * (5min), 0 * * * * (1h) or 0 0 * * *]
    #[arg(long, env = "AIRSHED_SCHEDULE", value_name = "CRON")]
    schedule: Option<Schedule>,
    /// Maximum random delay of a fetch in minutes, so that installations do not all fetch in the
    /// same second; at most half the time to the next fetch.
    #[arg(
        long,
        env = "AIRSHED_SCHEDULE_JITTER",
        default_value_t = 5,
        value_name = "MINUTES",
        value_parser = clap::value_parser!(u32).range(0..=1440)
    )]
    schedule_jitter: u32,
    /// Contact e-mail or URL for the User-Agent header; Sensor.Community requires one.
    #[arg(long, env = "AIRSHED_CONTACT")]
    contact: Option<String>,
    /// Hosts to which a feed's server may redirect, besides itself.
    #[arg(long, env = "AIRSHED_REDIRECT_HOSTS", value_name = "HOSTS", value_delimiter = ',', value_parser = host)]
    redirect_hosts: Vec<String>,
    /// Retention period of readings in days, applied when the feed has been fetched. Their age counts
    /// from its newest readings, so that a wrong clock deletes nothing; see also `airshed retention`.
    /// DynamoDB deletes expired readings itself, a few days later; 0: for ever
    #[arg(long, env = "AIRSHED_KEEP_READINGS", value_name = "DAYS", default_value_t = 0)]
    keep_readings: u32,
    /// Retention period of samples in days: the 5min readings of a five-minute feed, from which means
    /// over 1h, 24h and day are made; at least 2 [default: that of all readings]
    #[arg(
        long,
        env = "AIRSHED_KEEP_SAMPLES",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(i64::from(LEAST_DAYS)..)
    )]
    keep_samples: Option<u32>,
    #[command(flatten)]
    flags: QualityFlags,
}

/// A feed, and the averaging period of its values if that is given.
#[derive(Debug, Clone)]
struct Feed {
    window: Option<Window>,
    source: Source,
}

impl FromStr for Feed {
    type Err = BadSource;

    fn from_str(text: &str) -> Result<Self, BadSource> {
        let given = text.split_once('=').and_then(|(window, source)| {
            let window = window.parse().ok().filter(|window| Window::KEPT.contains(window))?;
            Some((window, source))
        });
        Ok(match given {
            Some((window, source)) => Self { window: Some(window), source: source.parse()? },
            None => Self { window: None, source: text.parse()? },
        })
    }
}

/// A collector, and when it fetches.
pub(super) struct Collecting {
    pub(super) collector: Collector,
    pub(super) schedule: Schedule,
    pub(super) spread: Spread,
}

impl FeedFlags {
    /// Checked before anything is created: whether these flags permit fetching the feeds.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for feed in &self.feeds {
            check_contact(&feed.source, self.contact.as_deref(), "the feed's operator")?;
            self.window_of(feed)?;
        }
        Ok(())
    }

    /// The averaging period of the first feed's values.
    pub(super) fn window(&self) -> Result<Window, Failure> {
        let first = self.feeds.first().ok_or_else(|| bad_call("--feed is empty"))?;
        self.window_of(first)
    }

    /// The averaging period of a feed's values; never guessed.
    fn window_of(&self, feed: &Feed) -> Result<Window, Failure> {
        let usual = feed.source.usual_window();
        let window = match self.feeds.len() {
            1 => self.window.or(usual),
            _ => usual.or(self.window),
        };
        window_of(&feed.source, feed.window.or(window))
    }

    /// Whether a feed has samples, of which means are made.
    pub(super) fn has_samples(&self) -> bool {
        let windows = self.feeds.iter().filter_map(|feed| self.window_of(feed).ok());
        windows.into_iter().any(|window| window == Window::FiveMinutes)
    }

    /// Checked before anything is created: whether feeds that are files can be read.
    pub(super) fn check_files(&self) -> Result<(), Failure> {
        for feed in &self.feeds {
            let Source::File(path) = &feed.source else { continue };
            let read = std::fs::File::open(path).map(drop);
            read.map_err(|error| format!("cannot read --feed {}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// Warns if the readings of the feeds' network will be withheld for lack of terms.
    pub(super) fn warn_of_unknown_terms(&self, networks: &Networks) {
        let network = self.feed_network;
        if !networks.contains(network) {
            tracing::warn!(
                "readings of {network} are stored but withheld: set --network-terms to serve them"
            );
        }
    }

    /// Makes means of samples in a store; `None` if no feed has samples.
    pub(super) fn means(
        &self,
        store: &Arc<dyn Store>,
        flags: &StoreFlags,
    ) -> Option<Arc<LiveMeans>> {
        let days = self.days_of_samples(flags.deletion_grace());
        let means = || live_means(store, flags, self.feed_network, days, self.flagging());
        self.has_samples().then(means)
    }

    /// Which flags are computed.
    pub(super) fn flagging(&self) -> Flagging {
        self.flags.flagging()
    }

    /// For how many days samples are kept.
    pub(super) fn days_of_samples(&self, grace: SignedDuration) -> u32 {
        let grace = u32::try_from(grace.as_hours() / 24).unwrap_or_default();
        self.keep_samples.map_or(u32::MAX, |days| days.saturating_add(grace))
    }

    /// The network of the feeds' sensors.
    pub(super) fn network(&self) -> Network {
        self.feed_network
    }

    /// A collector of each feed; the first has the status. `means` are made of samples.
    pub(super) fn collectors(
        &self,
        destination: impl Fn() -> Box<dyn Destination>,
        means: Option<&Arc<LiveMeans>>,
        clock: &Clock,
        status: Arc<FeedStatus>,
        grace: SignedDuration,
    ) -> Result<Vec<Collecting>, Failure> {
        let statuses = std::iter::once(status).chain(std::iter::repeat_with(Arc::default));
        let collectors = self.feeds.iter().zip(statuses).map(|(feed, status)| {
            let (source, client) = (feed.source.clone(), self.client());
            let window = self.window_of(feed)?;
            let clock = clock.clone();
            let mut collector =
                collector(source, Some(window), &client, destination(), clock, status)?;
            collector.network = self.feed_network;
            collector.flagging = self.flagging();
            collector.retention =
                self.keep().readings.map(|keep| retention::Retention::new(keep + grace));
            collector.means = means.filter(|_| window == Window::FiveMinutes).cloned();
            let schedule = match &self.schedule {
                Some(schedule) => schedule.clone(),
                None => usual_schedule(window).parse()?,
            };
            let longest = SignedDuration::from_mins(self.schedule_jitter.into());
            Ok(Collecting { collector, schedule, spread: Spread::up_to(longest) })
        });
        collectors.collect()
    }

    /// How servers are asked.
    pub(super) fn client(&self) -> ClientOptions {
        ClientOptions {
            contact: self.contact().map(str::to_owned),
            redirect_hosts: self.redirect_hosts.clone(),
        }
    }

    pub(super) fn contact(&self) -> Option<&str> {
        self.contact.as_deref().filter(|contact| !contact.trim().is_empty())
    }

    /// What becomes of readings, also of those that other commands put.
    pub(super) fn policy(&self) -> Policy {
        Policy { keep: self.keep().readings, flagging: self.flagging() }
    }

    /// The retention periods.
    pub(super) fn keep(&self) -> Retention {
        let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
        Retention {
            readings: Some(self.keep_readings).filter(|days| *days > 0).map(days),
            samples: self.keep_samples.filter(|_| self.has_samples()).map(days),
        }
    }
}

/// Makes means of the samples of a network, and remembers beside the file of the store which days
/// are settled.
pub(super) fn live_means(
    store: &Arc<dyn Store>,
    flags: &StoreFlags,
    network: Network,
    days: u32,
    flagging: Flagging,
) -> Arc<LiveMeans> {
    let settled = flags.file().map(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Settled::at(file.with_file_name(format!("{name}.means-{network}.json")), &flagging)
    });
    let means = LiveMeans::new(Arc::clone(store), network, days).with_flagging(flagging);
    Arc::new(means.but_for(settled.unwrap_or_default()))
}

/// As often as the values change, but the running means over 24 hours: once a day.
fn usual_schedule(window: Window) -> &'static str {
    match window {
        Window::FiveMinutes => "*/5 * * * *",
        Window::Hour => "0 * * * *",
        Window::Day24 | Window::Day | Window::NowCast => "0 0 * * *",
    }
}

/// A host's name or address.
pub(super) fn host(text: &str) -> Result<String, &'static str> {
    let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte));
    let has_port = text.contains(':') && !text.starts_with('[');
    let expected = "expected the name of a host without scheme and port, such as example.org";
    (known && !has_port && !text.is_empty()).then(|| text.to_owned()).ok_or(expected)
}

/// Whether a source can be fetched with a contact.
pub(super) fn check_contact(
    source: &Source,
    contact: Option<&str>,
    operator: &str,
) -> Result<(), Failure> {
    let contact = contact.filter(|contact| !contact.trim().is_empty());
    if source.needs_contact() && contact.is_none() {
        return Err(bad_call(format!(
            "{operator} requires a contact: set --contact (or AIRSHED_CONTACT) to your e-mail \
             address or URL"
        )));
    }
    if contact.is_some_and(|contact| !is_header_text(contact)) {
        return Err(bad_call(
            "--contact is sent in a header: it must be one line of ASCII, such as \
             you@example.org or https://example.org/air",
        ));
    }
    Ok(())
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn window_of(feed: &Source, given: Option<Window>) -> Result<Window, Failure> {
    given.or_else(|| feed.usual_window()).ok_or_else(|| {
        bad_call(format!(
            "{feed} is not a known Sensor.Community path: set --window (5min, 1h, 24h or day) to \
             the averaging period of its values"
        ))
    })
}

pub(super) fn collector(
    feed: Source,
    window: Option<Window>,
    client: &ClientOptions,
    destination: Box<dyn Destination>,
    clock: Clock,
    status: Arc<FeedStatus>,
) -> Result<Collector, Failure> {
    let window = window_of(&feed, window)?;
    let fetcher = Box::new(Fetcher::new(feed, client)?);
    let backoff = Backoff::default();
    let (network, means, retention) = (Network::default(), None, None);
    let flagging = Flagging::default();
    Ok(Collector {
        fetcher,
        window,
        network,
        destination,
        means,
        flagging,
        retention,
        backoff,
        clock,
        status,
    })
}
