//! Statements as JSON and CSV.

use airshed_history::area::{LEAST_SENSORS, NOTE, Spread, Statement};
use aqi::{Decimal, Index};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Number;
use store::{AqiStandard, TimeZone, Window};

use super::super::answer::number;
use super::Found;
use crate::request::QueryRequest;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    note: &'static str,
    from: Timestamp,
    until: Timestamp,
    window: &'static str,
    /// The time zone of the days, if it is not UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    tz: Option<String>,
    /// The air-quality index.
    index: String,
    /// The number of sensors that a statement needs.
    least_sensors: usize,
    /// Whether it is complete up to `until`.
    complete: bool,
    statements: Vec<Row>,
    attribution: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    timestamp: Timestamp,
    /// The day of a daily mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    sensors: usize,
    left_out_sensors: usize,
    #[serde(rename = "AQI")]
    index: Option<u32>,
    #[serde(rename = "Range")]
    band: Option<&'static str>,
    #[serde(rename = "AQI_lowest")]
    lowest: Option<u32>,
    #[serde(rename = "AQI_highest")]
    highest: Option<u32>,
    /// µg/m³.
    #[serde(rename = "P1")]
    pm10: Option<Quartiles>,
    /// µg/m³.
    #[serde(rename = "P2")]
    pm25: Option<Quartiles>,
    /// Why there is no statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Quartiles {
    sensors: usize,
    lowest: Option<Number>,
    lower_quartile: Option<Number>,
    median: Option<Number>,
    upper_quartile: Option<Number>,
    highest: Option<Number>,
}

impl From<Spread> for Quartiles {
    fn from(spread: Spread) -> Self {
        let Spread { sensors, lowest, lower_quartile, median, upper_quartile, highest } = spread;
        Self {
            sensors,
            lowest: number(lowest),
            lower_quartile: number(lower_quartile),
            median: number(median),
            upper_quartile: number(upper_quartile),
            highest: number(highest),
        }
    }
}

pub(super) fn json(
    found: &Found,
    request: &QueryRequest,
    window: Window,
    attribution: String,
) -> Vec<u8> {
    let standard = request.query.standard;
    let zone = request.zone.clone().unwrap_or(TimeZone::UTC);
    let row = |statement: &Statement| Row {
        timestamp: statement.timestamp,
        date: (window == Window::Day).then(|| day_of(statement.timestamp, &zone)),
        sensors: statement.sensors,
        left_out_sensors: statement.left_out,
        index: statement.index.map(Index::place),
        band: band_of(statement, standard),
        lowest: statement.indices.map(|(lowest, _)| lowest.place()),
        highest: statement.indices.map(|(_, highest)| highest.place()),
        pm10: statement.pm10.map(Quartiles::from),
        pm25: statement.pm25.map(Quartiles::from),
        reason: missing(statement),
    };
    let document = Document {
        note: NOTE,
        from: request.query.from,
        until: request.query.until,
        window: window.name(),
        tz: request.zone.as_ref().and_then(TimeZone::iana_name).map(str::to_owned),
        index: standard.to_string(),
        least_sensors: LEAST_SENSORS,
        complete: found.complete,
        statements: found.statements.iter().map(row).collect(),
        attribution,
    };
    serde_json::to_vec(&document).unwrap_or_default() // cannot fail for plain structs
}

const COLUMNS: [&str; 19] = [
    "timestamp",
    "window",
    "sensors",
    "left_out_sensors",
    "P1",
    "P1_lowest",
    "P1_lower_quartile",
    "P1_upper_quartile",
    "P1_highest",
    "P2",
    "P2_lowest",
    "P2_lower_quartile",
    "P2_upper_quartile",
    "P2_highest",
    "AQI",
    "Range",
    "AQI_lowest",
    "AQI_highest",
    "note",
];

pub(super) fn csv(found: &Found, standard: AqiStandard, window: Window) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let text =
        |index: Option<Index>| index.map(|index| index.place().to_string()).unwrap_or_default();
    let mut write = |cells: Vec<String>| drop(writer.write_record(cells)); // a Vec takes anything
    write(COLUMNS.map(str::to_owned).into());
    for statement in &found.statements {
        let mut cells = vec![
            statement.timestamp.to_string(),
            window.to_string(),
            statement.sensors.to_string(),
            statement.left_out.to_string(),
        ];
        for spread in [statement.pm10, statement.pm25] {
            cells.extend(cells_of(spread));
        }
        cells.push(text(statement.index));
        cells.push(band_of(statement, standard).unwrap_or_default().to_owned());
        cells.push(text(statement.indices.map(|(lowest, _)| lowest)));
        cells.push(text(statement.indices.map(|(_, highest)| highest)));
        let note = || format!("{NOTE}; {standard}");
        cells.push(missing(statement).unwrap_or_else(note));
        write(cells);
    }
    writer.into_inner().unwrap_or_default()
}

fn cells_of(spread: Option<Spread>) -> [String; 5] {
    let text = |of: fn(Spread) -> Decimal| spread.map(|spread| of(spread).to_string());
    [
        text(|spread| spread.median),
        text(|spread| spread.lowest),
        text(|spread| spread.lower_quartile),
        text(|spread| spread.upper_quartile),
        text(|spread| spread.highest),
    ]
    .map(Option::unwrap_or_default)
}

fn band_of(statement: &Statement, standard: AqiStandard) -> Option<&'static str> {
    Some(standard.category_of(statement.index?.place()).name)
}

/// Why there is no statement, with the number of sensors.
fn missing(statement: &Statement) -> Option<String> {
    let is_there = statement.pm10.is_some() || statement.pm25.is_some();
    let sensors = match statement.sensors {
        1 => "1 plausible outdoor sensor".to_owned(),
        sensors => format!("{sensors} plausible outdoor sensors"),
    };
    (!is_there)
        .then(|| format!("no statement: {sensors}; {LEAST_SENSORS} of a pollutant are needed"))
}

/// The day that ends at a timestamp.
fn day_of(end: Timestamp, zone: &TimeZone) -> String {
    let within = end.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(end);
    zone.to_datetime(within).date().to_string()
}
