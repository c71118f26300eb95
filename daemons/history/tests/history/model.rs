//! The rule in its own words: rationals of any size, and lists searched from end to end.

use std::collections::{BTreeMap, BTreeSet};

use airshed_history::{Fixed, Mean, Sample, Source};
use aqi::Decimal;
use num_bigint::BigInt;
use num_rational::BigRational;
use store::{Flags, Window};

const NANO: i64 = 1_000_000_000;

pub(super) struct Model {
    samples: BTreeSet<Sample>,
    source: Source,
    /// By hour since 1970.
    hours: BTreeMap<i64, Hour>,
}

struct Hour {
    samples: Vec<Sample>,
    /// Samples that are zero, and in runs; whether any is saturated, and a spike.
    signs: (usize, usize, bool, bool),
    /// For each pollutant the number of slots, and the mean of their means.
    slots: [(usize, BigRational); 2],
}

impl Model {
    pub(super) fn new(samples: &[Sample], source: Source) -> Self {
        let with_value = samples.iter().filter(|sample| sample.values != [None, None]);
        let samples: BTreeSet<_> = with_value.copied().collect();
        let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
        for day in by(86_400, &samples).values() {
            for (hour, of_hour) in by(3600, day) {
                let signs = signs(day, &of_hour);
                let slots = [0, 1].map(|pollutant| slots(&of_hour, pollutant));
                hours.insert(hour, Hour { samples: of_hour, signs, slots });
            }
        }
        Self { samples, source, hours }
    }

    pub(super) fn collided(&self) -> usize {
        let seconds: BTreeSet<_> = self.samples.iter().map(|sample| sample.second).collect();
        self.samples.len() - seconds.len()
    }

    pub(super) fn of_day(&self, day: i64) -> Vec<Mean> {
        let hours = || self.hours.range(day * 24..day * 24 + 24).map(|(hour, _)| *hour);
        let each = |window| hours().map(move |hour| (window, hour));
        let whole = hours().next().map(|_| (Window::Day, day * 24 + 23));
        let all = each(Window::Hour).chain(whole).chain(each(Window::Day24));
        all.filter_map(|(window, last)| self.mean(window, last)).collect()
    }

    /// Over the hours up to one.
    fn mean(&self, window: Window, last: i64) -> Option<Mean> {
        let (hours, needed) = if window == Window::Hour { (1, 9) } else { (24, 18) };
        let hours: Vec<_> =
            self.hours.range(last + 1 - hours..=last).map(|(_, hour)| hour).collect();
        let counts = |hour: &Hour, pollutant: usize| {
            hour.slots[pollutant].0 >= if window == Window::Hour { 1 } else { 9 }
        };
        let counting = |pollutant| hours.iter().filter(move |hour| counts(hour, pollutant));
        let capture = [0, 1].map(|pollutant| match window {
            Window::Hour => hours[0].slots[pollutant].0,
            _ => counting(pollutant).count(),
        });
        let is_any_valid = capture.iter().any(|there| *there >= needed);
        let given = capture.map(|there| there >= if is_any_valid { needed } else { 1 });
        let most = capture.iter().zip(given).filter(|(_, is_given)| *is_given);
        let most = *most.map(|(there, _)| there).max()?;
        let value = |pollutant: usize| {
            let of = counting(pollutant).map(|hour| hour.slots[pollutant].1.clone());
            cut(mean(&of.collect::<Vec<_>>()))
        };
        let went_in = |hour: &Hour, sample: &&Sample| {
            (0..2).any(|n| sample.values[n].is_some() && given[n] && counts(hour, n))
        };
        let samples =
            hours.iter().map(|hour| hour.samples.iter().filter(|s| went_in(hour, s)).count());
        Some(Mean {
            window,
            end: (last + 1) * 3600,
            values: [0, 1].map(|pollutant| given[pollutant].then(|| value(pollutant))),
            hours: most as u32,
            samples: samples.sum::<usize>() as u32,
            flags: self.flags(&hours),
        })
    }

    fn flags(&self, hours: &[&Hour]) -> Flags {
        let samples = hours.iter().map(|hour| hour.samples.len()).sum::<usize>();
        let zeros = hours.iter().map(|hour| hour.signs.0).sum::<usize>();
        let set = [
            (Flags::SATURATED, hours.iter().any(|hour| hour.signs.2)),
            (
                Flags::ZERO,
                self.source == Source::Decimals && zeros > 0 && zeros * 100 >= samples * 5,
            ),
            (Flags::STUCK, hours.iter().map(|hour| hour.signs.1).sum::<usize>() >= 24),
            (Flags::SPIKE, hours.iter().any(|hour| hour.signs.3)),
        ];
        let set = set.into_iter().filter(|(_, is_set)| *is_set && self.source != Source::Counts);
        set.fold(Flags::NONE, |flags, (flag, _)| flags.union(flag))
    }
}

/// Samples by their time divided by seconds.
fn by<'a>(
    seconds: i64,
    samples: impl IntoIterator<Item = &'a Sample>,
) -> BTreeMap<i64, Vec<Sample>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for sample in samples {
        all.entry(sample.second.div_euclid(seconds)).or_default().push(*sample);
    }
    all
}

/// Of the samples of an hour, within those of its day.
fn signs(day: &[Sample], of_hour: &[Sample]) -> (usize, usize, bool, bool) {
    let nano = |sample: &Sample, n: usize| sample.values[n].map(Fixed::nano);
    let any = |sample: &Sample, is: &dyn Fn(usize, i64) -> bool| {
        (0..2).any(|n| nano(sample, n).is_some_and(|value| is(n, value)))
    };
    let (mut zeros, mut in_runs, mut saturated, mut spike) = (0, 0, false, false);
    for sample in of_hour {
        zeros += usize::from(any(sample, &|_, value| value == 0));
        saturated |= any(sample, &|n, value| value >= [1900, 900][n] * NANO);
        let at = day.binary_search(sample).unwrap();
        let equal = |other: &&Sample| other.values == sample.values;
        let before = day[..at].iter().rev().take_while(equal).count();
        let run = before + day[at..].iter().take_while(equal).count();
        in_runs += usize::from(run >= 6);
        for pollutant in 0..2 {
            let Some(value) = nano(sample, pollutant) else { continue };
            let before = day[..at].iter().rev().filter_map(|other| nano(other, pollutant)).take(5);
            let after = day[at + 1..].iter().filter_map(|other| nano(other, pollutant)).take(5);
            let mut values: Vec<_> = before.chain([value]).chain(after).collect();
            values.sort_unstable();
            let middle = [values[(values.len() - 1) / 2], values[values.len() / 2]];
            let median = mean(&middle.map(rational));
            let more = rational([50, 25][pollutant] * NANO);
            spike |= rational(value) > &median * rational(5) && rational(value) > median + more;
        }
    }
    (zeros, in_runs, saturated, spike)
}

/// The number of slots that have a sample, and the mean of their means.
fn slots(samples: &[Sample], pollutant: usize) -> (usize, BigRational) {
    let with_value = samples.iter().filter(|sample| sample.values[pollutant].is_some());
    let slots = by(300, with_value).into_values().map(|slot| {
        let values =
            slot.iter().filter_map(|sample| Some(rational(sample.values[pollutant]?.nano())));
        mean(&values.collect::<Vec<_>>())
    });
    let means: Vec<_> = slots.collect();
    (means.len(), if means.is_empty() { rational(0) } else { mean(&means) })
}

fn mean(values: &[BigRational]) -> BigRational {
    values.iter().sum::<BigRational>() / rational(values.len() as i64)
}

fn rational(integer: i64) -> BigRational {
    BigRational::from_integer(BigInt::from(integer))
}

/// From 10⁻⁹ µg/m³.
fn cut(mean: BigRational) -> Decimal {
    let millionths = (mean / rational(1000)).to_integer(); // towards zero
    Decimal::new(i64::try_from(millionths).unwrap(), 6).normalize()
}
