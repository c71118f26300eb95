//! Statistics of readings: counts, means, medians, and the excluded readings.
//!
//! Sums are decimals, medians are computed from counts of each value: both are exact, and the size
//! of a tally depends on the number of distinct values, not of readings.

use std::collections::{BTreeMap, HashSet};

use aqi::Decimal;
use serde_json::{Value, json};
use store::{AqiStandard, LeftOut, Reading, Sensor};

use super::answer::number;

/// The number of decimals of means and medians.
const DECIMALS: u32 = 2;

/// Concentration in µg/m³ above which the median no longer distinguishes values: five times the
/// range of any sensor.
const HIGHEST: i64 = 10_000;

/// A tally of readings.
#[derive(Default)]
pub(super) struct Tally {
    readings: u64,
    sensors: HashSet<Sensor>,
    without_index: u64,
    /// The number of readings by index value.
    indices: Counts,
    averaged: Averaged,
    left_out: Reasons,
}

/// The readings in means and medians. Those without an index are excluded: they are particle
/// counts, or of unknown models.
#[derive(Default)]
struct Averaged {
    indices: Counts,
    pm10: Values,
    pm25: Values,
}

/// Readings by the number in the column `AQI`.
type Counts = BTreeMap<u32, u64>;

/// Scales of at most this many numbers are reported by number; all scales by band.
pub(super) const MOST_NUMBERS: u32 = 15;

impl Tally {
    /// A reading excluded for a flag is counted nowhere else; one excluded for another reason is
    /// only excluded from means and medians.
    pub(super) fn add(&mut self, reading: &Reading, index: Option<u32>, left_out: LeftOut) {
        self.left_out.add(left_out);
        if !left_out.flags.is_empty() {
            return;
        }
        self.readings += 1;
        self.sensors.insert(reading.sensor);
        let Some(index) = index else {
            self.without_index += 1;
            return;
        };
        *self.indices.entry(index).or_default() += 1;
        if left_out.is_empty() {
            *self.averaged.indices.entry(index).or_default() += 1;
            self.averaged.pm10.add(reading.pm10);
            self.averaged.pm25.add(reading.pm25);
        }
    }

    /// Adds the readings of another tally.
    pub(super) fn merge(&mut self, other: &Self) {
        self.readings += other.readings;
        self.sensors.extend(&other.sensors);
        self.without_index += other.without_index;
        add_each(&mut self.indices, &other.indices);
        add_each(&mut self.averaged.indices, &other.averaged.indices);
        self.averaged.pm10.merge(&other.averaged.pm10);
        self.averaged.pm25.merge(&other.averaged.pm25);
        self.left_out.merge(&other.left_out);
    }

    pub(super) fn describe(&self, standard: AqiStandard) -> Value {
        let averaged = &self.averaged;
        let (low, high) = standard.numbers();
        let all =
            high.map(|high| low..=high).filter(|all| all.clone().count() as u32 <= MOST_NUMBERS);
        let indices: Option<Vec<_>> =
            all.map(|all| all.map(|n| self.indices.get(&n).copied().unwrap_or(0)).collect());
        let categories = standard.standard().categories;
        let bands = categories.iter().enumerate().map(|(at, category)| {
            let end = categories.get(at + 1).map_or(u32::MAX, |next| next.from);
            let readings: u64 = self.indices.range(category.from..end).map(|(_, n)| n).sum();
            json!({ "name": category.name, "from": category.from, "readings": readings })
        });
        json!({
            "readings": self.readings,
            "sensors": self.sensors.len(),
            "withoutIndex": self.without_index,
            "indices": indices,
            "bands": bands.collect::<Vec<_>>(),
            "averaged": averaged.indices.values().sum::<u64>(),
            "meanAqi": averaged.mean_index().and_then(number),
            "meanP1": averaged.pm10.mean().and_then(number),
            "meanP2": averaged.pm25.mean().and_then(number),
            "medianAqi": averaged.median_index().and_then(number),
            "medianP1": averaged.pm10.median().and_then(number),
            "medianP2": averaged.pm25.median().and_then(number),
            "leftOutReadings": self.left_out.readings,
            "leftOut": self.left_out.by_name,
        })
    }
}

/// The number of excluded readings, by reason. A reading with several reasons counts for each.
#[derive(Default)]
pub(super) struct Reasons {
    pub(super) readings: u64,
    pub(super) by_name: BTreeMap<&'static str, u64>,
}

impl Reasons {
    pub(super) fn add(&mut self, left_out: LeftOut) {
        self.readings += u64::from(!left_out.is_empty());
        left_out.names().for_each(|name| *self.by_name.entry(name).or_default() += 1);
    }

    fn merge(&mut self, other: &Self) {
        self.readings += other.readings;
        other.by_name.iter().for_each(|(name, n)| *self.by_name.entry(name).or_default() += n);
    }
}

fn add_each(sums: &mut Counts, others: &Counts) {
    others.iter().for_each(|(number, count)| *sums.entry(*number).or_default() += count);
}

impl Averaged {
    fn mean_index(&self) -> Option<Decimal> {
        let count: u64 = self.indices.values().sum();
        let of_each =
            self.indices.iter().map(|(n, count)| Decimal::from(*n) * Decimal::from(*count));
        Some(of_each.sum::<Decimal>().checked_div(count.into())?.round_dp(DECIMALS))
    }

    fn median_index(&self) -> Option<Decimal> {
        let counts = self.indices.iter().map(|(number, count)| (i64::from(*number), *count));
        median(counts).map(|twice| Decimal::from(twice) / Decimal::TWO)
    }
}

/// Values in µg/m³.
#[derive(Default)]
struct Values {
    sum: Decimal,
    /// The sum exceeded the range of a decimal: there is no mean.
    beyond: bool,
    count: u64,
    /// The count of each hundredth.
    hundredths: BTreeMap<i64, u64>,
}

impl Values {
    fn add(&mut self, value: Option<Decimal>) {
        let Some(value) = value else { return };
        self.add_sum(value);
        self.count += 1;
        let most = Decimal::from(HIGHEST);
        let mut hundredths = value.clamp(-most, most).round_dp(DECIMALS);
        hundredths.rescale(DECIMALS);
        // Values below ten thousand are small numbers.
        let hundredths = i64::try_from(hundredths.mantissa()).unwrap_or_default();
        *self.hundredths.entry(hundredths).or_default() += 1;
    }

    fn add_sum(&mut self, value: Decimal) {
        match self.sum.checked_add(value) {
            Some(sum) => self.sum = sum,
            None => self.beyond = true,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.add_sum(other.sum);
        self.beyond |= other.beyond;
        self.count += other.count;
        for (value, count) in &other.hundredths {
            *self.hundredths.entry(*value).or_default() += count;
        }
    }

    fn mean(&self) -> Option<Decimal> {
        let mean = self.sum.checked_div(self.count.into())?;
        (!self.beyond).then(|| mean.round_dp(DECIMALS))
    }

    fn median(&self) -> Option<Decimal> {
        let twice = median(self.hundredths.iter().map(|(value, count)| (*value, *count)))?;
        Some((Decimal::new(twice, DECIMALS) / Decimal::TWO).round_dp(DECIMALS))
    }
}

/// Twice the median of sorted values with counts: the sum of the two middle ones for an even total.
fn median(counts: impl Iterator<Item = (i64, u64)> + Clone) -> Option<i64> {
    let count: u64 = counts.clone().map(|(_, count)| count).sum();
    let nth = |n: u64| {
        let mut seen = 0;
        counts.clone().find_map(|(value, count)| {
            seen += count;
            (seen > n).then_some(value)
        })
    };
    Some(nth(count.checked_sub(1)? / 2)? + nth(count / 2)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use store::Window;

    use super::*;

    fn reading(sensor: u64, pm25: Decimal) -> Reading {
        let timestamp = jiff::Timestamp::UNIX_EPOCH;
        Reading { pm25: Some(pm25), ..Reading::new(sensor, Window::Day24, timestamp) }
    }

    fn tally(values: &[Decimal]) -> Tally {
        let mut tally = Tally::default();
        for (sensor, value) in (0..).zip(values) {
            let reading = reading(sensor, *value);
            let index = reading.index().map(|index| index.get().into());
            tally.add(&reading, index, LeftOut::default());
        }
        tally
    }

    proptest! {
        #[test]
        fn mean_and_median_are_those_of_a_plain_list(
            cents in proptest::collection::vec(0i64..200_000, 1..60),
            split in 0usize..60,
        ) {
            let values: Vec<_> = cents.iter().map(|cents| Decimal::new(*cents, 2)).collect();
            let mut sorted = values.clone();
            sorted.sort();
            let half = sorted.len() / 2;
            let median = (sorted[(sorted.len() - 1) / 2] + sorted[half]) / Decimal::TWO;
            let mean = values.iter().sum::<Decimal>() / Decimal::from(values.len());
            let (first, rest) = values.split_at(split.min(values.len()));
            let mut merged = tally(first);
            merged.merge(&tally(rest));
            for tally in [tally(&values), merged] {
                prop_assert_eq!(tally.averaged.pm25.median(), Some(median.round_dp(2)));
                prop_assert_eq!(tally.averaged.pm25.mean(), Some(mean.round_dp(2)));
            }
        }
    }

    #[test]
    fn nothing_has_neither_mean_nor_median_and_nothing_overflows() {
        let none = Tally::default().describe(AqiStandard::DEFAULT);
        for name in ["meanAqi", "meanP2", "medianAqi", "medianP2"] {
            assert!(none[name].is_null(), "{name}");
        }
        let most = Decimal::MAX;
        let two = tally(&[most, most, Decimal::ONE]);
        assert_eq!(two.averaged.pm25.mean(), None);
        assert_eq!(two.averaged.pm25.median(), Some(HIGHEST.into()));
    }
}
