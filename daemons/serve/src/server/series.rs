//! `/api/series`: the readings of one sensor over time, by column.

use std::collections::BTreeSet;

use aqi::{Index, Pollutant};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Number, Value};
use store::{AqiStandard, Column, LeftOut, Reading, Window};

use super::Shared;
use super::answer::{Answer, json as respond_json, location, number, sensor_id};
use super::filters::{self, Chosen};
use super::problem::Problem;
use crate::request::BadRequest;

/// The default length of a series.
const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Maximum number of readings in a series: half a year at five-minute intervals.
const MOST: usize = 50_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    /// Prefixed by its network, unless the number is sufficient.
    sensor: Value,
    sensor_type: Option<String>,
    /// Its location in its newest reading.
    location: Value,
    from: Timestamp,
    until: Timestamp,
    /// The averaging period of the values, and all those available.
    window: &'static str,
    windows: Vec<&'static str>,
    /// Whether the series is complete, not truncated.
    complete: bool,
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
    /// Seconds since 1970, UTC.
    timestamp: Vec<i64>,
    /// µg/m³.
    #[serde(rename = "P1")]
    pm10: Vec<Option<Number>>,
    /// µg/m³.
    #[serde(rename = "P2")]
    pm25: Vec<Option<Number>>,
    #[serde(rename = "AQI")]
    numbers: Vec<Option<u32>>,
    /// The air-quality index.
    index: String,
    attribution: String,
}

pub(super) async fn answer(shared: &Shared, query: Option<&str>) -> Result<Answer, Problem> {
    let summary = shared.server.store.summary().await?;
    let Chosen { ask, silence_at, .. } = filters::read(shared, &summary, query, SPAN).await?;
    let &[sensor] = ask.query.sensors.as_slice() else {
        return Err(BadRequest::new("sensor", "expected the id of one sensor").into());
    };
    let standard = ask.query.standard;
    let _place = shared.room.aside().await?;
    let mut readings: Vec<Reading> = Vec::new();
    let mut pages = ask.pages_of(shared.server.store.snapshot().await?);
    while let Some(page) = pages.next().await {
        readings.extend(page?.rows().map(|row| row.reading()));
        if readings.len() > MOST {
            break;
        }
    }
    let complete = readings.len() <= MOST;
    readings.truncate(MOST);
    // A sensor that moved across a border appears in two places in the row order.
    readings.sort_by_key(|reading| reading.timestamp);
    let Some(last) = readings.last().cloned() else {
        return Err(Problem::NoData { others: Vec::new() });
    };
    let windows: BTreeSet<Window> = readings.iter().map(|reading| reading.window).collect();
    readings.retain(|reading| reading.window == last.window);
    let left_out = LeftOut::of(&last, last.timestamp, silence_at);
    let age = (shared.server.clock)().duration_since(last.timestamp);
    let series = Series {
        sensor: sensor_id(sensor, ask.home),
        sensor_type: last.sensor_type.map(|kind| kind.as_str().to_owned()),
        location: location(&last),
        from: ask.query.from,
        until: ask.query.until,
        window: last.window.name(),
        windows: windows.into_iter().map(Window::name).collect(),
        complete,
        basis: last.value_by(Column::IndexBasis, standard).text().map(str::to_owned),
        dominant: dominant(&last, standard),
        flags: readings.iter().flat_map(|reading| reading.flags().names()).collect(),
        left_out: left_out.names().collect(),
        age_seconds: age.as_secs().max(0),
        old: left_out.silent || age > shared.server.limits.stale_after.min(present(last.window)),
        timestamp: readings.iter().map(|reading| reading.timestamp.as_second()).collect(),
        pm10: readings.iter().map(|reading| reading.pm10.and_then(number)).collect(),
        pm25: readings.iter().map(|reading| reading.pm25.and_then(number)).collect(),
        numbers: readings.iter().map(|r| r.index_by(standard).map(Index::place)).collect(),
        index: standard.to_string(),
        attribution: standard.credit(&shared.server.networks.attribution(&ask.query)),
    };
    let mut answer = respond_json(StatusCode::OK, &series);
    shared.server.set_licences(&mut answer, &ask.query);
    Ok(answer)
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
