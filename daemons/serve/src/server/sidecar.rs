//! Descriptions of files, by *Metadata Vocabulary for Tabular Data* (W3C recommendation, 2015):
//! `/api/query.csv-metadata.json` of the response to a query, and
//! `/api/results/<id>/csv-metadata.json` of that of a job, also when the file has expired. The
//! responses refer to them in their `Link` header.

use http::header::HeaderValue;
use http::{HeaderMap, StatusCode};
use store::{Format, Metadata};
use tokio::time::timeout;
use uuid::Uuid;

use super::answer::{Answer, respond};
use super::client::{Caller, Client};
use super::estimate::{COUNTING, Counted, count};
use super::problem::Problem;
use super::{Shared, address, results};
use crate::request::QueryRequest;

const MEDIA_TYPE: &str = "application/csvm+json";

/// Longer links are left out: servers between limit the length of headers.
const LONGEST_LINK: usize = 2048;

/// The description of the response to a query.
pub(super) async fn of_query(
    shared: &Shared,
    query: Option<&str>,
    client: &Client,
) -> Result<Answer, Problem> {
    let query = query.unwrap_or_default();
    let request = shared.server.defaults().form(query.as_bytes())?;
    let request = shared.server.restrict(request).await?;
    let _permit = shared.admission.interactive(client).await?;
    let view = request.view_of(shared.server.store.snapshot().await?);
    let state = request.state_of(view.as_ref()).await?;
    let stored = request.stored_at(view.as_ref()).await?;
    let mut pages = request.pages_in(view);
    let Counted { rows, doubtful, is_all } = count(&mut pages).await?;
    let left_out = match is_all {
        true => timeout(COUNTING, pages.left_out()).await.ok().transpose()?.flatten(),
        false => None,
    };
    let metadata = shared.server.networks.metadata(&request).with_state(state).with_stored(stored);
    let (rows, doubtful) = (is_all.then_some(rows), is_all.then_some(doubtful));
    let metadata = metadata.with_rows(rows).with_doubtful(doubtful).with_left_out(left_out);
    Ok(described(&request, &metadata, &format!("query?{}", as_csv(query, &request))))
}

/// The description of a job's file.
pub(super) async fn of_result(
    shared: &Shared,
    id: &str,
    caller: &Caller,
) -> Result<Answer, Problem> {
    let (request, job) = results::finished(shared, id, caller).await?;
    let made = job.made.as_ref();
    let metadata = shared.server.networks.metadata(&request).with_state(job.made_from);
    let metadata = metadata.with_rows(made.map(|made| made.rows));
    let metadata = metadata.with_doubtful(made.map(|made| made.doubtful));
    let metadata = metadata.with_left_out(made.and_then(|made| made.left_out));
    let metadata = metadata.with_stored(made.and_then(|made| made.stored));
    Ok(described(&request, &metadata, &format!("../{}", job.id)))
}

fn described(request: &QueryRequest, metadata: &Metadata, url: &str) -> Answer {
    respond(StatusCode::OK, MEDIA_TYPE, request.csvw(metadata, url))
}

/// The query string of the same rows as CSV: as it was given if that is their format, since a reader
/// of the CSV accepts only a description of the URL that it has read.
fn as_csv(query: &str, request: &QueryRequest) -> String {
    if matches!(request.format, Format::Csv(_)) {
        return query.to_owned();
    }
    let fields = form_urlencoded::parse(query.as_bytes());
    let fields = fields.filter(|(name, _)| name != "format" && name != "metadata");
    let mut csv = form_urlencoded::Serializer::new(String::new());
    csv.extend_pairs(fields).append_pair("format", "csv");
    csv.finish()
}

/// The `Link` to the description of the response to a query; `given` is its query string, which a
/// POST has not.
pub(super) fn link_of_query(
    given: Option<String>,
    request: &QueryRequest,
    headers: &HeaderMap,
) -> Option<HeaderValue> {
    let query = given.filter(|query| !query.is_empty()).unwrap_or_else(|| {
        let mut fields = form_urlencoded::Serializer::new(String::new());
        for (name, value) in request.to_object() {
            fields.append_pair(&name, value.as_str().unwrap_or_default());
        }
        fields.finish()
    });
    link_to(&address::path(headers, &format!("/api/query.csv-metadata.json?{query}")))
}

/// The `Link` to the description of a job's file.
pub(super) fn link_of_result(id: Uuid, headers: &HeaderMap) -> Option<HeaderValue> {
    link_to(&address::path(headers, &format!("/api/results/{id}/csv-metadata.json")))
}

fn link_to(path: &str) -> Option<HeaderValue> {
    let is_short = path.len() <= LONGEST_LINK && !path.contains(['<', '>']);
    let link = format!("<{path}>; rel=\"describedby\"; type=\"{MEDIA_TYPE}\"");
    HeaderValue::from_str(&link).ok().filter(|_| is_short)
}
