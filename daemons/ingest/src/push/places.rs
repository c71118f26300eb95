//! Where the boards are: a file that the operator writes.

use std::collections::BTreeMap;

use aqi::Decimal;
use serde::Deserialize;
use store::Country;

use super::board::Board;

/// The places of boards.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<Board, Place>);

/// The place of a board, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) latitude: Option<Decimal>,
    pub(super) longitude: Option<Decimal>,
    pub(super) altitude: Option<Decimal>,
    pub(super) country: Option<Country>,
    pub(super) indoor: Option<bool>,
}

/// A line; cells can be empty, and columns after the first missing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    board: String,
    latitude: Option<String>,
    longitude: Option<String>,
    altitude: Option<String>,
    country: Option<String>,
    indoor: Option<String>,
}

impl Places {
    /// Reads a CSV file with the columns `board`, `latitude`, `longitude`, `altitude`, `country` and
    /// `indoor`.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new();
        reader.trim(csv::Trim::All).comment(Some(b'#'));
        let mut places = BTreeMap::new();
        for line in reader.from_reader(text.as_bytes()).into_deserialize() {
            let line: Line = line.map_err(|error| error.to_string())?;
            let board = line.board.clone();
            let (board, place) = read(line).map_err(|reason| format!("`{board}`: {reason}"))?;
            if places.insert(board, place).is_some() {
                return Err(format!("`{board}` is there twice"));
            }
        }
        Ok(Self(places))
    }

    pub(super) fn of(&self, board: Board) -> Place {
        self.0.get(&board).copied().unwrap_or_default()
    }
}

fn read(line: Line) -> Result<(Board, Place), String> {
    let board = line.board.parse().map_err(|bad: super::BadBoard| bad.to_string())?;
    let country = line.country.filter(|text| !text.is_empty()).map(|text| {
        let wrong = |_| format!("`{text}` is not a country of two letters");
        Country::of_other_code(&text).map_or_else(|| text.parse().map_err(wrong), Ok)
    });
    let indoor = match line.indoor.as_deref().unwrap_or_default() {
        "" => None,
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        other => return Err(format!("indoor is 1 or 0, not `{other}`")),
    };
    let place = Place {
        latitude: number(line.latitude)?,
        longitude: number(line.longitude)?,
        altitude: number(line.altitude)?,
        country: country.transpose()?,
        indoor,
    };
    let is_within = |degrees: Option<Decimal>, most: u32| {
        degrees.is_none_or(|degrees| degrees.abs() <= most.into())
    };
    match place.latitude.is_some() == place.longitude.is_some() {
        _ if !is_within(place.latitude, 90) => Err("latitude is beyond 90 degrees".to_owned()),
        _ if !is_within(place.longitude, 180) => Err("longitude is beyond 180 degrees".to_owned()),
        true => Ok((board, place)),
        false => Err("latitude and longitude go together".to_owned()),
    }
}

fn number(text: Option<String>) -> Result<Option<Decimal>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = Decimal::from_str_exact(&text).map(Some);
    number.map_err(|_| format!("`{text}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_what_is_wrong_is_named() {
        let header = "board,latitude,longitude,altitude,country,indoor\n";
        let uk = Places::read(&format!("{header}esp8266-9,51.5,0,11,UK,0\n")).unwrap();
        assert_eq!(uk.of("esp8266-9".parse().unwrap()).country, "GB".parse().ok());
        let text = format!("{header}esp8266-7, 50.11, 8.68, 112, DE, 0\nesp8266-8,,,,,1\n");
        let places = Places::read(&text).unwrap();
        let seven = places.of("esp8266-7".parse().unwrap());
        assert_eq!(seven.latitude, "50.11".parse().ok());
        assert_eq!((seven.country, seven.indoor), ("DE".parse().ok(), Some(false)));
        let eight = places.of("esp8266-8".parse().unwrap());
        assert_eq!(eight, Place { indoor: Some(true), ..Place::default() });
        assert_eq!(places.of("esp8266-9".parse().unwrap()), Place::default());
        assert!(Places::read("board\nesp8266-7\n").is_ok(), "columns can be missing");

        for (line, wrong) in [
            ("nonsense,,,,,", "nonsense"),
            ("esp8266-7,91,0,,,", "latitude"),
            ("esp8266-7,9,o,,,", "`o`"),
            ("esp8266-7,50,,,,", "together"),
            ("esp8266-7,,,,Germany,", "Germany"),
            ("esp8266-7,,,,,yes", "yes"),
            ("esp8266-7,,,,,\nesp8266-7,,,,,", "twice"),
        ] {
            let error = Places::read(&format!("{header}{line}\n")).unwrap_err();
            assert!(error.contains(wrong), "{line}: {error}");
        }
        let error = Places::read("board,lat\nesp8266-7,1\n").unwrap_err();
        assert!(error.contains("lat"), "{error}");
    }
}
