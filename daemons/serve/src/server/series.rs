//! `/api/series`: the readings of one sensor over time, by column.

use std::collections::BTreeSet;

use aqi::{Index, Pollutant};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Number, Value, json};
use store::{AqiStandard, Column, LeftOut, Reading, Window};

use super::Shared;
use super::answer::{Answer, json as respond_json, number, sensor_id};
use super::filters::{self, Chosen};
use super::problem::Problem;
use crate::request::BadRequest;

/// How far a series goes back that names no start.
const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Readings that a series has at most: half a year of one every five minutes.
const MOST: usize = 50_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    /// With its network, unless its number alone names it.
    sensor: Value,
    sensor_type: Option<String>,
    /// Where it was when it was last heard of.
    location: Value,
    from: Timestamp,
    until: Timestamp,
    /// The averaging window of the values; and all that the sensor has there.
    window: &'static str,
    windows: Vec<&'static str>,
    /// Whether these are all; else they end early.
    complete: bool,
    /// Whether the newest index is of a mean that its standard is defined on.
    basis: Option<String>,
    /// Which pollutant makes the newest index: both when they are even.
    dominant: Vec<&'static str>,
    flags: BTreeSet<&'static str>,
    /// Why the newest reading is in no mean.
    left_out: Vec<&'static str>,
    /// Seconds since the newest reading.
    age_seconds: i64,
    /// Whether that is too long to speak of the air at present.
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
    /// Which air-quality index it is.
    index: String,
    attribution: String,
}

pub(super) async fn answer(shared: &Shared, query: Option<&str>) -> Result<Answer, Problem> {
    let summary = shared.server.store.summary().await?;
    let Chosen { ask, silence_at, .. } = filters::read(shared, &summary, query, SPAN).await?;
    let &[sensor] = ask.query.sensors.as_slice() else {
        return Err(BadRequest::new("sensor", "give the id of one sensor").into());
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
    // A sensor that moved across a border has two places in the order of rows.
    readings.sort_by_key(|reading| reading.timestamp);
    let Some(last) = readings.last().cloned() else { return Err(Problem::NoData) };
    let windows: BTreeSet<Window> = readings.iter().map(|reading| reading.window).collect();
    readings.retain(|reading| reading.window == last.window);
    let left_out = LeftOut::of(&last, last.timestamp, silence_at);
    let age = (shared.server.clock)().duration_since(last.timestamp);
    let series = Series {
        sensor: sensor_id(sensor, ask.home),
        sensor_type: last.sensor_type.map(|kind| kind.as_str().to_owned()),
        location: json!({
            "id": last.location,
            "latitude": last.latitude.and_then(number),
            "longitude": last.longitude.and_then(number),
            "altitude": last.altitude.and_then(number),
            "country": last.country.map(|country| country.to_string()),
            "exact": last.exact,
            "indoor": last.indoor,
        }),
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

/// How long a mean speaks of the air at present: one of five minutes or an hour not for a day.
fn present(window: Window) -> SignedDuration {
    match window {
        Window::FiveMinutes | Window::Hour | Window::NowCast => SignedDuration::from_hours(3),
        Window::Day24 | Window::Day => LeftOut::SILENCE,
    }
}

/// The pollutants whose index is the reading's.
fn dominant(reading: &Reading, standard: AqiStandard) -> Vec<&'static str> {
    match reading.index_by(standard) {
        None => Vec::new(),
        Some(_) => {
            let named = standard.dominant(reading.pm10, reading.pm25, reading.window);
            named.map(Pollutant::name).collect()
        }
    }
}
