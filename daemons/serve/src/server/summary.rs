//! `/api/summary`: what is stored, the data age, and, if filters are given, statistics of the
//! selected readings, by default [`Quality::Plausible`].
//!
//! A sensor is silent if its newest reading is more than 24 hours older than the present, or, if
//! the selection has an end, than that end or the bulk of the readings, whichever is earlier.

use std::collections::HashMap;
use std::time::Duration;

use airshed_common::last_moment;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{Country, Flags, LeftOut, Pages, Quality, Query, Sensor, Summary, Tallies, View};
use tokio::time::Instant;

use super::Shared;
use super::answer::{Answer, json as respond_json};
use super::client::Client;
use super::filters::{self, Chosen};
use super::problem::Problem;
use super::tally;
use super::whole::in_background;
use crate::freshness;

/// The default range of a selection.
const SPAN: SignedDuration = SignedDuration::from_hours(24);

/// Time limit for reading a selection; after it, the statistics are partial.
const LONGEST: Duration = Duration::from_secs(10);

pub(super) async fn answer(
    shared: &Shared,
    query: Option<&str>,
    client: &Client,
) -> Result<Answer, Problem> {
    let summary = shared.server.store.summary().await?;
    let newest = shared.freshness.newest(&summary).await?;
    let everything = shared.server.everything().await?;
    let attribution = shared.server.networks.attribution(&everything);
    let mut body = stored(shared, &summary, newest);
    body["attribution"] = shared.server.index.credit(&attribution).into();
    if query.is_some_and(|query| !query.is_empty()) {
        body["selection"] = selection(shared, &summary, query, client).await?;
    }
    let mut answer = respond_json(StatusCode::OK, &body);
    shared.server.set_licences(&mut answer, &everything);
    Ok(answer)
}

/// What is stored, and the data age.
fn stored(shared: &Shared, summary: &Summary, newest: Option<Timestamp>) -> Value {
    let extent = freshness::until(summary, last_moment((shared.server.clock)()));
    let age = newest.map(|newest| (shared.server.clock)().duration_since(newest));
    let countries: Vec<_> = summary
        .countries
        .iter()
        .map(|(country, readings)| json!({ "country": text(*country), "readings": readings }))
        .collect();
    let feed = shared.server.feed.as_ref().map(|feed| feed.get());
    json!({
        "readings": summary.readings(),
        "oldest": summary.extent.map(|(oldest, _)| oldest),
        "newest": newest,
        "last": extent.map(|(_, last)| last),
        "dataAgeSeconds": age.map(|age| age.as_secs().max(0)),
        "stale": age.is_none_or(|age| age > shared.server.limits.stale_after),
        "staleAfterSeconds": shared.server.limits.stale_after.as_secs(),
        "feed": feed,
        "countries": countries,
        "index": shared.server.index.to_string(),
    })
}

async fn selection(
    shared: &Shared,
    summary: &Summary,
    query: Option<&str>,
    client: &Client,
) -> Result<Value, Problem> {
    let Chosen { request, silence_at, .. } = filters::read(shared, summary, query, SPAN).await?;
    let quality = request.quality.unwrap_or(Quality::Plausible);
    let standard = request.query.standard;
    let store = &shared.server.store;
    let _permit = shared.admission.interactive(client).await?;
    let begun = Instant::now();
    let view = request.view_of(store.snapshot().await?);
    let heard = heard(view.as_ref(), &request.query, silence_at).await?;
    let mut tallies = Tallies::new(standard, quality, heard, silence_at);
    // Readings excluded for a flag are read, too, to count them.
    let mut pages = Pages::of_view(view, request.query.clone());
    let mut counted_until: Option<Timestamp> = None;
    while let Some(page) = pages.next().await.transpose()? {
        let added = in_background(move || {
            tallies.add(&page);
            (tallies, page)
        });
        let (added, page) = added.await?;
        tallies = added;
        if begun.elapsed() > LONGEST && page.next.is_some() {
            counted_until = page.rows().last().map(|row| row.timestamp());
            break;
        }
    }
    let described: Vec<_> = tallies
        .countries()
        .iter()
        .map(|(country, tally)| {
            let mut described = tally::described(tally, standard);
            described["country"] = text(*country);
            described
        })
        .collect();
    let mut selection = tally::described(&tallies.all(), standard);
    selection["from"] = json!(request.query.from);
    selection["until"] = json!(request.query.until);
    selection["index"] = standard.to_string().into();
    selection["quality"] = quality.name().into();
    selection["countries"] = described.into();
    selection["complete"] = counted_until.is_none().into();
    selection["countedUntil"] = json!(counted_until);
    Ok(selection)
}

/// The sensors of a selection that were not silent at a time: by any reading, with or without an
/// index. If the selection is no longer than the silence threshold, each reading is evidence by
/// itself.
async fn heard(
    view: &dyn View,
    query: &Query,
    moment: Timestamp,
) -> Result<HashMap<Sensor, Timestamp>, store::Error> {
    let since = moment.saturating_sub(LeftOut::SILENCE).unwrap_or(Timestamp::MIN);
    if query.from >= since {
        return Ok(HashMap::new());
    }
    let mut recent = query.clone();
    recent.from = since;
    (recent.indices, recent.least_low) = (None, None);
    (recent.indoor, recent.without) = (None, Flags::NONE);
    recent.bands.clear();
    let page = view.latest(&recent).await?;
    Ok(page.rows().map(|row| (row.reading().sensor, row.timestamp())).collect())
}

fn text(country: Option<Country>) -> Value {
    country.map_or(Value::Null, |country| country.as_str().into())
}
