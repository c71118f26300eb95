//! Measures how long it takes to flag an hour of the whole network, on one core:
//!
//!     cargo run --release --package airshed-history --example neighbours [SENSORS]
//!
//! The sensors are simulated: half of them in one country of 850 km by 640 km, the others in
//! Europe and around the Earth, and everywhere most of them in cities, some of which are dense.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::time::Instant;

use airshed_history::neighbours::flag;
use aqi::Decimal;
use store::{Flags, Reading, Window};

const ROUNDS: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let sensors = std::env::args().nth(1).map_or(Ok(15_000), |number| number.parse())?;
    let mut random = Random(1);
    let cities: Vec<_> = (0..500).map(|_| random.point()).collect();
    let mut readings = Vec::new();
    for sensor in 0..sensors {
        readings.push(simulated(sensor, &cities, &mut random)?);
    }
    for _ in 0..ROUNDS {
        let start = Instant::now();
        flag(&mut readings);
        let taken = start.elapsed();
        let count = |flag: Flags| readings.iter().filter(|r| r.flags().contains(flag)).count();
        println!(
            "{} readings in {taken:.1?}: {} above, {} below, {} without neighbours",
            readings.len(),
            count(Flags::ABOVE_NEIGHBOURS),
            count(Flags::BELOW_NEIGHBOURS),
            count(Flags::NO_NEIGHBOURS)
        );
    }
    Ok(())
}

/// A generator of pseudo-random numbers (xorshift64).
struct Random(u64);

impl Random {
    /// Below a number, which is not zero.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Thousandths of a degree north and east.
    fn point(&mut self) -> (i64, i64) {
        let (south, height, west, width) = match self.below(10) {
            0..5 => (47_500, 7_500, 6_000, 9_000),
            5..9 => (38_000, 20_000, -8_000, 38_000),
            _ => (-45_000, 100_000, -180_000, 360_000),
        };
        (south + self.below(height) as i64, west + self.below(width) as i64)
    }
}

fn simulated(
    sensor: u64,
    cities: &[(i64, i64)],
    random: &mut Random,
) -> Result<Reading, Box<dyn Error>> {
    let (north, east) = match random.below(10) {
        0..7 => {
            // The product makes the first cities large: of 15,000 sensors the first has some 500.
            let number = random.below(500) * random.below(500) * random.below(500) / 250_000;
            let (north, east) = cities.get(number as usize).copied().unwrap_or_default();
            (north + random.below(150) as i64, east + random.below(220) as i64)
        }
        _ => random.point(),
    };
    let value = |random: &mut Random| Some(Decimal::new(20 + random.below(300) as i64, 1));
    Ok(Reading {
        pm10: value(random),
        pm25: value(random),
        sensor_type: Some("SDS011".parse()?),
        latitude: Some(Decimal::new(north, 3)),
        longitude: Some(Decimal::new(east.min(180_000), 3)),
        indoor: Some(random.below(20) == 0),
        hours: Some(12),
        ..Reading::new(sensor, Window::Hour, "2018-02-03T12:00:00Z".parse()?)
    })
}
