//! `/api/jobs`: the jobs of a key.

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, json as respond_json};
use super::client::Caller;
use super::problem::Problem;
use super::results::described;
use super::{Shared, address};
use crate::jobs::State;
use crate::request::{BadRequest, whole};

/// Jobs of a page, unless the request says how many.
const PAGE: usize = 50;

const MOST: u64 = 500;

/// Which jobs are listed.
#[derive(Default)]
struct Filter {
    state: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    /// For administrators: whose jobs.
    owner: Option<String>,
}

/// The caller's own jobs, the newest first. Without keys nobody has a name, and the ids of jobs are secrets
/// that are not listed.
pub(super) async fn answer(
    shared: &Shared,
    query: Option<&str>,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let own = caller.owner().ok_or(Problem::NoKey)?;
    let filter = Filter::read(query.unwrap_or_default())?;
    let owner = match &filter.owner {
        Some(owner) if owner != own && !caller.is_admin() => {
            let reason = "Only a key with the right to admin sees the jobs of others.";
            return Err(Problem::Forbidden(reason.to_owned()));
        }
        Some(owner) => owner,
        None => own,
    };
    let Some(job_backend) = &shared.server.job_backend else {
        return Ok(respond_json(StatusCode::OK, &json!({ "jobs": [], "next": null })));
    };
    let is_wanted = |state: &State| filter.state.as_ref().is_none_or(|name| name == state.name());
    let (after, limit) = (filter.cursor.as_deref(), filter.limit.unwrap_or(PAGE));
    let listed =
        job_backend.jobs.owned_by(owner, after, limit, |job| is_wanted(&job.state)).await?;
    let mut jobs: Vec<Value> = Vec::with_capacity(listed.jobs.len());
    for job in &listed.jobs {
        let mut shown = described(job_backend, job, headers).await;
        shown["query"] = json!(job.query);
        shown["location"] = address::path(headers, &format!("/api/results/{}", job.id)).into();
        jobs.push(shown);
    }
    Ok(respond_json(StatusCode::OK, &json!({ "jobs": jobs, "next": listed.next })))
}

impl Filter {
    fn read(query: &str) -> Result<Self, BadRequest> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "state" if State::NAMES.contains(&value.as_str()) => filter.state = Some(value),
                "state" => {
                    let reason = format!("expected one of {}", State::NAMES.join(", "));
                    return Err(BadRequest::new("state", reason));
                }
                "limit" => {
                    let limit = whole(&value).filter(|limit| (1..=MOST).contains(limit));
                    let reason = || format!("expected a number of jobs from 1 to {MOST}");
                    let limit = limit.ok_or_else(|| BadRequest::new("limit", reason()))?;
                    filter.limit = usize::try_from(limit).ok();
                }
                "cursor" => filter.cursor = Some(value),
                "owner" => filter.owner = Some(value),
                _ => {
                    let shown: String = name.chars().take(40).collect();
                    let reason = "unknown; the fields are state, limit, cursor and owner";
                    return Err(BadRequest::new(shown, reason));
                }
            }
        }
        Ok(filter)
    }
}
