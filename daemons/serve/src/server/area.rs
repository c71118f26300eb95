//! `/api/area`: what the sensors of an area say together, by hour or day
//! ([`airshed_history::area`]).

mod request;
mod written;

use std::sync::Arc;
use std::time::Duration;

use airshed_common::hexadecimal;
use airshed_history::area::{Statement, Statements};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, Response};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use store::{Pages, View, Window};
use tokio::time::Instant;

use self::request::{Form, Own, window_of};
use super::Shared;
use super::answer::{Answer, full, set};
use super::client::Client;
use super::filters::{self, Chosen};
use super::problem::Problem;
use super::query::no_data;
use super::whole::{in_background, is_known, tagged, unchanged};
use crate::request::QueryRequest;

/// The default length of a range.
const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Maximum number of statements: more than a year of hours.
const MOST: usize = 10_000;

/// Time limit for reading; after it, the response has the days until then.
const LONGEST: Duration = Duration::from_secs(10);

/// Maximum number of readings, likewise.
const MOST_ROWS: usize = 5_000_000;

pub(super) async fn answer(
    shared: &Shared,
    query: Option<&str>,
    headers: &HeaderMap,
    client: &Client,
) -> Result<Answer, Problem> {
    let summary = shared.server.store.summary().await?;
    let Own { form, others } = Own::read(query.unwrap_or_default())?;
    let Chosen { request, .. } = filters::read(shared, &summary, Some(&others), SPAN).await?;
    let window = window_of(&request)?;
    let view = request.view_of(shared.server.store.snapshot().await?);
    let tag =
        shared.kept.tag(&request, view.as_ref()).await?.map(|tag| own_tag(&tag, &request, form));
    if let Some(tag) = &tag {
        match shared.kept.get(tag) {
            Some(whole) => return whole.respond(headers).await,
            None if is_known(tag, headers) => return Ok(unchanged(tag, HeaderMap::new())),
            None => {}
        }
    }
    let _permit = shared.admission.heavy(client).await?;
    let found = Found::read(Arc::clone(&view), &request, window).await?;
    if found.statements.is_empty() && found.complete {
        return Err(no_data(&request, &view).await);
    }
    let attribution =
        request.query.standard.credit(&shared.server.networks.attribution(&request.query));
    let (asked, complete) = (request.clone(), found.complete);
    let text = in_background(move || match form {
        Form::Json => written::json(&found, &asked, window, attribution),
        Form::Csv => written::csv(&found, asked.query.standard, window),
    });
    let text = Bytes::from(text.await?);
    let mut answer = Response::new(full(text.clone()));
    set(&mut answer, CONTENT_TYPE, form.media_type());
    if form == Form::Csv {
        let name = request.file_name().replacen("airshed", "airshed-statement", 1);
        set(&mut answer, CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
    }
    shared.server.set_licences(&mut answer, &request.query);
    match tag.filter(|_| complete) {
        None => set(&mut answer, CACHE_CONTROL, "no-store"),
        Some(tag) => {
            let mut kept = shared.kept.collecting(Some(tag.clone()));
            kept.add(&text);
            shared.kept.keep(kept, &request, answer.headers().clone());
            tagged(&mut answer, &tag);
        }
    }
    Ok(answer)
}

/// The tag of a response: that of the file of these readings, and what is else in it. A default range
/// moves with the readings.
fn own_tag(of_file: &str, request: &QueryRequest, form: Form) -> String {
    let range = [request.query.from, request.query.until].map(|moment| moment.to_string());
    let all = ["area", form.name(), of_file, &range.join("/")].join("\n");
    format!("W/\"{}\"", &hexadecimal(&Sha256::digest(all))[..32])
}

/// The statements of a range.
struct Found {
    statements: Vec<Statement>,
    /// Whether the range was read to its end.
    complete: bool,
}

impl Found {
    /// Reads the rows day by day: the hours of a day are made when the next day begins.
    async fn read(
        view: Arc<dyn View>,
        request: &QueryRequest,
        window: Window,
    ) -> Result<Self, Problem> {
        let begun = Instant::now();
        let mut pages = Pages::of_view(view, request.query.clone());
        let mut reading = Statements::new(window, request.query.standard);
        let (mut statements, mut rows) = (Vec::new(), 0);
        let mut complete = true;
        while let Some(page) = pages.next().await.transpose()? {
            rows += page.len();
            let is_last = page.next.is_none();
            let mut all = (reading, statements);
            all = in_background(move || {
                page.rows().for_each(|row| all.0.add(&row.reading()));
                if let Some(last) = page.rows().last() {
                    let ended = all.0.take_before(midnight_before(last.timestamp()));
                    all.1.extend(ended);
                }
                all
            })
            .await?;
            (reading, statements) = all;
            let is_long = begun.elapsed() > LONGEST || rows > MOST_ROWS || statements.len() > MOST;
            if is_long && !is_last {
                complete = false;
                break;
            }
        }
        if complete {
            statements.extend(in_background(move || reading.finish()).await?);
        }
        complete &= statements.len() <= MOST;
        statements.truncate(MOST);
        Ok(Self { statements, complete })
    }
}

fn midnight_before(moment: Timestamp) -> Timestamp {
    let midnight = moment.as_second().div_euclid(86_400) * 86_400;
    Timestamp::from_second(midnight).unwrap_or(moment)
}
