//! The instructions per index, counted by callgrind: each kind of standard individually and in
//! bulk.
//!
//! `cargo run --release -p airshed-benches --bin instructions` (needs valgrind)
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::hint::black_box;

use airshed_benches::counted;
use aqi::bulk::Column;
use aqi::daqi::DAQI;
use aqi::{Averaging, Concentration, Decimal, Pollutant, Sample, Standard, Unit};

const READINGS: u32 = 10_000;

const SINGLE: [(&str, &Standard); 5] = [
    ("banded: DAQI", &DAQI),
    ("banded, unrounded: EAQI 2019", &aqi::eu::EAQI_2019_TRAFFIC),
    ("interpolated: US 2024", &aqi::us::AQI_2024),
    ("interpolated, ties to even: China 2026", &aqi::cn::DAILY_2026),
    ("interpolated, unrounded: NEPM", &aqi::au::NEPM),
];
const BULK: [(&str, &Standard); 2] = [("DAQI", &DAQI), ("US 2024", &aqi::us::AQI_2024)];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, rounds] = arguments.as_slice() {
        return work(name, rounds.parse()?);
    }
    println!("{:<50} instructions", "");
    let names = SINGLE.map(|(name, _)| name.to_owned()).into_iter();
    for name in names.chain(BULK.map(|(name, _)| format!("bulk, PM10 and PM2.5: {name}"))) {
        // The overhead of the process is in both, and cancels out.
        let per_reading =
            (counted(&[&name, "3"])? - counted(&[&name, "1"])?) / 2.0 / f64::from(READINGS);
        println!("{name:<50} {per_reading:>12.2}");
    }
    Ok(())
}

fn work(name: &str, rounds: u32) -> Result<(), Box<dyn Error>> {
    if let Some((_, standard)) = SINGLE.into_iter().find(|(known, _)| *known == name) {
        let values = (0..READINGS).map(|n| Decimal::new(i64::from(n) * 131 % 12_000, 2));
        let values: Result<Vec<_>, _> = values.map(Concentration::micrograms).collect();
        let values = values?;
        for _ in 0..rounds {
            for value in &values {
                let sample = Sample::new(Pollutant::Pm25, Averaging::Day, *value);
                black_box(standard.sub_index(black_box(&sample))?.index());
            }
        }
        return Ok(());
    }
    let standard = BULK.into_iter().find(|(known, _)| name.ends_with(known));
    let (_, standard) = standard.ok_or_else(|| format!("no such work: {name}"))?;
    let [pm10, pm25] =
        [17, 131].map(|step| (0..READINGS).map(|n| n * step % 12_000).collect::<Vec<u32>>());
    let column = |pollutant, values| Column {
        pollutant,
        averaging: Averaging::Day,
        unit: Unit::Microgram,
        decimals: 2,
        values,
    };
    let columns = [column(Pollutant::Pm10, &pm10), column(Pollutant::Pm25, &pm25)];
    let mut out = vec![None; pm10.len()];
    for _ in 0..rounds {
        standard.bulk(black_box(&columns), black_box(&mut out))?;
    }
    Ok(())
}
