//! Counts of how two indices agree, by day, and how sure they are.

use std::collections::BTreeMap;

use jiff::civil::Date;
use store::AqiStandard;

/// An alarm is an index of at least so much.
pub(crate) const THRESHOLDS: [u32; 5] = [2, 3, 4, 7, 10];

/// The place of 4 among them.
pub(crate) const FOUR: usize = 2;

/// The place of 7 among them.
pub(crate) const HIGH: usize = 3;

/// The number of resamples of an interval.
const RESAMPLES: usize = 1000;

const SEED: u64 = 23;

/// What is counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) cases: u64,
    pub(crate) same: u64,
    pub(crate) within_one: u64,
    pub(crate) same_band: u64,
    pub(crate) hits: [u64; THRESHOLDS.len()],
    pub(crate) misses: [u64; THRESHOLDS.len()],
    pub(crate) false_alarms: [u64; THRESHOLDS.len()],
    /// Of the index, PM10 and PM2.5: cases with a range, and those inside.
    pub(crate) ranged: [u64; 3],
    pub(crate) inside: [u64; 3],
    /// The sum of the widths of the ranges of the index.
    pub(crate) width: u64,
}

impl Tally {
    /// An index beside the official one.
    pub(crate) fn compare(&mut self, index: u32, official: u32) {
        let band = |index| AqiStandard::DEFAULT.category_of(index).from;
        self.cases += 1;
        self.same += u64::from(index == official);
        self.within_one += u64::from(index.abs_diff(official) <= 1);
        self.same_band += u64::from(band(index) == band(official));
        for (place, threshold) in THRESHOLDS.into_iter().enumerate() {
            let counter = match (index >= threshold, official >= threshold) {
                (true, true) => &mut self.hits,
                (false, true) => &mut self.misses,
                (true, false) => &mut self.false_alarms,
                (false, false) => continue,
            };
            counter[place] += 1;
        }
    }

    /// A range beside an official value: of the index (0), PM10 (1) or PM2.5 (2).
    pub(crate) fn range<T: PartialOrd>(&mut self, of: usize, (low, high): (T, T), official: T) {
        self.ranged[of] += 1;
        self.inside[of] += u64::from(low <= official && official <= high);
    }

    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.same += other.same;
        self.within_one += other.within_one;
        self.same_band += other.same_band;
        self.width += other.width;
        for (sums, others) in [
            (&mut self.hits, &other.hits),
            (&mut self.misses, &other.misses),
            (&mut self.false_alarms, &other.false_alarms),
        ] {
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        }
        for (sums, others) in [(&mut self.ranged, &other.ranged), (&mut self.inside, &other.inside)]
        {
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        }
    }

    /// The critical success index at a threshold; none without any event or alarm.
    pub(crate) fn csi(&self, place: usize) -> Option<f64> {
        let all = self.hits[place] + self.misses[place] + self.false_alarms[place];
        ratio(self.hits[place], all)
    }

    /// The share of alarms that are right.
    pub(crate) fn right(&self, place: usize) -> Option<f64> {
        ratio(self.hits[place], self.hits[place] + self.false_alarms[place])
    }

    /// The share of ranges that hold the official value.
    pub(crate) fn coverage(&self, of: usize) -> Option<f64> {
        ratio(self.inside[of], self.ranged[of])
    }

    pub(crate) fn mean_width(&self) -> Option<f64> {
        ratio(self.width, self.ranged[0])
    }
}

pub(crate) fn ratio(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// A tally of each day.
#[derive(Debug, Clone, Default)]
pub(crate) struct Days(BTreeMap<Date, Tally>);

impl Days {
    pub(crate) fn on(&mut self, date: Date) -> &mut Tally {
        self.0.entry(date).or_default()
    }

    pub(crate) fn has(&self, date: Date) -> bool {
        self.0.contains_key(&date)
    }

    /// The whole and its resamples: days drawn with replacement, as many as there are. What happens
    /// on one day stays together, since its sensors and stations see the same air.
    pub(crate) fn resampled(&self) -> Resampled {
        let days: Vec<_> = self.0.values().filter(|tally| tally.cases > 0).collect();
        let sum = |days: &mut dyn Iterator<Item = &Tally>| {
            let mut sum = Tally::default();
            days.for_each(|day| sum.add(day));
            sum
        };
        let mut random = fastrand::Rng::with_seed(SEED);
        let draw = |_| {
            let mut drawn = (0..days.len()).map(|_| days[random.usize(..days.len())]);
            sum(&mut drawn)
        };
        let resamples = (0..RESAMPLES).map(draw).collect();
        Resampled { days: days.len(), whole: sum(&mut days.iter().copied()), resamples }
    }
}

/// The sum of all days, and those of days drawn at random.
pub(crate) struct Resampled {
    pub(crate) days: usize,
    pub(crate) whole: Tally,
    resamples: Vec<Tally>,
}

impl Resampled {
    /// A measure, with the interval that holds 95 % of the resamples which have it.
    pub(crate) fn measure(&self, of: impl Fn(&Tally) -> Option<f64>) -> Option<(f64, f64, f64)> {
        let whole = of(&self.whole)?;
        let mut all: Vec<_> = self.resamples.iter().filter_map(&of).collect();
        all.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * all.len().saturating_sub(1) as f64).round();
            all.get(place as usize).copied().unwrap_or(whole)
        };
        Some((whole, at(0.025), at(0.975)))
    }
}
