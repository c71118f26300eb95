//! `/data/{network}/{window}/{date}.parquet`: all readings of a day that has ended, at a lasting
//! address, for programs that read parts of a Parquet file by byte ranges.
//!
//! The rows are sorted as everywhere: by country, timestamp and sensor. They are those whose
//! timestamp is of the date (UTC); the means of days are those of the date. A day without readings
//! has a file without rows. A correction of the readings changes the file, and its `ETag`.

mod file;

use std::sync::Arc;

use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH};
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, Response};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use store::{Format, Network, Window};

pub(super) use self::file::Days;
use self::file::{File, LONGEST_IN_MEMORY, Making};
use super::Shared;
use super::answer::{Answer, set};
use super::client::Client;
use super::problem::Problem;
use super::range::{Requested, requested, set_part, unsatisfiable};
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
    headers: &HeaderMap,
    client: &Client,
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
    let file = file(shared, &request, client).await?;
    let mut answer = match is_satisfied(&file.tag, headers) {
        true => unchanged(&file.tag, HeaderMap::new()),
        false => part(&file, headers),
    };
    set(&mut answer, ACCEPT_RANGES, "bytes");
    set(&mut answer, CACHE_CONTROL, "no-cache");
    set(&mut answer, CONTENT_DISPOSITION, &format!("attachment; filename=\"{}\"", path.name));
    shared.server.set_licences(&mut answer, &request.query);
    Ok(answer)
}

/// The whole file, or the range that is asked for.
fn part(file: &File, headers: &HeaderMap) -> Answer {
    let length = file.length as u64;
    let part = match requested(headers, &file.tag, length) {
        Requested::Whole => None,
        Requested::Part(part) => Some(part),
        Requested::Unsatisfiable => return unsatisfiable(length, &file.tag),
    };
    let bytes = part.clone().unwrap_or(0..length);
    // Within the length, which is a usize.
    let mut answer = Response::new(file.body(bytes.start as usize..bytes.end as usize));
    if let Some(part) = &part {
        set_part(&mut answer, part, length);
    }
    set(&mut answer, CONTENT_LENGTH, &(bytes.end - bytes.start).to_string());
    set(&mut answer, CONTENT_TYPE, "application/vnd.apache.parquet");
    set(&mut answer, ETAG, &file.tag);
    answer
}

async fn file(
    shared: &Shared,
    request: &QueryRequest,
    client: &Client,
) -> Result<Arc<File>, Problem> {
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
    let _permit = shared.admission.day_file(client).await?;
    let metadata = shared.server.networks.metadata(request);
    let metadata = metadata.with_stored(request.stored_at(view.as_ref()).await?);
    let mut encoder = request.encoder(metadata)?;
    let mut pages = request.pages_in(view);
    let mut making = Making::begin(LONGEST_IN_MEMORY, shared.temporary.clone());
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
