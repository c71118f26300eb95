//! The instructions of a put of 24,000 rows by the number of days that it spans, counted by
//! callgrind: for empty days the cost depends on the rows, for days with data on the rewritten
//! blocks.
//!
//! `cargo run --release -p airshed-benches --bin puts` (needs valgrind)
#![allow(clippy::print_stdout)]

use std::error::Error;

use airshed_benches::{counted, start};
use aqi::Decimal;
use jiff::SignedDuration;
use store::{Embedded, Options, Reading, Store, Window};

const ROWS: u64 = 24_000;

/// The permitted ratio of instructions for several days to those for one day.
const EMPTY: (u64, f64) = (365, 3.0);
const FULL: (u64, f64) = (30, 8.0);

const COUNTRIES: [&str; 16] = [
    "DE", "BG", "PL", "NL", "IT", "BE", "GB", "US", "RU", "UA", "AT", "FR", "CZ", "SE", "CH", "HU",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [full, days, whole] = arguments.as_slice() {
        return work(full == "full", days.parse()?, whole == "whole");
    }
    let mut within = true;
    for (full, (days, most)) in [("empty", EMPTY), ("full", FULL)] {
        let of = |days: u64| -> Result<f64, Box<dyn Error>> {
            let days = days.to_string();
            Ok(counted(&[full, &days, "whole"])? - counted(&[full, &days, "prepared"])?)
        };
        let (one, several) = (of(1)?, of(days)?);
        println!(
            "into {full} days: {:.1} million instructions over one, {:.1} over {days}: {:.2} times (at most {most})",
            one / 1e6,
            several / 1e6,
            several / one,
        );
        within &= several <= most * one;
    }
    if within { Ok(()) } else { Err("a put over many days costs more than asked".into()) }
}

/// Fills the days, if requested, and then executes the put, unless it is to be skipped.
#[tokio::main(flavor = "current_thread")]
async fn work(full: bool, days: u64, whole: bool) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = Embedded::open(folder.path().join("readings.redb"), Options::default())?;
    let batch = readings(days, ROWS, 43_200)?;
    if full {
        for day in 0..days {
            let of_day = readings(1, ROWS, 3_600)?.into_iter().map(|mut reading| {
                reading.timestamp += SignedDuration::from_hours(24 * day as i64);
                reading
            });
            store.put(&of_day.collect::<Vec<_>>()).await?;
        }
    }
    if whole {
        store.put(&batch).await?;
    }
    Ok(())
}

/// Rows spread evenly over days, around a second of each, of sensors that stay in their
/// countries.
fn readings(days: u64, rows: u64, second: i64) -> Result<Vec<Reading>, Box<dyn Error>> {
    let reading = |n: u64| {
        let day = SignedDuration::from_hours(24 * (n % days) as i64);
        let moment = start() + day + SignedDuration::from_secs(second + (n % 300) as i64);
        Ok(Reading {
            measurement: Some(7_500_000_000 + n),
            pm10: Some(Decimal::new((n * 7 % 6_000) as i64, 2)),
            pm25: Some(Decimal::new((n * 3 % 3_000) as i64, 2)),
            sensor_type: Some("SDS011".parse()?),
            location: Some(n / 2),
            latitude: Some(Decimal::new(5_252_000 + n as i64, 5)),
            longitude: Some(Decimal::new(1_340_500 + n as i64, 5)),
            country: Some(COUNTRIES[(n % 16) as usize].parse()?),
            indoor: Some(false),
            exact: Some(false),
            ..Reading::new(n, Window::Hour, moment)
        })
    };
    (0..rows).map(reading).collect()
}
