//! A sensor on a microcontroller: a ring buffer of hourly means, the running mean of 24 hours with
//! its data-capture rule, index and colour. No allocation and no floats; the crate builds for
//! `thumbv7em-none-eabi`, only `println!` needs an operating system.
//!
//! `cargo run -p airshed-examples --bin sensor`
#![allow(clippy::print_stdout)]

use aqi::daqi::DAQI;
use aqi::{Averaging, Concentration, Error, Pollutant, Sample, Unit, mean};

/// The last 24 hourly means, the oldest first once it is full.
struct Ring {
    hours: [Option<Concentration>; 24],
}

impl Ring {
    fn push(&mut self, hour: Option<Concentration>) {
        self.hours.rotate_left(1);
        self.hours[23] = hour;
    }

    fn index(&self) -> Result<aqi::SubIndex, Error> {
        let day = mean::mean(&self.hours, 18)?; // the DAQI requires 18 of 24
        DAQI.sub_index(&Sample::new(Pollutant::Pm25, Averaging::Day, day))
    }
}

fn main() -> Result<(), Error> {
    let mut ring = Ring { hours: [None; 24] };
    for hour in 0..30u32 {
        // Sensors give a float of a kind; here one hour fails.
        let reading = if hour == 9 { f32::NAN } else { 20.0 + hour as f32 * 0.7 };
        ring.push(Concentration::try_from_f32(reading, Unit::Microgram).ok());
        match ring.index() {
            Ok(part) => println!("hour {hour}: {} {}", part.index(), part.category()),
            Err(refusal) => println!("hour {hour}: {refusal}"),
        }
    }
    let last = ring.index()?;
    assert_eq!(last.index().number(), 3);
    Ok(())
}
