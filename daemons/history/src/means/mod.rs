//! Averages the samples of one sensor.
//!
//! - A **slot** is the five-minute interval \[t, t + 300 s), aligned to UTC; its mean is that of
//!   its samples. An **hour** is the mean of its slots, valid with 9 or more of 12. A **day** (UTC
//!   calendar day) and a **24 h** mean (ending at a full hour) are the mean of their valid hours,
//!   valid with 18 or more of 24.
//! - Data capture is judged per pollutant. If only one pollutant is valid, the mean has only that
//!   one. If neither is, the mean has low [capture](Mean::low_capture): an hour is the mean of the
//!   available slots, a day or 24 h mean that of the valid hours. Without a valid hour there is no
//!   day or 24 h mean; these are [counted](Means::without_mean).
//! - Every hour with a sample has a mean, and a 24 h mean ends with every such hour: a sensor that
//!   has stopped reporting gets no further 24 h means.
//! - A mean is an exact fraction, truncated to six decimals of a µg/m³, so it never crosses a limit
//!   with fewer decimals. No floating-point numbers are used.
//! - Samples with the same second and values count once. Different samples of the same second both
//!   count: some sensors have two streams. The order of the samples does not matter.
//! - Runs and medians ([`Flags::STUCK`], [`Flags::SPIKE`]) are computed within a UTC day, in order of time and, within
//!   a second, of the values. A sample's neighbours may thus be in another hour, but not in another
//!   day. Hours, days and 24 h means count the marked samples within them, including those in
//!   invalid hours. A day's flags are therefore the same whether or not the next day is known, and
//!   the 24 h mean that ends at midnight has the flags of the day.
//!
//! [`DaySamples`] collects the samples of a sensor and day, and returns its [`Means`].

mod exact;
mod flags;
mod hour;

use aqi::Decimal;
use store::{Flags, SensorType, Window};

use crate::Fixed;

use hour::{HOUR, Hour};

/// The number of slots that makes an hour valid, of 12.
const VALID_SLOTS: u32 = Window::Hour.least_hours().expect("a mean of slots");

/// The number of valid hours that makes a day or 24 h valid, of 24.
const VALID_HOURS: u32 = Window::Day.least_hours().expect("a mean of hours");

const DAY_HOURS: i64 = 24;

/// What a sensor measured at a moment; 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sample {
    /// UTC seconds since 1970.
    pub second: i64,
    /// PM10 and PM2.5, in µg/m³; temperature in °C and humidity in % for [climate](ClimateHour).
    pub values: [Option<Fixed>; 2],
}

/// The kind of a sensor's values, on which flags depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// µg/m³ with decimals: zero is a sign of a failed fan.
    Decimals,
    /// Whole µg/m³ (HPM and the PMS family): zero is clean air.
    WholeNumbers,
    /// Particle counts (PPD42NS): limits in µg/m³ do not apply, so there are no flags.
    Counts,
}

impl Source {
    /// By model.
    pub fn of(model: SensorType) -> Self {
        match () {
            () if model.counts_particles() => Self::Counts,
            () if model.publishes_whole_numbers() => Self::WholeNumbers,
            () => Self::Decimals,
        }
    }
}

/// The samples of one sensor in one UTC day, in any order.
///
/// ```
/// use airshed_history::{DaySamples, Fixed, Sample, Source};
/// use store::Window;
///
/// let mut samples = DaySamples::new(0); // 1970-01-01
/// for minute in 0..50 {
///     let values = [Fixed::parse(b"20.5").ok(), Fixed::parse(b"8").ok()];
///     assert!(samples.add(Sample { second: 60 * minute, values }));
/// }
/// let means = samples.means(None, Source::Decimals).means;
/// let hour = &means[0];
/// assert_eq!((hour.window, hour.end, hour.hours, hour.samples), (Window::Hour, 3600, 10, 50));
/// assert_eq!(hour.values[0], Some("20.5".parse()?));
/// assert!(!hour.low_capture() && means[1].window == Window::Day && means[1].low_capture());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DaySamples {
    /// UTC seconds since 1970.
    midnight: i64,
    samples: Vec<Sample>,
}

impl DaySamples {
    /// Of the day with a number, counted from 1 January 1970.
    pub fn new(day: i32) -> Self {
        Self { midnight: i64::from(day) * DAY_HOURS * HOUR, samples: Vec::new() }
    }

    /// Adds a sample. False, and nothing is added, if it is of another day or has no value.
    #[inline]
    pub fn add(&mut self, sample: Sample) -> bool {
        let is_of_day =
            (0..DAY_HOURS * HOUR).contains(&sample.second.saturating_sub(self.midnight));
        let is_added = is_of_day && sample.values.iter().any(Option::is_some);
        if is_added {
            self.samples.push(sample);
        }
        is_added
    }

    /// Whether it has no sample.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The means of the hours and the day; and, if the hours of the previous day are given
    /// ([`Hours::default`] if there are none), the 24 h means that end within the day.
    pub fn means(self, before: Option<&Hours>, source: Source) -> Means {
        let midnight = self.midnight;
        let Ordered { samples, repeated, collided } = self.ordered();
        let hours = hour::hours_of(&samples);
        let mut means =
            Means { samples: samples.len() as u64, repeated, collided, ..Means::default() };
        means.means.extend(hours.iter().map(|hour| of_hour(hour, source)));
        let first = midnight.div_euclid(HOUR);
        let windows = before.map(|before| {
            let known = before.0.iter().filter(|hour| hour.number < first);
            known.chain(&hours).collect::<Vec<_>>()
        });
        let all: Vec<_> = hours.iter().collect();
        let day = (!all.is_empty()).then_some((Window::Day, first + DAY_HOURS, &*all));
        let windows = windows.as_deref().unwrap_or_default();
        let day24 = hours.iter().map(|last| {
            let from = windows.partition_point(|hour| hour.number <= last.number - DAY_HOURS);
            let until = windows.partition_point(|hour| hour.number <= last.number);
            (Window::Day24, last.number + 1, windows.get(from..until).unwrap_or_default())
        });
        for (window, end, hours) in day.into_iter().chain(day24.filter(|_| before.is_some())) {
            match of_hours(window, end, hours, source) {
                Some(mean) => means.means.push(mean),
                None => means.without_mean += 1,
            }
        }
        let next = hours.into_iter().filter(|hour| hour.number > first);
        means.hours = Hours(next.collect());
        means
    }

    /// The hours of a sensor of temperature and humidity.
    pub fn climate(self) -> Vec<ClimateHour> {
        let hours = hour::hours_of(&self.ordered().samples);
        let climate = hours.iter().map(|hour| {
            let mean = of_hour(hour, Source::Counts);
            let [temperature, humidity] = mean.values;
            let Mean { end, hours: slots, samples, .. } = mean;
            ClimateHour { end, temperature, humidity, slots, samples }
        });
        climate.collect()
    }

    fn ordered(self) -> Ordered {
        let mut samples = self.samples;
        samples.sort_unstable();
        let all = samples.len();
        samples.dedup();
        let seconds = samples.chunk_by(|one, next| one.second == next.second).count();
        Ordered {
            repeated: (all - samples.len()) as u64,
            collided: (samples.len() - seconds) as u64,
            samples,
        }
    }
}

/// Samples in order of time, none of them twice.
struct Ordered {
    samples: Vec<Sample>,
    repeated: u64,
    collided: u64,
}

/// The last 23 hours of a day, which the 24 h that end within the next day need.
#[derive(Debug, Clone, Default)]
pub struct Hours(Vec<Hour>);

impl Hours {
    /// Whether no hour is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The newest, in hours since 1970.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.0.last().map(|hour| hour.number)
    }
}

/// The means of a sensor's day.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// The hours, then the day, then the 24 h, each in order of time.
    pub means: Vec<Mean>,
    /// For the next day's [`DaySamples::means`].
    pub hours: Hours,
    /// Different samples.
    pub samples: u64,
    /// Repeated samples, with the same second and values; they count once.
    pub repeated: u64,
    /// Samples beyond the first in the same second, with other values; all count.
    pub collided: u64,
    /// Days and 24 h that have samples and no valid hour.
    pub without_mean: u64,
}

/// One mean of one sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mean {
    /// An hour, a day or 24 h.
    pub window: Window,
    /// The end of the window: UTC seconds since 1970.
    pub end: i64,
    /// PM10 and PM2.5 in µg/m³, cut to six decimals; at least one is there.
    pub values: [Option<Decimal>; 2],
    /// Data capture: the number of valid hours, or of slots for an hour; the larger one of the
    /// pollutants given in `values`.
    pub hours: u32,
    /// The number of samples with at least one value that went into the mean: those of all slots
    /// for an hour, of the valid hours otherwise.
    pub samples: u32,
    /// The quality flags from its samples.
    pub flags: Flags,
}

impl Mean {
    /// Whether neither pollutant is valid: there are concentrations, but no index should be given.
    pub fn low_capture(&self) -> bool {
        self.hours < if self.window == Window::Hour { VALID_SLOTS } else { VALID_HOURS }
    }
}

/// One hour of a sensor of temperature and humidity, by the same slots and data capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClimateHour {
    /// The end of the hour: UTC seconds since 1970.
    pub end: i64,
    /// In °C, cut to six decimals.
    pub temperature: Option<Decimal>,
    /// Relative humidity in %, cut to six decimals.
    pub humidity: Option<Decimal>,
    /// The slots in the mean; of the values that are given, the larger number.
    pub slots: u32,
    /// The samples in the mean.
    pub samples: u32,
}

/// Which of two pollutants a mean has, by the data capture of each; none if there is nothing.
fn given(capture: [u32; 2], needed: u32) -> Option<[bool; 2]> {
    let valid = capture.map(|there| there >= needed);
    let some = if valid == [false, false] { capture.map(|there| there > 0) } else { valid };
    (some != [false, false]).then_some(some)
}

fn of_hour(hour: &Hour, source: Source) -> Mean {
    let slots = hour.parts.each_ref().map(|part| part.slots);
    // Every sample has a value, so there is something.
    let given = given(slots, VALID_SLOTS).unwrap_or_default();
    let hours = [hour];
    mean_of(Window::Hour, hour.number + 1, &hours, given, slots, source, |_| true)
}

fn of_hours(window: Window, end: i64, hours: &[&Hour], source: Source) -> Option<Mean> {
    let valid = [0, 1].map(|pollutant| {
        hours.iter().filter(|hour| hour.parts[pollutant].is_valid()).count() as u32 // at most 24
    });
    let given = given(valid, VALID_HOURS)?;
    Some(mean_of(window, end, hours, given, valid, source, hour::Part::is_valid))
}

/// The mean of the parts of hours that count, with the pollutants that are given.
fn mean_of(
    window: Window,
    end: i64,
    hours: &[&Hour],
    given: [bool; 2],
    capture: [u32; 2],
    source: Source,
    counts: impl Fn(&hour::Part) -> bool + Copy,
) -> Mean {
    let value = |pollutant: usize| {
        let parts = hours.iter().map(move |hour| &hour.parts[pollutant]);
        let parts = parts.filter(move |part| part.slots > 0 && counts(part));
        let number = parts.clone().count() as u64;
        // From 10⁻⁹ µg/m³ to 10⁻⁶.
        let cut = exact::cut(parts.flat_map(hour::Part::mean), number.max(1) * 1000);
        // At most 9·10¹⁵, like the samples.
        Decimal::new(i64::try_from(cut).unwrap_or_default(), 6).normalize()
    };
    let samples = hours.iter().map(|hour| {
        let [pm10, pm25] = [0, 1].map(|n| given[n] && counts(&hour.parts[n]));
        match (pm10, pm25) {
            (true, true) => hour.with_any,
            (true, false) => hour.parts[0].samples,
            (false, true) => hour.parts[1].samples,
            (false, false) => 0,
        }
    });
    let mut signs = flags::Signs::default();
    hours.iter().for_each(|hour| signs.add(&hour.signs));
    let captures = capture.into_iter().zip(given).filter(|(_, is_given)| *is_given);
    Mean {
        window,
        end: end.saturating_mul(HOUR),
        values: [0, 1].map(|pollutant| given[pollutant].then(|| value(pollutant))),
        hours: captures.map(|(there, _)| there).max().unwrap_or_default(),
        samples: u32::try_from(samples.sum::<u64>()).unwrap_or(u32::MAX),
        flags: match source {
            Source::Decimals => signs.flags(true),
            Source::WholeNumbers => signs.flags(false),
            Source::Counts => Flags::NONE,
        },
    }
}
