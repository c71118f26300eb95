//! Temperature and humidity, which other sensors of a feed measure, beside its samples of
//! particulate matter at the same location.

use std::collections::{BTreeMap, HashMap};

use airshed_history::{Fixed, climate};
use aqi::Decimal;
use store::Reading;

/// How many seconds apart samples of one moment can be: sensors send every 145 to 150 s.
const APART: i64 = 150;

/// Temperature in °C and humidity in %.
pub(crate) type Climate = [Option<Decimal>; 2];

/// Those that [can be true](climate::possible).
pub(crate) fn possible(values: Climate) -> Climate {
    let possible = climate::possible(values.map(|value| Fixed::of(value?)));
    let [temperature, humidity] = possible.map(|value| value.is_some());
    [values[0].filter(|_| temperature), values[1].filter(|_| humidity)]
}

/// Samples by location, sensor and second.
#[derive(Default)]
pub(super) struct ClimateSamples(HashMap<u64, BTreeMap<u64, BTreeMap<i64, Climate>>>);

impl ClimateSamples {
    pub(super) fn add(&mut self, location: u64, sensor: u64, second: i64, values: Climate) {
        let values = possible(values);
        if values != [None, None] {
            self.0.entry(location).or_default().entry(sensor).or_default().insert(second, values);
        }
    }

    /// Sets temperature and humidity of a sample of particulate matter: the nearest in time at its
    /// location; of several sensors there, their mean.
    pub(super) fn set(&self, reading: &mut Reading) {
        let sensors = reading.location.and_then(|location| self.0.get(&location));
        let second = reading.timestamp.as_second();
        let nearest = |samples: &BTreeMap<i64, Climate>| {
            let before = samples.range(..=second).next_back();
            let both = before.into_iter().chain(samples.range(second..).next());
            let nearest = both.min_by_key(|(other, _)| other.abs_diff(second));
            nearest.filter(|(other, _)| (*other - second).abs() <= APART).map(|(_, values)| *values)
        };
        let values: Vec<_> =
            sensors.into_iter().flat_map(BTreeMap::values).filter_map(nearest).collect();
        reading.temperature =
            climate::mean(values.iter().filter_map(|[temperature, _]| *temperature));
        reading.humidity = climate::mean(values.iter().filter_map(|[_, humidity]| *humidity));
    }
}
