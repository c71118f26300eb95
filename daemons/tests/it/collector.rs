//! The collector against feeds that answer well, badly, cut or never.

use std::sync::Arc;
use std::time::Duration;

use airshed::collector::{Collected, reason};
use airshed::schedule::Schedule;
use airshed::source::Source;
use store::{Memory, Query, Store, View, Window, conformance};
use tokio_util::sync::CancellationToken;

use super::support::{RawServer, answer, at, collector, feed_of};

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
    assert!(collector.collect_patiently(&stop).await);
    assert_eq!(store.summary().await.unwrap().readings(), 8);
    collector.kept_for = Some(jiff::SignedDuration::from_hours(31 * 24));
    collector.backoff.attempts = 1;
    assert!(!collector.collect_patiently(&stop).await);
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
        "the fetch failed: no whole answer",
        "not a feed: EOF while parsing",
        "the fetch failed: no whole answer",
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
    assert!(collector.collect_patiently(&CancellationToken::new()).await);
    assert_eq!(store.summary().await.unwrap().readings(), 2);
    let status = collector.status.get();
    assert!(status.last_success.is_some() && status.failure.is_none(), "{status:?}");
}

#[tokio::test]
async fn a_feed_that_never_works_is_given_up_until_the_schedule() {
    let feed = RawServer::start(vec![answer("500 Oh", "", "")]).await;
    let mut collector = collector(&feed.url, Arc::new(Memory::new()));
    assert!(!collector.collect_patiently(&CancellationToken::new()).await);
    assert_eq!(feed.requests.lock().unwrap().len(), 8);
    let (_, why) = collector.status.get().failure.unwrap();
    assert_eq!(why, "the fetch failed: the server answered 500 Internal Server Error");
}

#[tokio::test]
async fn a_stop_interrupts_a_feed_that_never_answers() {
    let feed = RawServer::start(vec![String::new()]).await;
    let mut collector = collector(&feed.url, Arc::new(Memory::new()));
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let requests = Arc::clone(&feed.requests);
    let collecting = tokio::spawn(async move { collector.collect_patiently(&stop).await });
    while requests.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    stopper.cancel();
    let collected = tokio::time::timeout(Duration::from_secs(5), collecting).await;
    assert!(!collected.expect("stops at once").unwrap());
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
        ("https://data.sensor.community/static/v2/data.24h.json", Window::Day24, true),
        ("https://data.sensor.community/static/v2/data.1h.json", Window::Hour, true),
        ("https://data.sensor.community/static/v2/data.json?x=1", Window::FiveMinutes, true),
        ("http://127.0.0.1:8080/feed", Window::Day24, false),
        ("http://[::1]/data.json", Window::FiveMinutes, false),
        ("http://localhost/data.json", Window::FiveMinutes, false),
        ("file:/tmp/data.json", Window::FiveMinutes, false),
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
