//! `POST /api/push`: measurements that sensors push.

use std::sync::Arc;

use airshed_common::push::{Accepted, Push, Refusal};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json as object;

use super::Shared;
use super::answer::{Answer, RequestBody, json};
use super::problem::Problem;
use super::query::body_within;
use crate::request::BadRequest;

/// A message of the firmware has some two KiB.
const MAX_BODY_BYTES: usize = 16 << 10;

/// The header in which a sensor names itself.
const SENDER: &str = "x-sensor";

pub(super) async fn answer(
    shared: &Arc<Shared>,
    request: Request<RequestBody>,
) -> Result<Answer, Problem> {
    let Some(receiver) = &shared.server.push else { return Err(Problem::NoPush) };
    let (parts, body) = request.into_parts();
    let token = token_in(&parts.headers).ok_or(Problem::Unauthorized)?;
    let sender = parts.headers.get(SENDER).and_then(|name| name.to_str().ok());
    let body = body_within(body, MAX_BODY_BYTES).await?;
    let arrived = (shared.server.clock)();
    let push = Push { token: &token, sender, body: &body, arrived };
    let Accepted { sensors, left_out } =
        receiver.take(push).await.map_err(|refusal| match refusal {
            Refusal::UnknownToken => Problem::Unauthorized,
            Refusal::Forbidden(reason) => Problem::Forbidden(reason),
            Refusal::Invalid(reason) => BadRequest::new("body", reason).into(),
            Refusal::TooSoon { retry_after } => Problem::TooSoon(retry_after),
            Refusal::Busy => Problem::Busy("Too many measurements are waiting. Retry later."),
            Refusal::Failed { reason, transient } => Problem::Internal { log: reason, transient },
        })?;
    Ok(json(StatusCode::OK, &object!({ "stored": sensors, "left_out": left_out })))
}

/// The token of a bearer, or the password of basic authentication, the only one that the firmware
/// has; the user's name does not matter.
fn token_in(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}
