//! The fields of a query where they choose readings and nothing is written as a file.

use jiff::{SignedDuration, Timestamp};
use store::Summary;

use super::Shared;
use super::problem::Problem;
use crate::request::{Ask, BadRequest, Dates, Defaults};

/// What only a file has.
const OF_FILES: [&str; 6] = ["columns", "format", "delimiter", "decimal", "bom", "limit"];

/// Readings that were chosen.
pub(super) struct Chosen {
    pub(super) ask: Ask,
    /// The moment that they are about, which ages are counted from: the end of the dates, but
    /// not after the bulk of the readings.
    pub(super) moment: Timestamp,
    /// The moment that silence is counted from: the clock where no end is named, since that asks
    /// for the present; else the same, since a long span is about what was heard in it.
    pub(super) silence_at: Timestamp,
}

/// Filters from a query string. Without `endDate` they end at the last reading, without
/// `startDate` they begin so long before their end, or before the bulk of the readings.
pub(super) async fn read(
    shared: &Shared,
    summary: &Summary,
    query: Option<&str>,
    span: SignedDuration,
) -> Result<Chosen, Problem> {
    let now = || (shared.server.clock)();
    let newest = shared.freshness.newest(summary).await?.unwrap_or_else(now);
    let last = summary.extent.map_or(newest, |(_, last)| last);
    let dates = Dates { last, newest, span };
    let defaults = Defaults { dates: Some(dates), ..shared.server.defaults() };
    let ask = defaults.form(query.unwrap_or_default().as_bytes())?;
    let ask = shared.server.restrict(ask).await?;
    if let Some(name) = ask.fields().find(|name| OF_FILES.contains(name)) {
        return Err(BadRequest::new(name, "only files have it: ask /api/query").into());
    }
    let moment = ask.query.until.min(newest);
    let names_end = ask.fields().any(|name| name == "endDate");
    let silence_at = if names_end { moment } else { now() };
    Ok(Chosen { ask, moment, silence_at })
}
