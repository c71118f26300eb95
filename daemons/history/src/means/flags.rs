//! What samples say about a mean that the mean itself does not.

use store::Flags;

use super::Sample;

/// 10⁻⁹ µg/m³ in one.
const ONE: i64 = 1_000_000_000;

/// From which value on a sample is saturated: PM10, PM2.5.
const SATURATED: [i64; 2] = [1900 * ONE, 900 * ONE];

/// By how much a spike is above the median: PM10, PM2.5.
const SPIKE: [i64; 2] = [50 * ONE, 25 * ONE];

/// The number of samples before and after one that its median takes.
const AROUND: usize = 5;

/// The shortest run of equal samples that counts.
const RUN: usize = 6;

/// The number of samples in such runs that makes a mean stuck.
const STUCK: u64 = 24;

/// What is counted of the samples of some hours.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signs {
    pub(super) samples: u64,
    zeros: u64,
    in_runs: u64,
    saturated: bool,
    spike: bool,
}

impl Signs {
    pub(super) fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.zeros += other.zeros;
        self.in_runs += other.in_runs;
        self.saturated |= other.saturated;
        self.spike |= other.spike;
    }

    pub(super) fn flags(&self, zero_is_a_fault: bool) -> Flags {
        let is_zero = zero_is_a_fault && self.zeros > 0 && self.zeros * 20 >= self.samples;
        let when = [
            (Flags::SATURATED, self.saturated),
            (Flags::ZERO, is_zero),
            (Flags::STUCK, self.in_runs >= STUCK),
            (Flags::SPIKE, self.spike),
        ];
        let set = when.into_iter().filter(|(_, is_set)| *is_set);
        set.fold(Flags::NONE, |flags, (flag, _)| flags.union(flag))
    }
}

/// The signs of each of a day's samples, which are in order of time.
pub(super) fn signs_of(samples: &[Sample]) -> Vec<Signs> {
    let sign = |sample: &Sample| {
        let values = || sample.values.into_iter().zip(SATURATED);
        let any = |is: fn(i64, i64) -> bool| {
            values().any(|(value, limit)| value.is_some_and(|value| is(value.nano(), limit)))
        };
        Signs {
            samples: 1,
            zeros: u64::from(any(|value, _| value == 0)),
            saturated: any(|value, limit| value >= limit),
            ..Signs::default()
        }
    };
    let mut signs: Vec<_> = samples.iter().map(sign).collect();
    let mut from = 0;
    for run in samples.chunk_by(|one, next| one.values == next.values) {
        if run.len() >= RUN {
            signs[from..from + run.len()].iter_mut().for_each(|sign| sign.in_runs = 1);
        }
        from += run.len();
    }
    for (pollutant, more) in SPIKE.into_iter().enumerate() {
        mark_spikes(samples, pollutant, more, &mut signs);
    }
    signs
}

/// Samples without the pollutant are no neighbours.
fn mark_spikes(samples: &[Sample], pollutant: usize, more: i64, signs: &mut [Signs]) {
    let with_value = samples.iter().enumerate();
    let with_value =
        with_value.filter_map(|(n, sample)| Some((n, sample.values[pollutant]?.nano())));
    let values: Vec<(usize, i64)> = with_value.collect();
    let Some(lowest) = values.iter().map(|(_, value)| *value).min() else { return };
    for (at, (number, value)) in values.iter().enumerate() {
        // No median is below the lowest: most samples end here.
        if i128::from(*value) - i128::from(lowest) <= i128::from(more) {
            continue;
        }
        let around = &values[at.saturating_sub(AROUND)..(at + AROUND + 1).min(values.len())];
        let twice_median = twice_median(around);
        let twice = 2 * i128::from(*value);
        if twice > 5 * twice_median && twice - twice_median > 2 * i128::from(more) {
            signs[*number].spike = true;
        }
    }
}

/// Of an even number of values, the median is the mean of the two in the middle.
fn twice_median(around: &[(usize, i64)]) -> i128 {
    let mut sorted = [i64::MAX; 2 * AROUND + 1];
    for (to, (_, value)) in sorted.iter_mut().zip(around) {
        *to = *value;
    }
    sorted.sort_unstable();
    let (lower, upper) = ((around.len() - 1) / 2, around.len() / 2); // not empty: it has the sample
    i128::from(sorted[lower]) + i128::from(sorted[upper])
}
