//! What the airRohr firmware sends to a server of one's own → readings.
//!
//! A JSON object with the number of the chip and the values of all sensors of the board, each named
//! by a prefix of its sensor: `SDS_P1`, `BME280_humidity`. Particulate matter makes a reading of each
//! sensor; temperature and humidity go with all of them. All else is left out without a word, since
//! no reading has it: pressure, particle counts, PM1, signal strength.

use aqi::Decimal;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::{Network, Reading, Sensor, SensorType, Window};

use super::board::Board;
use super::places::Place;
use crate::feed::climate::{Climate, possible};
use crate::feed::record::{DataValue, Object, scalar};
use crate::feed::{DiagnosticKind, Why, value_of};

/// The sensors of particulate matter: the prefixes of their values, the model, and the number of the
/// sensor at its board. Numbers are never used again for another model.
///
/// The firmware has no prefix for the PPD42NS, which counts particles.
const PARTICULATES: [(&str, &str, u64); 8] = [
    ("SDS_", "SDS011", 1),
    ("PMS_", "PMSx003", 2),
    ("HPM_", "HPM", 3),
    ("SPS30_", "SPS30", 4),
    ("NPM_", "NextPM", 5),
    ("IPS_", "IPS-7100", 6),
    ("SEN5X_", "SEN5X", 7),
    ("", COUNTER, 8),
];

/// What it sends is no concentration.
const COUNTER: &str = "PPD42NS";

/// In µg/m³; no model measures as much.
const MOST: u32 = 10_000;

/// The sensors of temperature, by the prefixes of their values: those that measure humidity too
/// come first. The DHT22 has no prefix.
const CLIMATE: [&str; 9] =
    ["BME280_", "SHT3X_", "HTU21D_", "", "SCD30_", "NPM_", "BMP280_", "BMP_", "DS18B20_"];

/// Sensors at a board have different numbers below this.
const SENSORS: u64 = 16;

/// A message that was read.
pub(super) struct Message {
    pub(super) board: Board,
    particulates: Vec<Particulates>,
    climate: Climate,
    /// Why values were left out.
    pub(super) left_out: Vec<String>,
}

struct Particulates {
    model: &'static str,
    number: u64,
    pm10: Option<Decimal>,
    pm25: Option<Decimal>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    esp8266id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sensordatavalues: Option<Vec<Object<DataValue<'a>>>>,
}

/// Reads a message; `sender` is the header that names the board, too.
pub(super) fn read(body: &[u8], sender: Option<&str>) -> Result<Message, String> {
    let Object(body) = serde_json::from_slice::<Object<Body<'_>>>(body)
        .map_err(|error| format!("not a message of the airRohr firmware: {error}"))?;
    let board = board(body.esp8266id, sender)?;
    let values = body.sensordatavalues.unwrap_or_default();
    let mut problems: Vec<Why> = Vec::new();
    let mut particulates = Vec::new();
    for (prefix, model, number) in PARTICULATES {
        let [pm10, pm25] = ["P1", "P2"].map(|kind| {
            let kind = format!("{prefix}{kind}");
            let value = value_of(&values, &kind, &mut problems)?;
            let is_possible = model == COUNTER || value <= MOST.into();
            note_unless(is_possible, &kind, value, &mut problems);
            is_possible.then_some(value)
        });
        if pm10.is_some() || pm25.is_some() {
            particulates.push(Particulates { model, number, pm10, pm25 });
        }
    }
    let climate = climate_of(&values, &mut problems);
    let left_out: Vec<_> = problems.into_iter().map(|(_, reason)| reason).collect();
    match particulates.is_empty() {
        true => {
            let none = "sensordatavalues has no particulate matter, such as SDS_P1".to_owned();
            Err(std::iter::once(none).chain(left_out).collect::<Vec<_>>().join("; "))
        }
        false => Ok(Message { board, particulates, climate, left_out }),
    }
}

fn board(id: Option<&RawValue>, sender: Option<&str>) -> Result<Board, String> {
    let id = id.and_then(scalar);
    let named = sender.map(|sender| {
        sender.parse::<Board>().map_err(|bad| format!("X-Sensor `{}`: {bad}", shown(sender)))
    });
    match (named.transpose()?, id) {
        (Some(board), None) => Ok(board),
        // The header says whether the digits are decimal.
        (Some(board), Some(id)) => match is_of(id.trim(), board) {
            true => Ok(board),
            false => Err(format!("esp8266id `{}` is not that of X-Sensor, {board}", shown(&id))),
        },
        (None, Some(id)) => {
            id.parse::<Board>().map_err(|bad| format!("esp8266id `{}`: {bad}", shown(&id)))
        }
        (None, None) => Err("esp8266id is missing".to_owned()),
    }
}

/// Whether an id, which some firmware writes in capitals or with a prefix, is that of a board.
fn is_of(id: &str, board: Board) -> bool {
    let name = board.to_string();
    let (family, _) = name.rsplit_once('-').unwrap_or((&name, ""));
    let prefixed = format!("{family}-{id}");
    [id, &prefixed].iter().any(|text| text.to_ascii_lowercase().parse() == Ok(board))
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Temperature and humidity of the first sensor that has a possible temperature.
fn climate_of(values: &[Object<DataValue<'_>>], problems: &mut Vec<Why>) -> Climate {
    for prefix in CLIMATE {
        let kinds = ["temperature", "humidity"].map(|name| format!("{prefix}{name}"));
        let given = kinds.each_ref().map(|kind| value_of(values, kind, problems));
        let climate = possible(given);
        for (kind, (given, possible)) in kinds.iter().zip(given.iter().zip(climate)) {
            if let Some(given) = given {
                note_unless(possible.is_some(), kind, *given, problems);
            }
        }
        if climate[0].is_some() {
            return climate;
        }
    }
    [None, None]
}

fn note_unless(is_possible: bool, kind: &str, value: Decimal, problems: &mut Vec<Why>) {
    if !is_possible {
        let reason = format!("{kind} `{value}` cannot be true");
        problems.push((DiagnosticKind::FieldLeftOut, reason));
    }
}

impl Message {
    /// The readings; those that no store accepts are left out.
    pub(super) fn readings(
        &mut self,
        network: Network,
        place: Place,
        arrived: Timestamp,
    ) -> Vec<Reading> {
        // The fraction of a second, which no reading has, is below.
        let timestamp = Timestamp::from_second(arrived.as_second()).unwrap_or(arrived);
        let Place { latitude, longitude, altitude, country, indoor } = place;
        let [temperature, humidity] = self.climate;
        let board = self.board.number();
        let mut readings = Vec::new();
        for Particulates { model, number, pm10, pm25 } in &self.particulates {
            let sensor = Sensor { network, id: board * SENSORS + number };
            let reading = Reading {
                pm10: *pm10,
                pm25: *pm25,
                sensor_type: Some(model.parse().unwrap_or(SensorType::UNKNOWN)),
                location: Some(board),
                latitude,
                longitude,
                altitude,
                country,
                indoor,
                exact: latitude.map(|_| true),
                temperature,
                humidity,
                ..Reading::new(sensor, Window::FiveMinutes, timestamp)
            };
            match reading.check() {
                Ok(()) => readings.push(reading),
                Err(impossible) => self.left_out.push(format!("{model}: {impossible}")),
            }
        }
        readings
    }
}
