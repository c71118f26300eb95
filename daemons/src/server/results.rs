//! `/api/results/<id>`: where a job stands, and its file once it is done.

use std::time::Duration;

use futures::TryStreamExt;
use http::header::{CONTENT_LENGTH, ETAG, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::answer::{Answer, CutOff, json as respond_json, set};
use super::problem::Problem;
use super::query::describe_file;
use super::{Desk, Shared, page};
use crate::jobs::{Job, State};
use crate::request::{Ask, BadRequest};

/// The longest that a client may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often a waiting request looks by itself, in case it is not woken.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn answer(
    shared: &Shared,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let Some(desk) = &shared.server.desk else {
        return Err(Problem::UnknownJob);
    };
    let id: Uuid = id.parse().map_err(|_| Problem::UnknownJob)?;
    let job = wait_for_end(shared, desk, id, read_wait(query)?).await?;
    match job.state {
        State::Queued | State::Running { .. } => Ok(progress(&job, headers)),
        State::Expired => Err(Problem::Expired),
        State::Failed { reason, retryable, .. } => Err(Problem::Failed { reason, retryable }),
        State::Done { rows: 0, .. } => Err(Problem::NoData),
        State::Done { bytes, ref sha256, .. } => {
            let file = desk.jobs.result(id).await?.ok_or(Problem::Expired)?;
            let frames = file.map_ok(Frame::data).map_err(|error| CutOff(error.into()));
            let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
            // It was read once already, before the job was begun.
            if let Ok(ask) = Ask::from_object(job.query) {
                describe_file(&mut answer, ask.format, &ask.file_name());
            }
            set(&mut answer, CONTENT_LENGTH, &bytes.to_string());
            set(&mut answer, ETAG, &format!("\"{sha256}\""));
            Ok(answer)
        }
    }
}

fn read_wait(query: Option<&str>) -> Result<Duration, BadRequest> {
    let mut wait = Duration::ZERO;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name != "wait" {
            let shown: String = name.chars().take(40).collect();
            return Err(BadRequest::new(shown, "unknown; the only field is wait"));
        }
        let seconds: u64 = value.parse().map_err(|_| {
            BadRequest::new("wait", format!("seconds from 0 to {}", LONGEST_WAIT.as_secs()))
        })?;
        wait = Duration::from_secs(seconds).min(LONGEST_WAIT);
    }
    Ok(wait)
}

/// The job once it has ended, or as it stands when the wait is over.
async fn wait_for_end(
    shared: &Shared,
    desk: &Desk,
    id: Uuid,
    wait: Duration,
) -> Result<Job, Problem> {
    let deadline = Instant::now() + wait;
    let mut ended = shared.ended.subscribe();
    loop {
        let job = desk.jobs.get(id).await?.ok_or(Problem::UnknownJob)?;
        if job.state.is_final() || Instant::now() >= deadline || shared.stop.is_cancelled() {
            return Ok(job);
        }
        let look_again = deadline.min(Instant::now() + LOOK);
        loop {
            tokio::select! {
                heard = ended.recv() => match heard {
                    Ok(other) if other != id => continue,
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

fn progress(job: &Job, headers: &HeaderMap) -> Answer {
    let rows = match job.state {
        State::Running { rows } => Some(rows),
        _ => None,
    };
    let mut answer = if page::is_browser(headers) {
        page::progress(job.state.name(), rows)
    } else {
        let mut body = json!({
            "id": job.id,
            "status": job.state.name(),
            "created": job.created,
            "updated": job.updated,
            "attempts": job.attempts,
        });
        if let Some(rows) = rows {
            body["rows"] = rows.into();
        }
        respond_json(StatusCode::ACCEPTED, &body)
    };
    set(&mut answer, RETRY_AFTER, "1");
    answer
}
