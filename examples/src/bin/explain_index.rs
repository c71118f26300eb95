//! The index of two concentrations, with its explanation.
//!
//! `cargo run -p airshed-examples --bin explain_index`
#![allow(clippy::print_stdout)]

use aqi::daqi::DAQI;
use aqi::{Averaging, Concentration, Pollutant, Sample, Unit};

fn main() -> Result<(), aqi::Error> {
    let mean = |pollutant, text| {
        let concentration = Concentration::parse(text, Unit::Microgram)?;
        Ok::<_, aqi::Error>(Sample::new(pollutant, Averaging::Day, concentration))
    };
    let answer = DAQI.index(&[mean(Pollutant::Pm10, "20.4")?, mean(Pollutant::Pm25, "35.5")?])?;

    println!("DAQI {answer}");
    for part in answer.parts() {
        println!(
            "  {} of {} counts as {} and has index {}; {} more until the next band",
            part.pollutant(),
            part.concentration(),
            part.rounded().unwrap_or(part.concentration().value()),
            part.index(),
            part.to_next_category().unwrap_or_default(),
        );
    }
    assert_eq!(answer.index().number(), 4);
    Ok(())
}
