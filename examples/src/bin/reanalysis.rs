//! A historical reanalysis: two years of daily means, by the index in force on each day and by the
//! current one, in bulk, to show the effect of the change of 2024.
//!
//! `cargo run -p airshed-examples --bin reanalysis`
#![allow(clippy::print_stdout)]

use aqi::bulk::{Column, MISSING};
use aqi::{Averaging, Date, Index, Pollutant, Unit, standards, us};

fn main() -> Result<(), aqi::Error> {
    // Tenths of µg/m³; a simulated series with gaps.
    let day = |n: u32| if n % 50 == 7 { MISSING } else { 40 + (n * 37) % 120 };
    let years: Vec<(Date, Vec<u32>)> = vec![
        (Date::new(2023, 7, 1), (0..365).map(day).collect()),
        (Date::new(2025, 7, 1), (365..730).map(day).collect()),
    ];
    for (date, values) in &years {
        let column = Column {
            pollutant: Pollutant::Pm25,
            averaging: Averaging::Day,
            unit: Unit::Microgram,
            decimals: 1,
            values,
        };
        let mut then = vec![None; values.len()];
        let mut now = vec![None; values.len()];
        let in_force = standards::in_force("us_aqi", *date).unwrap_or(&us::AQI_2024);
        in_force.bulk(&[column], &mut then)?;
        us::AQI_2024.bulk(&[column], &mut now)?;
        let good = |days: &[Option<Index>]| {
            days.iter().flatten().filter(|index| index.number() <= 50).count()
        };
        println!(
            "{date}, by {in_force}: {} good days; by {}: {}",
            good(&then),
            us::AQI_2024,
            good(&now)
        );
        assert!(good(&now) <= good(&then));
    }
    Ok(())
}
