//! `/api/query`: a direct response while there is capacity, a job with an id beyond that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airshed_common::reason;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, IF_NONE_MATCH, LINK, LOCATION, RETRY_AFTER, TRAILER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use serde_json::json;
use store::{Page, Pages, View};
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use super::access_log::{Note, Rows};
use super::admission::too_many;
use super::answer::{
    Answer, BoxError, CutOff, RequestBody, full, json as respond_json, respond, set,
};
use super::client::Caller;
use super::connection::Holding;
use super::file::{RowCounts, describe_file, headers_of_file};
use super::frames::{FRAME, Frames};
use super::kept::Collecting;
use super::pool::Refused;
use super::problem::Problem;
use super::whole::{is_known, tagged, unchanged};
use super::{Shared, address, html, results, sidecar};
use crate::jobs::{Callback, Job, JobRequest, OverQuota, OwnQuota};
use crate::keys::Right;
use crate::message;
use crate::request::{BadRequest, Defaults, QueryRequest};
use crate::trace::RequestContext;

const MAX_BODY_BYTES: usize = 64 << 10;
/// Queries with at most this many rows never become jobs, and use the permits of interactive
/// requests.
const FEW: u64 = 1000;

/// How long rows are counted before a response is started.
const LOOK_AHEAD: Duration = Duration::from_millis(50);

/// How long the lookup of an earlier equal job may take before a new one is created.
const VERSION_WITHIN: Duration = Duration::from_secs(1);

/// Bytes for the end of a file.
const TAIL: usize = 4 << 10;

const AT_CAPACITY: &str = "Server at capacity. Retry in a moment.";

const BODY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn answer(
    shared: &Arc<Shared>,
    http_request: Request<RequestBody>,
    caller: &Caller,
    origin: &RequestContext,
) -> Result<Answer, Problem> {
    if shared.stop.is_cancelled() {
        return Err(Problem::Stopping);
    }
    let mut headers = http_request.headers().clone();
    if http_request.method() == Method::POST {
        headers.remove(IF_NONE_MATCH); // whose meaning there is another
    }
    let stats = http_request.uri().query().map(str::to_owned);
    let note = http_request.extensions().get::<Arc<Note>>().cloned();
    let request = read(http_request, &shared.server.defaults()).await?;
    let request = shared.server.restrict(request).await?;
    if let Some(note) = note {
        note.set_query(&serde_json::to_string(&request.to_object()).unwrap_or_default());
    }
    let description = sidecar::link_of_query(stats, &request, &headers);
    let mut answer = answer_to(shared, request, caller, &headers, origin).await?;
    if matches!(answer.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
        answer.headers_mut().extend(description.map(|link| (LINK, link)));
    }
    Ok(answer)
}

async fn answer_to(
    shared: &Arc<Shared>,
    request: QueryRequest,
    caller: &Caller,
    headers: &HeaderMap,
    origin: &RequestContext,
) -> Result<Answer, Problem> {
    if let Some(url) = &request.callback {
        let webhooks = shared.server.job_backend.as_ref().and_then(|jobs| jobs.jobs.webhooks());
        let known = webhooks.ok_or_else(|| "this server calls nobody".to_owned());
        let checked = known.and_then(|webhooks| webhooks.check(url));
        checked.map_err(|reason| BadRequest::new("callback", reason))?;
    }
    if wants_a_job(&request, headers) && shared.server.job_backend.is_some() {
        return as_job(shared, request, None, caller, headers, origin).await;
    }
    let client = &caller.client;
    let view = request.view_of(shared.server.store.snapshot().await?);
    let tag = shared.kept.tag(&request, view.as_ref()).await?;
    // A cached response takes no permit.
    if let Some(answer) = again(shared, tag.as_deref(), headers).await? {
        return Ok(answer);
    }
    if request.limit.is_some_and(|rows| rows <= FEW) && !request.reads_far_more() {
        let permit = shared.admission.interactive(client).await?;
        return directly(shared, request, Lookup { view, tag }, headers, permit).await;
    }
    match shared.admission.take(&request, shared.server.store.as_ref(), client).await {
        Ok(permits) => directly(shared, request, Lookup { view, tag }, headers, permits).await,
        Err(Refused::Own) if shared.server.job_backend.is_none() => {
            Err(too_many("concurrent requests of one client"))
        }
        Err(_) => as_job(shared, request, None, caller, headers, origin).await,
    }
}

/// The view of a query, and the tag of its response.
struct Lookup {
    view: Arc<dyn View>,
    tag: Option<String>,
}

/// A cached response, or `304` if the client has it.
async fn again(
    shared: &Shared,
    tag: Option<&str>,
    headers: &HeaderMap,
) -> Result<Option<Answer>, Problem> {
    let Some(tag) = tag else { return Ok(None) };
    let begun = Instant::now();
    let answer = match shared.kept.get(tag) {
        Some(whole) => whole.respond(headers).await?,
        None if is_known(tag, headers) => unchanged(tag, HeaderMap::new()),
        None => return Ok(None),
    };
    metrics::counter!("airshed_queries_total", "path" => "direct").increment(1);
    metrics::histogram!("airshed_query_seconds", "path" => "direct").record(begun.elapsed());
    Ok(Some(answer))
}

async fn read(
    http_request: Request<RequestBody>,
    defaults: &Defaults,
) -> Result<QueryRequest, Problem> {
    if http_request.method() != Method::POST {
        return Ok(defaults.form(http_request.uri().query().unwrap_or_default().as_bytes())?);
    }
    if http_request.uri().query().is_some_and(|query| !query.is_empty()) {
        let reason = "a POST has its fields in the body, not in the query string";
        return Err(BadRequest::new("query string", reason).into());
    }
    let kind = http_request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let read = match kind.as_str() {
        "application/json" => Defaults::json,
        "application/x-www-form-urlencoded" => Defaults::form_body,
        _ => {
            let reason = "must be application/json (or application/x-www-form-urlencoded)";
            return Err(Problem::MediaType(BadRequest::new("Content-Type", reason)));
        }
    };
    Ok(read(defaults, &body_within(http_request.into_body(), MAX_BODY_BYTES).await?)?)
}

/// A body of limited length, which comes in time.
pub(super) async fn body_within(body: RequestBody, most: usize) -> Result<Bytes, Problem> {
    if hyper::body::Body::size_hint(&body).lower() > most as u64 {
        return Err(too_long(most)); // without asking for it, as by `Expect: 100-continue`
    }
    let body = Limited::new(body, most).collect();
    match timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long(most)),
        Ok(Err(_)) => Err(BadRequest::new("body", "incomplete").into()),
        Err(_) => Err(Problem::TooSlow),
    }
}

fn too_long(most: usize) -> Problem {
    Problem::TooLong(BadRequest::new("body", format!("longer than {most} bytes")))
}

fn wants_a_job(request: &QueryRequest, headers: &HeaderMap) -> bool {
    prefers_a_job(headers) || request.callback.is_some()
}

/// `Prefer: respond-async` (RFC 7240).
fn prefers_a_job(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut wishes = values.flat_map(|value| value.split([',', ';']));
    wishes.any(|wish| wish.trim().eq_ignore_ascii_case("respond-async"))
}

/// The permit is held until the last byte has been sent.
async fn directly(
    shared: &Arc<Shared>,
    request: QueryRequest,
    Lookup { view, tag }: Lookup,
    headers: &HeaderMap,
    permit: impl Send + Unpin + 'static,
) -> Result<Answer, Problem> {
    // Single flight: of concurrent equal queries one is processed, and the others use its cached
    // response.
    let lock = tag.as_ref().map(|tag| shared.locks.of(tag.clone()));
    let _guard = match &lock {
        Some(lock) => {
            let waited = lock.try_lock().is_err();
            let lock = lock.lock().await;
            if waited && let Some(answer) = again(shared, tag.as_deref(), headers).await? {
                return Ok(answer);
            }
            Some(lock)
        }
        None => None,
    };
    metrics::counter!("airshed_queries_total", "path" => "direct").increment(1);
    let logged = Rows::default();
    let mut stats =
        ResponseStats { begun: Instant::now(), rows: 0, doubtful: 0, logged: logged.clone() };
    let mut kept = shared.kept.collecting(tag.clone());
    let mut pages = request.pages_in(Arc::clone(&view));
    let mut first = match pages.next().await {
        Some(page) => page?,
        None => return Err(no_data(&request, &view).await),
    };
    let rows = match first.next {
        None => {
            let (doubtful, truncated) = (first.implausible() as u64, pages.has_more().await?);
            Some(RowCounts { doubtful, truncated, left_out: pages.left_out().await? })
        }
        Some(_) => {
            // Counts page by page, then starts over: one page at a time in memory.
            let counted = look_ahead(pages, first).await?;
            pages = request.pages_in(Arc::clone(&view));
            first = match pages.next().await {
                Some(page) => page?,
                None => return Err(no_data(&request, &view).await),
            };
            counted
        }
    };
    let metadata = shared.server.networks.metadata(&request);
    let metadata = metadata.with_stored(request.stored_at(view.as_ref()).await?);
    let encoder = request.encoder(metadata)?;
    let mut frames = Frames::new(encoder, request.format);
    frames.add(&first);
    let mut file = Vec::with_capacity(FRAME);
    frames.next(&mut file)?;
    stats.rows += first.len() as u64;
    let estimate = estimate_rest(&first, &frames, file.len());
    let reserved = match first.next {
        None => shared.memory.try_reserve(file.len() + estimate),
        Some(_) => None,
    };
    let mut answer = if let Some(reserved) = reserved {
        file.reserve_exact(estimate);
        while frames.next(&mut file)? {
            tokio::task::yield_now().await; // other requests wait for this thread
        }
        frames.set_left_out(rows.as_ref().and_then(|rows| rows.left_out));
        frames.finish(&mut file)?;
        stats.whole();
        let file = reserved.hold(file);
        kept.add(&file);
        if let Some(rows) = &rows {
            shared.kept.keep(kept, &request, headers_of_file(shared, &request, rows));
        }
        Response::new(Holding::new(full(file), permit).boxed_unsync())
    } else {
        let (mut sender, body) = Channel::<Bytes, CutOff>::new(1);
        let longest = shared.server.limits.longest_send(FRAME);
        let (again, asked) = (Arc::clone(shared), request.clone());
        let streaming = async move {
            stats.doubtful += first.implausible() as u64;
            drop(first);
            let mut out = Out { sender: &mut sender, longest, kept };
            match stream(file, frames, pages, &mut out, &mut stats).await {
                Ok(Some(rows)) => {
                    let headers = headers_of_file(&again, &asked, &rows);
                    again.kept.keep(out.kept, &asked, headers);
                    drop(sender.send_trailers(rows.headers()).await);
                }
                Ok(None) => {} // the client disconnected
                Err(error) => {
                    metrics::counter!("airshed_answers_cut_total").increment(1);
                    sender.abort(CutOff(error));
                }
            }
        };
        tokio::spawn(streaming.in_current_span());
        // The encoders poll again after the end.
        Response::new(Holding::new(body.fuse(), permit).boxed_unsync())
    };
    answer.extensions_mut().insert(logged);
    describe_file(shared, &mut answer, &request, rows.as_ref());
    if let Some(tag) = &tag {
        tagged(&mut answer, tag);
    }
    if rows.is_none() {
        let names = [RowCounts::DOUBTFUL, RowCounts::TRUNCATED, RowCounts::LEFT_OUT];
        set(&mut answer, TRAILER, &names.map(|name| name.to_string()).join(", "));
    }
    Ok(answer)
}

/// About how many bytes follow the first frame of a response of one page, by its length.
fn estimate_rest(page: &Page, frames: &Frames, first: usize) -> usize {
    let left = frames.rows_left();
    let per_row = first / (page.len() - left).max(1) + 1;
    left * (per_row + per_row / 8) + TAIL
}

/// Counts the rows of a response before it is started, if that is fast; otherwise they are counted
/// while sending, for trailers.
async fn look_ahead(mut pages: Pages, mut page: Page) -> Result<Option<RowCounts>, Problem> {
    let (begun, mut doubtful) = (Instant::now(), 0);
    loop {
        doubtful += page.implausible() as u64;
        if begun.elapsed() > LOOK_AHEAD {
            return Ok(None);
        }
        match pages.next().await.transpose()? {
            Some(next) => page = next,
            None => break,
        }
    }
    let truncated = pages.has_more().await?;
    let Ok(left_out) = timeout(LOOK_AHEAD, pages.left_out()).await else { return Ok(None) };
    Ok(Some(RowCounts { doubtful, truncated, left_out: left_out? }))
}

/// The destination of a response.
struct Out<'a> {
    sender: &'a mut Sender<Bytes, CutOff>,
    longest: Duration,
    kept: Collecting,
}

impl Out<'_> {
    /// Whether it was sent; false if the client disconnected.
    async fn send(&mut self, chunk: Bytes) -> Result<bool, BoxError> {
        self.kept.add(&chunk);
        match timeout(self.longest, self.sender.send_data(chunk)).await {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => Err("client write timed out".into()),
        }
    }
}

/// Nothing matches; maybe only for the averaging period, which a request need not name.
pub(super) async fn no_data(request: &QueryRequest, view: &Arc<dyn View>) -> Problem {
    let mut wider = request.wanted();
    if wider.windows.is_empty() || request.mean.is_some() {
        return Problem::NoData { others: Vec::new() };
    }
    wider.windows.clear();
    let page = Pages::of_view(Arc::clone(view), wider).next().await;
    let rows = page.and_then(Result::ok);
    let there = rows.iter().flat_map(|page| page.rows().map(|row| row.window()));
    Problem::NoData { others: there.collect::<BTreeSet<_>>().into_iter().collect() }
}

/// Sends a response page by page; returns its row counts, unless the client disconnected. An error
/// aborts the transfer, so that a truncated file is never mistaken for a complete one.
async fn stream(
    mut file: Vec<u8>,
    mut frames: Frames,
    mut pages: Pages,
    out: &mut Out<'_>,
    stats: &mut ResponseStats,
) -> Result<Option<RowCounts>, BoxError> {
    loop {
        // A format may buffer rows.
        let length = file.len();
        if length > 0 && !out.send(file.into()).await? {
            return Ok(None);
        }
        file = Vec::with_capacity(length);
        if frames.next(&mut file)? {
            continue;
        }
        let Some(page) = pages.next().await else { break };
        let page = page.inspect_err(|error| {
            tracing::error!(reason = reason(error), "response aborted");
        })?;
        stats.rows += page.len() as u64;
        stats.doubtful += page.implausible() as u64;
        frames.add(&page);
    }
    let (truncated, left_out) = (pages.has_more().await?, pages.left_out().await?);
    frames.set_left_out(left_out);
    frames.finish(&mut file)?;
    if !file.is_empty() && !out.send(file.into()).await? {
        return Ok(None);
    }
    stats.whole();
    Ok(Some(RowCounts { doubtful: stats.doubtful, truncated, left_out }))
}

/// The counts of a response so far.
struct ResponseStats {
    begun: Instant,
    rows: u64,
    doubtful: u64,
    /// For the access log.
    logged: Rows,
}

impl ResponseStats {
    /// Records the metrics of a complete response.
    fn whole(&self) {
        self.logged.set(self.rows);
        let took = self.begun.elapsed();
        metrics::histogram!("airshed_query_seconds", "path" => "direct").record(took);
        metrics::histogram!("airshed_query_rows", "path" => "direct").record(self.rows as f64);
    }
}

/// `again`: the job whose query it repeats.
pub(super) async fn as_job(
    shared: &Arc<Shared>,
    request: QueryRequest,
    again: Option<Uuid>,
    caller: &Caller,
    headers: &HeaderMap,
    origin: &RequestContext,
) -> Result<Answer, Problem> {
    if shared.server.job_backend.is_none() {
        metrics::counter!("airshed_queries_total", "path" => "refused").increment(1);
        return Err(Problem::Busy(AT_CAPACITY));
    }
    // The handler is dropped when its client disconnects; the job is created all the same.
    if let Err(problem) = caller.may(Right::Jobs) {
        let is_wish = again.is_some() || wants_a_job(&request, headers);
        return Err(if is_wish { problem } else { Problem::Busy(AT_CAPACITY) });
    }
    let base = address::of(headers, "").unwrap_or_else(|| address::base(headers).to_owned());
    let callback = request.callback.clone();
    let callback = callback.map(|url| Callback { url, base, notified: None });
    let (caller, origin) = (caller.clone(), origin.clone());
    let new = NewJob { request, again, callback, caller, origin };
    let enqueued = enqueue(Arc::clone(shared), new).in_current_span();
    let enqueued = tokio::spawn(enqueued).await;
    let job =
        enqueued.map_err(|panic| Problem::Internal { log: reason(&panic), transient: false })??;
    let location = address::path(headers, &format!("/api/results/{}", job.id));
    let mut answer = if html::is_browser(headers) {
        respond(StatusCode::SEE_OTHER, "text/plain", "The job was accepted.\n")
    } else {
        let (status, state) = (results::status_of(&job.state), job.state.name());
        let body = json!({ "id": job.id, "status": status, "state": state, "location": location });
        respond_json(StatusCode::ACCEPTED, &body)
    };
    set(&mut answer, LOCATION, &location);
    set(&mut answer, RETRY_AFTER, "1");
    if prefers_a_job(headers) {
        set(&mut answer, HeaderName::from_static("preference-applied"), "respond-async");
    }
    Ok(answer)
}

/// A query that is to become a job.
struct NewJob {
    request: QueryRequest,
    /// The job whose query it repeats.
    again: Option<Uuid>,
    callback: Option<Callback>,
    caller: Caller,
    origin: RequestContext,
}

async fn enqueue(shared: Arc<Shared>, new: NewJob) -> Result<Job, Problem> {
    let NewJob { request, again, callback, caller, origin } = new;
    let Some(job_backend) = &shared.server.job_backend else {
        return Err(Problem::NoSuchPath);
    };
    let jobs = &job_backend.jobs;
    let query = request.to_object();
    let key = serde_json::to_string(&query).unwrap_or_default(); // plain JSON
    let lock = shared.locks.of(key);
    let _guard = lock.lock().await;
    // If the lookup takes too long, a separate job is created.
    let view = request.view_of(Arc::clone(&shared.server.store) as Arc<dyn View>);
    let state = timeout(VERSION_WITHIN, request.state_of(view.as_ref()));
    let state = state.await.ok().and_then(Result::ok).flatten();
    let client = jobs.pseudonym(&caller.client.to_string()).await?;
    let key = caller.key.as_deref();
    let own = OwnQuota {
        bytes: key.and_then(|key| key.result_bytes),
        open: key.and_then(|key| key.open_jobs),
    };
    let store = shared.server.store.as_ref();
    let expected_rows = shared.admission.expected_rows(&request, store).await;
    let admitted = jobs.admit(&client, own, expected_rows.unwrap_or_default());
    admitted.map_err(|over| refused(over, jobs.now()))?;
    let request = JobRequest {
        query,
        origin: origin.here(),
        again,
        owner: caller.owner().map(str::to_owned),
        client: Some(client),
        expected_rows,
        large: shared.admission.is_large(&request, store).await,
        result_bytes: own.bytes,
        callback,
    };
    if let Some(work) = jobs.find_by_query(&request.query, state.as_deref()).await?
        && (again.is_none() || work.again == again)
        && let Some(job) = jobs.join(&work, request.clone()).await?
    {
        metrics::counter!("airshed_queries_total", "path" => "same job").increment(1);
        if job.state.is_final() {
            results::notify_client(jobs, job.id);
        }
        tracing::info!(id = %job.id, work = %job.work_id(), first_request = work.origin.request, "sharing the work of an equal query");
        return Ok(job);
    }
    if !jobs.has_room() {
        metrics::counter!("airshed_queries_total", "path" => "refused").increment(1);
        return Err(Problem::NoRoom);
    }
    let job = jobs.request(request).await?;
    if let Err(error) = message::send(job_backend.queues.requests.as_ref(), &job).await {
        jobs.withdraw(&job).await?;
        metrics::counter!("airshed_queries_total", "path" => "refused").increment(1);
        tracing::warn!(reason = reason(&error), "query refused");
        return Err(match error.kind() {
            queue::ErrorKind::Full => {
                Problem::Busy("Server at capacity and job queue full. Retry later.")
            }
            _ => Problem::Internal { log: reason(&error), transient: true },
        });
    }
    metrics::counter!("airshed_queries_total", "path" => "job").increment(1);
    metrics::counter!("airshed_jobs_total", "state" => "queued").increment(1);
    tracing::info!(id = %job.id, "job queued");
    if let Err(error) = jobs.publish(&job).await {
        tracing::warn!(reason = reason(&error), "equal queries will not find this job");
    }
    Ok(job)
}

/// Why a client gets no further job.
fn refused(over: OverQuota, now: Timestamp) -> Problem {
    metrics::counter!("airshed_queries_total", "path" => "refused").increment(1);
    let wait = |until: Option<Timestamp>| {
        let seconds = until.map_or(60, |until| until.duration_since(now).as_secs().clamp(1, 3600));
        Duration::from_secs(seconds.unsigned_abs())
    };
    let (what, wait) = match over {
        OverQuota::Open(_) => ("jobs of one client that have not ended", wait(None)),
        OverQuota::Own { until, .. } => {
            ("bytes of results of one client: delete those that you have fetched", wait(until))
        }
        OverQuota::All { .. } => {
            return Problem::Busy("The results fill the space for them. Retry later.");
        }
    };
    Problem::TooMany { what, left: None, wait }
}
