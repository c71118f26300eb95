//! The fields of a query where they choose readings and nothing is written as a file.

use jiff::{SignedDuration, Timestamp};
use store::Summary;

use super::Shared;
use super::problem::Problem;
use crate::request::{Ask, BadRequest};

/// What only a file has.
const OF_FILES: [&str; 6] = ["columns", "format", "delimiter", "decimal", "bom", "limit"];

/// Filters from a query string. Without `endDate` they end at the newest reading, without
/// `startDate` they begin so long before their end.
pub(super) fn read(
    shared: &Shared,
    summary: &Summary,
    query: Option<&str>,
    span: SignedDuration,
) -> Result<Ask, Problem> {
    let ask = Ask::from_form_within(
        query.unwrap_or_default().as_bytes(),
        Some((newest(shared, summary), span)),
    )?;
    if let Some(name) = ask.fields().find(|name| OF_FILES.contains(name)) {
        return Err(BadRequest::new(name, "only files have it: ask /api/query").into());
    }
    Ok(ask)
}

/// The moment of the newest reading; now, where there is none.
pub(super) fn newest(shared: &Shared, summary: &Summary) -> Timestamp {
    summary.extent.map_or_else(|| (shared.server.clock)(), |(_, newest)| newest)
}
