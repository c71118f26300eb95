//! `/api/estimate`: about how large the answer to a query is, before it is asked.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::time::Instant;

use super::Shared;
use super::answer::{Answer, json as respond_json};
use super::problem::Problem;
use crate::request::Ask;

/// What can be read in this time is counted; beyond it the store's summary has to do.
const COUNTING: Duration = Duration::from_millis(100);

pub(super) async fn answer(shared: &Shared, query: Option<&str>) -> Result<Answer, Problem> {
    let ask = Ask::from_form(query.unwrap_or_default().as_bytes())?;
    let store = &shared.server.store;
    let most = shared.room.estimate(&ask.query, store.as_ref()).await?;
    let large = shared.room.is_large(&ask.query, store.as_ref()).await;
    let _place = shared.room.aside().await?;
    let begun = Instant::now();
    let mut pages = ask.pages(Arc::clone(store));
    let mut encoder = ask.encoder(shared.server.attribution)?;
    // The first page shows how many bytes a row takes.
    let (mut rows, mut seen, mut file, mut complete) = (0, 0, Vec::new(), true);
    while let Some(page) = pages.next().await.transpose()? {
        rows += page.len() as u64;
        if seen == 0 {
            encoder.page(&mut file, &page)?;
            seen = rows;
        }
        if begun.elapsed() > COUNTING && page.next.is_some() {
            complete = false;
            break;
        }
    }
    if !complete {
        rows = most.max(rows).min(ask.limit.unwrap_or(u64::MAX));
    }
    encoder.finish(&mut file)?;
    let bytes = (file.len() as u64).saturating_mul(rows).checked_div(seen).unwrap_or(0);
    let body = json!({ "rows": rows, "exact": complete, "bytes": bytes, "large": large });
    Ok(respond_json(StatusCode::OK, &body))
}
