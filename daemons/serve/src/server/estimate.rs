//! `/api/estimate`: the approximate size of a response, before the query is run.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use store::{Pages, View};
use tokio::time::{Instant, timeout};

use super::Shared;
use super::answer::{Answer, json as respond_json};
use super::client::Client;
use super::problem::Problem;
use crate::request::QueryRequest;

/// Rows are counted for at most this long; beyond that, the store's summary is used.
pub(super) const COUNTING: Duration = Duration::from_millis(100);

/// Number of rows sampled for the bytes per row.
const SAMPLE_ROWS: u64 = 1000;

pub(super) async fn answer(
    shared: &Shared,
    query: Option<&str>,
    client: &Client,
) -> Result<Answer, Problem> {
    let request = shared.server.defaults().form(query.unwrap_or_default().as_bytes())?;
    let request = shared.server.restrict(request).await?;
    let store = &shared.server.store;
    let most = shared.admission.estimate(&request.query, store.as_ref()).await?;
    let large = shared.admission.is_large(&request, store.as_ref()).await;
    let _permit = shared.admission.interactive(client).await?;
    let view = store.snapshot().await?;
    let sample = sample(shared, &request, Arc::clone(&view)).await?;
    let Counted { mut rows, is_all: complete, .. } = count(&mut request.pages_of(view)).await?;
    if !complete {
        rows = most.max(rows).min(request.limit.unwrap_or(u64::MAX));
    }
    let body = json!({
        "rows": rows,
        "exact": complete,
        "bytes": sample.bytes_of(rows),
        "bytesExact": complete && rows == sample.rows,
        "large": large,
    });
    Ok(respond_json(StatusCode::OK, &body))
}

/// What can be counted in a short time.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) rows: u64,
    /// Those with a flag of implausibility.
    pub(super) doubtful: u64,
    /// Whether these are all.
    pub(super) is_all: bool,
}

pub(super) async fn count(pages: &mut Pages) -> Result<Counted, store::Error> {
    let (begun, mut counted) = (Instant::now(), Counted::default());
    while let Some(page) = pages.next().await.transpose()? {
        counted.rows += page.len() as u64;
        counted.doubtful += page.implausible() as u64;
        if begun.elapsed() > COUNTING && page.next.is_some() {
            return Ok(counted);
        }
    }
    Ok(Counted { is_all: true, ..counted })
}

/// The sizes of a file with the first rows and of one without rows: the extrapolation is the same
/// for any store.
struct Sample {
    rows: u64,
    bytes: u64,
    empty: u64,
}

impl Sample {
    /// The approximate length of a file with this many rows.
    fn bytes_of(&self, rows: u64) -> u64 {
        if rows == 0 {
            return 0; // no file at all
        }
        let of_rows = u128::from(self.bytes.saturating_sub(self.empty)) * u128::from(rows);
        let of_rows = of_rows.checked_div(self.rows.into()).unwrap_or(0);
        self.empty.saturating_add(u64::try_from(of_rows).unwrap_or(u64::MAX))
    }
}

async fn sample(
    shared: &Shared,
    request: &QueryRequest,
    view: Arc<dyn View>,
) -> Result<Sample, Problem> {
    let (mut file, mut empty, mut rows) = (Vec::new(), Vec::new(), 0);
    let stored = request.stored_at(request.view_of(Arc::clone(&view)).as_ref()).await?;
    let metadata = shared.server.networks.metadata(request).with_stored(stored);
    let mut encoder = request.encoder(metadata.clone())?;
    let first = SAMPLE_ROWS.min(request.limit.unwrap_or(u64::MAX));
    let mut pages = request.pages_of(view).up_to(first);
    while let Some(page) = pages.next().await.transpose()? {
        rows += page.len() as u64;
        encoder.page(&mut file, &page)?;
    }
    if let Ok(left_out) = timeout(COUNTING, pages.left_out()).await {
        encoder.set_left_out(left_out?);
    }
    encoder.finish(&mut file)?;
    request.encoder(metadata)?.finish(&mut empty)?;
    let [bytes, empty] = [file, empty].map(|file| file.len() as u64);
    Ok(Sample { rows, bytes, empty })
}
