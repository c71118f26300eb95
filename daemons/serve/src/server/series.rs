//! `/api/series`: the readings of one sensor over time, by column; of a long series, means and
//! extremes by interval.

mod columns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aqi::{Index, Pollutant};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Serialize;
use serde_json::{Value, json};
use store::{AqiStandard, Column, Flags, LeftOut, Page, Reading, Sensor, Summary, View, Window};

use self::columns::{Columns, Points};
use super::Shared;
use super::answer::{Answer, json as respond_json, location, number, sensor_id};
use super::client::Client;
use super::filters::{self, Chosen};
use super::problem::Problem;
use super::query::no_data;
use crate::request::{BadRequest, QueryRequest, whole};

/// The default length of a series.
const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Maximum number of readings that a series has without `points`: half a year at five-minute
/// intervals.
const MOST: usize = 50_000;

/// The number of intervals of a longer series: one for each pixel of a wide screen.
const POINTS: usize = 2_000;

/// The limits of `points`.
const LEAST_POINTS: u64 = 2;
const MOST_POINTS: u64 = 10_000;

/// Maximum size of the cached series in bytes: some hundred of them.
const ROOM: u64 = 16 << 20;

/// Estimated number of cached series.
const SERIES: usize = 128;

/// The series that were computed before, by question and state of the readings.
pub(super) struct Series(Cache<String, Arc<Found>, Weight>);

impl Default for Series {
    fn default() -> Self {
        Self(Cache::with_weighter(SERIES, ROOM, Weight))
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<Found>> for Weight {
    fn weight(&self, key: &String, found: &Arc<Found>) -> u64 {
        (key.len() + found.columns.bytes() + 1024) as u64
    }
}

/// What does not depend on the time of the request.
struct Found {
    newest: Reading,
    windows: Vec<&'static str>,
    flags: Flags,
    columns: Columns,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    /// Prefixed by its network, unless the number is sufficient.
    sensor: Value,
    sensor_type: Option<&'a str>,
    /// Its location in its newest reading.
    location: Value,
    from: Timestamp,
    until: Timestamp,
    /// The averaging period of the values, and all those available.
    window: &'static str,
    windows: &'a [&'static str],
    newest: Value,
    /// Whether the newest index is defined for its averaging period.
    basis: Option<String>,
    /// The dominant pollutant of the newest index: both if equal.
    dominant: Vec<&'static str>,
    flags: BTreeSet<&'static str>,
    /// Why the newest reading is excluded from means.
    left_out: Vec<&'static str>,
    /// Age of the newest reading in seconds.
    age_seconds: i64,
    /// Whether it is too old to describe the current air quality.
    old: bool,
    #[serde(flatten)]
    columns: &'a Columns,
    /// The air-quality index.
    index: String,
    attribution: String,
}

pub(super) async fn answer(
    shared: &Shared,
    query: Option<&str>,
    client: &Client,
) -> Result<Answer, Problem> {
    let (query, points) = without_points(query.unwrap_or_default())?;
    let summary = shared.server.store.summary().await?;
    let Chosen { request, silence_at, .. } =
        filters::read(shared, &summary, Some(&query), SPAN).await?;
    let &[sensor] = request.query.sensors.as_slice() else {
        return Err(BadRequest::new("sensor", "expected the id of one sensor").into());
    };
    let view = request.view_of(shared.server.store.snapshot().await?);
    let state = request.state_of(view.as_ref()).await?;
    let key = state.map(|state| {
        let question = serde_json::to_string(&request.to_object()).unwrap_or_default(); // plain JSON
        let (from, until) = (request.query.from, request.query.until);
        format!("{state}\n{from}\n{until}\n{points:?}\n{question}")
    });
    let known = key.as_ref().and_then(|key| shared.series.0.get(key));
    let found = match known {
        Some(found) => found,
        None => {
            let found = Arc::new(find(shared, &request, view, &summary, points, client).await?);
            if let Some(key) = key {
                shared.series.0.insert(key, Arc::clone(&found));
            }
            found
        }
    };
    let mut answer =
        respond_json(StatusCode::OK, &respond(shared, &request, sensor, silence_at, &found));
    shared.server.set_licences(&mut answer, &request.query);
    Ok(answer)
}

/// The query string without the number of points, which other requests do not have.
fn without_points(query: &str) -> Result<(String, Option<usize>), BadRequest> {
    let mut points = None;
    let mut others = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "points" {
            others.append_pair(&name, &value);
            continue;
        }
        let number = whole(value.trim());
        let number = number.filter(|number| (LEAST_POINTS..=MOST_POINTS).contains(number));
        let reason =
            || format!("expected one number of points from {LEAST_POINTS} to {MOST_POINTS}");
        let number = number.ok_or_else(|| BadRequest::new("points", reason()))?;
        if points.replace(number as usize).is_some() {
            return Err(BadRequest::new("points", reason()));
        }
    }
    Ok((others.finish(), points))
}

async fn find(
    shared: &Shared,
    request: &QueryRequest,
    view: Arc<dyn View>,
    summary: &Summary,
    points: Option<usize>,
    client: &Client,
) -> Result<Found, Problem> {
    let _permit = shared.admission.interactive(client).await?;
    let mut reader = Reader::new(request, summary, points);
    let mut pages = request.pages_in(Arc::clone(&view));
    while let Some(page) = pages.next().await {
        reader.add(&page?);
    }
    match reader.finish() {
        Some(found) => Ok(found),
        None => Err(no_data(request, &view).await),
    }
}

/// Reads the rows of a series.
struct Reader {
    standard: AqiStandard,
    windows: BTreeMap<Window, Points>,
    flags: Flags,
    newest: Option<Reading>,
    /// The first second, and the seconds of an interval.
    from: i64,
    interval: i64,
    most: usize,
}

impl Reader {
    fn new(request: &QueryRequest, summary: &Summary, points: Option<usize>) -> Self {
        let (first, last) = summary.extent.unwrap_or_default();
        let from = request.query.from.max(first).as_second();
        let until = request.query.until.min(last).as_second();
        let intervals = points.unwrap_or(POINTS) as i64; // at most 10,000
        let interval = until.saturating_sub(from).max(0) / intervals + 1;
        Self {
            standard: request.query.standard,
            windows: BTreeMap::new(),
            flags: Flags::NONE,
            newest: None,
            from,
            interval,
            most: points.unwrap_or(MOST),
        }
    }

    fn add(&mut self, page: &Page) {
        for row in page.rows() {
            let points = self.windows.entry(row.window());
            let points = points.or_insert_with(|| Points::new(self.from, self.interval, self.most));
            points.add(&row, self.standard);
            self.flags = self.flags.union(row.flags());
        }
        // Of several with the same timestamp, the one with the longest averaging period.
        let newest = page.rows().max_by_key(|row| (row.timestamp(), row.window()));
        if let Some(newest) = newest
            && self.newest.as_ref().is_none_or(|known| {
                (known.timestamp, known.window) <= (newest.timestamp(), newest.window())
            })
        {
            self.newest = Some(newest.reading());
        }
    }

    fn finish(mut self) -> Option<Found> {
        let newest = self.newest?;
        let windows = self.windows.keys().map(|window| window.name()).collect();
        let columns = self.windows.remove(&newest.window)?.columns(newest.window, self.standard);
        Some(Found { newest, windows, flags: self.flags, columns })
    }
}

fn respond<'a>(
    shared: &Shared,
    request: &QueryRequest,
    sensor: Sensor,
    silence_at: Timestamp,
    Found { newest, windows, flags, columns }: &'a Found,
) -> Response<'a> {
    let standard = request.query.standard;
    let left_out = LeftOut::of(newest, newest.timestamp, silence_at);
    let age = (shared.server.clock)().duration_since(newest.timestamp);
    Response {
        sensor: sensor_id(sensor, request.home),
        sensor_type: newest.sensor_type.as_ref().map(|kind| kind.as_str()),
        location: location(newest),
        from: request.query.from,
        until: request.query.until,
        window: newest.window.name(),
        windows,
        newest: json!({
            "timestamp": newest.timestamp.as_second(),
            "P1": newest.pm10.and_then(number),
            "P2": newest.pm25.and_then(number),
            "AQI": newest.index_by(standard).map(Index::place),
        }),
        basis: newest.value_by(Column::IndexBasis, standard).text().map(str::to_owned),
        dominant: dominant(newest, standard),
        flags: flags.names().collect(),
        left_out: left_out.names().collect(),
        age_seconds: age.as_secs().max(0),
        old: left_out.silent || age > shared.server.limits.stale_after.min(present(newest.window)),
        columns,
        index: standard.to_string(),
        attribution: standard.credit(&shared.server.networks.attribution(&request.query)),
    }
}

/// How long a mean describes the current air quality, depending on its averaging period.
fn present(window: Window) -> SignedDuration {
    match window {
        Window::FiveMinutes | Window::Hour | Window::NowCast => SignedDuration::from_hours(3),
        Window::Day24 | Window::Day => LeftOut::SILENCE,
    }
}

/// The pollutants whose sub-index is the reading's index.
fn dominant(reading: &Reading, standard: AqiStandard) -> Vec<&'static str> {
    match reading.index_by(standard) {
        None => Vec::new(),
        Some(_) => {
            let named = standard.dominant(reading.pm10, reading.pm25, reading.window);
            named.map(Pollutant::name).collect()
        }
    }
}
