//! Clients that read slowly, or not at all, answers that never end, and downloads that are continued.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::StatusCode;
use store::{
    Embedded, Error, Memory, Network, Page, Position, Query, Reading, Store, Summary, View,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Options, Rig, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

/// Its own parameters of a query, so that its response is not another one's.
const OTHER: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31&minAqi=1";

#[tokio::test]
async fn a_place_is_held_until_the_last_byte_has_been_sent() {
    let rig = Rig::start(Options { in_flight: 1, workers: 0, ..Options::default() }).await;
    rig.store.put(&readings(16_000)).await.unwrap(); // one page
    let unread = rig.get(ALL).await;
    assert_eq!(unread.status(), 200);
    assert_eq!(rig.get(OTHER).await.status(), 202, "the place is taken");
    let text = unread.text().await.unwrap();
    assert_eq!(text.lines().count(), 16_001);
    let freed = async {
        while rig.get(OTHER).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.expect("the place is free");
}

/// Reads a response, so many bytes at a time with a pause after each; returns how many there were.
async fn read_slowly(rig: &Rig, path: &str, bytes: usize, pause: Duration) -> usize {
    let address = rig.base.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let (mut read, mut buffer) = (0, vec![0; bytes]);
    loop {
        match client.read(&mut buffer).await {
            Ok(0) | Err(_) => return read,
            Ok(more) => read += more,
        }
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn a_client_that_reads_steadily_gets_everything_and_one_that_is_too_slow_does_not() {
    let slow = (8 << 10, Duration::from_millis(10));
    // The first takes longer than the time in which it must have read a little.
    for (min_rate, window, is_served) in [(1000, 2000, true), (100_000_000, 300, false)] {
        let write_timeout = Duration::from_millis(window);
        let options = Options { write_timeout, min_rate, ..Options::default() };
        let rig = Rig::start(options).await;
        rig.store.put(&readings(40_000)).await.unwrap();
        let whole = rig.get(ALL).await.bytes().await.unwrap().len();
        let read = read_slowly(&rig, ALL, slow.0, slow.1).await;
        assert_eq!(read > whole, is_served, "{read} bytes with the head, of {whole}");
    }
}

/// A rig with a finished job of so many rows, its path and its file.
async fn with_result(rows: usize) -> (Rig, String, Vec<u8>) {
    let rig = Rig::start(Options::default()).await;
    rig.store.put(&readings(rows)).await.unwrap();
    let path = location(&rig.get_as_job(ALL).await);
    let answer = rig.get(&format!("{path}?wait=30")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    let file = answer.bytes().await.unwrap().to_vec();
    (rig, path, file)
}

async fn get(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = rig.http.get(format!("{}{path}", rig.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn parts_of_a_result_are_those_of_its_file() {
    let (rig, path, file) = with_result(9_000).await;
    let length = file.len();
    let tag = rig.get(&path).await.headers()["etag"].to_str().unwrap().to_owned();
    let parts = [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=0-".to_owned(), 0..length),
        ("bytes=-10".to_owned(), length - 10..length),
        (format!("bytes={}-{}", length / 3, length * 2), length / 3..length),
        ("bytes=262143-262144".to_owned(), 262_143..262_145),
        ("bytes=262144-".to_owned(), 262_144..length),
    ];
    for (range, expected) in parts {
        let answer = get(&rig, &path, &[("range", &range)]).await;
        assert_eq!(answer.status(), 206, "{range}");
        let content = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
        assert_eq!(answer.headers()["content-range"], content.as_str());
        assert_eq!(answer.headers()["etag"], tag.as_str());
        assert!(answer.bytes().await.unwrap() == file[expected], "{range}");
        // Also for clients that would take it compressed.
        let headers = [("range", range.as_str()), ("accept-encoding", "gzip, zstd")];
        let answer = get(&rig, &path, &headers).await;
        assert_eq!(answer.headers().get("content-encoding"), None, "{range}");
        assert_eq!(answer.status(), 206);
    }
    let beyond = get(&rig, &path, &[("range", &format!("bytes={length}-"))]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()["content-range"], format!("bytes */{length}").as_str());
    for ignored in ["bytes=0-1,5-6", "bytes=5-2", "lines=1-2", "bytes=x", ""] {
        let answer = get(&rig, &path, &[("range", ignored)]).await;
        assert_eq!(
            (answer.status(), answer.content_length()),
            (StatusCode::OK, Some(length as u64))
        );
    }
    // Of another file, or for a request that is not a GET, the range does not count.
    let other = get(&rig, &path, &[("range", "bytes=0-9"), ("if-range", "\"other\"")]).await;
    assert_eq!(other.status(), 200);
    let same = get(&rig, &path, &[("range", "bytes=0-9"), ("if-range", &tag)]).await;
    assert_eq!(same.status(), 206);
    let head = rig.http.head(format!("{}{path}", rig.base)).header("range", "bytes=0-9");
    let head = head.send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], length.to_string().as_str());
    for known in [tag.as_str(), "*", &format!("\"x\", W/{tag}")] {
        let answer = get(&rig, &path, &[("if-none-match", known)]).await;
        assert_eq!(answer.status(), 304, "{known}");
        assert_eq!(answer.headers()["etag"], tag.as_str());
    }
    assert_eq!(get(&rig, &path, &[("if-none-match", "\"other\"")]).await.status(), 200);
}

#[tokio::test]
async fn a_download_that_was_cut_off_is_resumed_where_it_ended() {
    let (rig, path, file) = with_result(9_000).await;
    let mut answer = rig.get(&path).await;
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let mut first = Vec::new();
    while first.len() < file.len() / 2 {
        first.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
    }
    drop(answer);
    let rest = format!("bytes={}-", first.len());
    let answer = get(&rig, &path, &[("range", &rest), ("if-range", &tag)]).await;
    assert_eq!(answer.status(), 206);
    let rest = answer.bytes().await.unwrap();
    assert!(rest.len() <= file.len() / 2 + 1);
    assert!([first, rest.to_vec()].concat() == file);
    let state = json(rig.get(&format!("{path}/status")).await).await;
    assert_eq!(state["record"]["bytes"], file.len());
}

/// Answers page after page, and never ends.
#[derive(Clone, Default)]
struct Endless {
    pages: Arc<Memory>,
    /// Whether a pass over the pages fails at its fourth, where it is the second of an answer:
    /// the first counts rows until that takes too long.
    fails_midway: bool,
    fails_at_once: Arc<AtomicBool>,
    passes: Arc<AtomicUsize>,
    pages_of_pass: Arc<AtomicUsize>,
}

#[async_trait]
impl View for Endless {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        if after.is_none() {
            self.passes.fetch_add(1, Ordering::Relaxed);
            self.pages_of_pass.store(0, Ordering::Relaxed);
        }
        let page = self.pages_of_pass.fetch_add(1, Ordering::Relaxed);
        let second = self.passes.load(Ordering::Relaxed).is_multiple_of(2);
        if self.fails_at_once.load(Ordering::Relaxed) || self.fails_midway && second && page == 3 {
            let nowhere = Embedded::open("/proc/nowhere/readings", store::Options::default());
            return Err(nowhere.err().unwrap());
        }
        let mut page = self.pages.query(query, None).await?;
        let first = page.rows().next().map(|row| Position::of(&row.reading()));
        page.next = first;
        Ok(page)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.pages.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.pages.networks().await
    }
}

#[async_trait]
impl Store for Endless {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.pages.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.pages.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.pages.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.clone()))
    }
}

#[tokio::test]
async fn a_stream_that_fails_midway_is_broken_off() {
    let store = Endless { fails_midway: true, ..Endless::default() };
    let rig = Rig::start(Options { store: Arc::new(store.clone()), ..Options::default() }).await;
    rig.store.put(&readings(1000)).await.unwrap();
    let answer = rig.get(ALL).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["trailer"],
        "airshed-doubtful-rows, airshed-truncated, airshed-left-out-rows"
    );
    assert!(answer.bytes().await.is_err(), "a cut file must not look whole");
    let gunzips = reqwest::Client::new();
    let answer = gunzips.get(format!("{}{ALL}", rig.base)).send().await.unwrap();
    assert!(answer.bytes().await.is_err(), "nor a compressed one");
    assert_eq!(store.passes.load(Ordering::Relaxed), 4);
    // Before the first byte it is a plain error, without internal details.
    store.fails_at_once.store(true, Ordering::Relaxed);
    let failed = rig.get(ALL).await;
    assert_eq!(failed.status(), 503);
    assert!(!json(failed).await.to_string().contains("nowhere"));
}

#[tokio::test]
async fn a_client_that_takes_nothing_gives_up_its_place() {
    let options = Options {
        store: Arc::new(Endless::default()),
        in_flight: 1,
        workers: 0,
        write_timeout: Duration::from_millis(200),
        ..Options::default()
    };
    let rig = Rig::start(options).await;
    rig.store.put(&readings(5000)).await.unwrap();
    let stuck = rig.get(ALL).await;
    assert_eq!(stuck.status(), 200);
    assert_eq!(rig.get(ALL).await.status(), 202, "its place is taken");
    let freed = async {
        while rig.get(ALL).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.expect("its place is given up");
    drop(stuck);
}

#[tokio::test]
async fn a_client_that_stops_reading_loses_its_connection() {
    let options = Options {
        store: Arc::new(Endless::default()),
        write_timeout: Duration::from_millis(200),
        drain: Duration::from_secs(3600),
        ..Options::default()
    };
    let rig = Rig::start(options).await;
    rig.store.put(&readings(5000)).await.unwrap();
    let stuck = rig.get(ALL).await;
    assert_eq!(stuck.status(), 200);
    // A server ends when its connections have, here without the client's doing anything.
    rig.stop.cancel();
    tokio::time::timeout(Duration::from_secs(60), rig.server).await.unwrap().unwrap();
    drop(stuck);
}
