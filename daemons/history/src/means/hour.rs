//! The hours of a sensor: what a mean needs of the samples.

use super::exact::{Sum, Term};
use super::flags::{Signs, signs_of};
use super::{Sample, VALID_SLOTS};

/// Seconds of an hour.
pub(super) const HOUR: i64 = 3600;

/// Seconds of a slot.
const SLOT: i64 = 300;

/// An hour with at least one sample.
#[derive(Debug, Clone)]
pub(super) struct Hour {
    /// Hours since 1970.
    pub(super) number: i64,
    /// Of PM10 and of PM2.5.
    pub(super) parts: [Part; 2],
    /// Samples that have PM10 or PM2.5.
    pub(super) with_any: u64,
    pub(super) signs: Signs,
}

/// What an hour has of one pollutant.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Over the slots: the sum of the samples divided by their number.
    pub(super) sum: Sum,
    /// Slots with a sample: 0 to 12.
    pub(super) slots: u32,
    pub(super) samples: u64,
}

impl Part {
    pub(super) fn is_valid(&self) -> bool {
        self.slots >= VALID_SLOTS
    }

    /// The terms of the mean of the slots.
    pub(super) fn mean(&self) -> impl Iterator<Item = Term> + Clone {
        let slots = u64::from(self.slots);
        self.sum.terms().iter().map(move |(sum, samples)| (*sum, samples * slots))
    }
}

/// Of a pollutant that a sensor measures: samples in order of time.
fn part(samples: &[Sample], pollutant: usize) -> Part {
    let (mut terms, mut number, mut all) = ([(0, 0); 12], 0, 0);
    for slot in samples.chunk_by(|one, next| slot_of(one) == slot_of(next)) {
        let (mut sum, mut count) = (0i128, 0u64);
        for value in slot.iter().filter_map(|sample| sample.values[pollutant]) {
            sum += i128::from(value.nano());
            count += 1;
        }
        if count > 0 {
            terms[number] = (sum, count); // an hour has twelve slots
            number += 1;
            all += count;
        }
    }
    Part { sum: Sum::of(&terms[..number]), slots: number as u32, samples: all }
}

fn slot_of(sample: &Sample) -> i64 {
    sample.second.div_euclid(SLOT)
}

/// The hours of samples in order of time, all of one day.
pub(super) fn hours_of(samples: &[Sample]) -> Vec<Hour> {
    let (signs, mut from) = (signs_of(samples), 0);
    let number_of = |sample: &Sample| sample.second.div_euclid(HOUR);
    let mut hours = Vec::with_capacity(24);
    for hour in samples.chunk_by(|one, next| number_of(one) == number_of(next)) {
        let mut all = Signs::default();
        signs[from..from + hour.len()].iter().for_each(|sign| all.add(sign));
        from += hour.len();
        hours.extend(hour.first().map(|first| Hour {
            number: number_of(first),
            parts: [part(hour, 0), part(hour, 1)],
            with_any: hour.len() as u64,
            signs: all,
        }));
    }
    hours
}
