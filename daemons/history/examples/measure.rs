//! Measures how many rows a second are read and averaged, from memory and on one core:
//!
//!     cargo run --release --package airshed-history --example measure [ARCHIVE FILE]...
//!
//! The files have to be of one day; without one, it is a simulated day of 200 SDS011.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use airshed_history::archive::Report;
use airshed_history::{Carried, Day};
use jiff::civil::Date;

const ROUNDS: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<_> = std::env::args().skip(1).collect();
    let mut files = Vec::new();
    for path in &paths {
        files.push((path.clone(), std::fs::read(path)?));
    }
    if files.is_empty() {
        files = (0..200).map(simulated).collect();
    }
    let date = files.iter().find_map(|(path, _)| {
        let name = path.rsplit('/').next()?;
        name.get(..10)?.parse::<Date>().ok()
    });
    let date = date.ok_or("no file name begins with a date")?;
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let (mut day, mut report) = (Day::new(date), Report::default());
        for (name, bytes) in &files {
            day.read(bytes.as_slice(), name, &mut report)?;
        }
        let read = start.elapsed();
        let readings = day.finish(Some(&mut Carried::default())).readings.len();
        let all = start.elapsed();
        let rate = report.rows as f64 / all.as_secs_f64();
        println!(
            "{} rows, {bytes} bytes: read in {read:.1?}, averaged in {:.1?}: {readings} readings, {rate:.0} rows/s",
            report.rows,
            all - read
        );
    }
    Ok(())
}

/// A file of a sensor that measures every 147 seconds.
fn simulated(sensor: u32) -> (String, Vec<u8>) {
    let mut file =
        "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n"
            .to_owned();
    for n in 0..587u32 {
        let second = n * 147 + sensor % 60;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let tenths = (n * 7919 + sensor * 104_729) % 300;
        let (pm10, pm25) = (f64::from(tenths) / 10.0 + 4.0, f64::from(tenths) / 17.0 + 1.0);
        // Writing to a String does not fail.
        let _ = writeln!(
            file,
            "{sensor};SDS011;2603;57.135;-2.083;2018-02-03T{hour:02}:{minute:02}:{second:02};{pm10:.2};;;{pm25:.2};;"
        );
    }
    (format!("2018-02-03_sds011_sensor_{sensor}.csv"), file.into_bytes())
}
