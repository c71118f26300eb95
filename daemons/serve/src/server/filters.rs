//! The filters of requests other than files.

use airshed_common::last_moment;
use jiff::{SignedDuration, Timestamp};
use store::Summary;

use super::Shared;
use super::problem::Problem;
use crate::freshness;
use crate::request::{BadRequest, Dates, Defaults, QueryRequest};

/// Fields that only files have.
const OF_FILES: [&str; 10] = [
    "columns",
    "format",
    "dialect",
    "delimiter",
    "decimal",
    "bom",
    "metadata",
    "times",
    "limit",
    "callback",
];

/// The selected readings.
pub(super) struct Chosen {
    pub(super) request: QueryRequest,
    /// The reference time for ages: the end of the dates, but not after the bulk of the readings.
    pub(super) moment: Timestamp,
    /// The reference time for silence: the clock if no end is given, since the query is about the
    /// present; otherwise the same as for ages.
    pub(super) silence_at: Timestamp,
}

/// Filters from a query string. The default `endDate` is the last reading that is not dated in the
/// future; the default `startDate`
/// is a fixed time before the end, or before the bulk of the readings.
pub(super) async fn read(
    shared: &Shared,
    summary: &Summary,
    query: Option<&str>,
    span: SignedDuration,
) -> Result<Chosen, Problem> {
    let now = || (shared.server.clock)();
    let newest = shared.freshness.newest(summary).await?.unwrap_or_else(now);
    let extent = freshness::until(summary, last_moment(now()));
    let last = extent.map_or(newest, |(_, last)| last);
    let dates = Dates { last, newest, span };
    let defaults = Defaults { dates: Some(dates), ..shared.server.defaults() };
    let request = defaults.form(query.unwrap_or_default().as_bytes())?;
    let request = shared.server.restrict(request).await?;
    let callback = request.callback.iter().map(|_| "callback");
    let of_file = request.fields().chain(callback).find(|name| OF_FILES.contains(name));
    if let Some(name) = of_file {
        return Err(BadRequest::new(name, "only for files; use /api/query").into());
    }
    let moment = request.query.until.min(newest);
    let names_end = request.fields().any(|name| name == "endDate");
    let silence_at = if names_end { moment } else { now() };
    Ok(Chosen { request, moment, silence_at })
}
