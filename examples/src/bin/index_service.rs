//! The core of a web service: the index of one measurement by any standard, as JSON with its
//! explanation, and every error as a sentence.
//!
//! `cargo run -p airshed-examples --bin index_service`
#![allow(clippy::print_stdout)]

use aqi::{Averaging, Concentration, Date, Sample, standards};

/// The response to `?standard=…&pollutant=…&value=…`.
fn answer(standard: &str, pollutant: &str, value: &str) -> Result<String, String> {
    let unknown = || format!("no standard `{standard}`");
    let standard = standards::find(standard, "").next().ok_or_else(unknown)?;
    let pollutant = pollutant.parse().map_err(|error: aqi::Error| error.to_string())?;
    let averaging = standard.averagings(pollutant).next().unwrap_or(Averaging::Day);
    let concentration: Concentration =
        value.parse().map_err(|error: aqi::Error| error.to_string())?;
    let sample = Sample::new(pollutant, averaging, concentration);
    let answer = standard.index(&[sample]).map_err(|error| error.to_string())?;
    let today = Date::new(2026, 11, 24);
    let advice = standard.advice(answer.index(), today).map(|advice| advice.everyone);
    Ok(format!(
        r#"{{"index":"{}","category":"{}","text":"{}","colour":"{}","official":{},"advice":"{}"}}"#,
        answer.index(),
        answer.category(),
        answer.category().safe_colour.text(),
        answer.category().safe_colour,
        answer.is_complete(),
        advice.unwrap_or_default(),
    ))
}

fn main() {
    let asked = [
        ("us_aqi", "PM2.5", "35.5 ug/m3"),
        ("eu_eaqi", "O3", "121 ug/m3"),
        ("us_aqi", "O3", "70 ug/m3"),
        ("mars_aqi", "O3", "70 ppb"),
    ];
    let answers = asked.map(|(standard, pollutant, value)| answer(standard, pollutant, value));
    for answer in &answers {
        match answer {
            Ok(json) => println!("200 {json}"),
            Err(reason) => println!("400 {reason}"),
        }
    }
    assert!(answers[0].is_ok() && answers[1].is_ok() && answers[2].is_err() && answers[3].is_err());
}
