//! Days that have ended as Parquet files at lasting addresses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parquet::file::reader::{FileReader, SerializedFileReader};
use store::{Error, Memory, Network, Page, Position, Query, Reading, Store, Summary, View, Window};
use tokio::sync::Semaphore;

use super::support::{Options, Rig, at, json};

const DAY: &str = "/data/sensor.community/1h/2026-01-10.parquet";

/// Hours of many sensors around two midnights, and their days.
fn readings() -> Vec<Reading> {
    let mut all = Vec::new();
    for sensor in 1..=2_000u64 {
        for hour in -2..=26i64 {
            let end = at("2026-01-10T00:00:00Z") + SignedDuration::from_hours(hour);
            let mut reading = Reading::new(sensor, Window::Hour, end);
            reading.country = Some(["DE", "FR", "PL"][sensor as usize % 3].parse().unwrap());
            reading.pm10 = Some((hour + sensor as i64 % 50 + 3).into());
            all.push(reading.clone());
            if hour % 24 == 0 {
                all.push(Reading { window: Window::Day, ..reading });
            }
        }
    }
    all
}

async fn rig() -> Rig {
    let rig = Rig::start(Options { window: Some(Window::Hour), ..Options::default() }).await;
    rig.store.put(&readings()).await.unwrap();
    rig
}

async fn get(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = rig.http.get(format!("{}{path}", rig.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// The numbers of rows and of row groups.
fn rows(file: bytes::Bytes) -> (i64, usize) {
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata();
    (metadata.file_metadata().num_rows(), metadata.num_row_groups())
}

#[tokio::test]
async fn a_day_is_a_file_of_which_parts_can_be_read() {
    let rig = rig().await;
    let whole = get(&rig, DAY, &[]).await;
    assert_eq!(whole.status(), 200);
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header(&whole, "content-type").unwrap(), "application/vnd.apache.parquet");
    assert_eq!(header(&whole, "accept-ranges").unwrap(), "bytes");
    assert!(header(&whole, "link").unwrap().contains("odbl"));
    let tag = header(&whole, "etag").unwrap();
    assert!(tag.starts_with('"'), "{tag}: of bytes");
    let whole = whole.bytes().await.unwrap();
    // The hours that end from 00:00 to 23:00.
    assert_eq!(rows(whole.clone()), (2_000 * 24, 2));
    let length = whole.len();

    for (range, expected) in [
        ("bytes=0-3".to_owned(), 0..4),
        (format!("bytes=10-{}", length * 2), 10..length),
        (format!("bytes={}-", length - 8), length - 8..length),
        ("bytes=-8".to_owned(), length - 8..length),
        (format!("bytes=-{}", length * 2), 0..length),
    ] {
        let part = get(&rig, DAY, &[("range", &range)]).await;
        assert_eq!(part.status(), 206, "{range}");
        let of = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
        assert_eq!(header(&part, "content-range").unwrap(), of);
        assert_eq!(header(&part, "etag").unwrap(), tag);
        assert_eq!(part.bytes().await.unwrap(), whole.slice(expected), "{range}");
    }
    for beyond in [format!("bytes={length}-"), "bytes=-0".to_owned()] {
        let refused = get(&rig, DAY, &[("range", &beyond)]).await;
        assert_eq!(refused.status(), 416, "{beyond}");
        assert_eq!(header(&refused, "content-range").unwrap(), format!("bytes */{length}"));
    }
    for ignored in ["bytes=0-3,8-9", "lines=1-2", "bytes=x", "bytes=9-3"] {
        let answer = get(&rig, DAY, &[("range", ignored)]).await;
        assert_eq!(
            (answer.status(), answer.bytes().await.unwrap().len()),
            (200.try_into().unwrap(), length)
        );
    }
    for known in [&tag, "*", &format!("\"other\", {tag}")] {
        assert_eq!(get(&rig, DAY, &[("if-none-match", known)]).await.status(), 304, "{known}");
    }
    // A range is for GET only.
    let head = rig.http.head(format!("{}{DAY}", rig.base)).header("range", "bytes=0-3");
    let head = head.send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "content-length").unwrap(), length.to_string());
    assert_eq!(header(&head, "content-range"), None);

    // A correction changes it, and a part of the old one is not a part of the new one.
    let mut corrected = Reading::new(7, Window::Hour, at("2026-01-10T05:00:00Z"));
    (corrected.pm10, corrected.country) = (Some(999.into()), Some("FR".parse().unwrap()));
    rig.store.put(&[corrected]).await.unwrap();
    let new = get(&rig, DAY, &[("range", "bytes=0-3"), ("if-range", &tag)]).await;
    assert_eq!(new.status(), 200);
    assert_ne!(header(&new, "etag").unwrap(), tag);
}

#[tokio::test]
async fn days_are_those_of_their_means_and_have_ended() {
    let rig = rig().await;
    let file = |path: &str| format!("/data/sensor.community/{path}.parquet");
    // Of the mean whose timestamp is the next midnight.
    let day = get(&rig, &file("day/2026-01-10"), &[]).await.bytes().await.unwrap();
    assert_eq!(rows(day).0, 2_000);
    let none = get(&rig, &file("24h/2026-01-10"), &[]).await.bytes().await.unwrap();
    assert_eq!(rows(none).0, 0, "a file without rows");
    // The clock of the tests is at noon of the first of February.
    assert_eq!(get(&rig, &file("1h/2026-01-31"), &[]).await.status(), 200);
    let present = get(&rig, &file("1h/2026-02-01"), &[]).await;
    assert_eq!(present.status(), 404);
    assert_eq!(json(present).await["type"], "urn:airshed:problem:not-ended");
    for wrong in ["1h/2026-13-01", "1h/20260110", "2h/2026-01-10", "nowcast/2026-01-10"] {
        assert_eq!(get(&rig, &file(wrong), &[]).await.status(), 404, "{wrong}");
    }
    let other: Network = "my-school".parse().unwrap();
    let other = format!("/data/{other}/1h/2026-01-10.parquet");
    let other = get(&rig, &other, &[]).await;
    assert_eq!(other.status(), 404);
    assert_eq!(json(other).await["type"], "urn:airshed:problem:no-such-network");
    assert_eq!(get(&rig, "/data/sensor.community/1h/2026-01-10.csv", &[]).await.status(), 404);
}

/// A store whose hours cannot be read before the gate is open.
#[derive(Clone)]
struct Slow {
    inner: Arc<Memory>,
    gate: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

#[async_trait]
impl View for Slow {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        if query.windows == [Window::Hour] {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            drop(self.gate.acquire().await);
        }
        self.inner.query(query, after).await
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.inner.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.inner.networks().await
    }
}

#[async_trait]
impl Store for Slow {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.inner.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.inner.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.inner.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(self.clone()))
    }
}

/// However many files, statements and profiles are being made.
#[tokio::test]
async fn slow_days_leave_the_map_alone() {
    let (inner, waiting) = (Arc::default(), Arc::default());
    let store = Slow { inner, gate: Arc::new(Semaphore::new(0)), waiting };
    let rig = Rig::start(Options {
        store: Arc::new(store.clone()),
        window: Some(Window::Day),
        ..Options::default()
    });
    let rig = Arc::new(rig.await);
    rig.store.put(&readings()[..100]).await.unwrap();
    let asked = (1..=20).flat_map(|day| {
        let area = format!("/api/area?country=DE&window=1h&date=2026-01-{day:02}");
        [format!("/data/sensor.community/1h/2026-01-{day:02}.parquet"), area]
    });
    let asked: Vec<_> = asked
        .map(|path| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.get(&path).await.status() })
        })
        .collect();
    // A client gets three quarters of the places.
    while store.waiting.load(Ordering::Relaxed) < 4 {
        tokio::task::yield_now().await;
    }
    for path in ["/api/latest", "/api/summary?startDate=2026-01-01", "/api/series?sensor=1"] {
        assert_eq!(rig.get(path).await.status(), 200, "{path}");
    }
    store.gate.close();
    for one in asked {
        assert!([200, 404].contains(&one.await.unwrap().as_u16()));
    }
    assert!(store.waiting.load(Ordering::Relaxed) >= 40, "each was made");
}
