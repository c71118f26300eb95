//! `/data/{network}/{window}/{date}.parquet`: all readings of a day that has ended, at a lasting
//! address, for programs that read parts of a Parquet file by byte ranges.
//!
//! The rows are sorted as everywhere: by country, timestamp and sensor. They are those whose
//! timestamp is of the date (UTC); the means of days are those of the date. A day without readings
//! has a file without rows. A correction of the readings changes the file, and its `ETag`.

mod file;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderValue, IF_RANGE, RANGE,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use store::{Format, Network, Window};

pub(super) use self::file::Days;
use self::file::{File, LONGEST_IN_MEMORY, Making};
use super::Shared;
use super::answer::{Answer, full, set};
use super::problem::Problem;
use super::whole::{in_background, is_satisfied, unchanged};
use crate::request::{QueryRequest, fields_of_day};

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
    method: &Method,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let is_built_in = Format::ALL.iter().any(|format| format.name() == "parquet");
    let known = path.read().filter(|_| is_built_in);
    let (network, window, date) = known.ok_or(Problem::NoSuchPath)?;
    if !shared.server.networks.contains(network) {
        return Err(Problem::NoSuchNetwork(network));
    }
    let next = date.checked_add(1.day()).ok();
    let end = next.and_then(|next| TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)).ok());
    if end.is_none_or(|end| end > (shared.server.clock)()) {
        return Err(Problem::NotEnded);
    }
    let fields = fields_of_day(network, window, date);
    let request = shared.server.defaults().form(fields.as_bytes())?;
    let request = shared.server.restrict(request).await?;
    let file = file(shared, &request).await?;
    // A range is defined for GET only (RFC 9110, 14.2).
    let range = headers.get(RANGE).filter(|_| method == Method::GET);
    let mut answer = if is_satisfied(&file.tag, headers) {
        unchanged(&file.tag, HeaderMap::new())
    } else {
        part(&file, range, headers.get(IF_RANGE))
    };
    set(&mut answer, ACCEPT_RANGES, "bytes");
    set(&mut answer, CACHE_CONTROL, "no-cache");
    set(&mut answer, CONTENT_DISPOSITION, &format!("attachment; filename=\"{}\"", path.name));
    shared.server.set_licences(&mut answer, &request.query);
    Ok(answer)
}

/// The whole file, or the range that is asked for of the file with a tag.
fn part(file: &File, range: Option<&HeaderValue>, if_range: Option<&HeaderValue>) -> Answer {
    let length = file.length;
    let asked = range.and_then(|range| range.to_str().ok());
    // After a change of the file, a part of it would not fit the others.
    let is_same = if_range.is_none_or(|tag| tag.as_bytes() == file.tag.as_bytes());
    let range = asked.filter(|_| is_same).and_then(|asked| only_range(asked, length));
    let mut answer = match range {
        Some(Ok(range)) => {
            let mut answer = Response::new(file.body(range.clone()));
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
            let mut answer = Response::new(file.body(0..length));
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
    if let Some(file) = shared.days.get(&key).filter(|_| state.is_some()) {
        return Ok(file);
    }
    let _permit = shared.admission.day_file().await?;
    let mut encoder = request.encoder(shared.server.networks.metadata(request))?;
    let mut pages = request.pages_in(view);
    let mut making = Making::begin(LONGEST_IN_MEMORY);
    while let Some(page) = pages.next().await {
        let page = page?;
        let encoded = in_background(move || {
            let mut bytes = Vec::new();
            encoder.page(&mut bytes, &page)?;
            making.add(&bytes)?;
            Ok::<_, Problem>((encoder, making))
        });
        (encoder, making) = encoded.await??;
    }
    let finished = in_background(move || {
        let mut bytes = Vec::new();
        encoder.finish(&mut bytes)?;
        making.add(&bytes)?;
        Ok::<_, Problem>(making.finish())
    });
    let file = Arc::new(finished.await??);
    if state.is_some() {
        shared.days.keep(key, Arc::clone(&file));
    }
    Ok(file)
}
