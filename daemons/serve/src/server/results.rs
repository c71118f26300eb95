//! `/api/results/<id>`: the state of a job, its file when it is done, and for good the record of a
//! file that somebody fetched.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use airshed_common::reason;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, LINK, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;
use uuid::Uuid;

use super::access_log::Rows;
use super::address;
use super::answer::{Answer, BoxError, CutOff, json as respond_json, respond, set};
use super::client::{Caller, Client};
use super::connection::Holding;
use super::file::{RowCounts, describe_file};
use super::frames::FRAME;
use super::problem::Problem;
use super::range::{Requested, requested, set_part, unsatisfiable};
use super::whole::{is_expected, is_satisfied, tagged, unchanged};
use super::{JobBackend, Shared, html, query, sidecar};
use crate::jobs::{Cancellation, Job, Jobs, State};
use crate::keys::Right;
use crate::request::{BadRequest, QueryRequest, whole};
use crate::trace::RequestContext;

/// The maximum of `wait`.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Polling interval of a waiting request, in case it is not woken.
const LOOK: Duration = Duration::from_secs(1);

/// `fetches`: whether the client gets the bytes, not only the head of the answer.
pub(super) async fn answer(
    shared: &Shared,
    id: &str,
    caller: &Caller,
    query: Option<&str>,
    headers: &HeaderMap,
    fetches: bool,
) -> Result<Answer, Problem> {
    let (job_backend, id) = named(shared, id)?;
    let job = wait_for_end(shared, job_backend, id, caller, read_wait(query)?).await?;
    match job.state {
        State::Queued | State::Running { .. } => Ok(progress(job_backend, &job, headers).await),
        State::Expired => Err(Problem::Expired(record(&job, headers))),
        State::Cancelled { .. } => Err(Problem::Cancelled),
        State::Failed { reason, retryable, .. } => Err(Problem::Failed { reason, retryable }),
        State::Done { rows: 0, .. } => Err(Problem::NoData { others: Vec::new() }),
        State::Done { bytes, ref sha256, doubtful, truncated, left_out, rows: count, .. } => {
            let (tag, rows) =
                (format!("\"{sha256}\""), RowCounts { doubtful, truncated, left_out });
            let file = Stored { job: &job, bytes, tag: &tag, rows: &rows };
            let mut answer = serve_file(shared, job_backend, file, &caller.client, headers).await?;
            if answer.status() == StatusCode::OK {
                answer.extensions_mut().insert(Rows::of(count));
            }
            answer
                .headers_mut()
                .extend(sidecar::link_of_result(id, headers).map(|link| (LINK, link)));
            if answer.status().is_success()
                && fetches
                && let Err(error) = job_backend.jobs.note_fetched(&job).await
                && !error.is_conflict()
            {
                tracing::warn!(%id, reason = reason(&error), "cannot record that a result was fetched");
            }
            Ok(answer)
        }
    }
}

/// The state of a job, without the file.
pub(super) async fn status(
    shared: &Shared,
    id: &str,
    caller: &Caller,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let (job_backend, id) = named(shared, id)?;
    let job = wait_for_end(shared, job_backend, id, caller, read_wait(query)?).await?;
    Ok(respond_json(StatusCode::OK, &described(job_backend, &job, headers).await))
}

/// Makes the file of a job anew, as another job that compares it with the earlier file.
pub(super) async fn again(
    shared: &Arc<Shared>,
    id: &str,
    caller: &Caller,
    headers: &HeaderMap,
    origin: &RequestContext,
) -> Result<Answer, Problem> {
    let (request, job) = finished(shared, id, caller).await?;
    query::as_job(shared, request, Some(job.id), caller, headers, origin).await
}

/// A job that has made a file, and its request.
pub(super) async fn finished(
    shared: &Shared,
    id: &str,
    caller: &Caller,
) -> Result<(QueryRequest, Job), Problem> {
    let (job_backend, id) = named(shared, id)?;
    let job = job_of(job_backend, id, caller).await?;
    if job.made.is_none() {
        return Err(Problem::NoFile(job.state.name()));
    }
    let request = QueryRequest::from_object(job.query.clone())?;
    Ok((shared.server.restrict(request).await?, job))
}

/// Cancels a job that is not shared, or deletes its result.
pub(super) async fn cancel(
    shared: &Shared,
    id: &str,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    caller.may(Right::Delete)?;
    let (job_backend, id) = named(shared, id)?;
    let job = job_of(job_backend, id, caller).await?;
    let tag = match &job.state {
        State::Done { sha256, .. } => Some(format!("\"{sha256}\"")),
        _ => None,
    };
    if !is_expected(tag.as_deref(), headers) {
        return Err(Problem::Changed);
    }
    let job = match job_backend.jobs.cancel(id).await?.ok_or(Problem::UnknownJob)? {
        Cancellation::Done(job) => job,
        Cancellation::Shared => return Err(Problem::SharedJob),
        Cancellation::Ended(state) => return Err(Problem::EndedJob(state)),
    };
    // There may be no waiting request.
    let _ = shared.ended.send(id);
    notify_client(&job_backend.jobs, id);
    Ok(respond_json(StatusCode::OK, &described(job_backend, &job, headers).await))
}

fn named<'a>(shared: &'a Shared, id: &str) -> Result<(&'a JobBackend, Uuid), Problem> {
    let job_backend = shared.server.job_backend.as_ref().ok_or(Problem::UnknownJob)?;
    Ok((job_backend, id.parse().map_err(|_| Problem::UnknownJob)?))
}

/// Notifies the client of a job that has ended, if it asked for that.
pub(super) fn notify_client(jobs: &Jobs, id: Uuid) {
    let jobs = jobs.clone();
    let notifying = async move {
        if let Err(error) = jobs.notify_client(id).await {
            tracing::warn!(%id, reason = reason(&error), "cannot notify the client of a job");
        }
    };
    tokio::spawn(notifying.in_current_span());
}

/// A job, unless it belongs to somebody else's key: then it is as good as unknown.
async fn job_of(job_backend: &JobBackend, id: Uuid, caller: &Caller) -> Result<Job, Problem> {
    let job = job_backend.jobs.get(id).await?;
    let is_own = |job: &Job| {
        let owner = job.owner.as_deref();
        owner.is_none() || owner == caller.owner() || caller.is_admin()
    };
    job.filter(is_own).ok_or(Problem::UnknownJob)
}

/// The file of a job.
struct Stored<'a> {
    job: &'a Job,
    bytes: u64,
    tag: &'a str,
    rows: &'a RowCounts,
}

/// The result: a redirect to a presigned URL if it is large and the store supports it, otherwise
/// the file.
async fn serve_file(
    shared: &Shared,
    job_backend: &JobBackend,
    Stored { job, bytes, tag, rows }: Stored<'_>,
    client: &Client,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    // It was parsed once already, when the job was created.
    let request = QueryRequest::from_object(job.query.clone())?;
    // Networks whose terms were withdrawn since are no longer served.
    let request = shared.server.restrict(request).await?;
    if shared.server.limits.redirect_min_bytes.is_some_and(|least| bytes >= least) {
        let disposition = format!("attachment; filename=\"{}\"", request.file_name());
        let link = job_backend.jobs.presign(job, request.format.media_type(), &disposition).await?;
        if let Some(link) = link {
            let mut answer = respond(StatusCode::SEE_OTHER, "text/plain", "See Location.\n");
            answer.headers_mut().insert(LOCATION, link);
            return Ok(answer);
        }
    }
    let gone = || Problem::Expired(record(job, headers));
    let result = job_backend.jobs.result(job).await?.ok_or_else(gone)?;
    if result.length() != bytes {
        let length = result.length();
        let log = format!("the result of {} has {length} bytes instead of {bytes}", job.id);
        return Err(Problem::Internal { log, transient: false });
    }
    if is_satisfied(tag, headers) {
        return Ok(unchanged(tag, HeaderMap::new()));
    }
    let part = match requested(headers, tag, bytes) {
        Requested::Whole => None,
        Requested::Part(part) => Some(part),
        Requested::Unsatisfiable => return Ok(unsatisfiable(bytes, tag)),
    };
    let permit = shared.admission.download(client).await?;
    let range = part.clone().unwrap_or(0..bytes);
    let length = range.end - range.start;
    let chunks = result.read(range);
    let (mut sender, body) = Channel::<Bytes, CutOff>::new(1);
    let longest = shared.server.limits.longest_send(FRAME);
    let sending = async move {
        if let Err(error) = send(chunks, &mut sender, longest).await {
            tracing::error!(reason = reason(&*error), "result download aborted");
            metrics::counter!("airshed_answers_cut_total").increment(1);
            sender.abort(CutOff(error));
        }
    };
    tokio::spawn(sending.in_current_span());
    // The encoders poll again after the end.
    let mut answer = Response::new(Holding::new(body.fuse(), permit).boxed_unsync());
    describe_file(shared, &mut answer, &request, Some(rows));
    if let Some(part) = &part {
        set_part(&mut answer, part, bytes);
    }
    tagged(&mut answer, tag);
    set(&mut answer, CONTENT_LENGTH, &length.to_string());
    set(&mut answer, ACCEPT_RANGES, "bytes");
    debug_assert!(answer.headers().contains_key(CONTENT_DISPOSITION));
    Ok(answer)
}

async fn send(
    chunks: impl Stream<Item = object_store::Result<Bytes>>,
    sender: &mut Sender<Bytes, CutOff>,
    longest: Duration,
) -> Result<(), BoxError> {
    let mut chunks = pin!(chunks);
    while let Some(chunk) = chunks.next().await.transpose()? {
        match timeout(longest, sender.send_data(chunk)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(()), // the client disconnected
            Err(_) => return Err("client write timed out".into()),
        }
    }
    Ok(())
}

fn read_wait(query: Option<&str>) -> Result<Duration, BadRequest> {
    let mut wait = Duration::ZERO;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name != "wait" {
            let shown: String = name.chars().take(40).collect();
            return Err(BadRequest::new(shown, "unknown; the only field is wait"));
        }
        let seconds = whole(&value).map(Duration::from_secs).filter(|wait| *wait <= LONGEST_WAIT);
        wait = seconds.ok_or_else(|| {
            let expected = format!("expected seconds from 0 to {}", LONGEST_WAIT.as_secs());
            BadRequest::new("wait", expected)
        })?;
    }
    Ok(wait)
}

/// The job when it has ended, or when the wait is over.
async fn wait_for_end(
    shared: &Shared,
    job_backend: &JobBackend,
    id: Uuid,
    caller: &Caller,
    wait: Duration,
) -> Result<Job, Problem> {
    let deadline = Instant::now() + wait;
    let mut ended = shared.ended.subscribe();
    loop {
        let job = job_of(job_backend, id, caller).await?;
        if job.state.is_final() || Instant::now() >= deadline || shared.stop.is_cancelled() {
            return Ok(job);
        }
        let look_again = deadline.min(Instant::now() + LOOK);
        loop {
            tokio::select! {
                biased;
                heard = ended.recv() => match heard {
                    Ok(other) if other != id && other != job.work_id() => continue,
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => {
                        sleep_until(look_again).await;
                        break;
                    }
                },
                () = sleep_until(look_again) => break,
                () = shared.stop.cancelled() => break,
            }
        }
    }
}

async fn progress(job_backend: &JobBackend, job: &Job, headers: &HeaderMap) -> Answer {
    let (rows, estimate) = match job.state {
        State::Running { rows, estimate } => (Some(rows), estimate),
        _ => (None, None),
    };
    let mut answer = if html::is_browser(headers) {
        html::progress(job.state.name(), rows, estimate, headers)
    } else {
        respond_json(StatusCode::ACCEPTED, &described(job_backend, job, headers).await)
    };
    set(&mut answer, RETRY_AFTER, "1");
    answer
}

/// The status for the report's clients: a job that has not ended is `processing`.
pub(super) fn status_of(state: &State) -> &'static str {
    if state.is_final() { state.name() } else { "processing" }
}

/// The state of a job; for a queued job also the approximate number of queued jobs, an upper bound of
/// its position; for one that has made a file, its record.
pub(super) async fn described(job_backend: &JobBackend, job: &Job, headers: &HeaderMap) -> Value {
    let mut body = json!({
        "id": job.id,
        "created": job.created,
        "updated": job.updated,
        "attempts": job.attempts,
    });
    if let (Value::Object(body), Ok(Value::Object(state))) =
        (&mut body, serde_json::to_value(&job.state))
    {
        body.extend(state);
    }
    body["status"] = status_of(&job.state).into();
    body["state"] = job.state.name().into();
    if job.state == State::Queued
        && let Ok(depth) = job_backend.queues.requests.depth().await
    {
        body["waiting"] = depth.waiting.into();
    }
    body["cost"] = json!({ "rows": job.expected_rows, "large": job.large });
    if let Some(callback) = &job.callback {
        body["callback"] = json!(callback);
    }
    if let Some(record) = record(job, headers) {
        body["record"] = record;
    }
    body
}

/// What is remembered of a job's file, if it has made one: the request, the state of the readings, and
/// all of [`Made`](crate::jobs::Made), with a citation.
fn record(job: &Job, headers: &HeaderMap) -> Option<Value> {
    let mut record = serde_json::to_value(job.made.as_ref()?).ok()?;
    let url = address::of(headers, &format!("/api/results/{}", job.id));
    record["id"] = json!(job.id);
    record["query"] = json!(job.query);
    record["madeFrom"] = json!(job.made_from);
    record["citation"] = json!(job.citation(url.as_deref()));
    Some(record)
}
