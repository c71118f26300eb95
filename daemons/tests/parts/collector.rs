//! The collector against feeds that answer well, badly, cut or never.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airshed::collector::{self, Backoff, Collected, Collector};
use airshed::feed_status::Trouble;
use airshed::retention::Retention;
use airshed::schedule::{Schedule, Spread};
use airshed::source::{ClientOptions, Fetch, FetchError, Fetched, Fetcher, Source};
use airshed::{Clock, reason};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use store::{Memory, Query, Store, View, Window, conformance};
use tokio_util::sync::CancellationToken;

use super::support::{self, RawServer, answer, at, collector, feed_of};

const TIME: &str = "2026-02-01 11:00:00";

#[tokio::test]
async fn fetching_twice_stores_once_and_asks_politely() {
    let body = feed_of(1..4, TIME);
    let headers = "etag: \"v1\"\r\nlast-modified: Sun, 01 Feb 2026 11:00:00 GMT\r\n";
    let feed = RawServer::start(vec![
        answer("200 OK", headers, &body),
        answer("304 Not Modified", "", ""),
        answer("200 OK", "", &body),
    ])
    .await;
    let store = Arc::new(Memory::new());
    let mut collector = collector(&feed.url, store.clone());
    let expected = Collected { records: 3, kept: 3, indexed: 3, ..Collected::default() };
    assert_eq!(collector.collect().await.unwrap(), expected);
    assert_eq!(collector.collect().await.unwrap(), Collected::default());
    assert_eq!(collector.collect().await.unwrap(), expected);
    assert_eq!(store.summary().await.unwrap().readings(), 3);

    let requests = feed.requests.lock().unwrap().clone();
    assert!(requests[0].contains("user-agent: airshed/"), "{}", requests[0]);
    assert!(requests[0].contains("(tests@example.org)"), "{}", requests[0]);
    assert!(!requests[0].contains("if-none-match"), "{}", requests[0]);
    assert!(requests[1].contains("if-none-match: \"v1\""), "{}", requests[1]);
    assert!(requests[1].contains("if-modified-since: Sun, 01 Feb 2026"), "{}", requests[1]);
}

#[tokio::test]
async fn old_readings_are_deleted_where_that_is_wished_even_when_the_feed_is_down() {
    let whole = answer("200 OK", "", &feed_of(1..4, TIME));
    let feed = RawServer::start(vec![whole, answer("500 Internal Server Error", "", "")]).await;
    let store = Arc::new(Memory::new());
    store.put(&super::support::readings(5)).await.unwrap(); // of 2026-01-01
    let mut collector = collector(&feed.url, store.clone());
    let stop = CancellationToken::new();
    collector.retention = Some(Retention::new(SignedDuration::from_hours(32 * 24)));
    assert!(collector.collect_patiently(None, &stop).await.is_some());
    assert_eq!(store.summary().await.unwrap().readings(), 8);
    collector.clock = Arc::new(|| at("2026-02-02T06:00:00Z"));
    collector.backoff.attempts = 1;
    assert!(collector.collect_patiently(None, &stop).await.is_none());
    assert_eq!(store.summary().await.unwrap().readings(), 3);
}

#[tokio::test]
async fn whatever_the_feed_answers_nothing_is_lost_and_it_is_tried_again() {
    let whole = answer("200 OK", "", &feed_of(10..20, TIME));
    let cut = whole[..whole.len() - 100].to_owned();
    let cut_json = answer("200 OK", "", &feed_of(10..20, TIME)[..500]);
    let feed = RawServer::start(vec![
        answer("500 Internal Server Error", "", "sorry"),
        answer("200 OK", "", ""),
        answer("200 OK", "", "[]"),
        answer("200 OK", "content-type: text/html\r\n", "<html>maintenance</html>"),
        cut,
        cut_json,
        "nonsense\r\n\r\n".to_owned(),
        whole,
    ])
    .await;
    let store = Arc::new(Memory::new());
    store.put(&super::support::readings(5)).await.unwrap();
    let reasons = [
        "the fetch failed: the server answered 500 Internal Server Error",
        "not a feed: the file is empty at byte 0",
        "the feed is empty",
        "not a feed: a page of HTML or XML instead of a JSON array at byte 0",
        "the fetch failed: no complete response",
        "not a feed: EOF while parsing",
        "the fetch failed: no complete response",
    ];
    let mut once = collector(&feed.url, store.clone());
    for expected in reasons {
        let failure = reason(&once.collect().await.unwrap_err());
        assert!(failure.starts_with(expected), "{failure}");
        assert_eq!(store.summary().await.unwrap().readings(), 5, "{expected}");
    }
    assert_eq!(once.collect().await.unwrap().kept, 10);
    assert_eq!(store.summary().await.unwrap().readings(), 15);
}

#[tokio::test]
async fn a_failing_feed_is_tried_again_until_it_works() {
    let feed = RawServer::start(vec![
        answer("503 Service Unavailable", "", ""),
        answer("200 OK", "", "<html>"),
        answer("200 OK", "", &feed_of(1..3, TIME)),
    ])
    .await;
    let store = Arc::new(Memory::new());
    let mut collector = collector(&feed.url, store.clone());
    assert!(collector.collect_patiently(None, &CancellationToken::new()).await.is_some());
    assert_eq!(store.summary().await.unwrap().readings(), 2);
    let status = collector.status.get();
    assert!(status.last_success.is_some() && status.failure.is_none(), "{status:?}");
}

#[tokio::test]
async fn a_feed_that_never_works_is_given_up_until_the_schedule() {
    let feed = RawServer::start(vec![answer("500 Oh", "", "")]).await;
    let mut collector = collector(&feed.url, Arc::new(Memory::new()));
    assert!(collector.collect_patiently(None, &CancellationToken::new()).await.is_none());
    assert_eq!(feed.requests.lock().unwrap().len(), 8);
    let (_, why) = collector.status.get().failure.unwrap();
    assert_eq!(why, Trouble::Status(500));
}

#[tokio::test]
async fn a_stop_interrupts_a_feed_that_never_answers() {
    let feed = RawServer::start(vec![String::new()]).await;
    let mut collector = collector(&feed.url, Arc::new(Memory::new()));
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let requests = Arc::clone(&feed.requests);
    let collecting = tokio::spawn(async move { collector.collect_patiently(None, &stop).await });
    while requests.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    stopper.cancel();
    let collected = tokio::time::timeout(Duration::from_secs(5), collecting).await;
    assert!(collected.expect("stops at once").unwrap().is_none());
}

#[tokio::test]
async fn a_file_is_a_feed_too_and_a_missing_one_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.1h.json");
    std::fs::write(&path, feed_of(1..3, TIME)).unwrap();
    let store = Arc::new(Memory::new());
    let mut collector = collector(&format!("file:{}", path.display()), store.clone());
    assert_eq!(collector.collect().await.unwrap().kept, 2);
    let kept = conformance::all(store.as_ref(), &Query::everything()).await;
    assert!(kept.iter().all(|reading| reading.window == Window::Hour));
    std::fs::remove_file(&path).unwrap();
    let failure = reason(&collector.collect().await.unwrap_err());
    assert!(failure.contains("data.1h.json"), "{failure}");
}

#[test]
fn sources_and_their_windows() {
    let windows = [
        ("https://data.sensor.community/static/v2/data.24h.json", Some(Window::Day24), true),
        ("https://data.sensor.community/static/v2/data.1h.json", Some(Window::Hour), true),
        ("https://data.sensor.community/static/v2/data.json?x=1", Some(Window::FiveMinutes), true),
        ("https://x.org/static/v2/data.dust.min.json", Some(Window::FiveMinutes), true),
        ("https://x.org/static/v2/data.temp.min.json", Some(Window::FiveMinutes), true),
        ("https://x.org/static/v1/data.json", Some(Window::FiveMinutes), true),
        ("https://x.org/airrohr/v1/filter/type=SDS011&country=DE", Some(Window::FiveMinutes), true),
        ("https://x.org/airrohr/v1/filter/box=1,2,3,4/", Some(Window::FiveMinutes), true),
        ("https://x.org/airrohr/v1/sensor/28842/", Some(Window::FiveMinutes), true),
        ("http://127.0.0.1:8080/feed", None, false),
        ("http://127.0.0.1:8080/data.24h.json.gz", None, false),
        ("http://[::1]/data.json", Some(Window::FiveMinutes), false),
        ("http://localhost/data.json", Some(Window::FiveMinutes), false),
        ("file:/tmp/data.json", Some(Window::FiveMinutes), false),
        ("file:filter-type=SDS011&country=DE", Some(Window::FiveMinutes), false),
        ("file:/sensor/my-data.json", None, false),
    ];
    for (text, window, contact) in windows {
        let source: Source = text.parse().unwrap();
        assert_eq!((source.usual_window(), source.needs_contact()), (window, contact), "{text}");
    }
    for text in ["", "file:", "ftp://x/y", "data.json", "http://"] {
        assert!(text.parse::<Source>().is_err(), "{text}");
    }
}

#[test]
fn schedules_are_cron_in_utc() {
    let next = |cron: &str, now: &str| {
        let schedule: Schedule = cron.parse().unwrap();
        schedule.next_after(at(now)).unwrap().to_string()
    };
    assert_eq!(next("0 0 * * *", "2026-02-01T00:00:00Z"), "2026-02-02T00:00:00Z");
    assert_eq!(next("*/5 * * * *", "2026-02-01T00:04:59.5Z"), "2026-02-01T00:05:00Z");
    assert_eq!(next("30 6 29 2 *", "2026-02-01T00:00:00Z"), "2028-02-29T06:30:00Z");
    for wrong in ["", "midnight", "61 * * * *", "* * *"] {
        let error = wrong.parse::<Schedule>().unwrap_err().to_string();
        assert!(error.contains("0 0 * * *"), "{error}");
    }
}

#[test]
fn an_address_is_shown_without_its_secrets() {
    let shown = |text: &str| text.parse::<Source>().unwrap().to_string();
    let secret = "https://me:hunter2@x.org/data.json?key=hunter2&page=1#hunter2";
    let redacted = "https://redacted@x.org/data.json?key=redacted&page=redacted";
    assert_eq!(shown(secret), redacted);
    assert_eq!(shown("http://x.org/data.json"), "http://x.org/data.json");
}

#[tokio::test]
async fn an_error_of_the_network_does_not_show_the_address() {
    let mut collector =
        collector("http://me:hunter2@127.0.0.1:1/data.json?key=hunter2", Arc::new(Memory::new()));
    let failure = reason(&collector.collect().await.unwrap_err());
    assert!(!failure.contains("hunter2") && failure.contains("no complete response"), "{failure}");
}

/// A feed of one sensor that is down for some time from each midnight on.
struct FailsFromMidnight {
    outage: SignedDuration,
    clock: Clock,
    source: Source,
}

#[async_trait]
impl Fetch for FailsFromMidnight {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let now = (self.clock)();
        let into_day = SignedDuration::from_secs(now.as_second().rem_euclid(86_400));
        if into_day < self.outage {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(FetchError::Status { status, retry_after: None });
        }
        let text = feed_of(7..8, &now.strftime("%Y-%m-%d %H:%M:%S").to_string());
        Ok(Fetched::Feed(Bytes::from(text), HeaderMap::new()))
    }

    fn keep(&mut self, _: HeaderMap) {}

    fn source(&self) -> &Source {
        &self.source
    }
}

#[tokio::test(start_paused = true)]
async fn no_day_is_lost_to_an_outage_that_ends_within_it() {
    let [minute, hour] = [1, 60].map(SignedDuration::from_mins);
    for outage in [SignedDuration::ZERO, minute, minute * 10, hour, hour * 6, hour * 23] {
        let (start, begun) = (at("2026-01-31T23:59:00Z"), tokio::time::Instant::now());
        let clock: Clock =
            Arc::new(move || start + SignedDuration::try_from(begun.elapsed()).unwrap());
        let store = Arc::new(Memory::new());
        let source = "http://127.0.0.1/data.24h.json".parse().unwrap();
        let collector = Collector {
            fetcher: Box::new(FailsFromMidnight { outage, clock: clock.clone(), source }),
            window: Window::Day24,
            network: store::Network::default(),
            destination: Box::new(store.clone() as Arc<dyn Store>),
            means: None,
            flagging: Default::default(),
            retention: None,
            backoff: Backoff::default(),
            clock: clock.clone(),
            status: Arc::default(),
        };
        let (schedule, stop) = ("0 0 * * *".parse().unwrap(), CancellationToken::new());
        let spread = Spread::up_to(SignedDuration::from_mins(5));
        let running = tokio::spawn(collector::run(collector, schedule, spread, stop.clone()));
        tokio::time::sleep(Duration::from_secs(5 * 86_400)).await;
        stop.cancel();
        running.await.unwrap();
        for day in 1..=5 {
            let midnight = at(&format!("2026-02-{day:02}T00:00:00Z"));
            let query = Query::new(midnight, midnight + SignedDuration::from_secs(86_399));
            let kept = conformance::all(store.as_ref(), &query).await;
            assert_eq!(kept.len(), 1, "2026-02-{day:02}, down for {outage} from midnight on");
            let late = kept[0].timestamp.duration_since(midnight + outage);
            assert!(late <= hour + minute * 6, "{late} after the feed was back ({outage})");
        }
    }
}

#[test]
fn a_spread_is_the_same_for_every_time_and_at_most_half_way_to_the_next() {
    let next = |schedule: &Schedule, now: Timestamp| schedule.next_after(now).unwrap();
    for (cron, minutes, most) in [("0 0 * * *", 5, 300), ("*/5 * * * *", 5, 150), ("@hourly", 0, 0)]
    {
        let schedule: Schedule = cron.parse().unwrap();
        let spread = Spread::up_to(SignedDuration::from_mins(minutes));
        let first = next(&schedule, at("2026-02-01T00:00:00Z"));
        let second = next(&schedule, first);
        let delay = |time| spread.after(time, &schedule).duration_since(time);
        assert_eq!(delay(first), delay(second), "{cron}");
        assert!((0..=most).contains(&delay(first).as_secs()), "{cron}: {}", delay(first));
    }
}

/// Counts how often it is asked.
struct Counted {
    fetcher: Fetcher,
    fetches: Arc<AtomicUsize>,
}

#[async_trait]
impl Fetch for Counted {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        self.fetcher.fetch().await
    }

    fn keep(&mut self, validators: HeaderMap) {
        self.fetcher.keep(validators);
    }

    fn source(&self) -> &Source {
        self.fetcher.source()
    }
}

#[tokio::test]
async fn a_local_file_that_is_wrong_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let url = format!("file:{}", path.display());
    for content in ["", "[]", "null", "[{}] x", "<html>"] {
        std::fs::write(&path, content).unwrap();
        let mut collector = collector(&url, Arc::new(Memory::new()));
        let fetcher = Fetcher::new(url.parse().unwrap(), &ClientOptions::default()).unwrap();
        let fetches = Arc::new(AtomicUsize::new(0));
        collector.fetcher = Box::new(Counted { fetcher, fetches: Arc::clone(&fetches) });
        assert!(collector.collect_patiently(None, &CancellationToken::new()).await.is_none());
        assert_eq!(fetches.load(Ordering::Relaxed), 1, "{content}: tried again");
        assert!(collector.status.get().first_ended);
    }
}

/// Answers that nothing is new, until it is asked without validators for so many times.
struct NothingNew {
    whole_after: usize,
    source: Source,
    asked_anew: AtomicUsize,
    validators: HeaderMap,
}

#[async_trait]
impl Fetch for NothingNew {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        if self.validators.is_empty()
            && self.asked_anew.fetch_add(1, Ordering::Relaxed) >= self.whole_after
        {
            let validators = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("v"))]);
            return Ok(Fetched::Feed(feed_of(1..4, TIME).into(), validators));
        }
        Ok(Fetched::Unchanged)
    }

    fn keep(&mut self, validators: HeaderMap) {
        self.validators = validators;
    }

    fn source(&self) -> &Source {
        &self.source
    }
}

#[tokio::test]
async fn a_feed_of_which_nothing_is_stored_is_asked_for_whole() {
    let feed = |whole_after| {
        let source = "http://127.0.0.1/data.24h.json".parse().unwrap();
        let (asked_anew, validators) = (AtomicUsize::new(0), HeaderMap::new());
        Box::new(NothingNew { whole_after, source, asked_anew, validators })
    };
    let store = Arc::new(Memory::new());
    let mut collector = collector("http://127.0.0.1/data.24h.json", store.clone());
    collector.fetcher = feed(0);
    assert_eq!(collector.collect().await.unwrap().kept, 3);
    assert_eq!(collector.collect().await.unwrap(), Collected::default(), "that is stored");
    // Somebody deleted them.
    store.delete_before(at("2026-03-01T00:00:00Z")).await.unwrap();
    assert_eq!(collector.collect().await.unwrap().kept, 3);

    let mut collector =
        support::collector("http://127.0.0.1/data.24h.json", Arc::new(Memory::new()));
    collector.fetcher = feed(usize::MAX);
    let failure = reason(&collector.collect().await.unwrap_err());
    assert!(failure.contains("304") && failure.contains("no readings"), "{failure}");
    collector.fetcher = feed(3);
    assert_eq!(collector.collect_patiently(None, &CancellationToken::new()).await.unwrap().kept, 3);
}

#[tokio::test]
async fn a_feed_that_the_clock_contradicts_is_a_failed_fetch() {
    let good = feed_of(1..4, TIME);
    let future = feed_of(1..4, "2026-02-01 12:30:00");
    let old = feed_of(1..4, "2014-02-01 11:00:00");
    for (body, question) in [
        (
            future,
            "3 of 3 records are dated in the future; check the system clock (now 2026-02-01T12:00:00Z)",
        ),
        (old, "check the system clock"),
    ] {
        let feed = RawServer::start(vec![answer("200 OK", "", &body)]).await;
        let store = Arc::new(Memory::new());
        let mut collector = collector(&feed.url, store.clone());
        let failure = reason(&collector.collect().await.unwrap_err());
        assert!(failure.contains(question), "{failure}");
        assert_eq!(store.summary().await.unwrap().readings(), 0);
    }
    // One clock ahead among good ones is that one's trouble.
    let one = feed_of(9..10, "2026-02-02 11:00:00");
    let both = format!("{},{}", good.trim_end_matches(']'), one.trim_start_matches('['));
    let feed = RawServer::start(vec![answer("200 OK", "", &both)]).await;
    let mut collector = collector(&feed.url, Arc::new(Memory::new()));
    let collected = collector.collect().await.unwrap();
    assert_eq!((collected.kept, collected.refused, collected.records), (3, 1, 4));
}

#[tokio::test]
async fn records_of_one_identity_are_counted_as_collided() {
    let again = feed_of(2..3, TIME).replace("51", "52");
    let body = feed_of(1..4, TIME);
    let body = format!("{},{}", body.trim_end_matches(']'), again.trim_start_matches('['));
    let feed = RawServer::start(vec![answer("200 OK", "", &body)]).await;
    let store = Arc::new(Memory::new());
    let collected = collector(&feed.url, store.clone()).collect().await.unwrap();
    assert_eq!((collected.records, collected.kept, collected.collided), (4, 3, 1));
    let kept = conformance::all(store.as_ref(), &Query::everything()).await;
    let values: Vec<_> = kept.iter().map(|reading| reading.pm10.unwrap().to_string()).collect();
    assert_eq!(values, ["51", "52", "51"]);
}

/// A feed's server is not to make this machine ask others.
#[tokio::test]
async fn redirects_to_other_hosts_are_refused_unless_they_are_allowed() {
    let file = || answer("200 OK", "", &feed_of(1..3, "2026-02-01 11:00:00"));
    let other = RawServer::start(vec![file()]).await;
    let to = |url: String| answer("302 Found", &format!("Location: {url}\r\n"), "");
    let elsewhere = other.url.replace("127.0.0.1", "localhost");
    let fetch = async |answers: Vec<String>, hosts: &[&str]| {
        let server = RawServer::start(answers).await;
        let redirect_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let options = ClientOptions { redirect_hosts, ..ClientOptions::default() };
        Fetcher::new(server.url.parse().unwrap(), &options).unwrap().fetch().await
    };
    let refused = fetch(vec![to(elsewhere.clone())], &["example.org"]).await.unwrap_err();
    let why = reason(&refused);
    assert!(why.contains("redirected to localhost; --redirect-hosts localhost"), "{why}");
    let fetched = fetch(vec![to(elsewhere)], &["example.org", "LOCALHOST"]).await.unwrap();
    assert!(matches!(fetched, Fetched::Feed(..)));
    // On the same host, as a server moves its files.
    let fetched = fetch(vec![to("/moved/data.24h.json".to_owned()), file()], &[]).await.unwrap();
    assert!(matches!(fetched, Fetched::Feed(..)));
    let circle = vec![to("/again".to_owned()); 30];
    let why = reason(&fetch(circle, &[]).await.unwrap_err());
    assert!(why.contains("too often"), "{why}");
}
