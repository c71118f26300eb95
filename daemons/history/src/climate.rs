//! Temperature and humidity beside particulate matter: of the climate sensors at the same location.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use aqi::Decimal;
use jiff::civil::Date;
use store::{Flags, Reading, Window};

use crate::day::number_of;
use crate::{Climate, ClimateHour, Fixed};

const HOUR: i64 = 3600;
const DAY_HOURS: i64 = 24;

/// The relative humidity in % from which a mean is [humid](Flags::HUMID).
const HUMID: i64 = 90;

/// What sensors can measure: BME280 -40 to 85 °C, DHT22 -40 to 80 °C. A failed one reports values
/// such as -145.75 or -999 °C, with a humidity that means nothing.
const TEMPERATURES: RangeInclusive<i64> = -50 * NANO..=85 * NANO;
const HUMIDITIES: RangeInclusive<i64> = 0..=100 * NANO;
const NANO: i64 = 1_000_000_000;

/// Temperature in °C and relative humidity in % that can be true; impossible ones are left out.
pub fn possible([temperature, humidity]: [Option<Fixed>; 2]) -> [Option<Fixed>; 2] {
    if temperature.is_some_and(|temperature| !TEMPERATURES.contains(&temperature.nano())) {
        return [None, None];
    }
    [temperature, humidity.filter(|humidity| HUMIDITIES.contains(&humidity.nano()))]
}
/// The one from which a sensor that stays there all day is [pinned](Flags::RH_PINNED).
const PINNED: i64 = 99;

/// Hours of temperature and humidity by location: some 2 KB per location and day.
///
/// An hour is valid with nine of twelve five-minute slots, as of particulates; of several sensors at
/// a location, it is the mean of theirs. Readings without a location get no values.
#[derive(Debug, Default)]
pub struct Locations(HashMap<u64, BTreeMap<i64, Hour>>);

/// Sums, for the mean of the sensors.
#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    temperature: Sum,
    humidity: Sum,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    sum: Decimal,
    count: u32,
}

impl Sum {
    fn add(&mut self, value: Option<Decimal>) {
        if let Some(sum) = value.and_then(|value| self.sum.checked_add(value)) {
            *self = Self { sum, count: self.count + 1 };
        }
    }

    /// Truncated to six decimals.
    fn mean(self, at_least: u32) -> Option<Decimal> {
        let count = Some(self.count).filter(|count| *count >= at_least)?;
        Some(self.sum.checked_div(count.into())?.trunc_with_scale(6).normalize())
    }
}

/// The mean of the values of several sensors, truncated to six decimals; of one, its value.
pub fn mean(values: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    let mut sum = Sum::default();
    values.for_each(|value| sum.add(Some(value)));
    if sum.count == 1 { Some(sum.sum) } else { sum.mean(1) }
}

impl Locations {
    /// Adds the hours of sensors. Each may be added only once.
    pub fn add(&mut self, climate: &[Climate]) {
        for Climate { station, hour, .. } in climate {
            if let Some(location) = station.location {
                self.add_hour(location, hour);
            }
        }
    }

    /// Adds an hour of a sensor at a location.
    pub fn add_hour(&mut self, location: u64, hour: &ClimateHour) {
        if hour.slots >= Window::Hour.least_hours().unwrap_or_default() {
            let of_hour = self.0.entry(location).or_default().entry(hour.end).or_default();
            of_hour.temperature.add(hour.temperature);
            of_hour.humidity.add(hour.humidity);
        }
    }

    /// Removes hours that the means of a day and of later days do not need.
    pub fn forget(&mut self, before: Date) {
        let midnight = i64::from(number_of(before)) * DAY_HOURS * HOUR;
        self.0.retain(|_, hours| {
            *hours = hours.split_off(&(midnight - (DAY_HOURS - 1) * HOUR));
            !hours.is_empty()
        });
    }

    /// Sets temperature, humidity and the flag [`HUMID`](Flags::HUMID) of means of hours, days and
    /// 24 hours, and [`RH_PINNED`](Flags::RH_PINNED) of days. Those of a day and of 24 hours are means of the location's valid hours, valid with
    /// 18 of them.
    pub fn set(&self, readings: &mut [Reading]) {
        for reading in readings {
            let hours = reading.location.and_then(|location| self.0.get(&location));
            let (length, least) = match reading.window {
                Window::Hour => (1, 1),
                Window::Day | Window::Day24 => {
                    (DAY_HOURS, Window::Day.least_hours().unwrap_or_default())
                }
                Window::FiveMinutes | Window::NowCast => continue,
            };
            let end = reading.timestamp.as_second();
            let within = end - (length - 1) * HOUR..=end;
            let (mut all, mut is_pinned) = (Hour::default(), reading.window == Window::Day);
            for hour in hours.into_iter().flat_map(|hours| hours.range(within.clone())) {
                all.temperature.add(hour.1.temperature.mean(1));
                let humidity = hour.1.humidity.mean(1);
                is_pinned &= humidity.is_none_or(|humidity| humidity >= PINNED.into());
                all.humidity.add(humidity);
            }
            reading.temperature = all.temperature.mean(least);
            reading.humidity = all.humidity.mean(least);
            let is_humid = reading.humidity.is_some_and(|humidity| humidity >= HUMID.into());
            let mut flags = reading.stored_flags.difference(Flags::OF_HUMIDITY);
            if is_humid {
                flags = flags.union(Flags::HUMID);
            }
            if is_pinned && reading.humidity.is_some() {
                flags = flags.union(Flags::RH_PINNED);
            }
            reading.stored_flags = flags;
        }
    }
}
