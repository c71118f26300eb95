//! `/data/{network}/{window}/{date}.parquet`: all readings of a day that has ended, at a lasting
//! address, for programs that read parts of a Parquet file by byte ranges.
//!
//! The rows are sorted as everywhere: by country, timestamp and sensor. They are those whose
//! timestamp is of the date (UTC); the means of days are those of the date. A day without readings
//! has a file without rows. A correction of the readings changes the file, and its `ETag`.

use std::ops::Range;
use std::sync::Arc;

use airshed_common::{hexadecimal, reason};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_RANGE, RANGE,
};
use http::{HeaderMap, Response, StatusCode};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use store::{Format, Network, Window};

use super::Shared;
use super::answer::{Answer, full, set};
use super::problem::Problem;
use super::whole::{in_background, is_known, unchanged};
use crate::request::{QueryRequest, fields_of_day};

/// Maximum size of the cached files in bytes: a month of hours of a large network.
const ROOM: u64 = 64 << 20;

/// Estimated number of cached files.
const FILES: usize = 32;

/// The files that were requested before, by request and state of the readings.
pub(super) struct Days(Cache<String, Arc<File>, Weight>);

impl Default for Days {
    fn default() -> Self {
        Self(Cache::with_weighter(FILES, ROOM, Weight))
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<File>> for Weight {
    fn weight(&self, key: &String, file: &Arc<File>) -> u64 {
        (key.len() + file.bytes.len() + 1024) as u64
    }
}

struct File {
    bytes: Bytes,
    tag: String,
}

/// The path of a file: network, averaging period, and name.
pub(super) struct Path<'a> {
    pub(super) network: &'a str,
    pub(super) window: &'a str,
    pub(super) name: &'a str,
}

impl Path<'_> {
    fn read(&self) -> Option<(Network, Window, Date)> {
        let window: Window = self.window.parse().ok()?;
        let date = self.name.strip_suffix(".parquet")?;
        let date = date.parse().ok().filter(|_| date.len() == "2026-11-25".len())?;
        Window::KEPT.contains(&window).then_some(())?;
        Some((self.network.parse().ok()?, window, date))
    }
}

pub(super) async fn answer(
    shared: &Shared,
    path: Path<'_>,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let is_built_in = Format::ALL.iter().any(|format| format.name() == "parquet");
    let known = path.read().filter(|_| is_built_in);
    let (network, window, date) = known.ok_or(Problem::NoSuchPath)?;
    let next = date.checked_add(1.day()).ok();
    let end = next.and_then(|next| TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)).ok());
    if end.is_none_or(|end| end > (shared.server.clock)()) {
        return Err(Problem::NotEnded);
    }
    let fields = fields_of_day(network, window, date);
    let request = shared.server.defaults().form(fields.as_bytes())?;
    let request = shared.server.restrict(request).await?;
    let file = file(shared, &request).await?;
    let mut answer = if is_known(&file.tag, headers) {
        unchanged(&file.tag, HeaderMap::new())
    } else {
        part(&file, headers)
    };
    set(&mut answer, ACCEPT_RANGES, "bytes");
    set(&mut answer, CACHE_CONTROL, "no-cache");
    set(&mut answer, CONTENT_DISPOSITION, &format!("attachment; filename=\"{}\"", path.name));
    shared.server.set_licences(&mut answer, &request.query);
    Ok(answer)
}

/// The whole file, or the range that is asked for.
fn part(file: &File, headers: &HeaderMap) -> Answer {
    let length = file.bytes.len();
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    // After a change of the file, a part of it would not fit the others.
    let is_same = headers.get(IF_RANGE).is_none_or(|tag| tag.as_bytes() == file.tag.as_bytes());
    let range = asked.filter(|_| is_same).and_then(|asked| only_range(asked, length));
    let mut answer = match range {
        Some(Ok(range)) => {
            let mut answer = Response::new(full(file.bytes.slice(range.clone())));
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            let last = range.end - 1; // a range is not empty
            let of = format!("bytes {}-{last}/{length}", range.start);
            set(&mut answer, CONTENT_RANGE, &of);
            set(&mut answer, CONTENT_LENGTH, &range.len().to_string());
            answer
        }
        Some(Err(Unsatisfiable)) => {
            let mut answer = Response::new(full(Bytes::new()));
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(&mut answer, CONTENT_RANGE, &format!("bytes */{length}"));
            return answer;
        }
        None => {
            let mut answer = Response::new(full(file.bytes.clone()));
            set(&mut answer, CONTENT_LENGTH, &length.to_string());
            answer
        }
    };
    set(&mut answer, CONTENT_TYPE, "application/vnd.apache.parquet");
    set(&mut answer, ETAG, &file.tag);
    answer
}

struct Unsatisfiable;

/// A single range (RFC 9110, 14.2). A header that is invalid or has several ranges is ignored.
fn only_range(header: &str, length: usize) -> Option<Result<Range<usize>, Unsatisfiable>> {
    let parsed = parse_range_header(header).ok()?;
    match parsed.validate(length as u64) {
        Ok(ranges) => {
            let [range] = ranges.as_slice() else { return None };
            // Both are below the length.
            Some(Ok(*range.start() as usize..*range.end() as usize + 1))
        }
        Err(RangeUnsatisfiableError::Unsatisfiable) => Some(Err(Unsatisfiable)),
        Err(_) => None,
    }
}

async fn file(shared: &Shared, request: &QueryRequest) -> Result<Arc<File>, Problem> {
    let view = request.view_of(shared.server.store.snapshot().await?);
    let question = serde_json::to_string(&request.to_object()).unwrap_or_default(); // plain JSON
    let state = request.state_of(view.as_ref()).await?;
    let key = format!("{}\n{question}", state.as_deref().unwrap_or_default());
    // Single flight: a reader asks for several ranges at once.
    let lock = shared.locks.of(format!("day {key}"));
    let _guard = lock.lock().await;
    if let Some(file) = shared.days.0.get(&key).filter(|_| state.is_some()) {
        return Ok(file);
    }
    let _permit = shared.admission.interactive().await?;
    let mut encoder = request.encoder(shared.server.networks.metadata(request))?;
    let mut pages = request.pages_in(view);
    let mut bytes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        let encoded = tokio::task::spawn_blocking(move || {
            encoder.page(&mut bytes, &page).map(|()| (encoder, bytes))
        });
        let failed = |panic| Problem::Internal { log: reason(&panic), transient: false };
        (encoder, bytes) = encoded.await.map_err(failed)??;
    }
    encoder.finish(&mut bytes)?;
    let bytes = in_background(move || bytes.into()).await?;
    let tag = format!("\"{}\"", &hexadecimal(&Sha256::digest(&bytes))[..32]);
    let file = Arc::new(File { bytes, tag });
    shared.days.0.insert(key, Arc::clone(&file));
    Ok(file)
}
