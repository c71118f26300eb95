//! How plausible a sensor is: one to five stars, from its last 60 days beside its neighbours.
//!
//! This is our own definition, in the manner of the stars of RIVM's
//! [Samen Meten](https://samenmeten.nl/). It is unproven: [`RULE_VERSION`] is part of what is said
//! with it, and changes with the rule. It says how a sensor compares with those around it and how
//! often it failed, not how far it is from the truth: neighbours can be wrong together.
//!
//! Of the UTC days (`day` means) of [`DAYS`] days:
//!
//! - **valid days** have a concentration with data capture of 75 %;
//! - **faulty days** are valid ones with the flag `stuck`, `zero` or `saturated`;
//! - **deviating days** are valid ones above or below their neighbours, by the definition of
//!   [`neighbours`](crate::neighbours);
//! - **lone days** are valid ones with fewer than three neighbours;
//! - m is the median of the logarithms of its daily mean divided by the neighbours' median: the one
//!   of PM10 or of PM2.5 that is farther from zero.
//!
//! | stars | when |
//! | --- | --- |
//! | unknown | fewer than 20 valid days, or more than half of them are lone |
//! | 5 | 50 or more valid days, \|m\| ≤ ln 1.28, at most 2 % of them faulty, 5 % deviating |
//! | 4 | 40 or more, \|m\| ≤ ln 1.65, 5 %, 10 % |
//! | 3 | 20 or more, \|m\| ≤ ln 2, 10 %, 20 % |
//! | 1 | \|m\| > ln 3, or more than 20 % faulty |
//! | 2 | otherwise |
//!
//! The flags of neighbours are found anew among the given readings, so that they, m and the
//! neighbours named are of the same sensors. Ratios are compared to 20 decimals.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use aqi::{Decimal, Pollutant};
use jiff::{SignedDuration, Timestamp};
use store::{Flags, Reading, Sensor, Window};

use crate::neighbours::{Limits, Neighbours};

/// The version of the rule.
pub const RULE_VERSION: u32 = 1;

/// The number of days that are looked at.
pub const DAYS: i64 = 60;

/// The fewest valid days that are rated.
const LEAST_DAYS: usize = 20;

const FAULTS: [Flags; 3] = [Flags::STUCK, Flags::ZERO, Flags::SATURATED];
const DEVIATIONS: [Flags; 2] = [Flags::ABOVE_NEIGHBOURS, Flags::BELOW_NEIGHBOURS];

/// What a number of stars requires, in the order of the table.
struct Class {
    stars: u8,
    valid_days: usize,
    /// The greatest factor between a sensor and its neighbours, in hundredths.
    hundredths: i64,
    faulty_percent: usize,
    deviating_percent: usize,
}

static CLASSES: [Class; 3] = [
    Class { stars: 5, valid_days: 50, hundredths: 128, faulty_percent: 2, deviating_percent: 5 },
    Class { stars: 4, valid_days: 40, hundredths: 165, faulty_percent: 5, deviating_percent: 10 },
    Class { stars: 3, valid_days: 20, hundredths: 200, faulty_percent: 10, deviating_percent: 20 },
];

/// Beyond this factor, or this percentage of faulty days, a sensor has one star.
const WORST_HUNDREDTHS: i64 = 300;
const WORST_FAULTY_PERCENT: usize = 20;

/// How plausible a sensor is, and why. `Display` is the reason in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Plausibility {
    /// 1 to 5; none if unknown.
    pub stars: Option<u8>,
    /// The first day that was looked at begins then, UTC.
    pub from: Timestamp,
    /// The last day that was looked at ends then, UTC.
    pub until: Timestamp,
    /// Days with data capture of 75 %.
    pub valid_days: usize,
    /// Valid days with a flag of the sensor's own: stuck, zero or saturated.
    pub faulty_days: usize,
    /// Valid days above or below the neighbours.
    pub deviating_days: usize,
    /// Valid days with fewer than three neighbours.
    pub lone_days: usize,
    /// The sensor beside its neighbours; none if all days are lone.
    pub ratio: Option<Ratio>,
    /// Every sensor that was a neighbour on a valid day, in order, with the number of these days.
    pub neighbours: Vec<(Sensor, usize)>,
}

/// The daily means of a sensor divided by the medians of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The pollutant that is farther from its neighbours.
    pub pollutant: Pollutant,
    /// The number of days with both.
    pub days: usize,
    /// The square of the median ratio: the product of the two in the middle.
    square: Decimal,
}

impl Plausibility {
    /// Of the [`DAYS`] days until a moment: `days` are means of the sensor's UTC days, `around`
    /// those of the sensors around it. Readings of other times and averaging periods are ignored,
    /// the order does not matter, and of several of a sensor and a day the last one is taken.
    pub fn of(days: &[Reading], around: &[Reading], until: Timestamp, limits: &Limits) -> Self {
        let span = SignedDuration::from_hours(DAYS * 24);
        let from = until.saturating_sub(span).unwrap_or(Timestamp::MIN);
        let is_of_span = |reading: &&Reading| {
            reading.window == Window::Day && from < reading.timestamp && reading.timestamp <= until
        };
        let days = days.iter().filter(is_of_span).map(|reading| (reading.timestamp, reading));
        let days: BTreeMap<_, _> = days.collect();
        let mut others: HashMap<Timestamp, BTreeMap<Sensor, &Reading>> = HashMap::new();
        for reading in around.iter().filter(is_of_span) {
            others.entry(reading.timestamp).or_default().insert(reading.sensor, reading);
        }

        let mut found = Self { from, until, ..Self::nothing() };
        let (mut ratios, mut neighbours) = ([Vec::new(), Vec::new()], BTreeMap::new());
        for reading in days.into_values().filter(|reading| is_valid(reading)) {
            let flags = reading.flags();
            let beside = others.get(&reading.timestamp).into_iter().flat_map(BTreeMap::values);
            let beside = Neighbours::of(reading, beside.copied(), limits);
            found.valid_days += 1;
            found.faulty_days += usize::from(FAULTS.iter().any(|flag| flags.contains(*flag)));
            found.deviating_days +=
                usize::from(DEVIATIONS.iter().any(|flag| beside.flags.contains(*flag)));
            let own = [reading.pm10, reading.pm25];
            let pairs = own.into_iter().zip(beside.medians).map(|(own, median)| own.zip(median));
            let mut is_lone = true;
            for (ratios, pair) in ratios.iter_mut().zip(pairs) {
                is_lone &= pair.is_none();
                let pair = pair.filter(|(own, _)| *own >= Decimal::ZERO);
                ratios.extend(pair.and_then(|(own, median)| own.checked_div(median)));
            }
            found.lone_days += usize::from(is_lone);
            for sensor in beside.sensors {
                *neighbours.entry(sensor).or_default() += 1;
            }
        }
        found.neighbours = neighbours.into_iter().collect();
        let [pm10, pm25] = ratios;
        let each = [Ratio::of(Pollutant::Pm10, pm10), Ratio::of(Pollutant::Pm25, pm25)];
        found.ratio = each.into_iter().flatten().reduce(Ratio::worse);
        found.stars = found.rated();
        found
    }

    fn nothing() -> Self {
        Self {
            stars: None,
            from: Timestamp::MIN,
            until: Timestamp::MIN,
            valid_days: 0,
            faulty_days: 0,
            deviating_days: 0,
            lone_days: 0,
            ratio: None,
            neighbours: Vec::new(),
        }
    }

    fn rated(&self) -> Option<u8> {
        if self.valid_days < LEAST_DAYS || 2 * self.lone_days > self.valid_days {
            return None;
        }
        let class = CLASSES.iter().find(|class| self.misses(class).is_empty());
        let is_worst = !self.is_within(WORST_HUNDREDTHS)
            || self.exceeds(self.faulty_days, WORST_FAULTY_PERCENT);
        Some(class.map_or(if is_worst { 1 } else { 2 }, |class| class.stars))
    }

    /// What is missing for a class.
    fn misses(&self, class: &Class) -> Vec<String> {
        let mut missing = Vec::new();
        if self.valid_days < class.valid_days {
            missing.push(format!("{} valid days", class.valid_days));
        }
        if !self.is_within(class.hundredths) {
            let factor = Decimal::new(class.hundredths, 2).normalize();
            missing.push(format!("a factor of at most {factor} from its neighbours"));
        }
        if self.exceeds(self.faulty_days, class.faulty_percent) {
            missing.push(format!("at most {} % faulty days", class.faulty_percent));
        }
        if self.exceeds(self.deviating_days, class.deviating_percent) {
            let percent = class.deviating_percent;
            missing.push(format!("at most {percent} % of days above or below its neighbours"));
        }
        missing
    }

    fn is_within(&self, hundredths: i64) -> bool {
        self.ratio.is_some_and(|ratio| ratio.is_within(hundredths))
    }

    fn exceeds(&self, days: usize, percent: usize) -> bool {
        100 * days > percent * self.valid_days
    }
}

/// Whether a day has a concentration with sufficient data capture.
pub(crate) fn is_valid(reading: &Reading) -> bool {
    !reading.flags().intersects(Flags::LOW_CAPTURE.union(Flags::COUNTS))
}

impl Ratio {
    fn of(pollutant: Pollutant, mut ratios: Vec<Decimal>) -> Option<Self> {
        ratios.sort_unstable();
        let days = ratios.len();
        let lower = ratios.get(days.checked_sub(1)? / 2)?;
        let square = lower.checked_mul(*ratios.get(days / 2)?)?;
        Some(Self { pollutant, days, square })
    }

    fn worse(self, other: Self) -> Self {
        match other.distance() > self.distance() {
            true => other,
            false => self,
        }
    }

    /// m: the natural logarithm of [`factor`](Self::factor), to be shown.
    pub fn m(&self) -> f64 {
        self.factor().ln()
    }

    /// The median ratio, to be shown: above one, the sensor reads more than its neighbours.
    pub fn factor(&self) -> f64 {
        f64::try_from(self.square).unwrap_or_default().sqrt()
    }

    /// Of the square from one, upwards or downwards alike; the greatest of a ratio of zero.
    fn distance(&self) -> Decimal {
        let inverse = Decimal::ONE.checked_div(self.square).unwrap_or(Decimal::MAX);
        self.square.max(inverse)
    }

    /// Whether |m| is at most the logarithm of a factor.
    fn is_within(&self, hundredths: i64) -> bool {
        let limit = Decimal::new(hundredths * hundredths, 4);
        let inverse = self.square.checked_mul(limit).map(|product| product.round_dp(DECIMALS));
        self.square.round_dp(DECIMALS) <= limit
            && inverse.is_none_or(|product| product >= Decimal::ONE)
    }
}

/// A quotient of two decimals is rounded at the 28th digit; one that is equal to a limit is equal
/// to this many decimals.
const DECIMALS: u32 = 20;

impl fmt::Display for Plausibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { valid_days, faulty_days, deviating_days, lone_days, .. } = self;
        if *valid_days < LEAST_DAYS {
            return write!(
                f,
                "unknown: {valid_days} of the last {DAYS} days are valid; {LEAST_DAYS} are needed"
            );
        }
        if 2 * lone_days > *valid_days {
            return write!(
                f,
                "unknown: on {lone_days} of {valid_days} valid days there were fewer than three \
                 outdoor sensors within 10 km"
            );
        }
        write!(f, "{valid_days} of the last {DAYS} days are valid")?;
        if let Some(ratio) = self.ratio {
            let name = ratio.pollutant.name();
            write!(f, "; {name} is {:.2} times that of its neighbours", ratio.factor())?;
        }
        write!(
            f,
            "; {faulty_days} faulty days (stuck, zero or saturated); {deviating_days} days above \
             or below its neighbours"
        )?;
        let next = CLASSES.iter().rfind(|class| self.stars.is_some_and(|own| own < class.stars));
        match next {
            Some(next) => write!(f, ". {} stars need {}", next.stars, self.misses(next).join(", ")),
            None => Ok(()),
        }
    }
}
