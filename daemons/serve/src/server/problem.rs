//! Error responses: `application/problem+json` (RFC 9457), or a page for browsers.

use std::time::Duration;

use airshed_common::{is_disk_full, reason};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use store::{Network, Window};

use super::answer::{Answer, respond, set};
use super::html;
use super::media_type::{JSON, prefers};
use super::rates::Left;
use crate::jobs::JobsError;
use crate::request::BadRequest;

/// All error responses.
#[derive(Debug)]
pub(super) enum Problem {
    /// The request is invalid.
    Bad(BadRequest),
    /// The body is in a format or encoding that is not supported.
    MediaType(BadRequest),
    /// The body is too long.
    TooLong(BadRequest),
    /// The body did not come in time.
    TooSlow,
    /// The query is valid, but nothing matches.
    NoData {
        /// The averaging periods of readings that match otherwise.
        others: Vec<Window>,
    },
    /// The path does not exist.
    NoSuchPath,
    /// The path names a network that is not served.
    NoSuchNetwork(Network),
    /// The day of a file has not ended.
    NotEnded,
    /// What `If-Match` names is not there, or not any more.
    Changed,
    /// The path exists, but does not support the method.
    Method(&'static str),
    /// The job id is unknown or was forgotten.
    UnknownJob,
    /// The result has been deleted; its record, if there is one.
    Expired(Option<Value>),
    /// The job, in this state, has made no file.
    NoFile(&'static str),
    /// The job was cancelled by the client.
    Cancelled,
    /// The job is shared with other requests.
    SharedJob,
    /// The job has ended in this state, and there is nothing to delete.
    EndedJob(&'static str),
    /// The job ended without a result.
    Failed { reason: String, retryable: bool },
    /// No capacity, and the queue is full.
    Busy(&'static str),
    /// The disk has no room for results, or for the file of a day.
    NoRoom,
    /// This process does not store readings.
    NoEvents,
    /// This process takes no pushed measurements.
    NoPush,
    /// The request has no valid token.
    Unauthorized,
    /// The token does not permit the request.
    Forbidden(String),
    /// Keys are in use, and none was sent.
    NoKey,
    /// The key is not known, has expired or was revoked.
    UnknownKey,
    /// The client has its share of something.
    TooMany {
        /// Of what.
        what: &'static str,
        /// What is left of its rate, if that is it.
        left: Option<Left>,
        /// When to try again.
        wait: Duration,
    },
    /// The next measurement of the same sender is accepted after this time.
    TooSoon(Duration),
    /// The server is shutting down.
    Stopping,
    /// An error of the server or of a backend: logged, without details in the response.
    Internal { log: String, transient: bool },
}

impl From<BadRequest> for Problem {
    fn from(error: BadRequest) -> Self {
        Self::Bad(error)
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        Self::Internal { log: reason(&error), transient: error.is_transient() }
    }
}

impl From<JobsError> for Problem {
    fn from(error: JobsError) -> Self {
        if is_disk_full(&error) {
            return Self::NoRoom;
        }
        Self::Internal { log: reason(&error), transient: true }
    }
}

impl Problem {
    /// The response in the format that the client accepts.
    pub(super) fn answer(self, headers: &HeaderMap) -> Answer {
        if let Self::Internal { log, .. } = &self {
            tracing::error!(reason = log, "a request failed");
        }
        let (status, kind, title, detail) = self.words();
        let field = match &self {
            Self::Bad(bad) | Self::MediaType(bad) | Self::TooLong(bad) => Some(bad.field.as_str()),
            _ => None,
        };
        let mut answer = if html::is_browser(headers) {
            html::message(status, title, &detail, headers)
        } else if prefers(headers, &["text/plain"], JSON) {
            respond(status, "text/plain; charset=utf-8", detail)
        } else {
            let mut problem = json!({
                "type": format!("urn:airshed:problem:{kind}"),
                "title": title,
                "status": status.as_u16(),
                "detail": detail,
            });
            if let Some(field) = field {
                problem["field"] = field.into();
            }
            if let Self::Failed { retryable, .. } = &self {
                problem["retryable"] = (*retryable).into();
            }
            if let Self::Expired(Some(record)) = &self {
                problem["record"] = record.clone();
            }
            respond(status, "application/problem+json", problem.to_string())
        };
        match self {
            Self::Method(allowed) => set(&mut answer, ALLOW, allowed),
            Self::Unauthorized => set(&mut answer, WWW_AUTHENTICATE, "Basic realm=\"airshed\""),
            Self::NoKey => set(&mut answer, WWW_AUTHENTICATE, "Bearer realm=\"airshed\""),
            Self::UnknownKey => {
                let scheme = "Bearer realm=\"airshed\", error=\"invalid_token\"";
                set(&mut answer, WWW_AUTHENTICATE, scheme);
            }
            Self::TooSoon(wait) => set(&mut answer, RETRY_AFTER, &whole_seconds(wait).to_string()),
            Self::TooMany { left, wait, .. } => {
                set(&mut answer, RETRY_AFTER, &whole_seconds(wait).max(1).to_string());
                left.into_iter().for_each(|left| left.describe(&mut answer));
            }
            Self::Busy(_) | Self::Internal { transient: true, .. } => {
                set(&mut answer, RETRY_AFTER, "5");
            }
            Self::NoRoom => set(&mut answer, RETRY_AFTER, "60"),
            _ => {}
        }
        debug_assert!(answer.headers().contains_key(CONTENT_TYPE));
        answer
    }

    fn words(&self) -> (StatusCode, &'static str, &'static str, String) {
        match self {
            Self::Bad(bad) => {
                (StatusCode::BAD_REQUEST, "bad-request", "Bad request", bad.to_string())
            }
            Self::MediaType(bad) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "Unsupported media type",
                bad.to_string(),
            ),
            Self::TooLong(bad) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too-long", "Content too large", bad.to_string())
            }
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                "Request timeout",
                "The request's body did not arrive in time.".to_owned(),
            ),
            Self::NoData { others } => {
                let names = others.iter().map(|window| window.name()).collect::<Vec<_>>();
                let detail = match names.as_slice() {
                    [] => "No data found.".to_owned(),
                    [first, ..] => format!(
                        "No data found. There are readings averaged over {}; window={first} \
                         requests them.",
                        names.join(", ")
                    ),
                };
                (StatusCode::NOT_FOUND, "no-data", "No data", detail)
            }
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                "no-such-path",
                "Not found",
                "No such path. See /openapi.json for the API.".to_owned(),
            ),
            Self::NoSuchNetwork(network) => (
                StatusCode::NOT_FOUND,
                "no-such-network",
                "Not found",
                format!("`{network}` is not a network of this server. /api/summary lists those."),
            ),
            Self::NotEnded => (
                StatusCode::NOT_FOUND,
                "not-ended",
                "The day has not ended",
                "Only days (UTC) that have ended have a file. /api/query has the latest readings."
                    .to_owned(),
            ),
            Self::Changed => (
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "It is not what If-Match names",
                "Request it without If-Match for its present state. A weak ETag (W/) never matches."
                    .to_owned(),
            ),
            Self::NoEvents => (
                StatusCode::NOT_FOUND,
                "no-events",
                "No events",
                "This process does not store readings. Events are available from the process \
                 that does."
                    .to_owned(),
            ),
            Self::NoPush => (
                StatusCode::NOT_FOUND,
                "no-push",
                "No measurements are taken",
                "This process takes no measurements. `airshed serve` with --push-tokens does."
                    .to_owned(),
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "A token is required",
                "Send a token that the operator issued: Authorization: Bearer TOKEN, or as the \
                 password of basic authentication."
                    .to_owned(),
            ),
            Self::Forbidden(reason) => {
                (StatusCode::FORBIDDEN, "forbidden", "Forbidden", reason.clone())
            }
            Self::NoKey => (
                StatusCode::UNAUTHORIZED,
                "no-key",
                "A key is required",
                "Send the key that the operator gave you: Authorization: Bearer KEY.".to_owned(),
            ),
            Self::UnknownKey => (
                StatusCode::UNAUTHORIZED,
                "unknown-key",
                "Unknown key",
                "The key is not known here, has expired or was revoked. Ask the operator for \
                 another one."
                    .to_owned(),
            ),
            Self::TooMany { what, wait, .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "Too many requests",
                format!("Too many {what}. Retry in {} s.", whole_seconds(*wait)),
            ),
            Self::TooSoon(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-soon",
                "Too soon",
                format!(
                    "The last measurement came only just before. Retry in {} s.",
                    whole_seconds(*wait)
                ),
            ),
            Self::Method(allowed) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "Method not allowed",
                format!("Allowed methods: {allowed}."),
            ),
            Self::UnknownJob => (
                StatusCode::NOT_FOUND,
                "unknown-job",
                "Unknown id",
                "No job has this id. The ids of results that nobody fetched are deleted a week \
                 after they expire."
                    .to_owned(),
            ),
            Self::Expired(record) => {
                let detail = match record.as_ref().and_then(|record| record["citation"].as_str()) {
                    Some(citation) => format!(
                        "The result has been deleted. A POST to this address makes it again, and \
                         says what has changed since. It was: {citation}"
                    ),
                    None => "The result has been deleted. Send the query again.".to_owned(),
                };
                (StatusCode::GONE, "expired", "Expired", detail)
            }
            Self::NoFile(state) => (
                StatusCode::CONFLICT,
                "no-file",
                "No file",
                format!("The job is {state} and has made no file."),
            ),
            Self::Cancelled => (
                StatusCode::GONE,
                "cancelled",
                "Cancelled",
                "The job was cancelled. Send the query again.".to_owned(),
            ),
            Self::SharedJob => (
                StatusCode::CONFLICT,
                "shared-job",
                "Shared job",
                "The job is shared with other requests: it was not cancelled or deleted."
                    .to_owned(),
            ),
            Self::EndedJob(state) => (
                StatusCode::CONFLICT,
                "ended-job",
                "The job has ended",
                format!("The job is already {state}: there is nothing to cancel or delete."),
            ),
            Self::Failed { reason, .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "failed", "The job failed", reason.clone())
            }
            Self::Busy(why) => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", (*why).to_owned()),
            Self::NoRoom => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no-room",
                "No room",
                "The server's disk has no room for the file. Retry later, or ask for less."
                    .to_owned(),
            ),
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "Stopping",
                "The server is shutting down. Retry in a moment.".to_owned(),
            ),
            Self::Internal { transient: true, .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Temporarily unavailable",
                "A backend service is unavailable. Retry later.".to_owned(),
            ),
            Self::Internal { transient: false, .. } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
                "Internal error; see the server log.".to_owned(),
            ),
        }
    }
}

/// Rounded up.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
