//! `airshed index`: the index of given concentrations, one at a time or by the file.

use std::fmt;
use std::io::{Read, Write};

use aqi::{Concentration, Decimal, Pollutant, daqi};

/// The standards by name, with their versions, newest first.
pub const STANDARDS: [(&str, &[&str]); 16] = [
    ("uk_daqi", &["2013"]),
    ("us_aqi", &["2024", "2012", "1999_2008"]),
    ("eu_eaqi", &["2025", "2019", "2017"]),
    ("eu_caqi", &[]),
    ("de_lqi", &["2025", "2019"]),
    ("fr_atmo", &["2021"]),
    ("in_naqi", &["2014"]),
    ("cn_aqi", &["2026", "2012"]),
    ("ca_aqhi", &[]),
    ("ca_aqhi_plus", &["2019"]),
    ("hk_aqhi", &[]),
    ("sg_psi", &["2014"]),
    ("kr_cai", &[]),
    ("au_aqc_nsw", &[]),
    ("au_aqi_nepm", &[]),
    ("who", &["2021"]),
];

/// Units of concentration, as they are written.
const UNITS: [&str; 4] = ["ug/m3", "mg/m3", "ppb", "ppm"];

/// Averaging periods, as they are written.
const AVERAGINGS: [&str; 5] = ["15min", "1h", "3h", "8h", "24h"];

/// Why there is no index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(reason.into()))
}

/// The index of `POLLUTANT=VALUE` pairs by a standard; the value may carry a unit, such
/// as `PM10=0.05mg/m3`.
pub fn of_pairs(standard: &str, pairs: &[String]) -> Result<daqi::Daqi, Refusal> {
    only_daqi(standard, "")?;
    let mut given = Vec::new();
    for pair in pairs {
        let Some((pollutant, value)) = pair.split_once('=') else {
            return refuse(format!("`{pair}`: give POLLUTANT=VALUE, such as PM2.5=11.5"));
        };
        let pollutant = pollutant_of(pollutant)?;
        let unit = value.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c));
        let (number, unit) = value.split_at(unit.filter(|at| *at > 0).unwrap_or(value.len()));
        let unit = if unit.is_empty() { "ug/m3" } else { unit };
        given.push((pollutant, concentration_of(number, unit)?));
    }
    daqi::index(&given).map_err(|error| Refusal(error.to_string()))
}

/// Reads CSV with the header `standard,version,pollutant,unit,averaging,concentration`
/// (in any order, with others) and writes each row back with `index,category,error`
/// appended. A bad row gets its error and ends nothing; the number of such rows.
pub fn batch(input: impl Read, output: impl Write) -> Result<u64, BatchError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(output);
    let header = reader.byte_headers()?.clone();
    let place = |name: &str| {
        let bare = |cell: &[u8]| cell.trim_ascii() == name.as_bytes();
        header.iter().position(bare).ok_or_else(|| BatchError::Column(name.to_owned()))
    };
    let places = [
        place("standard")?,
        place("version")?,
        place("pollutant")?,
        place("unit")?,
        place("averaging")?,
        place("concentration")?,
    ];
    let appended = ["index", "category", "error"].map(str::as_bytes);
    writer.write_byte_record(&header.iter().chain(appended).collect())?;
    let mut record = csv::ByteRecord::new();
    let mut refused = 0;
    while reader.read_byte_record(&mut record)? {
        let cell = |place: usize| String::from_utf8_lossy(record.get(place).unwrap_or_default());
        let cells = places.map(|place| cell(place).trim().to_owned());
        let answer = match record.len() == header.len() {
            true => of_row(&cells),
            false => refuse(format!("{} cells, the header has {}", record.len(), header.len())),
        };
        let (index, category, error) = match answer {
            Ok(answer) => (answer.index().to_string(), answer.index().band().name(), String::new()),
            Err(refusal) => {
                refused += 1;
                (String::new(), "", refusal.to_string())
            }
        };
        // A short row is filled up and a long one keeps its cells behind ours.
        let own = (0..header.len()).map(|place| record.get(place).unwrap_or_default());
        let ours = [index.as_bytes(), category.as_bytes(), error.as_bytes()];
        let rest = record.iter().skip(header.len());
        writer.write_byte_record(&own.chain(ours).chain(rest).collect())?;
    }
    writer.flush()?;
    Ok(refused)
}

/// Why a batch could not be read or written at all.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The header lacks a column.
    #[error(
        "the header has no column `{0}`; it needs \
         standard,version,pollutant,unit,averaging,concentration"
    )]
    Column(String),
    /// The input cannot be read, or the output not written.
    #[error("cannot read or write")]
    Csv(#[from] csv::Error),
    /// The output cannot be written.
    #[error("cannot write")]
    Write(#[from] std::io::Error),
}

fn of_row(cells: &[String; 6]) -> Result<daqi::SubIndex, Refusal> {
    let [standard, version, pollutant, unit, averaging, concentration] = cells;
    only_daqi(standard, version)?;
    let pollutant = pollutant_of(pollutant)?;
    let wanted = daqi::averaging(pollutant).name();
    if !AVERAGINGS.contains(&averaging.as_str()) {
        return refuse(format!("averaging `{averaging}`: give {}", AVERAGINGS.join(", ")));
    }
    if averaging != wanted {
        return refuse(format!("uk_daqi takes {pollutant} as a mean of {wanted}, not {averaging}"));
    }
    Ok(daqi::sub_index(pollutant, concentration_of(concentration, unit)?))
}

fn only_daqi(standard: &str, version: &str) -> Result<(), Refusal> {
    let known = STANDARDS.iter().find(|(name, _)| *name == standard);
    let Some((_, versions)) = known else {
        let names: Vec<_> = STANDARDS.iter().map(|(name, _)| *name).collect();
        return refuse(format!("standard `{standard}`: give one of {}", names.join(" ")));
    };
    if !version.is_empty() && !versions.contains(&version) {
        return refuse(format!(
            "{standard} has no version `{version}`; it has {}",
            if versions.is_empty() { "no versions".to_owned() } else { versions.join(", ") }
        ));
    }
    if standard != "uk_daqi" {
        return refuse(format!("{standard} is not supported yet; uk_daqi is"));
    }
    Ok(())
}

fn pollutant_of(text: &str) -> Result<Pollutant, Refusal> {
    text.parse().map_err(|_| {
        let names = Pollutant::ALL.map(Pollutant::name).join(", ");
        Refusal(format!("uk_daqi has no pollutant `{text}`; it has {names}"))
    })
}

fn concentration_of(text: &str, unit: &str) -> Result<Concentration, Refusal> {
    let refusal = |error: aqi::Error| Refusal(format!("concentration `{text}`: {error}"));
    let given: Concentration = text.parse().map_err(refusal)?;
    match unit {
        "ug/m3" => Ok(given),
        "mg/m3" => {
            let micrograms = given.micrograms().checked_mul(Decimal::ONE_THOUSAND);
            let micrograms = micrograms.ok_or_else(|| Refusal(format!("`{text}` is too large")))?;
            Concentration::from_micrograms(micrograms).map_err(refusal)
        }
        "ppb" | "ppm" => refuse(format!(
            "uk_daqi is defined in ug/m3; {unit} converts only at a stated temperature"
        )),
        _ => refuse(format!("unit `{unit}`: give {}", UNITS.join(", "))),
    }
}
