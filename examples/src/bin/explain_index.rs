//! The index of two concentrations, and why it is what it is.
//!
//! `cargo run -p airshed-examples --bin explain_index`
#![allow(clippy::print_stdout)]

use aqi::{Pollutant, daqi};

fn main() -> Result<(), aqi::Error> {
    let pm10 = "20.4".parse()?; // µg/m³, means of 24 hours
    let pm25 = "35.5".parse()?;
    let answer = daqi::index(&[(Pollutant::Pm10, pm10), (Pollutant::Pm25, pm25)])?;

    println!("DAQI {}, {}", answer.index(), answer.band());
    for part in answer.parts() {
        println!(
            "  {} of {} counts as {} and has index {}",
            part.pollutant(),
            part.concentration(),
            part.rounded(),
            part.index()
        );
    }
    assert_eq!(answer.index().get(), 4);
    Ok(())
}
